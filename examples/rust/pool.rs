//! A pool that follows the policy of its connector: one client for each authority, bound to the key that it is kept by.

use std::collections::HashMap;
use std::error::Error;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::http::uri::Authority;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use uptls::hyper_client::{BoundService, UpstreamService};
use uptls::{Code, PoolKey};

type UpstreamClient = Client<BoundService, Empty<Bytes>>;

/// For each authority the client whose connections are judged as a new one would be.
pub(crate) struct Pool {
    clients: HashMap<Authority, (PoolKey, UpstreamClient)>,
    service: UpstreamService,
}

impl Pool {
    pub(crate) fn new(service: UpstreamService) -> Self {
        Self { clients: HashMap::new(), service }
    }

    /// The client for one request. One that is replaced finishes the requests that are under way, and closes its idle connections.
    pub(crate) fn client(&mut self, uri: &Uri) -> Result<UpstreamClient, Box<dyn Error>> {
        // The key and the connections under it from one hand: by two looks a newer policy's connections would come under an
        // older one's key.
        let bound = self.service.bind(uri)?;
        let authority = uri.authority().ok_or("the URI has no authority")?;
        match self.clients.get(authority) {
            Some((key, client)) if key == bound.pool_key() => return Ok(client.clone()),
            _ => {}
        }
        let key = bound.pool_key().clone();
        let client = Client::builder(TokioExecutor::new()).build(bound);
        self.clients.insert(authority.clone(), (key, client.clone()));
        Ok(client)
    }

    /// A GET. If another policy is published before it has a connection, nothing was sent, and it is sent by the client of the
    /// new key.
    pub(crate) async fn get(&mut self, uri: &Uri) -> Result<Response<Incoming>, Box<dyn Error>> {
        let mut attempts = 3;
        loop {
            attempts -= 1;
            match self.client(uri)?.request(Request::get(uri).body(Empty::new())?).await {
                Err(error) if attempts > 0 && is_superseded(&error) => {}
                outcome => return Ok(outcome?),
            }
        }
    }
}

fn is_superseded(error: &(dyn Error + 'static)) -> bool {
    uptls::Error::find_in(error).is_some_and(|error| error.code() == Code::ConnectorSuperseded)
}
