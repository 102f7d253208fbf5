//! The tokio face over transports that break, buffer, or never let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::transports::{Breakable, Fails, Hurried, accept, code, echo, read_all};
use crate::support::world::{World, host};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::time::Instant;
use uptls::{Code, ConnectOptions};
use uptls_testkit::Versions;

/// I5, with two tasks: the writer takes the socket's readiness from the reader, and must hand on what it found.
#[tokio::test(start_paused = true)]
async fn a_writer_that_fails_wakes_the_reader() {
    let world = World::new("broken pipe");
    let connector = world.connector(world.spec());
    let (pipe, accepted) = accept(&world.server(Versions::Tls12), 1 << 16);
    let broken = Arc::new(AtomicBool::new(false));
    let ours = Breakable { broken: broken.clone(), pipe };
    let serving = tokio::spawn(accepted);
    let stream = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap();
    let _silent = serving.await.unwrap().unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move { reader.read(&mut [0; 16]).await.unwrap_err() });
    tokio::task::yield_now().await;
    broken.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let written = writer.write_all(b"lost").await.and(writer.flush().await).unwrap_err();
    assert_eq!(code(&written), Code::PeerReset);
    assert_eq!(code(&reading.await.unwrap()), Code::PeerReset);
    assert!(begun.elapsed() < Duration::from_secs(1), "the peer's last words are not waited for long");
}

/// The same the other way round: the pipe is full, and stays so.
#[tokio::test(start_paused = true)]
async fn a_reader_that_fails_wakes_the_writer() {
    let world = World::new("garbage");
    let connector = world.connector(world.spec());
    let (pipe, accepted) = accept(&world.server(Versions::Tls12), 4096);
    let serving = tokio::spawn(accepted);
    let stream = connector.handshake_async(pipe, &host(), &ConnectOptions::default()).await.unwrap();
    let (mut pipe, _) = serving.await.unwrap().unwrap().into_inner();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = tokio::spawn(async move { writer.write_all(&[7; 1 << 20]).await.unwrap_err() });
    tokio::task::yield_now().await;
    pipe.write_all(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").await.unwrap();
    let begun = Instant::now();
    assert_eq!(code(&reader.read(&mut [0; 16]).await.unwrap_err()), Code::PeerMisbehaved);
    assert_eq!(code(&writing.await.unwrap()), Code::PeerMisbehaved);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_transport_that_buffers_is_flushed() {
    let world = World::new("buffered");
    let connector = world.connector(world.spec());
    let (pipe, accepted) = accept(&world.server(Versions::Tls13), 1 << 16);
    let serving = tokio::spawn(async move { echo(accepted.await.unwrap()).await });
    let options = ConnectOptions::default().with_timeout(Duration::from_secs(5));
    let mut stream = connector.handshake_async(BufStream::new(pipe), &host(), &options).await.unwrap();
    stream.write_all(b"echo").await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await.unwrap(), b"");
    serving.await.unwrap();
}

/// H4: there is always one byte more, so that no timer ever gets its turn.
#[tokio::test]
async fn a_transport_that_is_always_ready_ends_at_the_deadline() {
    let world = World::new("hurried");
    let connector = world.connector(world.spec());
    let options = ConnectOptions::default().with_timeout(Duration::from_millis(100));
    let peer = Hurried { bytes: [0x16, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(0)) };
    let error = connector.handshake_async(peer, &host(), &options).await.unwrap_err();
    assert_eq!(error.code(), Code::HandshakeTimeout, "{error}");
}

/// H8: after the peer's close_notify nothing is missing, whether or not it waits for ours.
#[tokio::test]
async fn a_goodbye_that_nobody_hears_is_no_error() {
    let world = World::new("goodbye");
    let connector = world.connector(world.spec());
    let (pipe, accepted) = accept(&world.server(Versions::Tls13), 1 << 16);
    let broken = Arc::new(AtomicBool::new(false));
    let serving = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap();
        stream.write_all(b"all of it").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let ours = Breakable { broken: broken.clone(), pipe };
    let mut stream = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap();
    serving.await.unwrap();
    stream.read_exact(&mut [0; 3]).await.unwrap();
    broken.store(true, Ordering::SeqCst);
    assert_eq!(code(&stream.write_all(b"too late").await.and(stream.flush().await).unwrap_err()), Code::PeerReset);
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await.unwrap(), b" of it");
    assert!(stream.is_clean_eof());
}

/// H4: by the number of the system, as in every face.
#[cfg(unix)]
#[tokio::test]
async fn an_errno_has_one_meaning() {
    use rustix::io::Errno;
    let world = World::new("errno");
    let connector = world.connector(world.spec());
    for (errno, wanted) in [
        (Errno::TIMEDOUT, Code::TcpTimeout),
        (Errno::HOSTUNREACH, Code::TcpRefused),
        (Errno::NOBUFS, Code::LocalResources),
        (Errno::CONNRESET, Code::PeerReset),
    ] {
        let error = connector
            .handshake_async(Fails(errno.raw_os_error()), &host(), &ConnectOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), wanted, "{errno}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let named = ("localhost", closed.port());
    let error = connector.connect_async(named, &host(), &ConnectOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::TcpRefused, "{error}");
}
