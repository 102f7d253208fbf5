//! A real nginx whose certificate changes: reloads, the change of a CA, and what is resumed afterwards (R7, H6).

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::nginx::{client, client_root, connect, get, identity, presenting, read_answer};
use crate::support::world::{BOTH, HOST, World, policy, trusting};
use uptls::{Code, MaterialDraft, PolicySpec};
use uptls_testkit::{Certificate, Key, Nginx, NginxOptions, Pki, San, Template, Versions};

/// A world, and the CA that comes after it.
struct Change {
    next: Pki,
    world: World,
}

impl Change {
    fn new() -> Self {
        Self { next: Pki::new("the next CA"), world: World::new("nginx rotates") }
    }

    /// Trusts both roots.
    fn overlap(&self) -> PolicySpec {
        let mut both = self.world.spec();
        both.trust.bundles.push(MaterialDraft::pem(self.next.root.pem()));
        both
    }

    fn new_leaf(&self) -> Certificate {
        self.next.leaf(&[San::dns(HOST)])
    }

    fn under_the_old_ca(&self, versions: Versions) -> NginxOptions {
        presenting(&self.world, versions)
    }

    fn under_the_new_ca(&self, versions: Versions) -> NginxOptions {
        NginxOptions { versions, ..NginxOptions::new(&[&self.new_leaf(), &self.next.intermediate]) }
    }
}

#[test]
fn connections_after_a_reload_are_judged_by_the_new_certificate() {
    for versions in BOTH {
        let change = Change::new();
        let connector = change.world.connector(change.world.spec());
        let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
        assert_eq!(get(&connector, nginx.addr()).unwrap().status, 200);
        nginx.reload(&change.under_the_new_ca(versions));
        let error = connect(&connector, nginx.addr()).unwrap_err();
        assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
        nginx.reload(&change.under_the_old_ca(versions));
        assert_eq!(get(&connector, nginx.addr()).unwrap().status, 200);
    }
}

/// R7: what is open was judged when it was made. nginx itself ends connections that idle when it reloads, properly.
#[test]
fn an_open_connection_survives_a_reload() {
    for versions in BOTH {
        let change = Change::new();
        let connector = change.world.connector(change.world.spec());
        let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
        let [mut busy, mut idle] = [(); 2].map(|()| {
            let mut stream = connect(&connector, nginx.addr()).unwrap();
            write!(stream, "GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").unwrap();
            stream.flush().unwrap();
            assert_eq!(read_answer(&mut stream).status, 200);
            stream
        });
        // A request is under way when nginx and the policy change.
        write!(busy, "GET / HTTP/1.1\r\n").unwrap();
        busy.flush().unwrap();
        nginx.reload(&change.under_the_new_ca(versions));
        connector.update(&policy(trusting(&change.next))).unwrap();

        write!(busy, "Host: {HOST}\r\n\r\n").unwrap();
        busy.flush().unwrap();
        let answer = read_answer(&mut busy);
        assert_eq!((answer.status, answer.evidence.peer.leaf_sha256()), (200, Some(change.world.leaf.sha256())));
        assert_eq!(answer.evidence.generation.number(), 1);
        assert!(!connector.is_current(&answer.evidence));
        for stream in [&mut busy, &mut idle] {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(rest.is_empty() && stream.is_clean_eof());
        }

        let answer = get(&connector, nginx.addr()).unwrap();
        assert_eq!(answer.evidence.peer.leaf_sha256(), Some(change.new_leaf().sha256()));
        assert!(connector.is_current(&answer.evidence));
    }
}

