//! Export to Envoy: signature schemes and groups are those of the provider and the policy, and of no list in between (H2, H9).

use std::sync::Arc;

use rustls::SignatureScheme as Scheme;
use rustls::crypto::CryptoProvider;
use serde_json::Value;
use uptls::danger::DangerPermission;
use uptls::{Code, FixedClock, Runtime};
use uptls_manifest::envoy::{self, ExportOptions, Standing};
use uptls_testkit::NOW;

use crate::common::document;
use crate::envoy_export::{Folder, differences, host, spec};

/// A runtime whose provider verifies these schemes, each by the algorithms of ECDSA on P-256.
fn runtime_with(schemes: &[Scheme]) -> Runtime {
    let mut provider = CryptoProvider::clone(&uptls::aws_lc_rs::provider());
    let algorithms = &mut provider.signature_verification_algorithms;
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == Scheme::ECDSA_NISTP256_SHA256);
    let by = known.unwrap().1;
    algorithms.mapping = schemes.iter().map(|scheme| (*scheme, by)).collect::<Vec<_>>().leak();
    Runtime::builder(Arc::new(provider)).clock(FixedClock::at(u64::try_from(NOW).unwrap())).build()
}

/// H9: what the provider has, in its order; E16 where Envoy lacks some of it, and no export where it lacks all.
#[test]
fn signature_algorithms_are_the_schemes_of_the_provider() {
    let folder = Folder::new();
    let text = document(&spec("  serverName: pay.test\n"));
    let exports = |schemes: &[Scheme]| {
        let (runtime, path) = (runtime_with(schemes), Some(folder.path()));
        let prepared =
            uptls_manifest::prepare(&runtime, text.as_bytes(), "policy.yaml", path, DangerPermission::Allowed).unwrap();
        [envoy::export, envoy::export_module].map(|export| export(&prepared, &ExportOptions::default()))
    };
    for (schemes, listed, lost) in [
        (&[Scheme::ED25519, Scheme::RSA_PSS_SHA256][..], &["ed25519", "rsa_pss_rsae_sha256"][..], ""),
        (&[Scheme::RSA_PSS_SHA256, Scheme::ED25519], &["rsa_pss_rsae_sha256", "ed25519"], ""),
        (&[Scheme::ECDSA_SHA1_Legacy, Scheme::RSA_PKCS1_SHA1], &["ecdsa_sha1", "rsa_pkcs1_sha1"], ""),
        (&[Scheme::ED448, Scheme::ED25519, Scheme::Unknown(0x0809)], &["ed25519"], "ed448 0x0809"),
    ] {
        for export in exports(schemes) {
            let export = export.unwrap();
            let parameters = &export.context["common_tls_context"]["tls_params"];
            assert_eq!(parameters["signature_algorithms"], Value::from(listed));
            let warned = export.warnings.iter().find(|warning| warning.detail.contains_key("schemes"));
            assert_eq!(warned.map_or("", |warning| warning.detail["schemes"].as_str()), lost);
            assert_eq!(differences(&export).contains(&"E16"), !lost.is_empty());
        }
    }
    for export in exports(&[Scheme::ED448]) {
        let problems = export.unwrap_err();
        assert_eq!((problems.code(), problems.iter().count()), (Code::NotExportable, 1));
        assert!(problems.to_string().contains("(H9)"), "{problems}");
    }
}

/// H2: every group that a policy can name has a name in Envoy, so that none is lost on the way.
#[test]
fn every_group_of_a_policy_is_written() {
    let folder = Folder::new();
    for (group, written) in
        [("X25519MLKEM768", "X25519MLKEM768"), ("X25519", "X25519"), ("secp256r1", "P-256"), ("secp384r1", "P-384")]
    {
        let export = folder.export(&spec(&format!("  serverName: pay.test\n  groups: [{group}]\n")), &host(""));
        let context = export.unwrap().context;
        assert_eq!(context["common_tls_context"]["tls_params"]["ecdh_curves"], Value::from(&[written][..]));
    }
    let problems = folder.export(&spec("  serverName: pay.test\n  groups: [none]\n"), &host("")).unwrap_err();
    assert!(problems.to_string().contains("X25519MLKEM768, X25519, secp256r1, secp384r1"), "{problems}");
}

/// Read again, the list of a whole export says nothing new; any other list is a note, since a policy names no schemes.
#[test]
fn another_list_of_algorithms_is_noted() {
    let folder = Folder::new();
    let exported = folder.export(&spec("  serverName: pay.test\n"), &host("")).unwrap().context;
    let noted = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut context = exported.clone();
        let list = &mut context["common_tls_context"]["tls_params"]["signature_algorithms"];
        change(list.as_array_mut().unwrap());
        let read = envoy::read(context.to_string().as_bytes(), "envoy.json", &|_| Err(String::new())).unwrap();
        let cluster = &read.clusters[0];
        assert_eq!(cluster.standing, Standing::Verified, "{:?}", cluster.findings);
        cluster.findings.iter().any(|finding| finding.name == "signature_algorithms")
    };
    assert!(!noted(&|_| {}));
    assert!(!noted(&|list| list.reverse()));
    assert!(noted(&|list| drop(list.pop())));
    assert!(noted(&|list| list.push("rsa_pkcs1_sha1".into())));
}
