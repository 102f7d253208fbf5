//! A verified GET on tokio: `tokio_get POLICY HOST:PORT [ADDRESS:PORT]`.
//!
//! HOST is the backend host, the name that the policy may judge by; ADDRESS is where the socket goes, if that is not it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uptls::danger::DangerPermission;
use uptls::{Address, BackendHost, ConnectOptions, Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match get(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Whether it came from the connect or from a read, wrapped or not.
            if let Some(error) = uptls::Error::find_in(&*error) {
                eprintln!("{}: {error}\nhint: {}", error.code(), error.hint());
                return ExitCode::from(error.code().exit_code());
            }
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn get(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, backend, rest @ ..] = arguments else {
        return Err("usage: tokio_get POLICY HOST:PORT [ADDRESS:PORT]".into());
    };
    let (host, port) = backend.rsplit_once(':').ok_or("HOST:PORT has no port")?;
    let address = match rest.first() {
        Some(address) => Address::from(address.parse::<SocketAddr>()?),
        None => Address::from((host, port.parse::<u16>()?)),
    };

    // Once in the life of a program: the runtime, and one connector for each policy.
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let policy = UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?;
    let connector = Connector::new(&runtime, &policy)?;

    let host = BackendHost::parse(host)?;
    // One deadline over resolving, dialling and the handshake; dropping the future gives everything up.
    let mut stream = connector.connect_async(address, &host, &ConnectOptions::default()).await?;
    let evidence = stream.evidence();
    eprintln!("verified {:?} over TLS {}", evidence.peer.matched_name(), evidence.version);
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    stream.flush().await?;
    let mut answer = String::new();
    // An end without close_notify is an error here: an answer that was cut off is never taken for a whole one.
    stream.read_to_string(&mut answer).await?;
    // Our close_notify.
    stream.shutdown().await?;
    Ok(answer)
}
