//! L19: loaded means connectable. For each policy that loads there is a peer that it accepts: one is made for it, and the
//! handshake with it is a whole one, in memory.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use proptest::prelude::*;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, ConnectOptions, Connector, OnInvalid, PolicyDraft, PolicySpec, Prepared, ReasonDraft, SanDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, Key, MemoryServer, San, ServerOptions, Template};

use crate::harness::{Kept, Told, run, search, worlds};
use crate::world::certificates::{Id, key};
use crate::world::judge::machine;
use crate::world::lists::List;
use crate::world::policies::{Policy, Revocation};

/// Settings of a policy, each the place in a table of choices.
#[derive(Clone, Debug)]
struct Settings {
    versions: usize,
    groups: usize,
    suites: usize,
    protocols: usize,
    trust: usize,
    names: usize,
    server_name: usize,
    pinned: bool,
    danger: usize,
    address: bool,
    revocation: bool,
}

const VERSIONS: &[(&str, &str)] = &[("1.2", "1.3"), ("1.2", "1.2"), ("1.3", "1.3")];
const GROUPS: &[&[&str]] =
    &[&[], &["X25519"], &["secp256r1"], &["secp384r1"], &["X25519MLKEM768"], &["X25519MLKEM768", "secp256r1"]];
const SUITES: &[&[&str]] = &[
    &[],
    &["TLS_AES_128_GCM_SHA256"],
    &["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    &["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    &["TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
];
const PROTOCOLS: &[(&[&str], bool)] = &[(&[], false), (&["h2"], false), (&["h2"], true), (&["http/1.1", "h2"], true)];

/// By what the peer is trusted.
const TRUST: &[Trust] = &[Trust::Root, Trust::Bundle, Trust::Certificate, Trust::Key];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trust {
    Root,
    /// In a bundle, as itself.
    Bundle,
    Certificate,
    Key,
}

fn settings() -> impl Strategy<Value = Settings> {
    let handshake = (0..VERSIONS.len(), 0..GROUPS.len(), 0..SUITES.len(), 0..PROTOCOLS.len());
    let names = (0..NAMES.len(), 0..3_usize, any::<bool>());
    let rest = (0..TRUST.len(), any::<bool>(), 0..5_usize, any::<bool>());
    (handshake, names, rest).prop_map(|(handshake, names, rest)| {
        let (versions, groups, suites, protocols) = handshake;
        let ((names, server_name, address), (trust, pinned, danger, revocation)) = (names, rest);
        Settings { versions, groups, suites, protocols, trust, names, server_name, pinned, danger, address, revocation }
    })
}

type Name = (fn() -> Vec<SanDraft>, fn() -> Option<San>);

/// What a policy wants, and a name that is it; no name: the server name counts.
const NAMES: &[Name] = &[
    (Vec::new, || None),
    (|| vec![SanDraft::dns("a.test")], || Some(San::dns("a.test"))),
    (|| vec![SanDraft::dns("*.a.test")], || Some(San::dns("*.a.test"))),
    (|| vec![SanDraft::ip("10.0.0.2"), SanDraft::dns("c.test")], || Some(San::ip("10.0.0.2"))),
    (|| vec![SanDraft::uri("https://a.test/x")], || Some(San::uri("https://a.test/x"))),
    (|| vec![SanDraft::uri("spiffe://a.test/x")], || Some(San::uri("spiffe://a.test/x"))),
    (|| vec![SanDraft::spiffe_trust_domain("a.test")], || Some(San::uri("spiffe://a.test/x"))),
];

impl Settings {
    fn trust(&self) -> Trust {
        TRUST[self.trust]
    }

    fn host(&self) -> &'static str {
        if self.address { "10.0.0.1" } else { "host.test" }
    }

    /// The leaf that the policy asks for, minted once.
    fn leaf(&self) -> Certificate {
        static MINTED: LazyLock<Mutex<HashMap<String, Certificate>>> = LazyLock::new(Mutex::default);
        let by_host = if self.address { San::ip("10.0.0.1") } else { San::dns("host.test") };
        let by_server_name = if self.server_name == 1 { San::dns("server.test") } else { by_host };
        let name = NAMES[self.names].1().unwrap_or(by_server_name);
        let rsa = self.suites > 2;
        let id = format!("{name:?} {rsa}");
        let mut minted = MINTED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if rsa { Key::rsa2048(0) } else { key("connectable") };
        let mint = || Template::leaf("connectable").with_sans(&[name]).issued_by(Id::of("R").minted(), &key);
        minted.entry(id).or_insert_with(mint).clone()
    }

    fn spec(&self, leaf: &Certificate) -> PolicySpec {
        let base64 = |digest: [u8; 32]| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(digest)
        };
        let lists = Revocation { files: vec![vec![List::plain(1)]], leaf_only: false, allow: false };
        // Nothing vouches for what is trusted as itself (T5): with lists, `unknown` would refuse every such peer.
        let revocation = (self.revocation && self.trust() == Trust::Root).then_some(lists);
        let PolicyDraft { mut spec, .. } = Policy { revocation, ..Policy::plain() }.draft();
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let text = |text: &str| Some(text.to_owned());
        match self.trust() {
            Trust::Root => {}
            Trust::Bundle => spec.trust.bundles = vec![uptls::MaterialDraft::pem(leaf.pem())],
            Trust::Certificate => {
                spec.trust.bundles.clear();
                spec.trust.pinned_certificates = vec![leaf.sha256().iter().map(|byte| format!("{byte:02x}")).collect()];
            }
            Trust::Key => {
                spec.trust.bundles.clear();
                spec.trust.pinned_keys = vec![base64(leaf.spki_sha256())];
            }
        }
        (spec.versions.min, spec.versions.max) = (text(VERSIONS[self.versions].0), text(VERSIONS[self.versions].1));
        spec.groups = texts(GROUPS[self.groups]);
        spec.cipher_suites = texts(SUITES[self.suites]);
        (spec.alpn.protocols, spec.alpn.required) = (texts(PROTOCOLS[self.protocols].0), PROTOCOLS[self.protocols].1);
        spec.subject_alt_names = NAMES[self.names].0();
        spec.server_name = [None, text("server.test"), text("none")][self.server_name].clone();
        spec.spki_pins = if self.pinned { vec![base64(leaf.spki_sha256())] } else { Vec::new() };
        let reason = || Some(ReasonDraft { reason: "a world".to_owned() });
        match self.danger {
            1 => spec.danger.accept_any_name = reason(),
            2 => spec.danger.accept_any_certificate = reason(),
            _ => {}
        }
        spec
    }

    fn prepared(&self, leaf: &Certificate) -> Option<Arc<Prepared>> {
        let draft = PolicyDraft::new(self.spec(leaf));
        let checked = UpstreamTlsPolicy::check(draft, DangerPermission::Allowed).ok()?;
        machine(None).prepare(&checked).ok()
    }
}

