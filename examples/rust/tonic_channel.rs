//! Asks a gRPC server for its health over a verified pool: `tonic_channel POLICY HOST:PORT [ADDRESS:PORT]`.
//!
//! The policy must offer `h2`. The pool stands in the place of tonic's `Channel`, and follows the policy. Generated clients take it
//! in the same way: `HealthClient::with_origin(pool, uri)`. tonic needs none of its TLS features, and not its `channel`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use hyper::body::Buf as _;
use hyper::http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};
use uptls::danger::DangerPermission;
use uptls::hyper_client::{Pool, UpstreamService};
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
    // A channel would be bound to the policy of now; a pool asks for each call what is published.
    let mut health = Grpc::with_origin(Pool::new(upstream), uri.parse()?);
    health.ready().await.map_err(Box::<dyn Error>::from)?;
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
