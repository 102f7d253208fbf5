//! `use uptls::*` hides no crate: a module named `tokio` would make `#[tokio::main]` ambiguous (E0659). It is the compiler that tests here.
#![allow(clippy::wildcard_imports, reason = "a glob import is the subject")]

use uptls::*;

#[tokio::test]
async fn the_crates_beside_a_glob_import_keep_their_names() {
    let uri: hyper::Uri = "https://payments.internal/".parse().unwrap();
    let connector = UpstreamTlsPolicy::builder().build().map(|_| ()).map_err(|problems| problems.code());
    assert_eq!((uri.host(), connector), (Some("payments.internal"), Err(Code::TrustMissing)));
    tokio::task::yield_now().await;
    // The same crate by two ways is no ambiguity.
    let _: Option<rustls::ClientConfig> = None;
    let _: Option<hyper_util::client::legacy::Client<hyper_client::BoundService, String>> = None;
    let _: Option<tokio_client::AsyncStream<tokio::net::TcpStream>> = None;
}
