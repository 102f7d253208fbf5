//! GETs through a pool that follows the policy: `hyper_pool POLICY URI ADDRESS:PORT [NEXT-POLICY]`.
//!
//! hyper-util keeps connections by scheme and authority. What was judged by an old policy must not serve requests under a
//! new one, so each client is bound to one pool key (`pool.rs`): two GETs by POLICY share a connection, and with NEXT-POLICY two
//! more share another.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod pool;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use http_body_util::BodyExt;
use hyper::Uri;
use pool::Pool;
use uptls::danger::DangerPermission;
use uptls::hyper_client::{ConnectionInfo, UpstreamService};
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
    let mut pool = Pool::new(service);
    get_twice(&mut pool, &uri).await?;
    for next in next {
        connector.update(&load(next)?)?;
        get_twice(&mut pool, &uri).await?;
    }
    Ok(())
}

fn load(policy: &str) -> Result<UpstreamTlsPolicy, Box<dyn Error>> {
    Ok(UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?)
}

async fn get_twice(pool: &mut Pool, uri: &Uri) -> Result<(), Box<dyn Error>> {
    for _ in 0..2 {
        let (parts, body) = pool.get(uri).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let info = parts.extensions.get::<ConnectionInfo>().ok_or("hyper-util tells of the connection")?;
        let generation = info.evidence.generation;
        println!("generation {generation}: {:?} {}, {} bytes", parts.version, parts.status, body.len());
    }
    Ok(())
}