/// The three steps of every guide: trust both, present the new one, stop trusting the old one.
#[test]
fn a_ca_is_changed_with_an_overlap_and_no_connection_is_refused() {
    for versions in BOTH {
        let change = Change::new();
        let connector = change.world.connector(change.world.spec());
        let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
        let (made, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let visitors = [(); 2].map(|()| {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        connect(&connector, nginx.addr()).unwrap_or_else(|error| panic!("{error}"));
                        made.fetch_add(1, Ordering::SeqCst);
                    }
                })
            });
            // Each step lasts until four more connections were made: at least two of them began within it.
            let stay = || {
                let enough = made.load(Ordering::SeqCst) + 4;
                while made.load(Ordering::SeqCst) < enough && !visitors.iter().any(|visitor| visitor.is_finished()) {
                    thread::yield_now();
                }
            };
            stay();
            connector.update(&policy(change.overlap())).unwrap();
            stay();
            nginx.reload(&change.under_the_new_ca(versions));
            stay();
            connector.update(&policy(trusting(&change.next))).unwrap();
            stay();
            done.store(true, Ordering::SeqCst);
        });
        let last = get(&connector, nginx.addr()).unwrap().evidence;
        assert_eq!((last.generation.number(), last.peer.leaf_sha256()), (3, Some(change.new_leaf().sha256())));
    }
}

#[test]
fn a_ca_that_is_changed_without_an_overlap_is_refused() {
    for versions in BOTH {
        let change = Change::new();
        // The new key of a CA that keeps its name.
        let rekeyed = Template::ca("nginx rotates root").self_signed(&Key::p256("the key after"));
        let leaf = Template::leaf("leaf").with_sans(&[San::dns(HOST)]).issued_by(&rekeyed, &Key::p256("its leaf"));
        let under_the_new_key = NginxOptions { versions, ..NginxOptions::new(&[&leaf]) };
        let cases = [
            (change.under_the_new_ca(versions), Code::CertUnknownIssuer),
            (under_the_new_key, Code::CertIssuerKeyChanged),
        ];
        for (after, code) in cases {
            let connector = change.world.connector(change.world.spec());
            let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
            assert_eq!(get(&connector, nginx.addr()).unwrap().status, 200);
            nginx.reload(&after);
            let error = connect(&connector, nginx.addr()).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
        }
        // And the other way round: the policy is the first to change.
        let connector = change.world.connector(change.world.spec());
        let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
        connector.update(&policy(trusting(&change.next))).unwrap();
        let error = connect(&connector, nginx.addr()).unwrap_err();
        assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
    }
}

/// nginx keeps its ticket keys over reloads here, and would resume.
#[test]
fn sessions_resume_until_the_ca_changes() {
    for versions in BOTH {
        let change = Change::new();
        let connector = change.world.connector(change.world.spec());
        let Some(nginx) = Nginx::start(&change.under_the_old_ca(versions)) else { return };
        let resumed = || get(&connector, nginx.addr()).unwrap().resumed();
        assert_eq!([(); 3].map(|()| resumed()), [false, true, true], "{versions:?}");
        // One more CA is another fingerprint, although nginx is the same.
        connector.update(&policy(change.overlap())).unwrap();
        assert_eq!([(); 3].map(|()| resumed()), [false, true, true], "{versions:?}: trust changed");
        connector.update(&policy(trusting(&change.next))).unwrap();
        let error = connect(&connector, nginx.addr()).unwrap_err();
        assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
        nginx.reload(&change.under_the_new_ca(versions));
        assert_eq!([(); 3].map(|()| resumed()), [false, true, true], "{versions:?}: all is new");
    }
}

/// A session carries the client of its full handshake, whatever the policy says later.
#[test]
fn a_session_of_one_identity_does_not_serve_another() {
    let root = client_root("ours");
    let (old, new) = (client("old", &root), client("new", &root));
    for versions in BOTH {
        let world = World::new("nginx rotates");
        let with = |client| PolicySpec { identity: identity(client), ..world.spec() };
        let connector = world.connector(with(&old));
        let Some(nginx) = Nginx::start(&presenting(&world, versions).with_client_roots(&[&root])) else { return };
        let visit = || {
            let answer = get(&connector, nginx.addr()).unwrap();
            (answer.resumed(), answer.says("ssl_client_s_dn").to_owned())
        };
        assert_eq!([visit(), visit()], [(false, "CN=old".to_owned()), (true, "CN=old".to_owned())], "{versions:?}");
        connector.update(&policy(with(&new))).unwrap();
        assert_eq!([visit(), visit()], [(false, "CN=new".to_owned()), (true, "CN=new".to_owned())], "{versions:?}");
    }
}
