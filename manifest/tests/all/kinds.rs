//! What other objects and fields say, each mapped or refused aloud: nothing is dropped in silence.

use std::fs;
use std::path::Path;

use uptls_manifest::kubernetes::{
    BackendRef, Document, Effect, EffectivePolicy, Imported, ReadOptions, Resolution, Scope, import, import_with,
};
use uptls_testkit::Pki;

use crate::common::indent;

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: https, port: 443}]}
---
";

const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
---
";

fn read(parts: &[&str]) -> Imported {
    import([Document::new("in", parts.concat().as_bytes())])
}

fn resolved(parts: &[&str], scope: &Scope) -> Resolution {
    read(parts).resolve(scope)
}

fn found<'a>(resolution: &'a Resolution, backend: &str) -> &'a EffectivePolicy {
    resolution.policy_of(&BackendRef::parse(backend).unwrap(), None).unwrap()
}

/// Code and path of what is wrong with the policy of a backend.
fn problem(parts: &[&str], backend: &str) -> String {
    let resolution = resolved(parts, &Scope::default());
    let problems = found(&resolution, backend).draft.clone().err();
    problems.map(|problems| format!("{} {}", problems.code(), problems.first().unwrap().path())).unwrap_or_default()
}

fn notices(imported: &Imported) -> Vec<&str> {
    let notices = imported.diagnostics.iter().filter(|of| of.effect == Effect::Notice);
    notices.map(|notice| notice.problem.path()).collect()
}

fn extension(spec: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: {{name: more, namespace: shop}}\n\
         spec:\n  targetRefs: [{{group: '', kind: Service, name: pay}}]\n  {spec}\n---\n"
    )
}

#[test]
fn what_stands_before_tls_is_refused_and_the_rest_is_said() {
    let with = |spec: &str| problem(&[SERVICE, POLICY, &extension(spec)], "shop/pay:443");
    assert_eq!(with("tls: {sni: pay.shop, wellKnownCACertificates: System}"), "");
    assert_eq!(with("tunnel: {server: {name: a}}"), "unsupported_option spec.tunnel");
    assert_eq!(with("upstreamProxyProtocol: {version: V2}"), "unsupported_option spec.upstreamProxyProtocol");
    assert_eq!(with("connectTimeout: 5s"), "");
    // Where nothing speaks of TLS, there is no policy to refuse.
    let alone = read(&[SERVICE, &extension("upstreamProxyProtocol: {version: V2}")]);
    assert_eq!(notices(&alone), ["spec.upstreamProxyProtocol"]);
    assert!(alone.resolve(&Scope::default()).policies.is_empty());
    let own =
        extension("upstreamProxyProtocol: {version: V2}\n  tls: {sni: pay.shop, wellKnownCACertificates: System}");
    assert_eq!(problem(&[SERVICE, &own], "shop/pay:443"), "unsupported_option spec.upstreamProxyProtocol");
    assert_eq!(notices(&read(&[SERVICE, POLICY, &extension("connectTimeout: 5s")])), ["spec.connectTimeout"]);
    assert_eq!(notices(&read(&[SERVICE, POLICY, &extension("tls: {sni: a.b}")])), Vec::<&str>::new());
    let backend = |spec: &str| {
        format!(
            "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: Backend\nmetadata: {{name: b, namespace: shop}}\nspec: {spec}\n---\n"
        )
    };
    assert_eq!(notices(&read(&[&backend("{aws: {lambda: x}}")])), ["spec.aws"]);
    assert_eq!(notices(&read(&[&backend("{static: {hosts: [{host: a.b, port: 1}]}}")])), Vec::<&str>::new());
}

