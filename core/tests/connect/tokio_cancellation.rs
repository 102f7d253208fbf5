//! Futures of the tokio face that are dropped: nothing is lost, and nothing is left behind.

use std::time::Duration;

use crate::support::transports::{accept, poll_at_most, read_all};
use crate::support::world::{BOTH, World, host};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use uptls::ConnectOptions;
use uptls_testkit::{Server, ServerOptions, Versions};

/// The handshake is given up at every point at which it waits, until it is not given up.
#[tokio::test]
async fn a_handshake_can_be_dropped_anywhere() {
    for versions in BOTH {
        let world = World::new("dropped");
        let connector = world.connector(world.spec());
        let mut given_up = 0;
        loop {
            // A narrow pipe, so that there are many such points.
            let (ours, accepted) = accept(&world.server(versions), 512);
            let serving = tokio::spawn(accepted);
            let options = ConnectOptions::default();
            let done = poll_at_most(given_up, connector.handshake_async(ours, &host(), &options)).await;
            if let Some(stream) = done {
                assert!(!stream.unwrap().evidence().resumed, "what was given up left no session");
                break;
            }
            drop(serving.await);
            given_up += 1;
        }
        assert!(given_up > 3, "{given_up}");
    }
}

#[tokio::test]
async fn a_dropped_connect_closes_its_socket() {
    let world = World::new("dropped connect");
    let connector = world.connector(world.spec());
    let (host, options) = (host(), ConnectOptions::default());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut accepted = tokio::select! {
        _ = connector.connect_async(address, &host, &options) => panic!("nobody answers"),
        accepted = silent.accept() => accepted.unwrap().0,
    };
    // The end comes at once, whether or not the client's first message came before it.
    timeout(Duration::from_secs(5), read_all(&mut accepted)).await.expect("it is closed").unwrap();
    let server = Server::start(&world.server(Versions::Both));
    assert!(connector.connect_async(server.addr(), &host, &options).await.is_ok());
}

/// Reads lose against a timer again and again, at every state of a record.
#[tokio::test(start_paused = true)]
async fn a_dropped_read_loses_nothing() {
    let world = World::new("dropped read");
    let connector = world.connector(world.spec());
    let (ours, accepted) = accept(&world.server(Versions::Tls13), 5);
    let data: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let sent = data.clone();
    let serving = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap();
        for part in sent.chunks(97) {
            stream.write_all(part).await.unwrap();
            stream.flush().await.unwrap();
            sleep(Duration::from_millis(3)).await;
        }
        stream.shutdown().await.unwrap();
    });
    let mut stream = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap();
    let (mut received, mut dropped, mut buffer) = (Vec::new(), 0, [0; 64]);
    loop {
        tokio::select! {
            biased;
            count = stream.read(&mut buffer) => match count.unwrap() {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            },
            () = sleep(Duration::from_millis(1)) => dropped += 1,
        }
    }
    assert!(received == data && stream.is_clean_eof());
    assert!(dropped > 100, "{dropped}");
    serving.await.unwrap();
}

/// A write that is dropped before it is ready was not taken; one that was ready was.
#[tokio::test(start_paused = true)]
async fn a_dropped_write_was_not_taken() {
    let world = World::new("dropped write");
    let connector = world.connector(world.spec());
    // Without tickets, which this server would want to get rid of before it reads.
    let options = ServerOptions { tickets: false, ..world.server(Versions::Tls13) };
    let (ours, accepted) = accept(&options, 100);
    let serving = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap();
        let mut received = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            sleep(Duration::from_millis(10)).await;
            match stream.read(&mut buffer).await.unwrap() {
                0 => return received,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
    });
    let mut stream = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap();
    let (mut taken, mut dropped) = (Vec::new(), 0);
    for round in 0..200_u8 {
        let data = [round; 3000];
        match timeout(Duration::from_millis(1), stream.write(&data)).await {
            Err(_) => dropped += 1,
            Ok(count) => taken.extend_from_slice(&data[..count.unwrap()]),
        }
    }
    assert!(dropped > 10 && !taken.is_empty(), "{dropped} {}", taken.len());
    // So is a shutdown that is tried again.
    let mut tried = 0;
    while timeout(Duration::from_millis(1), stream.shutdown()).await.is_err() {
        tried += 1;
    }
    assert!(tried > 1, "{tried}");
    assert!(serving.await.unwrap() == taken);
    drop(read_all(stream).await);
}
