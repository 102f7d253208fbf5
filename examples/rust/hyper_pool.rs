//! GETs through a pool that follows the policy: `hyper_pool POLICY URI ADDRESS:PORT [NEXT-POLICY]`.
//!
//! What was judged by an old policy must not serve requests under a new one. So two GETs by POLICY share a connection, and with
//! NEXT-POLICY two more share another. At the end it prints the numbers of the pool.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use uptls::danger::DangerPermission;
use uptls::hyper_client::{ConnectionInfo, Pool, UpstreamService};
use uptls::{Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Behind the error of the client stands why there is no connection.
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
    let [policy, uri, address, next @ ..] = arguments else {
        return Err("usage: hyper_pool POLICY URI ADDRESS:PORT [NEXT-POLICY]".into());
    };
    let uri: Uri = uri.parse()?;
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let connector = Connector::new(&runtime, &load(policy)?)?;
    // Where the sockets go is not who is there: the host of the URI stays the backend host.
    let service = UpstreamService::new(connector.clone()).with_address(address.parse::<SocketAddr>()?);
    let pool = Pool::new(service);
    // Closes idle connections when the policy changes, and when the peer's proof ends. It ends with the pool.
    tokio::spawn(pool.maintain());
    get_twice(&pool, &uri).await?;
    for next in next {
        connector.update(&load(next)?)?;
        get_twice(&pool, &uri).await?;
    }
    let counts = pool.counts();
    eprintln!("{} opened, {} resumed, {} reused", counts.opened, counts.resumed, counts.reused);
    Ok(())
}

fn load(policy: &str) -> Result<UpstreamTlsPolicy, Box<dyn Error>> {
    Ok(UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?)
}

async fn get_twice(pool: &Pool<Empty<Bytes>>, uri: &Uri) -> Result<(), Box<dyn Error>> {
    for _ in 0..2 {
        let response = pool.request(Request::get(uri).body(Empty::new())?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let info = parts.extensions.get::<ConnectionInfo>().ok_or("the pool tells of the connection")?;
        let generation = info.evidence.generation;
        println!("generation {generation}: {:?} {}, {} bytes", parts.version, parts.status, body.len());
    }
    Ok(())
}