#[test]
fn what_an_extension_takes_from_the_standard_is_a_warning() {
    let warnings = |tls: &str| {
        let text = extension(&format!("tls: {{sni: pay.shop, wellKnownCACertificates: System, parameters: {tls}}}"));
        let resolution = resolved(&[SERVICE, POLICY, &text], &Scope::default());
        let warnings = found(&resolution, "shop/pay:443").warnings.iter();
        warnings
            .filter(|warning| warning.detail["reason"].contains("less than"))
            .map(|warning| warning.detail["field"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings("{maxVersion: '1.2'}"), ["spec.versions.max"]);
    assert_eq!(warnings("{ecdhCurves: [P-256]}"), ["spec.groups"]);
    assert_eq!(
        warnings("{maxVersion: '1.3', minVersion: '1.3', ecdhCurves: [X25519MLKEM768, X25519]}"),
        Vec::<String>::new()
    );
}

#[test]
fn a_service_without_ports_is_a_backend_at_any_port() {
    for service in ["{type: ExternalName, externalName: pay.example}", "{clusterIP: None}"] {
        let text =
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\nspec: {service}\n---\n");
        let resolution = resolved(&[&text, POLICY], &Scope::default());
        for backend in ["shop/pay", "shop/pay:443", "shop/pay:8443"] {
            assert!(found(&resolution, backend).draft.is_ok(), "{service} {backend}");
        }
        let section = POLICY.replace("name: pay}", "name: pay, sectionName: https}");
        let resolution = resolved(&[&text, &section], &Scope::default());
        assert!(resolution.policy_of(&BackendRef::parse("shop/pay:443").unwrap(), None).is_err(), "{service}");
    }
    let resolution = resolved(&[SERVICE, POLICY], &Scope::default());
    assert!(resolution.policy_of(&BackendRef::parse("shop/pay:8443").unwrap(), None).is_err());
}

#[test]
fn an_x_backend_says_whom_to_trust() {
    let config_map = format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: shop}}\ndata:\n  ca.crt: |\n{}",
        indent(&Pki::new("kinds").root.pem(), 4)
    );
    let object = |tls: &str| {
        format!(
            "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackend\nmetadata: {{name: far, namespace: shop}}\nspec: {{type: ExternalHostname, port: {{port: 443}}, externalHostname: {{hostname: far.example}}, tls: {tls}}}\n"
        )
    };
    let with = |tls: &str| problem(&[&object(tls), &config_map], "XBackend/shop/far:443");
    assert_eq!(with("{mode: ServerOnly}"), "document_parse spec.tls.validation");
    assert_eq!(with("{mode: ServerOnly, validation: {wellKnownCACertificates: System, hostname: far.example}}"), "");
    // What the standard refuses is said once.
    let all = |tls: &str| {
        let resolution = resolved(&[&object(tls)], &Scope::default());
        let problems = found(&resolution, "XBackend/shop/far:443").draft.clone().err().unwrap();
        problems.iter().map(|problem| format!("{} {}", problem.code(), problem.path())).collect::<Vec<_>>()
    };
    assert_eq!(all("{mode: ServerOnly, clientCertificateRef: {name: c}}"), ["policy_invalid spec.tls"]);
    assert_eq!(
        all("{mode: ClientAndServer, validation: {wellKnownCACertificates: System, hostname: far.example}}"),
        ["policy_invalid spec.tls", "identity_incomplete spec.tls.mode"]
    );
    // M3: what one reference lacks, another may have.
    let refs = |names: &[&str]| {
        let refs: Vec<_> = names.iter().map(|name| format!("{{group: '', kind: ConfigMap, name: {name}}}")).collect();
        let refs = refs.join(", ");
        with(&format!("{{mode: ServerOnly, validation: {{caCertificateRefs: [{refs}], hostname: far.example}}}}"))
    };
    assert_eq!(refs(&["ca"]), "");
    assert_eq!(refs(&["ca", "absent"]), "");
    assert_eq!(refs(&["absent"]), "reference_unresolved spec.tls.validation.caCertificateRefs[0]");
}

/// Who asks for a backend without a policy is told which have one: a Service by its own policy or extension, and an Upstream also
/// by the policy of the Service behind it.
#[test]
fn a_backend_without_a_policy_is_told_which_have_one() {
    let upstream = "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: up, namespace: shop}\n\
                    spec: {sslConfig: {sni: pay.shop}, kube: {serviceName: pay, serviceNamespace: shop, servicePort: 443}}\n---\n";
    let more = SERVICE.replace("name: pay,", "name: more,");
    let own = extension("tls: {sni: more.shop, wellKnownCACertificates: System}").replace("name: pay}", "name: more}");
    let resolution = resolved(&[SERVICE, POLICY, upstream, &more, &own], &Scope::default());
    let absent = resolution.policy_of(&BackendRef::parse("shop/absent").unwrap(), None).err().unwrap().to_string();
    assert!(absent.contains("only for Upstream/shop/up, shop/more, shop/pay"), "{absent}");
}

/// A Backend's ports have no names.
#[test]
fn a_section_of_a_backend_is_not_found() {
    let accepted = |section: &str| {
        let backend = "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: Backend\nmetadata: {name: b, namespace: shop}\n\
                       spec: {static: {hosts: [{host: a.b, port: 443}]}}\n---\n";
        let target = format!("{{group: gateway.kgateway.dev, kind: Backend, name: b{section}}}");
        let policy = POLICY.replace("{group: '', kind: Service, name: pay}", &target);
        read(&[backend, &policy]).policies[0].accepted.as_str()
    };
    assert_eq!(accepted(""), "Accepted");
    assert_eq!(accepted(", sectionName: https"), "TargetNotFound");
}

