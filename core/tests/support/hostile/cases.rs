//! The hostile peers themselves, and what each must end in.

use std::io::{Read, Write};
use std::time::Duration;

use super::{Case, Delivered, REQUEST, Stage};
use crate::support::world::{World, host, identity};
use uptls::{Code, ConnectOptions, PolicySpec};
use uptls_testkit::hostile::huge_chain;
use uptls_testkit::{Misbehaviour, Pki, San, Server, ServerOptions, Versions};

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut cases = in_the_clear();
    cases.extend(behind_tls());
    cases.extend(behind_tls_12());
    cases
}

impl Case {
    const fn new(name: &'static str, code: Code, stage: fn(&World) -> Stage) -> Case {
        Case { name, code: Some(code), delivered: Delivered::Nothing, most_in: FLIGHT, timeout: PATIENT, stage }
    }

    /// Does nothing that must be refused.
    const fn odd(name: &'static str, stage: fn(&World) -> Stage) -> Case {
        let case = Case::new(name, Code::Internal, stage);
        Case { code: None, delivered: Delivered::TheResponse, ..case }
    }
}

/// Those that never come to a handshake.
fn in_the_clear() -> Vec<Case> {
    vec![
        Case {
            timeout: QUICK,
            ..Case::new("silent", Code::HandshakeTimeout, |w| Stage::hostile(w, Misbehaviour::Silent))
        },
        Case {
            timeout: QUICK,
            most_in: 200,
            ..Case::new("dribbles, a byte every 20 ms", Code::HandshakeTimeout, |w| {
                Stage::hostile(w, Misbehaviour::Dribble(Duration::from_millis(20)))
            })
        },
        Case::new("closes at once", Code::PeerClosed, |w| Stage::hostile(w, Misbehaviour::CloseAtOnce)),
        Case::new("closes after the ClientHello", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterClientHello)
        }),
        Case::new("resets after the ClientHello", Code::PeerReset, |w| {
            Stage::hostile(w, Misbehaviour::ResetAfterClientHello)
        }),
        Case::new("garbage", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::Garbage)),
        Case::new("plain HTTP", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::PlainHttp)),
        Case::new("SSH", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::SshBanner)),
        Case::new("record of 65535 bytes", Code::MessageTooLarge, |w| {
            Stage::hostile(w, Misbehaviour::LyingRecordLength(0xffff))
        }),
        Case::new("record of 16384 bytes, 16 come", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::LyingRecordLength(0x4000))
        }),
        Case::new("ServerHello of 16777215 bytes", Code::MessageTooLarge, |w| {
            Stage::hostile(w, Misbehaviour::LyingHandshakeLength(0x00ff_ffff))
        }),
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("ServerHello of 40000 bytes, all zeros", Code::PeerMisbehaved, |w| {
                Stage::hostile(w, Misbehaviour::LyingHandshakeLength(40_000))
            })
        },
    ]
}

/// Those that can speak TLS.
fn behind_tls() -> Vec<Case> {
    vec![
        Case::new("plain HTTP, then an honest handshake", Code::PeerNotTls, |w| {
            Stage::hostile(w, Misbehaviour::HttpBeforeHandshake(server(w)))
        }),
        Case::new("an honest handshake, then plain HTTP", Code::PeerMisbehaved, |w| {
            Stage::hostile(w, Misbehaviour::HttpAfterHandshake(server(w)))
        }),
        Case::new("closes after the ServerHello", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterServerHello(server(w)))
        }),
        Case { most_in: MESSAGE, ..Case::odd("100 certificates", |w| Stage::honest(w, &huge_chain(*server(w), 100))) },
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("400 certificates, over 64 KiB", Code::MessageTooLarge, |w| {
                Stage::honest(w, &huge_chain(*server(w), 400))
            })
        },
        Case::new("refuses our certificate after TLS 1.3", Code::IdentityRejected, refuses_us),
        Case::new("another certificate for a known session", Code::CertUnknownIssuer, changes_its_certificate),
        Case::new("ends inside of the response", Code::Truncated, |w| {
            Stage::hostile(w, Misbehaviour::CutsTheResponse(server(w)))
        }),
        Case {
            delivered: Delivered::TheResponse,
            ..Case::new("ends after the response, no close_notify", Code::Truncated, |w| {
                Stage::hostile(w, Misbehaviour::TruncatesAfterResponse(server(w)))
            })
        },
        Case {
            most_in: MESSAGE,
            ..Case::new("1024 KeyUpdates", Code::PeerMisbehaved, |w| {
                Stage::hostile(w, Misbehaviour::KeyUpdateFlood(server(w)))
            })
        },
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("1000 tickets in one flight", Code::MessageTooLarge, |w| {
                Stage::hostile(w, Misbehaviour::TicketFlood(server(w), 1000))
            })
        },
    ]
}

/// What TLS 1.2 does differently.
fn behind_tls_12() -> Vec<Case> {
    fn server(world: &World) -> Box<ServerOptions> {
        Box::new(world.server(Versions::Tls12))
    }
    vec![
        Case::new("TLS 1.2: plain HTTP, then a handshake", Code::PeerNotTls, |w| {
            Stage::hostile(w, Misbehaviour::HttpBeforeHandshake(server(w)))
        }),
        Case::new("TLS 1.2: a handshake, then plain HTTP", Code::PeerMisbehaved, |w| {
            Stage::hostile(w, Misbehaviour::HttpAfterHandshake(server(w)))
        }),
        Case::new("TLS 1.2: closes after its first record", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterServerHello(server(w)))
        }),
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("TLS 1.2: 400 certificates, over 64 KiB", Code::MessageTooLarge, |w| {
                Stage::honest(w, &huge_chain(*server(w), 400))
            })
        },
        Case::new("TLS 1.2: ends inside of the response", Code::Truncated, |w| {
            Stage::hostile(w, Misbehaviour::CutsTheResponse(server(w)))
        }),
    ]
}

fn server(world: &World) -> Box<ServerOptions> {
    Box::new(world.server(Versions::Tls13))
}

/// Wants clients of another CA, and says so when we have our handshake.
fn refuses_us(world: &World) -> Stage {
    let client = world.pki.client(&[San::dns("gateway.example")]);
    let spec = PolicySpec { identity: identity(&world.pki, &client), ..world.spec() };
    let stranger = Pki::new("hostile peers, another CA");
    let stage = Stage::honest(world, &server(world).with_client_roots(&[&stranger.root]));
    Stage { connector: world.connector(spec), ..stage }
}

/// Gives us a session, then shows a certificate of another CA to a client that offers it.
fn changes_its_certificate(world: &World) -> Stage {
    let peer = Server::start(&server(world));
    let connector = world.connector(world.spec());
    let mut stream = connector.connect_blocking(peer.addr(), &host(), &ConnectOptions::default()).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let stranger = Pki::new("hostile peers, another CA");
    let leaf = stranger.leaf(&[San::dns("backend.example")]);
    let options = ServerOptions::new(&[&leaf, &stranger.intermediate]);
    peer.set_options(&ServerOptions { tickets: false, versions: Versions::Tls13, ..options });
    Stage { address: peer.addr(), connector, peer: Box::new(peer) }
}

const PATIENT: Duration = Duration::from_secs(20);
const QUICK: Duration = Duration::from_millis(300);
/// What an honest server sends, with room.
const FLIGHT: usize = 1 << 15;
/// What rustls gathers of one message.
const MESSAGE: usize = 1 << 16;
