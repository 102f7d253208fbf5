//! How a TCP socket is made before it is connected.

#[cfg(any(unix, windows))]
use std::io;
use std::net::IpAddr;
#[cfg(any(unix, windows))]
use std::net::SocketAddr;

#[cfg(any(unix, windows))]
use socket2::{Domain, Protocol, Socket, Type};

/// How TCP sockets are made before they are connected: from which address, and with which mark. None of it is an identity, and
/// none of it is judged.
///
/// ```
/// use uptls::TcpOptions;
///
/// let options = TcpOptions::default().with_source([192, 0, 2, 7].into()).with_mark(0x2a);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// SO_MARK.
    mark: Option<u32>,
    /// At most one of each family.
    sources: Vec<IpAddr>,
}

impl TcpOptions {
    /// Connects from this address of this host; call it once for each family. A firewall that knows the gateway by its egress
    /// address needs this on a host with several.
    ///
    /// Once one family has a source address, addresses of a family without one fail with `local_resources`: they would leave
    /// from an address that nobody chose. The system assigns a port to each socket before it knows where that goes, so that a
    /// source address is good for as many connections in all as there are ephemeral ports.
    #[must_use]
    pub fn with_source(mut self, source: IpAddr) -> Self {
        self.sources.retain(|other| other.is_ipv4() != source.is_ipv4());
        self.sources.push(source);
        self
    }

    /// Marks the packets (SO_MARK), for rules of routing and firewalls: a transparent proxy marks its own connections, so that
    /// they are not redirected to itself. A process without CAP_NET_ADMIN or CAP_NET_RAW fails with `local_resources`.
    /// So does every process where the system has no SO_MARK: anywhere but on Linux, Android and Fuchsia.
    #[must_use]
    pub fn with_mark(mut self, mark: u32) -> Self {
        self.mark = Some(mark);
        self
    }
}

#[cfg(any(unix, windows))]
impl TcpOptions {
    /// A socket for `target` that does not block and is not connected.
    pub(crate) fn socket(&self, target: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // With Nagle's algorithm it is a connection all the same.
        let _ = socket.set_tcp_nodelay(true);
        self.mark(&socket)?;
        if let Some(source) = self.source_for(target)? {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(socket)
    }

    fn source_for(&self, target: SocketAddr) -> io::Result<Option<IpAddr>> {
        match self.sources.iter().find(|source| source.is_ipv4() == target.is_ipv4()) {
            None if !self.sources.is_empty() => Err(no_family()),
            source => Ok(source.copied()),
        }
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    fn mark(&self, socket: &Socket) -> io::Result<()> {
        self.mark.map_or(Ok(()), |mark| socket.set_mark(mark))
    }

    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    fn mark(&self, _: &Socket) -> io::Result<()> {
        self.mark.map_or(Ok(()), |_| Err(rustix::io::Errno::OPNOTSUPP.into()))
    }
}

/// As the system says it of a family that it lacks: it tells least of all failures.
#[cfg(any(unix, windows))]
fn no_family() -> io::Error {
    rustix::io::Errno::AFNOSUPPORT.into()
}
