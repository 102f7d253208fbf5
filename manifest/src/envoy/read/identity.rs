//! The client certificate of a context (I1).

use uptls::{IdentityDraft, PolicySpec};

use super::finding::{Effect, Findings};
use super::object::Object;
use super::secrets::{self, Secrets};

pub(super) fn judge(common: &Object<'_>, known: &Secrets<'_>, spec: &mut PolicySpec, findings: &mut Findings) {
    if let Some(provider) = common.get("tls_certificate_provider_instance") {
        let reason = "Envoy has no provider of certificates";
        findings.add(provider.spot(), Effect::Beyond, "identity_provider", reason, "use tls_certificates or SDS");
    }
    let inline = common.list("tls_certificates");
    let configs = common.list("tls_certificate_sds_secret_configs");
    if inline.len() + configs.len() > 1 {
        let reason = "Envoy refuses several client certificates";
        findings.add(common.spot(), Effect::Unclear, "several_identities", reason, "keep one");
        return;
    }
    if let Some(certificate) = inline.first() {
        spec.identity = pair(certificate, findings);
    }
    let Some(config) = configs.first() else { return };
    match known.find(config, "tls_certificate", findings) {
        Ok(node) => spec.identity = pair(&Object::new(&node, config.spot().path.as_str()), findings),
        Err(reason) => {
            let reason = format!("the client certificate is not known here: {reason}");
            let change = "read the files of SDS beside the document";
            findings.add(config.spot(), Effect::Beyond, "identity_unknown", reason, change);
        }
    }
}

fn pair(certificate: &Object<'_>, findings: &mut Findings) -> Option<IdentityDraft> {
    certificate.strict(KNOWN, findings);
    for field in ["pkcs12", "private_key_provider"] {
        if let Some(found) = certificate.get(field) {
            let reason = "a policy takes PEM alone";
            findings.add(
                found.spot(),
                Effect::Beyond,
                "identity_form",
                reason,
                "use certificate_chain and private_key",
            );
            return None;
        }
    }
    let chain = certificate.get("certificate_chain");
    let key = certificate.get("private_key");
    Some(IdentityDraft {
        certificate: chain.and_then(|source| secrets::material(&source, "certificate_chain", findings)),
        key: key.and_then(|source| secrets::secret(&source, findings)),
        passphrase: certificate.get("password").and_then(|source| secrets::secret(&source, findings)),
    })
}

const KNOWN: &[&str] = &[
    "certificate_chain",
    "ocsp_staple",
    "password",
    "pkcs12",
    "private_key",
    "private_key_provider",
    "signed_certificate_timestamp",
    "watched_directory",
];
