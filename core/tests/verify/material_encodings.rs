//! T2, I2, I3, V1: material in whatever encoding other tools write it. What is not read is named, and the command that the hint
//! gives makes material of it that is: each command runs here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::world::{World, host, policy};
use tempfile::TempDir;
use uptls::{
    Code, IdentityDraft, MaterialDraft, PolicySpec, Problem, Problems, SecretDraft, TrustDraft, Verdict, WarningCode,
};
use uptls_testkit::{Certificate, San, chain_pem, pem};

/// A folder of files in every encoding, made by the tools themselves.
struct Files {
    folder: TempDir,
    world: World,
}

impl Files {
    fn new() -> Files {
        let files = Files { folder: tempfile::tempdir().unwrap(), world: World::new("encodings") };
        files.write("root.pem", files.world.pki.root.pem());
        files.write("client.pem", client(&files.world).pem());
        files.write("client.key", client(&files.world).key().pkcs8_pem());
        files.write("pass", "open sesame");
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of a shell in the folder.
    fn shell(&self, command: &str) {
        let done = Command::new("sh").args(["-ec", command]).current_dir(self.folder.path()).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A policy that trusts the file.
    fn trusting(&self, name: &str) -> PolicySpec {
        let bundles = vec![MaterialDraft::file(self.path(name))];
        PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() }
    }

    /// With the client certificate and key in these files.
    fn identified(&self, certificate: &str, key: &str, passphrase: Option<&str>) -> PolicySpec {
        let secret = |name: &str| SecretDraft::file(self.path(name));
        let identity = Some(IdentityDraft {
            certificate: Some(MaterialDraft::file(self.path(certificate))),
            key: Some(secret(key)),
            passphrase: passphrase.map(secret),
        });
        PolicySpec { identity, ..self.trusting("root.pem") }
    }

    /// Whether the peer's chain is accepted under it.
    fn accepts(&self, spec: PolicySpec) -> Result<(), Problems> {
        let prepared = self.world.runtime.prepare(&policy(spec))?;
        let chain = chain_pem(&[&self.world.leaf, &self.world.pki.intermediate]);
        let report = prepared.report_pem(chain.as_bytes(), Some(&host().to_string()));
        assert_eq!(report.verdict, Verdict::Accepted, "{report:?}");
        Ok(())
    }

    /// The command that the hint gives, and what else it says.
    fn command(&self, problems: &Problems, code: Code) -> String {
        let first = problems.first().unwrap();
        assert_eq!(first.code(), code, "{problems}");
        let Problem::Material(error) = first else { panic!("{problems}") };
        let hint = first.hint();
        let command = error.conversion.unwrap().command(&error.source);
        assert!(hint.contains(&command), "{hint} lacks {command}");
        command
    }
}

fn client(world: &World) -> Certificate {
    world.pki.leaf(&[San::dns("client.example")])
}

#[test]
fn what_is_read_is_read() {
    let files = Files::new();
    files.shell(
        "openssl x509 -in root.pem -outform der -out root.der
         openssl crl2pkcs7 -nocrl -certfile root.pem -outform der -out root.p7b
         openssl crl2pkcs7 -nocrl -certfile root.pem -out root.p7c
         openssl x509 -in client.pem -outform der -out client.der
         openssl pkcs8 -topk8 -nocrypt -in client.key -outform der -out client.pk8
         openssl pkcs8 -topk8 -v2 aes-256-cbc -passout file:pass -in client.key -outform der -out client.aes
         openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA1 -passout file:pass -in client.key -out client.sha1
         openssl pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512 -passout file:pass -in client.key -out client.sha512
         openssl pkcs8 -topk8 -v2 des3 -passout file:pass -in client.key -out client.des3
         openssl ec -in client.key -outform der -out client.sec1",
    );
    let root = files.world.pki.root.pem();
    files.write("root.bom", format!("\u{feff}{root}"));
    files.write("root.old", pem("X509 CERTIFICATE", files.world.pki.root.der()));
    files.write("root.cr", root.replace('\n', "\r\n"));
    for bundle in ["root.pem", "root.der", "root.p7b", "root.p7c", "root.bom", "root.old", "root.cr"] {
        files.accepts(files.trusting(bundle)).unwrap_or_else(|problems| panic!("{bundle}: {problems}"));
    }
    for (certificate, key) in [("client.der", "client.pk8"), ("client.pem", "client.sec1")] {
        files.accepts(files.identified(certificate, key, None)).unwrap_or_else(|problems| panic!("{key}: {problems}"));
    }
    for key in ["client.aes", "client.sha1", "client.sha512", "client.des3"] {
        let with = files.accepts(files.identified("client.pem", key, Some("pass")));
        with.unwrap_or_else(|problems| panic!("{key}: {problems}"));
        // The twins: another passphrase, and none.
        for passphrase in [Some("client.pem"), None] {
            let problems = files.accepts(files.identified("client.pem", key, passphrase)).unwrap_err();
            assert_eq!(problems.code(), Code::IdentityPassphrase, "{key}: {problems}");
        }
    }
}

#[test]
fn the_command_for_a_bundle_makes_one_that_is_read() {
    let files = Files::new();
    files.shell(
        "iconv -f UTF-8 -t UTF-16 root.pem > utf16
         iconv -f UTF-8 -t UTF-16LE root.pem > utf16le
         iconv -f UTF-8 -t UTF-32 root.pem > utf32
         openssl x509 -in root.pem -trustout -addtrust serverAuth -out trusted
         openssl pkcs12 -export -nokeys -in root.pem -passout pass: -out store.p12
         keytool -importcert -noprompt -storetype JKS -keystore store.jks -storepass changeit -alias ca -file root.pem",
    );
    for (bundle, named, with) in [
        ("utf16", "UTF-16", ""),
        ("utf32", "UTF-32", ""),
        ("trusted", "TRUSTED CERTIFICATE", ""),
        ("store.p12", "PKCS#12", " -passin pass:"),
        ("store.jks", "Java key store", " -storepass changeit"),
    ] {
        let problems = files.accepts(files.trusting(bundle)).unwrap_err();
        assert!(problems.to_string().contains(named), "{problems}");
        let command = files.command(&problems, Code::TrustBundleParse);
        // Where the tool asks for a password, it is given here.
        let (tool, redirection) = command
            .split_once(" > ")
            .map_or((command.as_str(), String::new()), |(tool, file)| (tool, format!(" > {file}")));
        files.shell(&format!("rm -f new.pem; {tool}{with}{redirection}"));
        files.accepts(files.trusting("new.pem")).unwrap_or_else(|problems| panic!("{bundle}: {problems}"));
    }
    let problems = files.accepts(files.trusting("utf16le")).unwrap_err();
    assert!(problems.to_string().contains("UTF-16"), "{problems}");
}

#[test]
fn the_command_for_an_identity_makes_one_that_is_read() {
    let files = Files::new();
    files.shell(
        "openssl ec -in client.key -aes128 -passout file:pass -out legacy
         openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout file:pass -in client.key -out pbes1
         openssl pkcs12 -export -in client.pem -inkey client.key -passout file:pass -out client.p12
         cp client.key openssh; chmod 600 openssh; ssh-keygen -q -p -f openssh -N ''",
    );
    for key in ["legacy", "pbes1"] {
        let problems = files.accepts(files.identified("client.pem", key, Some("pass"))).unwrap_err();
        let command = files.command(&problems, Code::IdentityEncrypted);
        files.shell(&format!("{command} -passin 'pass:open sesame' -passout 'pass:open sesame'"));
        files.accepts(files.identified("client.pem", "new.key", Some("pass"))).unwrap();
    }
    let problems = files.accepts(files.identified("client.p12", "client.key", None)).unwrap_err();
    let command = files.command(&problems, Code::IdentityParse);
    files.shell(&format!("{command} -passin file:pass"));
    files.accepts(files.identified("new.pem", "new.pem", None)).unwrap();
    let problems = files.accepts(files.identified("client.pem", "openssh", None)).unwrap_err();
    let command = files.command(&problems, Code::IdentityParse);
    files.shell(&format!("{command} -q -N ''"));
    files.accepts(files.identified("client.pem", "openssh", None)).unwrap();
}

/// The twin of a scheme that is not read: what has not even the shape of an encrypted key needs no conversion.
#[test]
fn a_damaged_encrypted_key_is_no_other_scheme() {
    let files = Files::new();
    files.shell("openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout file:pass -in client.key -out pbes1");
    files.write("damaged", pem("ENCRYPTED PRIVATE KEY", b"\x30\x03\x02\x01\x07"));
    for (key, code) in [("pbes1", Code::IdentityEncrypted), ("damaged", Code::IdentityParse)] {
        let problems = files.accepts(files.identified("client.pem", key, Some("pass"))).unwrap_err();
        assert_eq!(problems.code(), code, "{key}: {problems}");
    }
}

/// A faulty file of a chain is no fault of the peer, and an empty one is a peer without a certificate.
#[test]
fn a_chain_that_cannot_be_read_is_not_the_peers_fault() {
    let files = Files::new();
    let (leaf, intermediate) = (&files.world.leaf, &files.world.pki.intermediate);
    files.write("chain.pem", chain_pem(&[leaf, intermediate]));
    files.shell("openssl crl2pkcs7 -nocrl -certfile chain.pem -out chain.p7b");
    let spec = PolicySpec {
        trust: TrustDraft {
            bundles: vec![MaterialDraft::file(files.path("root.pem")), MaterialDraft::pem(intermediate.pem())],
            ..TrustDraft::default()
        },
        ..PolicySpec::default()
    };
    let prepared = files.world.runtime.prepare(&policy(spec)).unwrap();
    let judge = |chain: &[u8]| {
        let report = prepared.report_pem(chain, Some(&host().to_string()));
        (report.verdict, report.code)
    };
    let read = |name: &str| fs::read(files.path(name)).unwrap();
    let whole = read("chain.pem");
    let unreadable = (Verdict::Error, Some(Code::ChainParse));
    assert_eq!(judge(leaf.der()), (Verdict::Accepted, None));
    assert_eq!(judge(&whole), (Verdict::Accepted, None));
    assert_eq!(judge(&read("chain.p7b")), unreadable);
    assert_eq!(judge(&whole[..whole.len() - 40]), unreadable);
    assert_eq!(judge(&leaf.der()[..leaf.der().len() - 1]), unreadable);
    assert_eq!(judge(b"no certificate at all"), unreadable);
    assert_eq!(judge(b" \n"), (Verdict::Rejected, Some(Code::CertNone)));
}

/// A key that cannot be compared is no other key; and one that can be is.
#[test]
fn a_client_certificate_of_version_1_is_used_with_a_warning() {
    let files = Files::new();
    files.shell(
        "openssl req -new -key client.key -subj /CN=client -out client.csr
         openssl x509 -req -in client.csr -signkey client.key -days 3650 -out v1.pem -not_before 20200101000000Z 2>/dev/null \\
            || openssl x509 -req -in client.csr -signkey client.key -days 3650 -out v1.pem
         openssl ecparam -genkey -name prime256v1 -out other.key",
    );
    let spec = || files.identified("v1.pem", "client.key", None);
    match files.world.runtime.prepare(&policy(spec())) {
        Ok(prepared) => {
            assert!(prepared.warnings().iter().any(|warning| warning.code == WarningCode::IdentityV1));
        }
        // The certificate is made now, and the clock of the tests stands.
        Err(problems) => assert_eq!(problems.code(), Code::IdentityNotYetValid, "{problems}"),
    }
    let problems = files.accepts(files.identified("v1.pem", "other.key", None)).unwrap_err();
    assert_eq!(problems.code(), Code::IdentityKeyMismatch, "{problems}");
}

/// An anchor that completes no path is said to be one.
#[test]
fn an_anchor_with_a_weak_key_is_a_warning() {
    let files = Files::new();
    files.shell("openssl req -x509 -newkey rsa:1024 -nodes -keyout weak.key -subj /CN=weak -days 9999 -out weak.pem");
    fs::write(
        files.path("both.pem"),
        [fs::read(files.path("weak.pem")).unwrap(), fs::read(files.path("root.pem")).unwrap()].concat(),
    )
    .unwrap();
    let warnings = |name: &str| {
        let prepared = files.world.runtime.prepare(&policy(files.trusting(name))).unwrap();
        let codes: Vec<_> = prepared.warnings().into_iter().map(|warning| warning.code).collect();
        codes.contains(&WarningCode::TrustEntryKeyNotAccepted)
    };
    assert!(warnings("both.pem"));
    assert!(!warnings("root.pem"));
}
