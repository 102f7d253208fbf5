//! A verified GET over a blocking socket: `blocking_get POLICY HOST:PORT [ADDRESS:PORT]`.
//!
//! HOST is the backend host, the name that the policy may judge by; ADDRESS is where the socket goes, if that is not it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use uptls::danger::DangerPermission;
use uptls::{Address, BackendHost, ConnectOptions, Connector, Runtime, UpstreamTlsPolicy};

fn main() -> ExitCode {
    match get(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // A refusal says what was wanted and what was presented; its code is stable. It may come from a read, wrapped.
            if let Some(error) = uptls::Error::find_in(&*error) {
                eprintln!("{}: {error}\nhint: {}", error.code(), error.hint());
                return ExitCode::from(error.code().exit_code());
            }
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn get(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, backend, rest @ ..] = arguments else {
        return Err("usage: blocking_get POLICY HOST:PORT [ADDRESS:PORT]".into());
    };
    let (host, port) = backend.rsplit_once(':').ok_or("HOST:PORT has no port")?;
    let address = match rest.first() {
        Some(address) => Address::from(address.parse::<SocketAddr>()?),
        None => Address::from((host, port.parse::<u16>()?)),
    };

    // Once in the life of a program: the runtime, and one connector for each policy.
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let draft = uptls_manifest::load(Path::new(policy))?;
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
    let connector = Connector::new(&runtime, &policy)?;

    let host = BackendHost::parse(host)?;
    let mut stream = connector.connect_blocking(address, &host, &ConnectOptions::default())?;
    let evidence = stream.evidence();
    eprintln!("verified {:?} over TLS {}", evidence.peer.matched_name(), evidence.version);
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = String::new();
    // An end without close_notify is an error here: an answer that was cut off is never taken for a whole one.
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
