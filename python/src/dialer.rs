//! `uptls.Dialer`: how a blocking connect makes its socket.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use pyo3::prelude::*;
use uptls::{Dialer, Misuse, Secret, TcpOptions};

use crate::arguments::Bytes;
use crate::errors;
use crate::material::texts;

/// How `connect` and `open_connection` make their socket: TCP or a Unix socket, then a tunnel through an HTTP proxy if there is
/// one, then a header of the PROXY protocol if there is one, then TLS. It is no identity: the same policy judges the peer for the
/// same host under the same deadline. If it fails, nothing is tried without it.
///
/// `sources` are addresses of this host to connect from, one for each family at most. `mark` is SO_MARK. `unix_path` is the path
/// of a Unix socket, which is connected to wherever the connection goes. `http_proxy` is the host and port of a proxy that is asked
/// for a tunnel (CONNECT) and resolves the name; `proxy_authorization` is its value of `Proxy-Authorization`. `proxy_header` is
/// `"local"`, or the address of a client and the address that it connected to, each an IP address and a port.
///
/// >>> dialer = uptls.Dialer(sources=["127.0.0.2"])
/// >>> with policy.connect("payments.internal", 443, dialer=dialer) as stream:
/// ...     stream.getsockname()[0]
/// '127.0.0.2'
#[pyclass(frozen, name = "Dialer", module = "uptls")]
pub(crate) struct PyDialer(Dialer);

/// `proxy_header`.
#[derive(FromPyObject)]
enum Header {
    #[pyo3(transparent, annotation = "str")]
    Named(String),
    #[pyo3(transparent, annotation = "tuple[tuple[str, int], tuple[str, int]]")]
    Proxied(((String, u16), (String, u16))),
}

impl PyDialer {
    pub(crate) fn core(&self) -> &Dialer {
        &self.0
    }
}

#[pymethods]
impl PyDialer {
    #[new]
    #[pyo3(signature = (*, sources=None, mark=None, unix_path=None, http_proxy=None, proxy_authorization=None, proxy_header=None))]
    fn new(
        py: Python<'_>,
        sources: Option<&Bound<'_, PyAny>>,
        mark: Option<u32>,
        unix_path: Option<PathBuf>,
        http_proxy: Option<(String, u16)>,
        proxy_authorization: Option<Bytes>,
        proxy_header: Option<Header>,
    ) -> PyResult<Self> {
        let sources = sources.map_or(Ok(Vec::new()), |sources| texts("sources", sources))?;
        let authorization = proxy_authorization.map(|value| Secret::new(value.to_vec()));
        let made = first(&sources, mark, unix_path)
            .and_then(|dialer| tunnelled(dialer, http_proxy, authorization))
            .and_then(|dialer| headed(dialer, proxy_header));
        made.map(Self).map_err(|misuse| errors::misuse(py, &misuse))
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.0)
    }
}

fn first(sources: &[String], mark: Option<u32>, unix_path: Option<PathBuf>) -> Result<Dialer, Misuse> {
    let mut options = TcpOptions::default();
    for source in sources {
        options = options.with_source(ip("sources", source)?);
    }
    if let Some(mark) = mark {
        options = options.with_mark(mark);
    }
    match unix_path {
        None => Ok(Dialer::tcp(options)),
        Some(path) if options == TcpOptions::default() => unix(path),
        Some(_) => Err(Misuse::new("unix_path excludes sources and mark, which are of TCP")),
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have none")]
fn unix(path: PathBuf) -> Result<Dialer, Misuse> {
    Ok(Dialer::unix(path))
}

#[cfg(not(unix))]
fn unix(path: PathBuf) -> Result<Dialer, Misuse> {
    Err(Misuse::new(format!("unix_path is {}, and there are no Unix sockets on this system", path.display())))
}

fn tunnelled(dialer: Dialer, proxy: Option<(String, u16)>, authorization: Option<Secret>) -> Result<Dialer, Misuse> {
    match (proxy, authorization) {
        (None, None) => Ok(dialer),
        (None, Some(_)) => Err(Misuse::new("proxy_authorization needs http_proxy, to which it is sent")),
        (Some((host, port)), authorization) => dialer.with_http_proxy((host.as_str(), port), authorization),
    }
}

fn headed(dialer: Dialer, header: Option<Header>) -> Result<Dialer, Misuse> {
    match header {
        None => Ok(dialer),
        Some(Header::Named(name)) if name == "local" => Ok(dialer.with_local_proxy_header()),
        Some(Header::Named(other)) => {
            Err(Misuse::new(format!("proxy_header must be \"local\" or a pair of addresses, it is {other:?}")))
        }
        Some(Header::Proxied((source, destination))) => {
            let address = |(host, port): (String, u16)| Ok(SocketAddr::new(ip("proxy_header", &host)?, port));
            Ok(dialer.with_proxy_header(address(source)?, address(destination)?))
        }
    }
}

fn ip(name: &str, text: &str) -> Result<IpAddr, Misuse> {
    text.parse().map_err(|_| Misuse::new(format!("{name} must have IP addresses, and {text:?} is none")))
}
