//! The client of a pool as the documentation of `uptls::hyper` writes it, word for word.

use std::collections::HashMap;

use hyper::{Uri, http::uri::Authority};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use uptls::PoolKey;
use uptls::hyper::{BoundService, UpstreamService};

type UpstreamClient = Client<BoundService, String>;

/// Ask for the client anew for each request.
pub fn client(
    clients: &mut HashMap<Authority, (PoolKey, UpstreamClient)>,
    service: &UpstreamService,
    uri: &Uri,
) -> Result<UpstreamClient, uptls::Error> {
    let bound = service.bind(uri)?;
    let authority = uri.authority().ok_or_else(|| uptls::Misuse::new("the URI has no authority"))?;
    match clients.get(authority) {
        Some((key, client)) if key == bound.pool_key() => return Ok(client.clone()),
        _ => {}
    }
    let key = bound.pool_key().clone();
    let client = Client::builder(TokioExecutor::new()).build(bound);
    clients.insert(authority.clone(), (key, client.clone()));
    Ok(client)
}
