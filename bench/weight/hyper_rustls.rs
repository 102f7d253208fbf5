//! A client by hyper-rustls, which trusts the certificates of a file.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let (uri, ca) = (arguments.next().ok_or("URI")?.parse()?, arguments.next().ok_or("CA")?);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(https);
    println!("{:?}", client.get(uri).await?.into_body().collect().await?.to_bytes());
    Ok(())
}
