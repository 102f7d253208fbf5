//! The head of a message: the host that a request is for, and the fields that belong to one connection only.

use core::fmt;

use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, MAX_FORWARDS, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Version};
use uptls::BackendHost;

/// The host that a request is for, with the port as it was given. Both versions of HTTP have it, in different places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RequestHost {
    authority: Authority,
    /// In its one form, for comparisons: without the port.
    name: String,
}

impl RequestHost {
    /// The host of a request: that of an absolute target or `:authority`, else that of the one `Host` field (RFC 9112 section 3.2,
    /// RFC 9113 section 8.3.1).
    ///
    /// # Errors
    /// There is none, there are two that differ, or it is not a host. A request that another reader sends elsewhere goes nowhere.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, &'static str> {
        let mut fields = request.headers().get_all(HOST).iter();
        let field = match (fields.next(), fields.next()) {
            (field, None) => field.map(Self::of_field).transpose()?,
            (_, Some(_)) => return Err("the request has more than one Host field"),
        };
        let target = request.uri().authority().map(Self::of_authority).transpose()?;
        match (target, field) {
            // HTTP/1.1 wants both where the target is absolute, and lets the target win. One that lies is not for us.
            (Some(target), Some(field)) if target.name != field.name => {
                Err("the target of the request and its Host field name different hosts")
            }
            (Some(host), _) | (None, Some(host)) => Ok(host),
            (None, None) => Err("the request names no host"),
        }
    }

    fn of_field(field: &HeaderValue) -> Result<Self, &'static str> {
        let authority = Authority::try_from(field.as_bytes()).map_err(|_| NO_HOST)?;
        Self::of_authority(&authority)
    }

    fn of_authority(authority: &Authority) -> Result<Self, &'static str> {
        // User information is no part of a request's host. Behind the host there is nothing, or a port.
        let behind = authority.as_str().strip_prefix(authority.host()).ok_or(NO_HOST)?;
        if !behind.is_empty() && authority.port_u16().is_none() {
            return Err(NO_HOST);
        }
        let host = BackendHost::parse(authority.host()).map_err(|_| NO_HOST)?;
        Ok(Self { authority: authority.clone(), name: host.to_string() })
    }

    /// As the client gave it, with the port.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// In lower case, without the port.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RequestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The protocol that a request wants to go on with. HTTP/1.1 alone has this, and HTTP/2 in the clear is no such protocol.
pub(super) fn wanted_upgrade<B>(request: &Request<B>) -> Option<HeaderValue> {
    let is_asked = request.version() == Version::HTTP_11 && has_option(request.headers(), UPGRADE.as_str());
    let wanted = request.headers().get(UPGRADE).filter(|_| is_asked)?;
    (!wanted.as_bytes().eq_ignore_ascii_case(b"h2c")).then(|| wanted.clone())
}

/// How many bytes the head of a request has in HTTP/1.1.
pub(super) fn size<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n\r\n".len();
    request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
        + line
}

/// How often a request may still be forwarded, if it says so. The field means that for OPTIONS and TRACE alone (RFC 9110 section
/// 7.6.2), and TRACE is never forwarded.
///
/// # Errors
/// There are two, or it is not a number: whether the request may go further is not known.
pub(super) fn max_forwards<B>(request: &Request<B>) -> Result<Option<u64>, &'static str> {
    let mut fields = request.headers().get_all(MAX_FORWARDS).iter();
    let field = match (request.method() == Method::OPTIONS, fields.next(), fields.next()) {
        (false, ..) | (true, None, _) => return Ok(None),
        (true, Some(field), None) => field.as_bytes(),
        (true, Some(_), Some(_)) => return Err("the request has more than one Max-Forwards field"),
    };
    if field.is_empty() || !field.iter().all(u8::is_ascii_digit) {
        return Err("the Max-Forwards field of the request is not a number");
    }
    // More than can be counted is the most that can be.
    let count = |count: u64, digit: &u8| count.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Ok(Some(field.iter().fold(0, count)))
}

/// Takes out of a request what is for the connection of the client alone, and says that it went through here.
pub(super) fn forward_request<B>(request: &mut Request<B>) {
    if let Ok(Some(left)) = max_forwards(request) {
        request.headers_mut().insert(MAX_FORWARDS, left.saturating_sub(1).into());
    }
    let takes_trailers = request.headers().get_all(TE).iter().any(|value| has_token(value, "trailers"));
    let version = match request.version() {
        Version::HTTP_10 => "1.0 uptls",
        Version::HTTP_2 => "2 uptls",
        _ => "1.1 uptls",
    };
    let headers = request.headers_mut();
    strip(headers);
    headers.remove(PROXY_AUTHORIZATION);
    if takes_trailers {
        // This proxy hands trailers on, and gRPC insists on the field.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    headers.append(VIA, HeaderValue::from_static(version));
}

/// Takes out of a response what is for the connection to the upstream alone.
pub(super) fn forward_response(headers: &mut HeaderMap) {
    strip(headers);
    headers.remove(PROXY_AUTHENTICATE);
}

/// Removes the fields that are for one connection (RFC 9110 section 7.6.1): those that `Connection` lists, and those that old
/// senders do not list.
fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Whom the request is for is not the client's to hide.
        .filter(|name| *name != HOST)
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}