fn connects(prepared: Arc<Prepared>, host: &str, options: &ServerOptions) -> Result<(), String> {
    let connector = Connector::of_prepared(prepared, OnInvalid::KeepLastGood);
    let host = BackendHost::parse(host).expect("a host");
    let mut server = MemoryServer::with_options(options);
    let mut client = connector.begin(&host, &ConnectOptions::default()).map_err(|error| error.to_string())?;
    while !client.is_done() {
        let mut sent = Vec::new();
        client.drain_to(&mut sent);
        let fed = server.feed(&sent);
        let answer = server.drain();
        if sent.is_empty() && answer.is_empty() {
            return Err(format!("both wait; {fed:?}"));
        }
        client.feed(&answer).map_err(|error| format!("{error}; the server: {fed:?}"))?;
    }
    client.finish().map(drop).map_err(|_| "it is not done".to_owned())
}

type Protocols = &'static [&'static [u8]];

fn what_loads_connects(protocols: Protocols, settings: &Settings) -> Kept {
    let leaf = settings.leaf();
    let Some(prepared) = settings.prepared(&leaf) else { return Ok(Told::Nothing) };
    let options = ServerOptions { alpn: protocols.to_vec(), ..ServerOptions::new(&[&leaf]) };
    connects(prepared, settings.host(), &options).map(|()| Told::Much)
}

#[test]
fn l19_what_loads_connects() {
    let name = "L19 (what loads connects)";
    // The flaw: peers that have no application protocol.
    let found = search(4_000, &settings(), |settings| what_loads_connects(&[], settings));
    assert!(found.is_err(), "{name}: no world shows the flaw");
    println!("law {name}: finds the flaw");
    run(name, worlds(20), &settings(), |settings| what_loads_connects(&[b"h2", b"http/1.1"], settings));
}
