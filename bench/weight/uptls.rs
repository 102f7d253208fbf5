//! A client by uptls, which trusts the certificates of a file.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use uptls::hyper_client::UpstreamService;
use uptls::{Connector, Runtime, UpstreamTlsPolicy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let (uri, ca): (hyper::Uri, _) = (arguments.next().ok_or("URI")?.parse()?, arguments.next().ok_or("CA")?);
    let policy = UpstreamTlsPolicy::builder().add_ca_file(ca).build()?;
    let connector = Connector::new(&Runtime::new(uptls::aws_lc_rs::provider()), &policy)?;
    let service = UpstreamService::new(connector).bind(&uri)?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(service);
    println!("{:?}", client.get(uri).await?.into_body().collect().await?.to_bytes());
    Ok(())
}
