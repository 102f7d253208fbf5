//! GETs through pingora's connector: `pingora_get POLICY HOST ADDRESS:PORT [NEXT-POLICY]`.
//!
//! Two GETs by POLICY share a connection. With NEXT-POLICY two more share another.

mod upstream;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use pingora_core::connectors::http::Connector as HttpConnector;
use pingora_http::RequestHeader;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let of_pingora = error.downcast_ref().and_then(|error: &Box<pingora_core::Error>| upstream::reason(error));
            if let Some(error) = of_pingora.or_else(|| uptls::Error::find_in(&*error)) {
                eprintln!("{}: {error}\nhint: {}", error.code(), error.hint());
                return ExitCode::from(error.code().exit_code());
            }
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [policy, host, address, next @ ..] = arguments else {
        return Err("usage: pingora_get POLICY HOST ADDRESS:PORT [NEXT-POLICY]".into());
    };
    let connector = Connector::new(&Runtime::new(uptls::aws_lc_rs::provider()), &load(policy)?)?;
    let (http, host, address) = (HttpConnector::new(None), BackendHost::parse(host)?, address.parse()?);
    for next in std::iter::once(None).chain(next.iter().map(Some)) {
        if let Some(next) = next {
            connector.update(&load(next)?)?;
        }
        for _ in 0..2 {
            let peer = upstream::verified_peer(&connector, &host, address)?;
            let (mut session, reused) = http.get_http_session(&peer).await?;
            let mut request = RequestHeader::build("GET", b"/", None)?;
            request.insert_header("Host", host.to_string())?;
            session.write_request_header(Box::new(request)).await?;
            session.finish_request_body().await?;
            session.read_response_header().await?;
            let status = session.response_header().ok_or("a response has a header")?.status;
            let mut length = 0;
            while let Some(data) = session.read_response_body().await? {
                length += data.len();
            }
            println!("generation {}: {status}, {length} bytes, reused: {reused}", connector.generation());
            http.release_http_session(session, &peer, None).await;
        }
    }
    Ok(())
}

fn load(policy: &str) -> Result<UpstreamTlsPolicy, Box<dyn Error>> {
    Ok(UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?)
}
