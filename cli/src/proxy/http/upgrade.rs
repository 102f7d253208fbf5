//! A protocol after HTTP/1.1, such as WebSocket: 101, and then the bytes of both sides.

use std::sync::Arc;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use uptls::hyper_client::PoolBody;

use super::super::connection::relay_to_end;
use super::super::log::Outcome;
use super::super::relay::Relay;
use super::super::route::Route;
use super::answer::Reply;
use super::exchange::Exchange;
use super::head;
use super::serve::Gate;

/// What a client wants to go on with.
pub(super) struct Asked {
    client: OnUpgrade,
    protocol: HeaderValue,
}

impl Asked {
    /// What the request asks for, if it is an upgrade.
    pub(super) fn by(request: &mut Request<Incoming>) -> Option<Self> {
        let protocol = head::wanted_upgrade(request)?;
        Some(Self { client: hyper::upgrade::on(request), protocol })
    }

    /// Asks the upstream for the same.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        set(headers, self.protocol.clone());
    }
}

/// The upstream goes on with another protocol: so does the client, after this response. The stream of the pool says when the policy
/// refuses its peer (R11).
pub(super) fn switch(
    mut response: Response<PoolBody>,
    asked: Asked,
    exchange: Arc<Exchange>,
    route: &Arc<Route>,
    gate: &Gate,
    permit: OwnedSemaphorePermit,
) -> Response<Reply> {
    let upstream = hyper::upgrade::on(&mut response);
    let protocol = response.headers().get(UPGRADE).cloned().unwrap_or(asked.protocol);
    head::forward_response(response.headers_mut());
    set(response.headers_mut(), protocol);
    let (stage, resets, idle) = (gate.shared.stage.clone(), gate.resets.clone(), route.spec.idle_timeout);
    let client = asked.client;
    gate.shared.tasks.spawn(async move {
        let (client, upstream) = match tokio::try_join!(client, upstream) {
            Ok(both) => both,
            Err(error) => return exchange.ended(Outcome::BadClient(error.to_string())),
        };
        let mut relay = Relay::new(TokioIo::new(client), TokioIo::new(upstream));
        let outcome = relay_to_end(&mut relay, idle, None, stage).await;
        exchange.moved(relay.moved());
        if !matches!(outcome, Outcome::Ended("closed")) {
            resets.on_drop();
        }
        exchange.ended(outcome);
        drop(permit);
    });
    response.map(|_| Either::Left(Full::from(Bytes::new())))
}

fn set(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}
