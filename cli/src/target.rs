//! Whom to connect to, and where the socket goes: two different things (N1).

use core::net::IpAddr;
use std::time::Duration;

use uptls::{Address, BackendHost};

/// The backend host and its port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) host: BackendHost,
    pub(crate) port: u16,
}

impl Target {
    /// Parses `HOST:PORT`, `[IPv6]:PORT` or `https://HOST`, whose path names no endpoint.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (authority, default) = match text.split_once("://") {
            Some(("https", rest)) => (rest.split(['/', '?', '#']).next().unwrap_or_default(), Some(443)),
            Some((scheme, _)) => {
                return Err(format!("{scheme:?} is no scheme of TLS: give HOST:PORT, or https://HOST"));
            }
            None => (text, None),
        };
        let (host, port) = split(authority)?;
        let port = port.or(default).ok_or_else(|| "the port is missing: HOST:PORT".to_owned())?;
        if host.contains('%') {
            return Err(
                "a zone is of this machine, and in no certificate: give the host, and --connect-to '[fe80::1%eth0]'"
                    .to_owned(),
            );
        }
        if host.contains('.') && host.chars().all(|c| c.is_ascii_digit() || c == '.') && host.parse::<IpAddr>().is_err()
        {
            return Err(format!("{host:?} is no IPv4 address: write all four numbers, as in 127.0.0.1"));
        }
        let host = BackendHost::parse(host).map_err(|reason| reason.to_string())?;
        Ok(Self { host, port })
    }
}

impl core::fmt::Display for Target {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.host {
            BackendHost::Ip(ip) => core::net::SocketAddr::new(*ip, self.port).fmt(f),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// Where the socket goes instead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectTo {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl ConnectTo {
    /// Parses `ADDRESS` or `ADDRESS:PORT`; an IPv6 address with a port is in brackets.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Err("ADDRESS or ADDRESS:PORT is wanted; uptls dials no URL and no Unix socket".to_owned());
        }
        if text.parse::<core::net::Ipv6Addr>().is_ok() {
            return Ok(Self { host: text.to_owned(), port: None });
        }
        let (host, port) = split(text)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Where the socket goes for `target`.
pub(crate) fn address(target: &Target, connect_to: Option<&ConnectTo>) -> Address {
    match connect_to {
        Some(to) => Address::from((to.host.as_str(), to.port.unwrap_or(target.port))),
        None => Address::from((&target.host, target.port)),
    }
}

/// Host without brackets, and the port if there is one.
fn split(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| "the closing bracket is missing".to_owned())?;
            match rest.strip_prefix(':') {
                None if !rest.is_empty() => return Err("a port follows a bracket as in [::1]:443".to_owned()),
                port => (host, port),
            }
        }
        None => match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err("an IPv6 address needs brackets: [::1]:443".to_owned()),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let parse = |port: &str| match port.parse::<u16>() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(format!("{port:?} is not a port, 1 to 65535")),
    };
    Ok((host, port.map(parse).transpose()?))
}

/// Parses a time as in the policy's `handshakeTimeout`: a whole number and a unit.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let wanted = || "expected a number with a unit: 10s, 500ms or 2m".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let timeout = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(wanted()),
    };
    match timeout {
        Duration::ZERO => Err("it must be more than nothing".to_owned()),
        timeout if timeout > LONGEST => Err("it must not be more than an hour".to_owned()),
        timeout => Ok(timeout),
    }
}

const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_a_host_and_a_port() {
        const TABLE: &[(&str, Result<&str, &str>)] = &[
            ("payments.internal:8443", Ok("payments.internal:8443")),
            ("Payments.internal.:1", Ok("payments.internal:1")),
            ("127.0.0.1:443", Ok("127.0.0.1:443")),
            ("[::1]:443", Ok("[::1]:443")),
            ("payments.internal", Err("the port is missing: HOST:PORT")),
            ("[::1]", Err("the port is missing: HOST:PORT")),
            ("::1", Err("an IPv6 address needs brackets: [::1]:443")),
            ("a:0", Err("\"0\" is not a port, 1 to 65535")),
            ("a:70000", Err("\"70000\" is not a port, 1 to 65535")),
            (":443", Err("the host is missing")),
            ("[::1:443", Err("the closing bracket is missing")),
            ("*.a:443", Err("a wildcard is not a name")),
            ("https://pay.test/", Ok("pay.test:443")),
            ("https://pay.test:8443/a?b:1", Ok("pay.test:8443")),
            ("https://[::1]", Ok("[::1]:443")),
            ("http://pay.test/", Err("\"http\" is no scheme of TLS: give HOST:PORT, or https://HOST")),
            ("127.1:443", Err("\"127.1\" is no IPv4 address: write all four numbers, as in 127.0.0.1")),
            (
                "[fe80::1%lo]:443",
                Err(
                    "a zone is of this machine, and in no certificate: give the host, and --connect-to '[fe80::1%eth0]'",
                ),
            ),
        ];
        for (text, wanted) in TABLE {
            let got = Target::parse(text).map(|target| target.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), *wanted, "{text}");
        }
    }

    #[test]
    fn an_address_to_connect_to_may_have_a_port() {
        let parts = |text| ConnectTo::parse(text).map(|to| (to.host, to.port));
        assert_eq!(parts("10.0.0.7"), Ok(("10.0.0.7".to_owned(), None)));
        assert_eq!(parts("10.0.0.7:1"), Ok(("10.0.0.7".to_owned(), Some(1))));
        assert_eq!(parts("::1"), Ok(("::1".to_owned(), None)));
        assert_eq!(parts("[::1]:1"), Ok(("::1".to_owned(), Some(1))));
        assert_eq!(parts("pod-7.local"), Ok(("pod-7.local".to_owned(), None)));
        assert!(parts("").is_err());
        assert!(parts("/run/pay.sock").is_err_and(|error| error.contains("no Unix socket")));
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_timeout("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(parse_timeout("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_timeout("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "10", "s", "0s", "1.5s", "-1s", "61m", "99999999999999999999s"] {
            assert!(parse_timeout(bad).is_err(), "{bad}");
        }
    }
}
