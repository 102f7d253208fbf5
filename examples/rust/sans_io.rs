//! Bytes in, bytes out, over a socket that belongs to the caller: `sans_io POLICY HOST ADDRESS:PORT`.
//!
//! The loop below is what an event loop does with a connection; here it waits with a plain blocking socket.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use uptls::danger::DangerPermission;
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{BackendHost, ConnectOptions, Connector, Runtime, UpstreamTlsPolicy};

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            if let Some(error) = uptls::Error::find_in(&*error) {
                eprintln!("{}: {error}\nhint: {}", error.code(), error.hint());
                return ExitCode::from(error.code().exit_code());
            }
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, host, address] = arguments else { return Err("usage: sans_io POLICY HOST ADDRESS:PORT".into()) };
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let policy = UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?;
    let connector = Connector::new(&runtime, &policy)?;

    let mut socket = TcpStream::connect(address)?;
    let handshake = connector.begin(&BackendHost::parse(host)?, &ConnectOptions::default())?;
    let mut connection = shake_hands(handshake, &mut socket)?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write(request.as_bytes())?;
    read_to_end(&mut connection, &mut socket)
}

/// Only a verified peer turns a `Handshake` into an `Established`.
fn shake_hands(mut handshake: Handshake, socket: &mut TcpStream) -> Result<Established, Box<dyn Error>> {
    let mut incoming = [0; 4096];
    loop {
        let mut outgoing = Vec::new();
        handshake.drain_to(&mut outgoing);
        socket.write_all(&outgoing)?;
        if handshake.is_done() {
            socket.set_read_timeout(None)?;
            return handshake.finish().map_err(|_| "the handshake is done".into());
        }
        // The loop owns the clock: it waits until the deadline, and says when that has passed.
        let left = handshake.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        socket.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))?;
        let fed = match socket.read(&mut incoming) {
            Ok(0) => handshake.feed_eof().map(|()| 0),
            Ok(count) => handshake.feed(incoming.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                Err(handshake.expire())
            }
            Err(error) => Err(handshake.feed_error(&error)),
        };
        if let Err(error) = fed {
            // The peer gets its alert.
            let mut alert = Vec::new();
            handshake.drain_to(&mut alert);
            socket.write_all(&alert)?;
            return Err(error.into());
        }
    }
}

fn read_to_end(connection: &mut Established, socket: &mut TcpStream) -> Result<String, Box<dyn Error>> {
    let (mut answer, mut incoming, mut plain) = (Vec::new(), [0; 4096], [0; 4096]);
    loop {
        let mut outgoing = Vec::new();
        connection.drain_to(&mut outgoing);
        socket.write_all(&outgoing)?;
        match connection.read(&mut plain)? {
            Incoming::Data(count) => answer.extend_from_slice(plain.get(..count).unwrap_or_default()),
            Incoming::Closed => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            _ => match socket.read(&mut incoming)? {
                0 => connection.feed_eof(),
                count => feed_all(connection, incoming.get(..count).unwrap_or_default(), &mut answer)?,
            },
        }
    }
}

/// Decrypted data that waits is read before more is taken.
fn feed_all(connection: &mut Established, mut bytes: &[u8], answer: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    let mut plain = [0; 4096];
    while !bytes.is_empty() {
        let taken = connection.feed(bytes)?;
        bytes = bytes.get(taken..).unwrap_or_default();
        while let Incoming::Data(count @ 1..) = connection.read(&mut plain)? {
            answer.extend_from_slice(plain.get(..count).unwrap_or_default());
        }
    }
    Ok(())
}
