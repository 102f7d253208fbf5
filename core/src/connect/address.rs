//! Where the socket goes.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::name::BackendHost;

/// The address for the socket. It is never an identity (N1): the policy and the backend host decide what the
/// certificate must hold.
///
/// ```
/// use uptls::Address;
///
/// // A name and its port, or addresses that the caller has found: neither says who the peer must be.
/// let by_name = Address::from(("localhost", 8443));
/// let found = Address::from(vec!["10.0.0.7:8443".parse()?, "10.0.0.8:8443".parse()?]);
/// assert_eq!(found.resolve_here()?.len(), 2);
/// # let _ = by_name;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// A name that the system resolves.
    #[non_exhaustive]
    Name {
        /// The name, or an IP address as text.
        host: String,
        /// The port.
        port: u16,
    },
    /// These, by Happy Eyeballs (RFC 8305): families alternate, the next 250 ms after the one before.
    Sockets(Vec<SocketAddr>),
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self::Sockets(vec![socket])
    }
}

impl From<Vec<SocketAddr>> for Address {
    fn from(sockets: Vec<SocketAddr>) -> Self {
        Self::Sockets(sockets)
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        Self::Name { host: host.to_owned(), port }
    }
}

impl From<(&BackendHost, u16)> for Address {
    fn from((host, port): (&BackendHost, u16)) -> Self {
        match host {
            BackendHost::Dns(name) => Self::Name { host: name.to_string(), port },
            BackendHost::Ip(ip) => SocketAddr::new(*ip, port).into(),
        }
    }
}

impl Address {
    /// The addresses that need no resolver; else the name.
    pub(super) fn known(&self) -> Result<Vec<SocketAddr>, (&str, u16)> {
        match self {
            Self::Name { host, port } => literal(host, *port).map(|socket| vec![socket]).ok_or((host, *port)),
            Self::Sockets(sockets) => Ok(sockets.clone()),
        }
    }

    /// For errors: of several sockets the first.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Name { host, port } => format!("{host}:{port}"),
            Self::Sockets(sockets) => match sockets.as_slice() {
                [] => "nowhere".to_owned(),
                [socket] => socket.to_string(),
                [socket, rest @ ..] => format!("{socket} or {} others", rest.len()),
            },
        }
    }
}

/// An IP address as text; an IPv6 address may have a zone in digits.
fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, port)),
        Err(_) => format!("[{host}]:{port}").parse::<SocketAddrV6>().ok().map(SocketAddr::V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_as_text_needs_no_resolver() {
        for text in ["127.0.0.1", "::1", "fe80::1%1"] {
            assert!(literal(text, 443).is_some(), "{text}");
        }
        for text in ["localhost", "127.1", "[::1]", "1.2.3.4.example", ""] {
            assert!(literal(text, 443).is_none(), "{text}");
        }
    }
}
