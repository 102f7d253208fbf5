//! One request: to the pool of its route, and the response back.

use std::sync::Arc;

use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::OwnedSemaphorePermit;
use uptls::hyper_client::{ConnectionInfo, PoolBody, PoolError};

use super::super::log::Outcome;
use super::super::route::Route;
use super::answer::{Reply, own, status};
use super::exchange::{Exchange, RequestBody, UpstreamBody};
use super::head::{self, RequestHost};
use super::serve::{Gate, MAX_HEAD};
use super::upgrade::{self, Asked};
use super::upstream::Upstream;

/// A request that has a route, and may be sent.
struct Routed {
    exchange: Arc<Exchange>,
    gate: Gate,
    host: RequestHost,
    permit: OwnedSemaphorePermit,
    route: Arc<Route>,
}

/// The response to a request: the upstream's, or the reason why there is none.
pub(super) async fn answer(request: Request<Incoming>, gate: Gate) -> Response<Reply> {
    let exchange = Exchange::begin(request.method().clone(), &gate);
    match route(&request, gate, &exchange) {
        Ok(routed) => routed.forward(request).await,
        Err((status, code, reason)) => declined(&exchange, status, code, reason),
    }
}

/// Finds the route (P7). Nothing is dialled.
fn route(
    request: &Request<Incoming>,
    gate: Gate,
    exchange: &Arc<Exchange>,
) -> Result<Routed, (StatusCode, &'static str, String)> {
    if [Method::CONNECT, Method::TRACE].contains(request.method()) {
        let reason = format!("{} is not forwarded", request.method());
        return Err((StatusCode::NOT_IMPLEMENTED, "unsupported_method", reason));
    }
    // hyper may have had room for more: it counts what it has read.
    if head::size(request) > MAX_HEAD {
        let reason = format!("the head is larger than {} KiB", MAX_HEAD >> 10);
        return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "bad_request", reason));
    }
    let host =
        RequestHost::of(request).map_err(|reason| (StatusCode::BAD_REQUEST, "bad_request", reason.to_owned()))?;
    exchange.names(host.name());
    let found = gate.shared.table.borrow().route(&host).cloned();
    let no_route = || (StatusCode::MISDIRECTED_REQUEST, "no_route", format!("no route is for the host {host}"));
    let route = found.ok_or_else(no_route)?;
    exchange.routed(&route);
    match head::max_forwards(request) {
        Ok(None | Some(1..)) => {}
        Ok(Some(0)) => {
            let reason = "this proxy is the last that Max-Forwards lets the request come to".to_owned();
            return Err((StatusCode::OK, "max_forwards", reason));
        }
        Err(reason) => return Err((StatusCode::BAD_REQUEST, "bad_request", reason.to_owned())),
    }
    let permits = route.http.as_ref().map(|http| Arc::clone(&http.permits)).ok_or_else(no_route)?;
    let permit = permits.try_acquire_owned().map_err(|_| {
        let reason = format!("the route serves {} requests, its maxConnections", route.spec.max_connections);
        (StatusCode::SERVICE_UNAVAILABLE, "too_many_requests", reason)
    })?;
    Ok(Routed { exchange: Arc::clone(exchange), gate, host, permit, route })
}

impl Routed {
    async fn forward(self, request: Request<Incoming>) -> Response<Reply> {
        let Some(upstream) = &self.route.http else {
            return declined(
                &self.exchange,
                StatusCode::BAD_GATEWAY,
                "no_route",
                "the route is not for HTTP".to_owned(),
            );
        };
        let (request, asked) = match self.outgoing(request, upstream) {
            Ok(outgoing) => outgoing,
            Err(error) => {
                return declined(&self.exchange, StatusCode::BAD_REQUEST, "bad_request", error.to_string());
            }
        };
        let pool = if asked.is_some() { &upstream.upgrades } else { &upstream.pool };
        let answered = tokio::select! {
            answered = pool.request(request) => answered,
            () = self.exchange.idle(self.route.spec.idle_timeout) => {
                let reason = "the upstream gave no response within the idle time-out".to_owned();
                self.exchange.declined(StatusCode::GATEWAY_TIMEOUT, Outcome::Ended("idle_timeout"));
                return own(StatusCode::GATEWAY_TIMEOUT, "idle_timeout", &reason);
            }
        };
        match answered {
            Ok(response) => self.respond(response, asked),
            Err(error) => self.refused(error),
        }
    }

    /// The request as the upstream gets it.
    fn outgoing(
        &self,
        mut request: Request<Incoming>,
        upstream: &Upstream,
    ) -> Result<(Request<RequestBody>, Option<Asked>), hyper::http::Error> {
        *request.uri_mut() = upstream.uri(&self.host, request.uri())?;
        let asked = Asked::by(&mut request);
        head::forward_request(&mut request);
        // The pool writes it, if the version wants it.
        request.headers_mut().remove(HOST);
        if let Some(asked) = &asked {
            asked.ask(request.headers_mut());
        }
        // What belongs to the connection of the client.
        *request.extensions_mut() = hyper::http::Extensions::new();
        let exchange = Arc::clone(&self.exchange);
        Ok((request.map(|body| RequestBody::new(body, exchange)), asked))
    }

    fn respond(self, mut response: Response<PoolBody>, asked: Option<Asked>) -> Response<Reply> {
        let info = response.extensions().get::<ConnectionInfo>().cloned();
        self.exchange.answered(response.status(), info);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match asked {
                Some(asked) => upgrade::switch(response, asked, self.exchange, &self.route, &self.gate, self.permit),
                None => {
                    let reason = "the upstream switched to a protocol that was not asked for".to_owned();
                    declined(&self.exchange, StatusCode::BAD_GATEWAY, "upstream_http", reason)
                }
            };
        }
        head::forward_response(response.headers_mut());
        // The server of the client has its own.
        *response.version_mut() = Version::HTTP_11;
        *response.extensions_mut() = hyper::http::Extensions::new();
        let (limit, resets) = (self.route.spec.idle_timeout, self.gate.resets.clone());
        let (exchange, permit) = (self.exchange, self.permit);
        response.map(|body| Either::Right(UpstreamBody::new(body, exchange, limit, permit, resets)))
    }

    /// P9: no upstream, or one that was lost before its response.
    fn refused(self, error: PoolError) -> Response<Reply> {
        let error = match error {
            PoolError::Connect(error) | PoolError::Connection(error) => error,
            // It may also be the body of the request that failed: then the client has left, and reads no answer.
            error => return declined(&self.exchange, StatusCode::BAD_GATEWAY, "upstream_http", error.to_string()),
        };
        self.route.refused(&error);
        let (status, code) = (status(error.code()), error.code());
        let response = own(status, code.as_str(), &error.to_string());
        self.exchange.declined(status, Outcome::Refused(Box::new(error)));
        response
    }
}

fn declined(exchange: &Exchange, status: StatusCode, code: &'static str, reason: String) -> Response<Reply> {
    let response = own(status, code, &reason);
    exchange.declined(status, Outcome::Declined(code, reason));
    response
}
