//! The head of a message: the host that a request is for, and the fields that belong to one connection only.

use core::fmt;

use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::http::uri::Authority;
use hyper::{Request, Version};
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

/// Takes out of a request what is for the connection of the client alone, and says that it went through here.
pub(super) fn forward_request<B>(request: &mut Request<B>) {
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
