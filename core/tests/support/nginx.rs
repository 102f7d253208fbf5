//! What the tests against nginx share: its configuration for a world, clients it accepts in any year, and its answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use uptls::{
    ConnectOptions, Connector, Error, Evidence, IdentityDraft, MaterialDraft, Secret, SecretDraft, VerifiedStream,
};
use uptls_testkit::{CLIENT_AUTH, Certificate, Key, NOW, NginxOptions, Template, Versions, YEAR};

use crate::support::world::{HOST, World, host};

/// Presents the world's leaf.
pub fn presenting(world: &World, versions: Versions) -> NginxOptions {
    NginxOptions { versions, ..NginxOptions::new(&[&world.leaf, &world.pki.intermediate]) }
}

/// A CA of clients that is valid by nginx's clock too, which cannot be set.
pub fn client_root(seed: &str) -> Certificate {
    let root = Template::ca(&format!("{seed} clients")).with_validity(NOW - YEAR, NOW + 110 * YEAR);
    root.self_signed(&Key::p256(&format!("{seed} clients")))
}

/// A client of this CA.
pub fn client(name: &str, root: &Certificate) -> Certificate {
    let template = Template::leaf(name).with_validity(NOW - YEAR, NOW + 100 * YEAR);
    Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..template }.issued_by(root, &Key::p256(name))
}

pub fn identity(client: &Certificate) -> Option<IdentityDraft> {
    Some(IdentityDraft {
        certificate: Some(MaterialDraft::pem(client.pem())),
        key: Some(SecretDraft::pem(Secret::new(client.key().pkcs8_pem()))),
        passphrase: None,
    })
}

pub fn patient() -> ConnectOptions {
    ConnectOptions::default().with_timeout(Duration::from_secs(60))
}

pub fn connect(connector: &Connector, address: SocketAddr) -> Result<VerifiedStream<TcpStream>, Error> {
    connector.connect_blocking(address, &host(), &patient())
}

/// One GET on a connection of its own, to its proper end.
pub fn get(connector: &Connector, address: SocketAddr) -> Result<Answer, Error> {
    let mut stream = connect(connector, address)?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").unwrap();
    stream.flush().unwrap();
    let answer = read_answer(&mut stream);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() && stream.is_clean_eof());
    Ok(answer)
}

/// What nginx said, over which connection.
pub struct Answer {
    pub body: String,
    pub evidence: Arc<Evidence>,
    pub status: u16,
}

impl Answer {
    /// The value of a variable of nginx.
    pub fn says(&self, variable: &str) -> &str {
        value(&self.body, variable)
    }

    /// Both sides agree.
    pub fn resumed(&self) -> bool {
        assert_eq!(self.says("ssl_session_reused") == "r", self.evidence.resumed);
        self.evidence.resumed
    }
}

/// The value in the line `variable=value`.
pub fn value<'a>(body: &'a str, variable: &str) -> &'a str {
    let lines = || body.lines().filter_map(|line| line.split_once('='));
    lines().find(|(name, _)| *name == variable).unwrap_or_else(|| panic!("no {variable} in {body}")).1
}

/// Reads one answer, and not one byte of what follows.
pub fn read_answer(stream: &mut VerifiedStream<TcpStream>) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Answer { body: String::from_utf8(body).unwrap(), evidence: Arc::new(stream.evidence().clone()), status }
}
