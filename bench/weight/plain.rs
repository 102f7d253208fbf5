//! A client without TLS: what the others are compared with.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let uri = std::env::args().nth(1).ok_or("URI")?.parse()?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    println!("{:?}", client.get(uri).await?.into_body().collect().await?.to_bytes());
    Ok(())
}
