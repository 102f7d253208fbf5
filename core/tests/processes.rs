//! A connection and a watch after a fork: the child does nothing with them, and the parent goes on (L10).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod support;

use std::io::{self, Read, Write};
use std::time::Instant;

use crate::support::world::{BOTH, World, converse, establish, exchange, host, policy, read_all};
use uptls::sans_io::{Established, Handshake};
use uptls::{Code, ConnectOptions, Connector, Error, FileSource, Transport, VerifiedStream, Watch, WatchState};
use uptls_testkit::{MemoryServer, Versions};

/// What `body` gives in a child of this process.
fn in_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child calls `body` and ends; libc makes its own locks fit for use there.
    match unsafe { libc::fork() } {
        // SAFETY: it ends this process and nothing else: no destructor of the parent's is run.
        0 => unsafe { libc::_exit(i32::from(!body())) },
        child => {
            let mut status = -1;
            // SAFETY: the status has room.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child, "{}", io::Error::last_os_error());
            status == 0
        }
    }
}

fn is_misuse<T>(outcome: Result<T, Error>) -> bool {
    outcome.is_err_and(|error| error.code() == Code::Misuse && error.to_string().contains("another process"))
}

fn is_misuse_of_io<T>(outcome: io::Result<T>) -> bool {
    outcome.is_err_and(|error| Error::find_in(&error).is_some_and(|error| error.code() == Code::Misuse))
}

/// Every call of a connection that is there.
fn refuses_all(established: &mut Established) -> bool {
    let (mut room, mut out) = ([0; 100], Vec::new());
    let refused = is_misuse(established.feed(b"\x17\x03\x03"))
        && is_misuse(established.read(&mut room))
        && is_misuse(established.write(b"the child's secret"));
    established.close_notify();
    established.feed_eof();
    let lost = established.feed_error(&io::ErrorKind::BrokenPipe.into());
    established.drain_to(&mut out);
    refused
        && lost.code() == Code::Misuse
        && out.is_empty()
        && established.drain(&mut room) == 0
        && established.unread() == 0
        && !(established.wants_read() || established.wants_write())
        // Nothing is kept of it: what ended it is what happened in its own process.
        && established.error().is_none()
        && !established.is_clean_eof()
}

fn handshake_refuses_all(handshake: &mut Handshake) -> bool {
    let (mut room, mut out) = ([0; 100], Vec::new());
    let refused = is_misuse(handshake.feed(b"\x16\x03\x03")) && is_misuse(handshake.feed_eof());
    let lost = handshake.feed_error(&io::ErrorKind::BrokenPipe.into());
    handshake.drain_to(&mut out);
    refused
        && lost.code() == Code::Misuse
        && handshake.expire().code() == Code::Misuse
        && out.is_empty()
        && handshake.drain(&mut room) == 0
        && !(handshake.wants_read() || handshake.wants_write() || handshake.is_done())
        && handshake.error().is_none()
}

#[test]
fn a_child_cannot_use_a_connection_and_the_parent_can() {
    for versions in BOTH {
        let world = World::new("processes");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut established, &mut server).unwrap();
        // On both sides something waits: encrypted for the peer, decrypted for the caller.
        established.write(b"ping").unwrap();
        server.write(b"pong");
        established.feed(&server.drain()).unwrap();
        assert!(in_child(|| refuses_all(&mut established)), "{versions:?}");
        // A grandchild whose parent has connections of its own.
        assert!(in_child(|| {
            let mut server = MemoryServer::with_options(&world.server(versions));
            let mut own = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
            let grandchild = in_child(|| refuses_all(&mut established) && refuses_all(&mut own));
            own.write(b"own").unwrap();
            exchange(&mut own, &mut server).unwrap();
            grandchild && server.read() == b"own" && refuses_all(&mut established)
        }));
        assert!(established.wants_write() && established.unread() == 4);
        assert_eq!(read_all(&mut established).unwrap(), b"pong");
        exchange(&mut established, &mut server).unwrap();
        assert_eq!(server.read(), b"ping");
    }
}

#[test]
fn a_child_cannot_go_on_with_a_handshake_and_the_parent_can() {
    let world = World::new("processes");
    let connector = world.connector(world.spec());
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    assert!(in_child(|| handshake_refuses_all(&mut handshake)));
    converse(&mut handshake, &mut server).unwrap();
    assert!(handshake.is_done());
}

/// A transport that counts what is done to it.
struct Counted<'a> {
    calls: usize,
    server: &'a mut MemoryServer,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        let bytes = self.server.drain();
        out[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        let _ = self.server.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.calls += 1;
        Ok(())
    }
}

impl Transport for Counted<'_> {
    fn set_deadline(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }
}

/// The transport is shared with the parent: what is read there is lost to it, what is written garbles its stream.
#[test]
fn a_child_touches_no_transport() {
    let world = World::new("processes");
    let connector = world.connector(world.spec());
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls12));
    let transport = Counted { calls: 0, server: &mut server };
    let mut stream: VerifiedStream<_> = connector.handshake(transport, &host(), &ConnectOptions::default()).unwrap();
    assert!(in_child(|| {
        let calls = stream.get_ref().calls;
        is_misuse_of_io(stream.read(&mut [0; 10]))
            && is_misuse_of_io(stream.write(b"child"))
            && is_misuse_of_io(stream.flush())
            && is_misuse_of_io(stream.shutdown())
            && stream.get_ref().calls == calls
    }));
    stream.write_all(b"parent").unwrap();
    stream.flush().unwrap();
    drop(stream);
    assert_eq!(server.read(), b"parent");
}

/// Its thread is the parent's: a child that drops it waits for none, and asks no lock that the thread may hold.
#[test]
fn a_watch_is_elsewhere_in_a_child() {
    let world = World::new("processes");
    let connector: Connector = world.connector(world.spec());
    let watch = Watch::polling([FileSource::new(&connector, &policy(world.spec()))]).unwrap();
    assert!(matches!(watch.state(), WatchState::Polling { reason: None, .. }));
    let mut held = Some(watch);
    assert!(in_child(|| {
        let Some(watch) = held.take() else { return false };
        watch.refresh();
        let elsewhere = watch.state() == WatchState::Elsewhere;
        drop(watch);
        elsewhere && Watch::polling([]).is_ok_and(|own| own.state() != WatchState::Elsewhere)
    }));
    assert!(held.is_some_and(|watch| watch.state() != WatchState::Elsewhere));
}
