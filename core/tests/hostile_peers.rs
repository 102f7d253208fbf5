//! Every hostile peer against the blocking and the sans-IO face: its code, no data of it, and few octets.
//! `cargo test --test hostile_peers -- --show-output` prints the table.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod handshake_support;
mod hostile_support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use handshake_support::host;
use hostile_support::{Counted, Outcome, REQUEST, Stage, cases, code, dial, print_heading};
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{Code, ConnectOptions, Error};

#[test]
fn blocking() {
    print_heading();
    let mut complaints = Vec::new();
    for case in cases() {
        let (stage, options) = case.begin();
        complaints.extend(case.judge("blocking", case.code, &meet_blocking(&stage, &options)));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn sans_io() {
    print_heading();
    let mut complaints = Vec::new();
    for case in cases() {
        let (stage, options) = case.begin();
        // A reset is an end to whoever can only say that there are no more octets.
        let wanted = case.code.map(|code| if code == Code::PeerReset { Code::PeerClosed } else { code });
        complaints.extend(case.judge("sans-IO", wanted, &meet_sans_io(&stage, &options)));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn meet_blocking(stage: &Stage, options: &ConnectOptions) -> Outcome {
    let begun = Instant::now();
    let mut socket = dial(stage);
    let mut data = Vec::new();
    let code = match stage.connector.handshake(&mut socket, &host(), options) {
        Err(error) => Some(error.code()),
        Ok(mut stream) => {
            let asked = stream.write_all(REQUEST).and_then(|()| stream.flush());
            asked.and_then(|()| stream.read_to_end(&mut data)).err().map(|error| code(&error))
        }
    };
    Outcome { code, data, elapsed: begun.elapsed(), octets: socket.octets }
}

fn meet_sans_io(stage: &Stage, options: &ConnectOptions) -> Outcome {
    let begun = Instant::now();
    let mut socket = dial(stage);
    let mut data = Vec::new();
    let handshake = stage.connector.begin(&host(), options).unwrap();
    let outcome = establish(handshake, &mut socket)
        .and_then(|(mut established, rest)| converse(&mut established, rest, &mut socket, &mut data));
    let code = outcome.err().map(|error| error.code());
    Outcome { code, data, elapsed: begun.elapsed(), octets: socket.octets }
}

/// The connection, and octets that it has not taken yet.
fn establish(mut handshake: Handshake, socket: &mut Counted<TcpStream>) -> Result<(Established, Vec<u8>), Error> {
    let mut buffer = [0; 4096];
    let mut rest = Vec::new();
    let mut outcome = Ok(());
    loop {
        let mut out = Vec::new();
        handshake.drain_to(&mut out);
        // A peer that takes nothing may still have said why.
        let _ = socket.write_all(&out);
        outcome?;
        if handshake.is_done() {
            return Ok((handshake.finish().unwrap(), rest));
        }
        let remaining = handshake.deadline().unwrap().saturating_duration_since(Instant::now());
        socket.transport.set_read_timeout(Some(remaining.max(Duration::from_millis(1)))).unwrap();
        outcome = match socket.read(&mut buffer) {
            Ok(count @ 1..) => handshake.feed(&buffer[..count]).map(|taken| rest = buffer[taken..count].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let passed = handshake.deadline().unwrap() <= Instant::now();
                if passed { Err(handshake.expire()) } else { Ok(()) }
            }
            Ok(_) | Err(_) => handshake.feed_eof(),
        };
    }
}

/// Asks, and reads to the end.
fn converse(
    established: &mut Established,
    mut rest: Vec<u8>,
    socket: &mut Counted<TcpStream>,
    data: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut buffer = [0; 4096];
    socket.transport.set_read_timeout(None).unwrap();
    assert_eq!(established.write(REQUEST)?, REQUEST.len());
    loop {
        // An error is found again by `read`, after the data before it.
        if let Ok(taken) = established.feed(&rest) {
            rest.drain(..taken);
        }
        let mut out = Vec::new();
        established.drain_to(&mut out);
        let _ = socket.write_all(&out);
        match established.read(&mut buffer)? {
            Incoming::Closed => return Ok(()),
            Incoming::Data(count) => data.extend_from_slice(&buffer[..count]),
            _ => match socket.read(&mut buffer) {
                Ok(count @ 1..) => rest.extend_from_slice(&buffer[..count]),
                Ok(_) | Err(_) => established.feed_eof(),
            },
        }
    }
}
