//! What is resolved here for the backend of a cluster.

use std::collections::BTreeMap;

use uptls::danger::DangerPermission::Allowed;
use uptls::{Code, ConnectorState, MaterialDraft, PolicyDraft, Runtime, SystemTrustDraft};
use uptls_manifest::kubernetes::{BackendKind, BackendRef, Document, EffectivePolicy, Mode, ObjectName, Scope, import};

use crate::theirs::Cluster;
use crate::{HTTP_11, Meaning, digests};

/// Read strictly, or as the vendor does.
pub(crate) fn meaning(input: &[u8], cluster: &Cluster, mode: Mode) -> Meaning {
    let kind = if cluster.kind == "Service" { BackendKind::Service } else { BackendKind::Backend };
    let backend = BackendRef::new(&cluster.namespace, &cluster.service, cluster.port).with_kind(kind);
    let gateway = cluster.gateway.as_ref().map(|(namespace, name)| ObjectName::new(namespace, name));
    let resolution = import([Document::new("input.yaml", input)]).resolve(&Scope::default().with_mode(mode));
    match resolution.policy_of(&backend, gateway.as_ref()) {
        Ok(policy) if fails(policy) => Meaning::Refused,
        Ok(policy) => policy.draft.as_ref().map_or(Meaning::Refused, |draft| Meaning::Tls(aspects(draft))),
        // Whether there is none, or it cannot be told which.
        Err(problems) if problems.code() == Code::ReferenceUnresolved => Meaning::Nothing,
        Err(problems) => panic!("{}: {problems}", cluster.name),
    }
}

/// Whether a file cannot be read. That certificates are old or of a form that is refused here is no matter of manifests:
/// kgateway looks at neither.
fn fails(policy: &EffectivePolicy) -> bool {
    let Ok(draft) = &policy.draft else { return true };
    let identity = draft.spec.identity.as_ref().and_then(|identity| identity.certificate.as_ref());
    let mut files = draft.spec.trust.bundles.iter().chain(identity).filter_map(|material| material.file.as_ref());
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let ready = matches!(policy.connector(&runtime, Allowed).state(), ConnectorState::Ready);
    files.any(|file| !file.exists()) && !ready
}

fn aspects(draft: &PolicyDraft) -> BTreeMap<&'static str, String> {
    let spec = &draft.spec;
    let server_name = spec.server_name.clone().unwrap_or_else(|| "auto".to_owned());
    let typed = |san: &uptls::SanDraft| match (&san.dns, &san.uri) {
        (Some(dns), _) => format!("dns:{dns}"),
        (_, Some(uri)) => format!("uri:{uri}"),
        _ => panic!("another type of name"),
    };
    let mut names: Vec<_> = spec.subject_alt_names.iter().map(typed).collect();
    names.sort();
    let any_certificate = spec.danger.accept_any_certificate.is_some();
    let names = match (spec.danger.accept_any_name.is_some() || any_certificate, names.is_empty()) {
        (true, _) => "any".to_owned(),
        (false, true) => format!("dns:{server_name}"),
        (false, false) => names.join(" "),
    };
    let material = |material: &MaterialDraft| match (&material.pem, &material.file) {
        (Some(pem), _) => digests(pem),
        (_, Some(file)) => format!("file {}", file.display()),
        _ => panic!("no material"),
    };
    let mut trust: Vec<_> = spec.trust.bundles.iter().map(material).collect();
    if spec.trust.system == SystemTrustDraft::Native {
        trust.push("system".to_owned());
    }
    let identity = spec.identity.as_ref().and_then(|identity| identity.certificate.as_ref());
    let alpn = if spec.alpn.protocols.is_empty() { HTTP_11.to_owned() } else { spec.alpn.protocols.join(" ") };
    [
        ("alpn", alpn),
        ("groups", spec.groups.join(" ")),
        ("identity", identity.map_or("none".to_owned(), material)),
        ("max", spec.versions.max.clone().unwrap_or_default()),
        ("min", spec.versions.min.clone().unwrap_or_default()),
        ("names", names),
        ("sni", server_name),
        ("suites", spec.cipher_suites.join(" ")),
        ("trust", if trust.is_empty() { "none".to_owned() } else { trust.join(" ") }),
    ]
    .into()
}
