//! The blocking and the sans-IO face, as they meet a peer.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Counted, Outcome, REQUEST, Stage, Watch, code, dial};
use crate::support::world::host;
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{ConnectOptions, Error};

/// By [`Connector::handshake`](uptls::Connector::handshake).
pub fn blocking(stage: &Stage, options: &ConnectOptions) -> Outcome {
    let (begun, watch) = (Instant::now(), Watch::begin());
    let mut socket = dial(stage);
    let mut data = Vec::new();
    let code = match stage.connector.handshake(&mut socket, &host(), options) {
        Err(error) => Some(error.code()),
        Ok(mut stream) => {
            let asked = stream.write_all(REQUEST).and_then(|()| stream.flush());
            asked.and_then(|()| stream.read_to_end(&mut data)).err().map(|error| code(&error))
        }
    };
    Outcome { code, data, elapsed: begun.elapsed(), bytes: socket.bytes, peak: watch.peak() }
}

/// By bytes alone.
pub fn sans_io(stage: &Stage, options: &ConnectOptions) -> Outcome {
    let (begun, watch) = (Instant::now(), Watch::begin());
    let mut socket = dial(stage);
    let mut data = Vec::new();
    let handshake = stage.connector.begin(&host(), options).unwrap();
    let outcome = establish(handshake, &mut socket)
        .and_then(|(mut established, rest)| converse(&mut established, rest, &mut socket, &mut data));
    let code = outcome.err().map(|error| error.code());
    Outcome { code, data, elapsed: begun.elapsed(), bytes: socket.bytes, peak: watch.peak() }
}

/// The connection, and bytes that it has not taken yet.
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
            Ok(_) => handshake.feed_eof(),
            Err(error) => Err(handshake.feed_error(&error)),
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
                Ok(_) => established.feed_eof(),
                // `read` finds it again.
                Err(error) => drop(established.feed_error(&error)),
            },
        }
    }
}
