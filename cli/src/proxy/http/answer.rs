//! What the proxy says itself, where no upstream answers.

use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use uptls::{Code, Severity};

use super::exchange::UpstreamBody;

/// The body of a response: the proxy's own, or the upstream's.
pub(super) type Reply = Either<Full<Bytes>, UpstreamBody>;

/// A short response in plain text that names the code and the reason (P9). RFC 9209 has the field that tells it from one of the
/// upstream.
pub(super) fn own(status: StatusCode, code: &str, reason: &str) -> Response<Reply> {
    let mut response = Response::new(Either::Left(Full::from(format!("{code}: {reason}\n"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("uptls; details=\"{code}\"")) {
        headers.insert(HeaderName::from_static("proxy-status"), value);
    }
    response
}

/// The status for an upstream that cannot be asked: 504 if it took too long, 503 if a retry may succeed, else 502.
pub(super) fn status(code: Code) -> StatusCode {
    match code {
        Code::TcpTimeout | Code::HandshakeTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::PolicyNotReady | Code::PolicyWithdrawn => StatusCode::SERVICE_UNAVAILABLE,
        code => match code.severity() {
            Severity::Transient | Severity::Local => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}
