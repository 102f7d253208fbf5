//! A verified GET by reqwest: `reqwest_get POLICY https://HOST:PORT/ [ADDRESS:PORT]`.
//!
//! reqwest makes its TLS connections itself, so it is given the policy's `rustls::ClientConfig`. The peer is judged as
//! everywhere else, but there is no evidence, no resumption, no typed reason, and no new policy without a new client: see
//! `uptls::interop`. Where you can choose, take `hyper_pool`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use uptls::danger::DangerPermission;
use uptls::{Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match get(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut next = Some(&*error);
            while let Some(error) = next {
                eprintln!("{error}");
                next = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn get(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, url, rest @ ..] = arguments else {
        return Err("usage: reqwest_get POLICY https://HOST:PORT/ [ADDRESS:PORT]".into());
    };
    let url = reqwest::Url::parse(url)?;
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let policy = UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?;
    let prepared = runtime.prepare(&policy)?;

    let mut client = reqwest::Client::builder()
        // By value. A `ClientConfig` of another rustls than reqwest's is an error of `build`, not of the compiler.
        .tls_backend_preconfigured(rustls::ClientConfig::clone(&uptls::interop::client_config(&prepared)))
        // Never plaintext, not by a redirect either; and a proxy would be somebody else than the policy speaks of.
        .https_only(true)
        .no_proxy()
        .connect_timeout(policy.handshake_timeout());
    if let (Some(address), Some(host)) = (rest.first(), url.host_str()) {
        client = client.resolve(host, address.parse::<SocketAddr>()?);
    }
    let response = client.build()?.get(url).send().await?.error_for_status()?;
    Ok(response.text().await?)
}