/// Whether `Connection` lists `option`.
fn has_option(headers: &HeaderMap, option: &str) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| has_token(value, option))
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    let tokens = value.to_str().unwrap_or_default().split(',');
    tokens.map(str::trim).any(|own| own.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(token))
}

const NO_HOST: &str = "the request names no valid host";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, hosts: &[&str]) -> Request<()> {
        let builder = Request::get(target);
        hosts.iter().fold(builder, |builder, host| builder.header(HOST, *host)).body(()).unwrap()
    }

    #[test]
    fn the_host_comes_from_the_target_or_the_field() {
        for (target, hosts, wanted) in [
            ("/", &["Pay.internal:8080"][..], Ok("pay.internal")),
            ("/", &["[::1]:80"], Ok("::1")),
            ("http://pay.internal/", &[], Ok("pay.internal")),
            ("http://pay.internal/", &["PAY.internal:1"], Ok("pay.internal")),
            ("http://pay.internal/", &["other.internal"], Err("name different hosts")),
            ("/", &[], Err("names no host")),
            ("/", &[""], Err("no valid host")),
            ("/", &["a b"], Err("no valid host")),
            ("/", &["user@pay.internal"], Err("no valid host")),
            ("/", &["pay.internal:99999"], Err("no valid host")),
            ("/", &["pay.internal:"], Err("no valid host")),
            ("/", &["pay.internal", "pay.internal"], Err("more than one Host")),
        ] {
            let host = RequestHost::of(&request(target, hosts));
            match wanted {
                Ok(name) => assert_eq!(host.unwrap().name(), name, "{target} {hosts:?}"),
                Err(reason) => assert!(host.as_ref().unwrap_err().contains(reason), "{target} {hosts:?}: {host:?}"),
            }
        }
    }

    #[test]
    fn what_is_for_one_connection_goes_no_further() {
        let mut request = Request::get("/")
            .header(HOST, "a")
            .header(CONNECTION, "close, X-Own, Host")
            .header(CONNECTION, "te")
            .header("x-own", "1")
            .header("keep-alive", "1")
            .header("proxy-connection", "1")
            .header(TE, "gzip, trailers;q=1")
            .header(TRANSFER_ENCODING, "chunked")
            .header(UPGRADE, "x")
            .header(PROXY_AUTHORIZATION, "Basic secret")
            .header("x-kept", "1")
            .header(VIA, "1.0 before")
            .body(())
            .unwrap();
        forward_request(&mut request);
        let mut left: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        left.sort();
        assert_eq!(left, ["host: a", "te: trailers", "via: 1.0 before", "via: 1.1 uptls", "x-kept: 1"]);
        // The twin: a client that takes no trailers.
        let mut request = Request::get("/").header(TE, "gzip").body(()).unwrap();
        forward_request(&mut request);
        assert!(!request.headers().contains_key(TE));
    }

    #[test]
    fn the_size_of_a_head_is_that_of_http1() {
        let request = Request::get("http://a/b?c").header(HOST, "a").header("x", "yz").body(()).unwrap();
        assert_eq!(size(&request), "GET /b?c HTTP/1.1\r\nhost: a\r\nx: yz\r\n\r\n".len());
    }

    #[test]
    fn max_forwards_is_counted_down_for_options_alone() {
        let request = |method: Method, fields: &[&str]| {
            let builder = Request::builder().method(method).uri("/");
            fields.iter().fold(builder, |builder, field| builder.header(MAX_FORWARDS, *field)).body(()).unwrap()
        };
        for (fields, wanted) in [
            (&[][..], Ok(None)),
            (&["0"], Ok(Some(0))),
            (&["010"], Ok(Some(10))),
            (&["99999999999999999999"], Ok(Some(u64::MAX))),
            (&[""], Err("not a number")),
            (&["-1"], Err("not a number")),
            (&["1", "1"], Err("more than one")),
        ] {
            match (max_forwards(&request(Method::OPTIONS, fields)), wanted) {
                (Ok(left), Ok(wanted)) => assert_eq!(left, wanted, "{fields:?}"),
                (Err(reason), Err(wanted)) => assert!(reason.contains(wanted), "{fields:?}: {reason}"),
                (given, _) => panic!("{fields:?}: {given:?}"),
            }
            assert_eq!(max_forwards(&request(Method::GET, fields)), Ok(None));
        }
        let sent = |method| {
            let mut request = request(method, &["7"]);
            forward_request(&mut request);
            request.headers()[MAX_FORWARDS].clone()
        };
        assert_eq!((sent(Method::OPTIONS), sent(Method::GET)), ("6".parse().unwrap(), "7".parse().unwrap()));
    }

    #[test]
    fn an_upgrade_is_asked_for_by_two_fields_of_http1() {
        let asked = |version, connection: &str, upgrade: &str| {
            let request = Request::get("/").version(version).header(CONNECTION, connection).header(UPGRADE, upgrade);
            wanted_upgrade(&request.body(()).unwrap()).is_some()
        };
        assert!(asked(Version::HTTP_11, "keep-alive, Upgrade", "websocket"));
        assert!(!asked(Version::HTTP_11, "keep-alive", "websocket"));
        assert!(!asked(Version::HTTP_11, "Upgrade, HTTP2-Settings", "h2c"));
        assert!(!asked(Version::HTTP_10, "Upgrade", "websocket"));
        assert!(!asked(Version::HTTP_2, "Upgrade", "websocket"));
    }
}
