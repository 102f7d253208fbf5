//! No byte of a key or a passphrase stays in memory after its last owner is gone (I6): the memory of a process that had
//! them is searched from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "only Linux shows a process the memory of its child"))]

#[cfg(not(target_os = "linux"))]
#[test]
#[ignore = "the memory of another process is searched on Linux only"]
fn memory_is_not_searched_here() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use uptls::danger::DangerPermission;
    use uptls::{
        Connector, FileSource, FixedClock, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, PollOutcome, Runtime,
        Secret, SecretDraft, TrustDraft, UpstreamTlsPolicy,
    };
    use uptls_testkit::memory::{Needles, Subject, script, stage};
    use uptls_testkit::{CLIENT_AUTH, Key, NOW, Pki, Template};

    /// The child: `CASE FOLDER` says what it does. In the parent it is nothing.
    #[test]
    fn child() {
        let Some(script) = script() else { return };
        let (case, folder) = script.split_once(' ').unwrap();
        let folder = Path::new(folder);
        let inline = |name: &str| SecretDraft::pem(Secret::new(fs::read(folder.join(name)).unwrap()));
        let file = |name: &str| SecretDraft::file(folder.join(name));
        let (key, passphrase) = match case {
            "file" | "planted" | "polled" => (file("key.pem"), None),
            "inline" => (inline("key.pem"), None),
            "encrypted" => (file("encrypted.pem"), Some(file("passphrase"))),
            "encrypted-inline" => (inline("encrypted.pem"), Some(inline("passphrase"))),
            "combined" => (file("both.pem"), None),
            "damaged" => (file("damaged.pem"), None),
            "wrong" => (file("encrypted.pem"), Some(file("wrong"))),
            _ => panic!("{case}"),
        };
        let certificate = folder.join(if case == "combined" { "both.pem" } else { "cert.pem" });
        let spec = PolicySpec {
            trust: TrustDraft { bundles: vec![MaterialDraft::file(folder.join("ca.pem"))], ..TrustDraft::default() },
            identity: Some(IdentityDraft {
                certificate: Some(MaterialDraft::file(certificate)),
                key: Some(key),
                passphrase,
            }),
            ..PolicySpec::default()
        };
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
        let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
        let prepared = runtime.prepare(&policy);
        assert_eq!(prepared.is_ok(), !["damaged", "wrong"].contains(&case));
        if case == "polled" {
            let connector = Connector::new(&runtime, &policy).unwrap();
            let mut source = FileSource::new(&connector, &policy);
            assert_eq!(source.poll(Instant::now()).outcome, PollOutcome::Unchanged);
        }
        let planted = if case == "planted" { fs::read(folder.join("key.pem")).unwrap() } else { Vec::new() };
        stage("held");
        drop((prepared, policy, runtime));
        stage("dropped");
        drop(planted);
    }

    /// What a child that is told `case` leaves of `key` in its memory, while it holds a policy and afterwards.
    fn left(case: &str, key: &Key) -> [Vec<String>; 2] {
        let pki = Pki::new("secret memory");
        let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client") };
        let leaf = template.issued_by(&pki.root, key);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let pem = key.pkcs8_pem();
        write("ca.pem", pki.root.pem());
        write("cert.pem", leaf.pem());
        write("key.pem", pem.clone());
        write("both.pem", format!("{}{pem}", leaf.pem()));
        write("encrypted.pem", key.encrypted_pkcs8_pem(PASSPHRASE, 1000));
        write("passphrase", format!("{PASSPHRASE}\n"));
        write("wrong", WRONG.to_owned());
        // Its last line alone is wrong: all the rest is decoded before that is found.
        write("damaged.pem", pem.replace("\n-----END", "!\n-----END"));
        let mut needles = Needles::default();
        needles.add_key(key);
        needles.add("the passphrase", PASSPHRASE.as_bytes());
        needles.add("the wrong passphrase", WRONG.as_bytes());
        let mut subject = Subject::start("linux::child", &format!("{case} {}", folder.path().display()));
        let found = ["held", "dropped"].map(|stage| subject.search_at(stage, &needles));
        subject.finish();
        found
    }

    #[test]
    fn nothing_of_a_key_stays() {
        let keys = [("P-256", Key::p256("secret memory")), ("RSA", Key::rsa2048(0))];
        let mut left_over = Vec::new();
        for (kind, key) in keys {
            for case in ["file", "polled", "combined", "inline", "encrypted", "encrypted-inline", "damaged", "wrong"] {
                let [held, dropped] = left(case, &key);
                left_over.extend(dropped.iter().map(|name| format!("{kind}, {case}: {name}")));
                // A policy that names files holds no text, and no more of a key than the provider does.
                let texts = held.iter().filter(|name| !case.contains("inline") && !name.starts_with("a number"));
                left_over.extend(texts.map(|name| format!("{kind}, {case}, while the policy lives: {name}")));
            }
        }
        assert!(left_over.is_empty(), "{left_over:#?}");
    }

    #[test]
    fn a_copy_that_stays_is_found() {
        for key in [Key::p256("secret memory"), Key::rsa2048(0)] {
            let [_, dropped] = left("planted", &key);
            assert!(dropped.iter().any(|name| name.starts_with("the PEM text")), "{dropped:?}");
            // The policy holds the text, and so the search sees it; later it is gone.
            let [held, _] = left("inline", &key);
            assert!(held.iter().any(|name| name.starts_with("the PEM text")), "{held:?}");
            let [held, _] = left("encrypted-inline", &key);
            assert!(held.iter().any(|name| name.starts_with("the passphrase")), "{held:?}");
        }
    }

    /// Long enough for several pieces.
    const PASSPHRASE: &str = "a passphrase of sixty-four characters, which nothing else holds!";
    const WRONG: &str = "another passphrase of many characters, which opens no key at all";
}
