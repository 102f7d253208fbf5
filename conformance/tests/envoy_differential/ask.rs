//! One pair, three ways: through Envoy, live, and offline.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustls_pki_types::CertificateDer;
use uptls::{Code, ConnectOptions, Error};
use uptls_testkit::RESPONSE_BODY;

use crate::policies::Policy;
use crate::process::Envoy;
use crate::servers::Peer;

/// What each way says: nothing, or why not.
pub(crate) struct Answer {
    /// Envoy's text.
    pub(crate) envoy: Result<(), String>,
    pub(crate) live: Result<(), Code>,
    pub(crate) offline: Result<(), Code>,
}

pub(crate) fn all_ways(envoy: &Envoy, policy: &Policy, peer: &Peer) -> Answer {
    let (status, body) = envoy.get(policy.name, peer.server.addr());
    let envoy = match (status, body.as_str()) {
        (200, RESPONSE_BODY) => Ok(()),
        (503, _) => Err(body),
        _ => panic!("{} with {}: {status} {body}", policy.name, peer.name),
    };
    let chain: Vec<_> = peer.options.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let offline = policy.prepared.verify(&chain, Some(&policy.host));
    Answer {
        envoy,
        live: live(policy, peer).map_err(|error| error.code()),
        offline: offline.map(drop).map_err(|rejection| rejection.code()),
    }
}

/// A whole request: in TLS 1.3 the peer judges our certificate after the handshake.
fn live(policy: &Policy, peer: &Peer) -> Result<(), Error> {
    let stream = TcpStream::connect(peer.server.addr()).unwrap();
    let mut stream = policy.connector.handshake(stream, &policy.host, &ConnectOptions::default())?;
    let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").and_then(|()| stream.flush());
    let mut text = String::new();
    match sent.and_then(|()| stream.read_to_string(&mut text)) {
        Ok(_) => assert!(text.ends_with(RESPONSE_BODY), "{} with {}: {text}", policy.name, peer.name),
        Err(error) => return Err(Error::find_in(&error).unwrap_or_else(|| panic!("{error}")).clone()),
    }
    Ok(())
}
