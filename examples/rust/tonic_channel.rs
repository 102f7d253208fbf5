//! Asks a gRPC server for its health over a verified channel: `tonic_channel POLICY HOST:PORT [ADDRESS:PORT]`.
//!
//! The policy must offer `h2`. tonic is built without its TLS features: with one, `https` would be kept from the connector,
//! and `Endpoint::origin` with `UpstreamService::also_for_http_uris` is the way.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use hyper::body::Buf as _;
use hyper::http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use uptls::danger::DangerPermission;
use uptls::hyper_client::UpstreamService;
use uptls::{Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match check(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(health) => {
            println!("{health}");
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

async fn check(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, backend, rest @ ..] = arguments else {
        return Err("usage: tonic_channel POLICY HOST:PORT [ADDRESS:PORT]".into());
    };
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let policy = UpstreamTlsPolicy::check(uptls_manifest::load(Path::new(policy))?, DangerPermission::Forbidden)?;
    let connector = Connector::new(&runtime, &policy)?;

    // h2 or no connection: gRPC over anything else would only fail later, and less clearly.
    let uri = format!("https://{backend}");
    let mut upstream = UpstreamService::new(connector).http2_only();
    if let Some(address) = rest.first() {
        upstream = upstream.with_address(address.parse::<SocketAddr>()?);
    }
    // A channel is a pool of one, bound to the policy of now. A real program keeps `bound` beside it, and makes another channel
    // once `bound.is_current()` is false; and it waits less: `connect_with_connector_lazy`, which connects again after a failure.
    let bound = upstream.bind(&uri.parse()?)?;
    let channel = Endpoint::from_shared(uri)?.connect_with_connector(bound).await?;
    let mut health = Grpc::new(channel);
    health.ready().await?;
    let method = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let answer = health.unary(Request::new(()), method, HealthCodec).await?;
    Ok(answer.into_inner())
}

/// What `tonic-build` would generate for `grpc.health.v1`, by hand: no service is named, and the answer is one number.
#[derive(Clone, Copy)]
struct HealthCodec;

impl Codec for HealthCodec {
    type Encode = ();
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for HealthCodec {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for HealthCodec {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let health = match *message.copy_to_bytes(message.remaining()) {
            // Field 1, a varint.
            [8, 1] => "SERVING",
            [8, 2] => "NOT_SERVING",
            _ => "UNKNOWN",
        };
        Ok(Some(health.to_owned()))
    }
}