/// A Secret of a CA alone is no identity: it is none where it is what the extension trusts, and a mistake elsewhere.
#[test]
fn a_secret_without_a_certificate_is_an_identity_nowhere() {
    let ca = Pki::new("kinds").root.pem();
    let secret = |data: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\nstringData: {data}\n---\n")
    };
    let with =
        |tls: &str, secret: &str| problem(&[SERVICE, &extension(&format!("tls: {tls}")), secret], "shop/pay:443");
    let trusting = "{sni: pay.shop, secretRef: {name: s}}";
    assert_eq!(with(trusting, &secret(&format!("{{ca.crt: {ca:?}}}"))), "");
    assert_eq!(with(trusting, &secret("{other: x}")), "identity_incomplete spec.tls.secretRef");
}

#[test]
fn an_old_field_of_a_gateway_is_said() {
    let gateway = |spec: &str| {
        format!("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: a}}\nspec: {spec}\n")
    };
    assert_eq!(notices(&read(&[&gateway("{backendTLS: {clientCertificateRef: {name: x}}}")])), ["spec.backendTLS"]);
    assert_eq!(notices(&read(&[&gateway("{tls: {backend: {clientCertificateRef: {name: x}}}}")])), Vec::<&str>::new());
}

#[test]
fn a_cluster_trust_bundle_is_a_ca_where_the_caller_permits_it() {
    let bundle = |content: &str| {
        format!(
            "apiVersion: certificates.k8s.io/v1\nkind: ClusterTrustBundle\nmetadata: {{name: roots}}\nspec:\n  trustBundle: |\n{}---\n",
            indent(content, 4)
        )
    };
    let policy = POLICY.replace(
        "wellKnownCACertificates: System",
        "caCertificateRefs: [{group: certificates.k8s.io, kind: ClusterTrustBundle, name: roots}]",
    );
    let pem = Pki::new("kinds").root.pem();
    let outcome = |content: &str, permitted: bool| {
        let text = [SERVICE, &policy, &bundle(content)].concat();
        let options = ReadOptions::default().with_cluster_trust_bundles(permitted);
        let imported = import_with([Document::new("in", text.as_bytes())], options);
        let one = &imported.policies[0];
        (one.accepted.as_str(), one.resolved_refs.as_str(), imported.ignored.len())
    };
    assert_eq!(outcome(&pem, true), ("Accepted", "ResolvedRefs", 0));
    assert_eq!(outcome(&pem, false), ("NoValidCACertificate", "InvalidKind", 1));
    assert_eq!(outcome("garbage\n", true), ("NoValidCACertificate", "InvalidCACertificateRef", 0));
    let other = policy.replace("name: roots", "name: other");
    let text = [SERVICE, &other, &bundle(&pem)].concat();
    let imported =
        import_with([Document::new("in", text.as_bytes())], ReadOptions::default().with_cluster_trust_bundles(true));
    assert_eq!(imported.policies[0].resolved_refs.as_str(), "InvalidCACertificateRef");
}

#[test]
fn files_of_the_proxy_are_read_below_a_root_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/ca.pem"), Pki::new("kinds").root.pem()).unwrap();
    let with = |file: &str, root: Option<&Path>| {
        let text =
            extension(&format!("tls: {{sni: pay.shop, verifySubjectAltNames: [pay.shop], files: {{rootCA: {file}}}}}"));
        let mut scope = Scope::default();
        if let Some(root) = root {
            scope = scope.with_files_root(root);
        }
        let resolution = resolved(&[SERVICE, &text], &scope);
        match &found(&resolution, "shop/pay:443").draft {
            Ok(draft) => draft.spec.trust.bundles[0].file.as_ref().unwrap().display().to_string(),
            Err(problems) => problems.code().to_string(),
        }
    };
    let wanted = root.path().join("etc/ca.pem").display().to_string();
    assert_eq!(with("/etc/ca.pem", Some(root.path())), wanted);
    assert_eq!(with("etc/ca.pem", Some(root.path())), wanted);
    assert_eq!(with("/etc/ca.pem", None), "unsupported_option");
    assert_eq!(with("/etc/../../ca.pem", Some(root.path())), "unsupported_option");
    let keys = extension("tls: {sni: pay.shop, files: {tlsCertificate: /a.pem, tlsKey: /b.pem}}");
    assert!(problem(&[SERVICE, POLICY, &keys], "shop/pay:443").starts_with("unsupported_option spec.tls"));
}
