//! The host with ring alone, run as a process against a server that has ring alone as well.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixture")
}

/// Shakes hands with everybody until the process of the tests ends.
fn server() -> SocketAddr {
    let chain = CertificateDer::pem_file_iter(fixture().join("chain.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(fixture().join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(uptls::ring::provider()).with_safe_default_protocol_versions();
    let config = Arc::new(config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            // A client that refuses the certificate ends it with an error.
            while connection.complete_io(&mut stream).is_ok_and(|moved| moved != (0, 0)) {}
        }
    });
    address
}

#[test]
fn a_host_with_ring_alone_tells_the_right_peer_from_the_wrong_one() {
    let address = server().to_string();
    for (policy, verdict) in [
        ("policy.yaml", "offline: accepted\nlive: accepted 1.3 X25519\n"),
        ("tls12.yaml", "offline: accepted\nlive: accepted 1.2 X25519\n"),
        ("other-name.yaml", "offline: name_mismatch\nlive: name_mismatch\n"),
        ("other-ca.yaml", "offline: cert_unknown_issuer\nlive: cert_unknown_issuer\n"),
        ("post-quantum.yaml", "unusable: unsupported_option\n"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uptls-host-ring"));
        let output = command.current_dir(fixture()).args([policy, "chain.pem", "pay.test", &address]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), verdict, "{policy}");
    }
}
