//! The form of a request on the wire, which follows from the negotiated version.

use hyper::header::{CONNECTION, HOST, HeaderValue, TE};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Uri, Version};

/// HTTP/1.1: the target is the path, and the host stands in a field (RFC 9112 section 3.2). CONNECT has the authority. `TE` is for
/// this connection alone, and says so (RFC 9110 section 10.1.4).
pub(super) fn http1<B>(request: &mut Request<B>, authority: &Authority) {
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(&host_field(authority))
    {
        request.headers_mut().insert(HOST, host);
    }
    if request.headers().contains_key(TE) && !request.headers().contains_key(CONNECTION) {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static(TE_OPTION));
    }
    let target = if request.method() == Method::CONNECT {
        Uri::builder().authority(authority.clone()).build()
    } else {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder().path_and_query(path).build()
    };
    // Both are parts of a URI.
    if let Ok(target) = target {
        *request.uri_mut() = target;
    }
}

/// HTTP/2: hyper makes the pseudo-header fields of the whole URI (RFC 9113 section 8.3.1). What was written for a connection of
/// HTTP/1.1 that took no byte goes: hyper would take `TE` with it.
pub(super) fn http2<B>(request: &mut Request<B>) {
    if request.headers().get(CONNECTION).is_some_and(|option| option == TE_OPTION) {
        request.headers_mut().remove(CONNECTION);
    }
    *request.version_mut() = Version::HTTP_2;
}

/// Without user information, and without the port that https means anyway (RFC 9110 section 7.2).
fn host_field(authority: &Authority) -> String {
    match authority.port_u16() {
        None | Some(443) => authority.host().to_owned(),
        Some(port) => format!("{}:{port}", authority.host()),
    }
}

const TE_OPTION: &str = "te";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn http1_has_the_path_and_a_host() {
        let cases = [
            ("GET", "https://a.example", "/", "a.example"),
            ("GET", "https://a.example/p?q=1", "/p?q=1", "a.example"),
            ("GET", "https://user:secret@a.example:443/", "/", "a.example"),
            ("POST", "https://a.example:8443/p", "/p", "a.example:8443"),
            ("GET", "https://[::1]:8443/p", "/p", "[::1]:8443"),
            ("CONNECT", "https://a.example:8443", "a.example:8443", "a.example:8443"),
        ];
        for (method, uri, target, host) in cases {
            let mut request = Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap();
            let authority = request.uri().authority().unwrap().clone();
            http1(&mut request, &authority);
            let seen = (request.uri().to_string(), request.headers()[HOST].to_str().unwrap(), request.version());
            assert_eq!(seen, (target.to_owned(), host, Version::HTTP_11), "{method} {uri}");
        }
    }

    #[test]
    fn te_is_for_a_connection_of_http1_alone() {
        let authority = Authority::from_static("a.example");
        let mut request = Request::get("https://a.example/").header(TE, "trailers").body(()).unwrap();
        http1(&mut request, &authority);
        assert_eq!(request.headers()[CONNECTION], "te");
        // The connection took no byte, and the next one is of HTTP/2.
        http2(&mut request);
        assert_eq!((request.headers().get(CONNECTION), &request.headers()[TE]), (None, &"trailers".parse().unwrap()));
        // The twin: a request without it, and one whose caller wrote its own.
        let mut request = Request::get("https://a.example/").body(()).unwrap();
        http1(&mut request, &authority);
        assert!(!request.headers().contains_key(CONNECTION));
        let mut request = Request::get("https://a.example/").header(CONNECTION, "close").body(()).unwrap();
        http2(&mut request);
        assert_eq!(request.headers()[CONNECTION], "close");
    }

    #[test]
    fn a_host_that_the_caller_wrote_stays() {
        let uri = "https://a.example/";
        let mut request = Request::get(uri).header(HOST, "b.example").body(()).unwrap();
        http1(&mut request, &Authority::from_static("a.example"));
        assert_eq!(request.headers()[HOST], "b.example");
    }
}
