//! `uptls inspect`: the session, PEM for `verify`, and what is no certificate.

use uptls_testkit::{CrlTemplate, Server, ServerOptions, Versions, crl_pem};

use crate::support::{Folder, uptls, uptls_with_input};

#[test]
fn a_server_is_shown_with_its_session() {
    let folder = Folder::new();
    for (versions, wanted) in
        [(Versions::Tls13, "TLS 1.3, full handshake, "), (Versions::Tls12, "TLS 1.2, full handshake, ")]
    {
        let server = Server::start(&ServerOptions { versions, ..folder.options() });
        let place = server.addr().to_string();
        let ran = uptls(folder.path(), &["inspect", &place]);
        assert!(ran.code == 0 && ran.stdout.contains(wanted), "{ran:?}");
        let results = uptls(folder.path(), &["inspect", "--json", &place]).results();
        assert!(results[0]["tls"]["cipher"].is_string() && results[1].get("tls").is_none(), "{results:?}");
    }
}

/// Under TLS 1.2 the handshake fails at the peer that wants a certificate; its own was there before.
#[test]
fn a_server_that_wants_a_certificate_is_shown() {
    let folder = Folder::new();
    for versions in [Versions::Tls12, Versions::Tls13] {
        let options = ServerOptions { versions, ..folder.options().with_client_roots(&[&folder.root]) };
        let server = Server::start(&options);
        let ran = uptls(folder.path(), &["inspect", &server.addr().to_string()]);
        assert!(ran.code == 0 && ran.stdout.contains("CN=payments"), "{ran:?}");
    }
}

#[test]
fn pem_is_a_chain_for_verify() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let ran = uptls(folder.path(), &["inspect", "--pem", &server.addr().to_string()]);
    assert_eq!(ran.stdout.matches("BEGIN CERTIFICATE").count(), 2, "{ran:?}");
    let args = ["verify", "--policy", "policy.yaml", "--chain", "-"];
    assert_eq!(uptls_with_input(folder.path(), &args, ran.stdout.as_bytes()).code, 0);
    // A file with text around its blocks, standard input, and DER.
    let text = std::fs::read_to_string(folder.path().join("chain.pem")).unwrap();
    let odd = format!("subject: x\n{text}more\n");
    let from_input = uptls_with_input(folder.path(), &["inspect", "--pem", "-"], odd.as_bytes());
    assert_eq!(from_input.stdout.replace('\n', ""), text.replace('\n', ""), "{from_input:?}");
    std::fs::write(folder.path().join("leaf.der"), folder.leaf.der()).unwrap();
    assert_eq!(uptls(folder.path(), &["inspect", "--pem", "leaf.der"]).stdout, folder.leaf.pem());
    assert_eq!(uptls(folder.path(), &["inspect", "--pem", "--json", "chain.pem"]).code, 2);
    assert_eq!(uptls(folder.path(), &["inspect", "--connect-to", "127.0.0.1", "chain.pem"]).code, 2);
}

#[test]
fn what_is_no_certificate_is_named() {
    let folder = Folder::new();
    folder.write("ca.crl", &crl_pem(&CrlTemplate::new(&[]).issued_by(&folder.root)));
    folder.write("pay.csr", "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n");
    std::fs::write(folder.path().join("key.der"), folder.leaf.key().pkcs8_der()).unwrap();
    let key = folder.leaf.key().pkcs8_pem();
    for (file, wanted) in [
        ("ca.crl", "it holds no certificate, but a revocation list; `uptls check --crl` takes it"),
        ("pay.csr", "it holds no certificate, but a certificate request"),
        ("leaf.key", "it holds no certificate, but a private key, of which uptls shows nothing"),
        ("key.der", "it holds no certificate, but a private key, of which uptls shows nothing"),
        ("policy.yaml", "it holds no certificate"),
    ] {
        let ran = uptls(folder.path(), &["inspect", file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(wanted), "{file}: {ran:?}");
        assert!(
            key.lines().filter(|line| line.len() > 30 && !line.starts_with('-')).all(|line| !ran.stderr.contains(line))
        );
    }
}
