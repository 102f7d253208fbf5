//! A verified GET over any transport: `dials POLICY URI unix:PATH|ADDRESS:PORT`.
//!
//! What the bytes go over is no identity. The policy judges the peer's certificate for the host of the URI, over a Unix socket of a
//! sidecar as over TCP.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use tokio::net::TcpStream;
use uptls::danger::DangerPermission;
use uptls::hyper_client::{Pool, UpstreamService};
use uptls::tokio_client::{Destination, Dial, Unix};
use uptls::{Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
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

async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [policy, uri, way] = arguments else {
        return Err("usage: dials POLICY URI unix:PATH|ADDRESS:PORT".into());
    };
    let uri: Uri = uri.parse()?;
    let policy = UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?;
    let connector = Connector::new(&Runtime::new(uptls::aws_lc_rs::provider()), &policy)?;
    match way.strip_prefix("unix:") {
        // The socket of a sidecar, whatever the URI says.
        Some(path) => get(UpstreamService::new(connector).with_dial(Unix::new(path)), uri).await,
        None => {
            let address: SocketAddr = way.parse()?;
            // Anything that makes a stream: this one says where it was asked to go, and goes elsewhere.
            let dial = move |destination: Destination| {
                eprintln!("{destination} is reached at {address}");
                TcpStream::connect(address)
            };
            get(UpstreamService::new(connector).with_dial(dial), uri).await
        }
    }
}

async fn get<D: Dial>(service: UpstreamService<D>, uri: Uri) -> Result<(), Box<dyn Error>> {
    let response = Pool::new(service).request(Request::get(uri).body(Empty::<Bytes>::new())?).await?;
    println!("{:?} {}", response.version(), response.status());
    println!("{}", String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()));
    Ok(())
}
