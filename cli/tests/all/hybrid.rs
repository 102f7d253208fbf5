//! The hybrid: a standard policy and a vendor's extension for one backend, Gateways, and what a vendor means by its own.

use serde_json::json;
use uptls_testkit::{Certificate, Key, San, Server, Template};

use crate::support::{Folder, Ran, outcome, uptls};

/// The folder `objects`: the standard policy for `pay`, its CA and Service, and what `more` adds.
fn objects(folder: &Folder, more: &[&str]) {
    extension(folder, more);
    let ca = below("ca.crt", &folder.root.pem());
    folder.write("objects/standard.yaml", &format!("{STANDARD}{ca}"));
}

/// The folder without a standard policy.
fn extension(folder: &Folder, more: &[&str]) {
    let _ = std::fs::remove_dir_all(folder.path().join("objects"));
    std::fs::create_dir(folder.path().join("objects")).unwrap();
    folder.write("objects/service.yaml", SERVICE);
    for (index, text) in more.iter().enumerate() {
        folder.write(&format!("objects/more-{index}.yaml"), text);
    }
}

/// kgateway's policy for `pay`.
fn config_policy(tls: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: {{name: pay-mtls, namespace: \
         shop}}\nspec:\n  targetRefs: [{{group: \"\", kind: Service, name: pay}}]\n  tls: {tls}\n"
    )
}

fn secret(name: &str, identity: &Certificate, issuer: &Certificate, ca: Option<&Certificate>) -> String {
    let (namespace, name) = name.split_once('/').unwrap();
    let head = "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: ";
    let chain = uptls_testkit::chain_pem(&[identity, issuer]);
    let pair = [below("tls.crt", &chain), below("tls.key", &identity.key().pkcs8_pem())].concat();
    let ca = ca.map(|ca| below("ca.crt", &ca.pem())).unwrap_or_default();
    format!("{head}{{name: {name}, namespace: {namespace}}}\nstringData:\n{pair}{ca}")
}

fn client_secret(folder: &Folder) -> String {
    secret("shop/gateway-client", &folder.client, &folder.intermediate, None)
}

/// PEM text below a key of a map.
fn below(key: &str, pem: &str) -> String {
    let lines: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("  {key}: |\n{lines}")
}

fn check(folder: &Folder, server: &Server, more: &[&str]) -> Ran {
    let address = server.addr().to_string();
    let args = ["check", "--manifests", "objects", "--backend", "shop/pay:443", "--connect-to", &address];
    uptls(folder.path(), &[args.as_slice(), more, &["pay.shop.svc:443"]].concat())
}

fn describe(folder: &Folder, more: &[&str]) -> Ran {
    let args = ["describe", "--manifests", "objects", "--backend", "shop/pay:443"];
    uptls(folder.path(), &[args.as_slice(), more].concat())
}

#[test]
fn the_extension_adds_the_client_certificate_that_the_standard_cannot_name() {
    let folder = Folder::new();
    let server = Server::start(&folder.options().with_client_roots(&[&folder.root]));
    // As kgateway has it: the standard policy alone.
    objects(&folder, &[]);
    let ran = check(&folder, &server, &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (4, Some("identity_required")), "{ran:?}");
    let mtls = config_policy("{secretRef: {name: gateway-client}}");
    objects(&folder, &[&mtls, &client_secret(&folder)]);
    let ran = check(&folder, &server, &["--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert_eq!(outcome(&ran.results()[0], "client"), "pass");
    assert_eq!(server.wait_for_handshakes(1)[0].client_certificate.as_deref(), Some(folder.client.der()));
    assert_eq!(ran.results()[0]["warnings"], json!([]));
    // A Secret that is not there fails closed: no connection without the certificate.
    objects(&folder, &[&mtls]);
    let ran = check(&folder, &server, &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("reference_unresolved")), "{ran:?}");
}

#[test]
fn an_extension_that_attacks_is_overridden_everywhere_and_said_so() {
    let folder = Folder::new();
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    let impostor = Template::leaf("payments").with_sans(&[San::dns("payments.internal")]).lasting();
    let impostor = impostor.issued_by(&other, &Key::p256("impostor"));
    let server = Server::start(&folder.presenting(&[&impostor]));
    let trusting = secret("shop/gateway-client", &folder.client, &folder.intermediate, Some(&other));
    let attacks = [
        vec![config_policy("{insecureSkipVerify: true}")],
        vec![config_policy("{secretRef: {name: gateway-client}}"), trusting],
        vec![
            config_policy("{secretRef: {name: gateway-client}, verifySubjectAltNames: [reports.internal]}"),
            client_secret(&folder),
        ],
    ];
    for attack in attacks {
        let attack: Vec<_> = attack.iter().map(String::as_str).collect();
        objects(&folder, &attack);
        let ran = check(&folder, &server, &["--json"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let warnings = ran.results()[0]["warnings"].to_string();
        for text in ["overridden", "BackendTLSPolicy shop/pay-tls", "BackendConfigPolicy shop/pay-mtls"] {
            assert!(warnings.contains(text), "{text}: {ran:?}");
        }
        // The same says everybody else who reads the manifests.
        for ran in [describe(&folder, &[]), uptls(folder.path(), &["import", "objects"])] {
            assert_eq!(ran.code, 0, "{ran:?}");
            assert!(ran.stdout.contains("overridden") && ran.stdout.contains("BackendConfigPolicy shop/pay-mtls"));
        }
        let chain = ["verify", "--manifests", "objects", "--backend", "shop/pay", "--chain", "chain.pem", "--json"];
        let ran = uptls(folder.path(), &chain);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.results()[0]["warnings"].to_string().contains("overridden"), "{ran:?}");
        assert_eq!(uptls(folder.path(), &["import", "objects", "--strict"]).code, 2);
        let result = uptls(folder.path(), &["import", "objects", "--json"]).results()[0].clone();
        let overridden = &result["backends"][0]["overridden"][0];
        assert_eq!(overridden["kept"]["object"], "BackendTLSPolicy shop/pay-tls");
        assert_eq!(overridden["lost"]["object"], "BackendConfigPolicy shop/pay-mtls");
        assert_eq!(overridden["lost"]["document"], "objects/more-0.yaml");
    }
    assert_eq!(server.handshakes().len(), 0);
}

#[test]
fn export_says_on_stderr_what_was_overridden() {
    let folder = Folder::new();
    objects(&folder, &[&config_policy("{insecureSkipVerify: true}")]);
    let ran = uptls(folder.path(), &["export", "envoy", "--manifests", "objects", "--backend", "shop/pay"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("overridden") && ran.stderr.contains("BackendConfigPolicy shop/pay-mtls"), "{ran:?}");
}

#[test]
fn gateways_with_certificates_of_their_own_are_told_apart() {
    let folder = Folder::new();
    let gateway = |name: &str, tls: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\n\
             spec: {{gatewayClassName: any, listeners: [{{name: http, port: 80, protocol: HTTP}}]{tls}}}\n"
        )
    };
    let backend_tls = ", tls: {backend: {clientCertificateRef: {name: client}}}";
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: pay, namespace: shop}\n\
                 spec:\n  parentRefs: [{name: inner, namespace: edge}, {name: outer, namespace: edge}]\n  \
                 rules: [{backendRefs: [{name: pay, port: 443}]}]\n";
    let identity = secret("edge/client", &folder.client, &folder.intermediate, None);
    objects(&folder, &[&gateway("inner", ""), &gateway("outer", backend_tls), route, &identity]);
    let server = Server::start(&folder.options().with_client_roots(&[&folder.root]));
    let ran = check(&folder, &server, &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("policy_invalid")), "{ran:?}");
    assert!(ran.stdout.contains("edge/inner, edge/outer"), "{ran:?}");
    let ran = check(&folder, &server, &["--gateway", "edge/outer", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(outcome(&ran.results()[0], "client"), "pass");
    let ran = check(&folder, &server, &["--gateway", "edge/inner", "--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (4, Some("identity_required")), "{ran:?}");
    // The certificate of a missing Gateway is unknown.
    let ran = check(&folder, &server, &["--gateway", "edge/other", "--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("reference_unresolved")), "{ran:?}");
    let ran = uptls(folder.path(), &["import", "objects", "--gateway", "edge/other"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("Gateway edge/other cannot be used: it is not among the manifests"), "{ran:?}");
    let both = uptls(folder.path(), &["import", "objects"]).stdout;
    assert!(both.contains("shop/pay:443 by Gateway edge/inner: ready\n"), "{both}");
    assert!(both.contains("shop/pay:443 by Gateway edge/outer: ready\n"), "{both}");
    let one = uptls(folder.path(), &["import", "objects", "--gateway", "edge/outer"]).stdout;
    assert!(!one.contains("edge/inner: ready") && one.contains("by Gateway edge/outer: ready\n"), "{one}");
}

#[test]
fn what_a_vendor_does_not_verify_is_verified_unless_it_is_asked_for_twice() {
    // A CA without names: kgateway takes any name under it (M8).
    let folder = Folder::new();
    let tls = config_policy("{secretRef: {name: gateway-client}, sni: other.internal}");
    let trusting = secret("shop/gateway-client", &folder.client, &folder.intermediate, Some(&folder.root));
    extension(&folder, &[&tls, &trusting]);
    let server = Server::start(&folder.options());
    let ran = check(&folder, &server, &["--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (1, Some("name_mismatch")), "{ran:?}");
    assert!(ran.results()[0]["warnings"].to_string().contains("strengthened"), "{ran:?}");
    for args in [&["--allow-danger"][..], &["--faithful"]] {
        assert_ne!(check(&folder, &server, args).code, 0, "{args:?}");
    }
    let ran = check(&folder, &server, &["--faithful", "--json"]);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("danger_forbidden")), "{ran:?}");
    let ran = check(&folder, &server, &["--faithful", "--allow-danger", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.results()[0]["warnings"].to_string().contains("danger_active"), "{ran:?}");
    assert_eq!(uptls(folder.path(), &["import", "objects"]).code, 0);
    assert_eq!(uptls(folder.path(), &["import", "objects", "--faithful"]).code, 2);
    assert_eq!(uptls(folder.path(), &["import", "objects", "--faithful", "--allow-danger"]).code, 0);
}

/// Gloo's Upstream for `pay`.
fn upstream(ssl: &str) -> String {
    format!(
        "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {{name: pay-up, namespace: shop}}\nspec:\n  kube: \
         {{serviceName: pay, serviceNamespace: shop, servicePort: 443}}\n  sslConfig: {ssl}\n"
    )
}

#[test]
fn the_rows_of_the_table_in_docs_manifests() {
    let folder = Folder::new();
    let trust = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: trust, namespace: shop}}\nstringData:\n{}",
        below("ca.crt", &folder.root.pem())
    );
    let kgateway = |tls: &str| config_policy(&format!("{{{tls}}}"));
    let gloo = |ssl: &str| upstream(&format!("{{{ssl}}}"));
    let ca = "secretRef: {name: trust}, sni: pay.internal";
    let gloo_ca = "secretRef: {name: trust, namespace: shop}, sni: pay.internal";
    // What is strictly said of the backend, and what faithfully; `!` where it must not be said.
    type Row<'a> = (String, &'a [&'a str], &'a [&'a str]);
    const BUNDLE: &str = "\"spec.trust.bundles[0]\"";
    const DANGER: &str = "danger_forbidden";
    const NO_NAME: &str = "name_missing";
    const SYSTEM: &str = "\"spec.trust.system\"";
    let same: &[&str] = &[BUNDLE, "!strengthened", "!danger_forbidden", "!errors\":[{"];
    let rows: Vec<Row<'_>> = vec![
        (kgateway(&format!("{ca}, verifySubjectAltNames: [pay.internal]")), same, same),
        (kgateway(ca), &[BUNDLE, "strengthened", "!danger_forbidden"], &[DANGER]),
        (gloo(gloo_ca), &[BUNDLE, "strengthened", "!danger_forbidden"], &[DANGER]),
        (kgateway("sni: pay.internal"), &[SYSTEM, "!danger_forbidden"], &[SYSTEM, "!danger_forbidden"]),
        (gloo("sni: pay.internal"), &[SYSTEM, "strengthened", "!danger_forbidden"], &[DANGER]),
        (kgateway("secretRef: {name: trust}"), &[NO_NAME, "candidates"], &[DANGER]),
        (gloo(""), &[NO_NAME], &[DANGER]),
        (kgateway("insecureSkipVerify: true, sni: pay.internal"), &[SYSTEM, "strengthened"], &[DANGER]),
        (kgateway(&format!("{ca}, simpleTLS: true, verifySubjectAltNames: [pay.internal]")), same, same),
        (
            kgateway(&format!("{ca}, verifySubjectAltNames: [pay.internal], parameters: {{minVersion: '1.0'}}")),
            &["strengthened", "is raised to 1.2", "!errors\":[{"],
            &["is raised to 1.2"],
        ),
        (
            kgateway(&format!("{ca}, verifySubjectAltNames: [pay.internal], parameters: {{maxVersion: '1.1'}}")),
            &["unsupported_option"],
            &["unsupported_option"],
        ),
        (
            kgateway(&format!("{ca}, verifySubjectAltNames: [pay.internal], allowRenegotiation: true")),
            &["strengthened", "!errors\":[{"],
            &["strengthened", "!errors\":[{"],
        ),
        (
            gloo("sds: {targetUri: 'unix:/run/sds'}, sni: pay.internal"),
            &["unsupported_option"],
            &["unsupported_option"],
        ),
        (kgateway(&format!("{ca}, mode: Strict")), &["document_parse"], &["document_parse"]),
    ];
    for (text, strict, faithful) in rows {
        extension(&folder, &[&text, &trust]);
        for (mode, wanted) in [(&[][..], strict), (&["--faithful"], faithful)] {
            let ran = uptls(folder.path(), &[&["import", "objects", "--json"], mode].concat());
            let said = ran.results()[0]["backends"].to_string();
            for wanted in wanted {
                let (is_said, wanted) = wanted.strip_prefix('!').map_or((true, *wanted), |rest| (false, rest));
                assert_eq!(said.contains(wanted), is_said, "{wanted} {mode:?}\n{text}\n{said}\n{}", ran.stderr);
            }
        }
    }
}

#[test]
fn status_patches_are_those_of_the_controller_that_is_named() {
    let folder = Folder::new();
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: edge}\n\
                   spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    objects(&folder, &[gateway]);
    let args = ["import", "objects", "--json", "--gateway", "edge/public", "--at", "2026-11-23T00:00:00Z"];
    let ran = uptls(folder.path(), &args);
    assert_eq!(ran.results()[0].get("status"), None, "{ran:?}");
    let ran = uptls(folder.path(), &[args.as_slice(), &["--status=example.com/gateway"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = ran.results()[0]["status"].to_string();
    for wanted in ["example.com/gateway", "\"Accepted\"", "\"True\"", "2026-11-23T00:00:00Z", "public"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    std::fs::remove_file(folder.path().join("objects/standard.yaml")).unwrap();
    folder.write("objects/standard.yaml", STANDARD.split("---").next().unwrap());
    let ran = uptls(folder.path(), &[args.as_slice(), &["--status=example.com/gateway"]].concat());
    let text = ran.results()[0]["status"].to_string();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(text.contains("NoValidCACertificate") && text.contains("\"False\""), "{text}");
}

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec:
  ports: [{name: https, port: 443}]
";
const STANDARD: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: \"\", kind: Service, name: pay}]
  validation:
    caCertificateRefs: [{group: \"\", kind: ConfigMap, name: pay-ca}]
    hostname: payments.internal
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pay-ca, namespace: shop}
data:
";
