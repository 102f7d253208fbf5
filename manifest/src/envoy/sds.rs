//! The secrets of file-based SDS: one file each and everything inline, so that no half of a secret can be of another state.

use std::path::Path;

use base64::prelude::BASE64_STANDARD;
use base64::{Engine, encoded_len};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// What is trusted, and the revocation lists, in PEM.
pub(super) fn validation_context(authorities: &str, lists: Option<&str>) -> Zeroizing<Vec<u8>> {
    let mut context = json!({"trusted_ca": {"inline_string": authorities}});
    if let Some(lists) = lists {
        context["crl"] = json!({"inline_string": lists});
    }
    let entry = json!({"@type": SECRET_TYPE, "name": VALIDATION, VALIDATION: context});
    Zeroizing::new(format!("{:#}\n", json!({"resources": [entry]})).into_bytes())
}

/// The chain in PEM and its key. A value of `serde_json` would leave copies of the key in memory (I6), so that this is one
/// buffer, which never grows.
pub(super) fn tls_certificate(chain: &str, key: &[u8], passphrase: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let chain = json!(chain).to_string();
    let head = format!(
        "{{\"resources\":[{{\"@type\":\"{SECRET_TYPE}\",\"name\":\"{CERTIFICATE}\",\"{CERTIFICATE}\":\
         {{\"certificate_chain\":{{\"inline_string\":{chain}}}"
    );
    let secrets = [("private_key", Some(key)), ("password", passphrase)];
    let length = |secret: &[u8]| encoded_len(secret.len(), true).unwrap_or_default();
    let room: usize = secrets.iter().filter_map(|(_, secret)| secret.map(length)).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(head.len().saturating_add(room).saturating_add(FRAME)));
    text.extend_from_slice(head.as_bytes());
    for (field, secret) in secrets {
        let Some(secret) = secret else { continue };
        text.extend_from_slice(format!(",\"{field}\":{{\"inline_bytes\":\"").as_bytes());
        let start = text.len();
        text.resize(start.saturating_add(length(secret)), 0);
        // The room is what the encoding takes: there is no other error.
        let written = BASE64_STANDARD.encode_slice(secret, text.get_mut(start..).unwrap_or_default());
        text.truncate(start.saturating_add(written.unwrap_or_default()));
        text.extend_from_slice(b"\"}");
    }
    text.extend_from_slice(b"}}]}\n");
    text
}

/// Where Envoy finds a secret: `current` in the folder of the policy leads to the files of one state, and the folder is
/// watched, so that one rename in it is taken by a running Envoy. Each secret costs one watch (`inotify` instance).
pub(super) fn config(policy: &Path, name: &str) -> Value {
    let path = policy.join(CURRENT).join(file_name(name));
    let source =
        json!({"path": path.display().to_string(), "watched_directory": {"path": policy.display().to_string()}});
    json!({"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}})
}

/// What the file of a secret is called.
pub(super) fn file_name(name: &str) -> String {
    format!("{name}.json")
}

pub(super) const CERTIFICATE: &str = "tls_certificate";
/// The link in the folder of a policy.
pub(super) const CURRENT: &str = "current";
const SECRET_TYPE: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
pub(super) const VALIDATION: &str = "validation_context";
/// More than what stands around the secrets.
const FRAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_of_a_key_never_grows() {
        // A buffer that grows doubles, and leaves what it held behind.
        let (key, passphrase) = ([0xff; 9_000], [0, 1, 0xfe]);
        for passphrase in [None, Some(passphrase.as_slice())] {
            let text = tls_certificate("chain \"\n", &key, passphrase);
            assert!(text.capacity() - text.len() <= FRAME, "{} {}", text.capacity(), text.len());
            let secret: Value = serde_json::from_slice(&text).unwrap();
            let pair = &secret["resources"][0]["tls_certificate"];
            assert_eq!(pair["certificate_chain"]["inline_string"], "chain \"\n");
            let decoded = |field: &str| pair[field]["inline_bytes"].as_str().map(|text| BASE64_STANDARD.decode(text));
            assert_eq!(decoded("private_key"), Some(Ok(key.to_vec())));
            assert_eq!(decoded("password"), passphrase.map(|passphrase| Ok(passphrase.to_vec())));
        }
    }
}
