//! What is below TLS in the blocking faces, C and Python among them: a [`Dialer`] makes the socket, and says nothing of who is on
//! its other end (H11).

mod hook;
pub(crate) mod http_connect;
pub(crate) mod proxy_header;
mod socket;
#[cfg(unix)]
pub(crate) mod unix;

pub use socket::DialledSocket;

use core::fmt;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

use super::address::Address;
use super::deadline::Deadline;
use super::fault::{self, is_temporary};
use super::race;
use super::tcp_options::TcpOptions;
use super::transport::Transport as _;
use crate::error::{ConnectError, Error, Misuse};
use crate::identity::Secret;
use hook::Hook;
use http_connect::{Answer, Authorization};

/// How a blocking connect makes its socket: TCP or a Unix socket, then a tunnel through an HTTP proxy if there is one, then a
/// header of the PROXY protocol if there is one, then a hook if there is one, then TLS. [`Connector::connect_blocking_over`](crate::Connector::connect_blocking_over)
/// connects by it.
///
/// A transport is never an identity (N1). Whatever it is, the same policy judges the peer's certificate for the same backend host
/// and under the same deadline (H11): a proxy that leads elsewhere is refused like any other wrong peer. If the dialer fails,
/// nothing is tried without it.
///
/// The dials of the module `tokio_client` are the same for tasks. A way that is none of these is a [`Transport`](crate::Transport)
/// of the caller's, for [`Connector::handshake`](crate::Connector::handshake).
///
/// ```
/// use uptls::{Dialer, Secret, TcpOptions};
///
/// let source = TcpOptions::default().with_source([192, 0, 2, 7].into());
/// let dialer = Dialer::tcp(source).with_http_proxy(("proxy.internal", 3128), None)?;
/// // "user:password" in Base64 (RFC 7617).
/// let secret = Secret::new("Basic dXNlcjpwYXNzd29yZA==");
/// let dialer = dialer.with_http_proxy(("proxy.internal", 3128), Some(secret))?;
/// # let _ = dialer;
/// # Ok::<_, uptls::Misuse>(())
/// ```
#[derive(Clone, Default)]
pub struct Dialer {
    first: First,
    header: Option<Vec<u8>>,
    hook: Option<Hook>,
    proxy: Option<Proxy>,
}

/// The socket of this host.
#[derive(Clone, Debug)]
enum First {
    Tcp(TcpOptions),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Default for First {
    fn default() -> Self {
        Self::Tcp(TcpOptions::default())
    }
}

/// An HTTP proxy that is asked for a tunnel.
#[derive(Clone)]
struct Proxy {
    address: Address,
    authorization: Option<Authorization>,
}

impl Dialer {
    /// TCP from the source address and with the mark of `options`. [`Dialer::default`] has neither.
    pub fn tcp(options: TcpOptions) -> Self {
        Self { first: First::Tcp(options), ..Self::default() }
    }

    /// The Unix socket at `path`, wherever the connection goes: a sidecar's, for example. TLS over it is as strict as over TCP.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { first: First::Unix(path.into()), ..Self::default() }
    }

    /// Connects to `proxy`, and asks it for a tunnel (CONNECT, RFC 9110 section 9.3.6). TLS with the backend begins in the tunnel.
    ///
    /// A name is given to the proxy as it is, which resolves it; of several sockets the proxy is asked for each in turn. An answer
    /// of 2xx is a tunnel. Any other is `tcp_refused` with its status: no redirect is followed, and no second request is sent. An
    /// answer may have 8 KiB and 64 fields, and nothing may follow it before TLS begins.
    ///
    /// `authorization` is the value of `Proxy-Authorization`. Over TCP every host between here and the proxy can read it.
    ///
    /// # Errors
    /// [`Misuse`] for an `authorization` that is not 1 to 4096 bytes of visible ASCII and spaces: a line end in it would be
    /// another header.
    pub fn with_http_proxy(mut self, proxy: impl Into<Address>, authorization: Option<Secret>) -> Result<Self, Misuse> {
        let authorization = authorization.map(Authorization::new).transpose()?;
        self.proxy = Some(Proxy { address: proxy.into(), authorization });
        Ok(self)
    }

    /// Sends a header of the PROXY protocol (version 2) before TLS, for a client at `source` which connected to `destination`. The
    /// backend must expect it, or it takes the header for broken TLS.
    ///
    /// The header stands outside of TLS: what is between here and the backend can read and change it. **Do not pool connections of
    /// different clients**: no [`PoolKey`](crate::PoolKey) knows of it, and a pool that gives a connection of one client to a request
    /// of another has the backend act for the wrong address.
    #[must_use]
    pub fn with_proxy_header(mut self, source: SocketAddr, destination: SocketAddr) -> Self {
        self.header = Some(proxy_header::proxied(source, destination));
        self
    }

    /// The same for a connection of this program's own, such as a health check: the command LOCAL, without addresses.
    #[must_use]
    pub fn with_local_proxy_header(mut self) -> Self {
        self.header = Some(proxy_header::local());
        self
    }

    /// Calls `hook` with the connected socket before the ClientHello, last of all: to set options of the socket, or to send what the backend
    /// expects before TLS. If it fails, there is no handshake, and nothing more is sent: an error without a number of the system
    /// (`io::Error::other`) and every shortage of this side is `local_resources` with its text, any other what it is in dialling.
    ///
    /// What the hook reads is missing in the handshake. The deadline does not interrupt it, and is looked at when it returns; bound what
    /// may wait in it. The socket blocks again afterwards. For what must be set before the socket connects there is
    /// [`TcpOptions`](crate::TcpOptions). Replaces an earlier hook.
    ///
    /// ```
    /// use uptls::{Dialer, DialledSocket};
    ///
    /// let dialer = Dialer::default().with_hook(|socket| match socket {
    ///     DialledSocket::Tcp(tcp) => tcp.set_ttl(8),
    ///     _ => Ok(()),
    /// });
    /// # let _ = dialer;
    /// ```
    #[must_use]
    pub fn with_hook(mut self, hook: impl Fn(&DialledSocket) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// A socket on which TLS with the backend at `address` can begin, within `timeout` (H4). A name is resolved as by
    /// [`Address::dial`].
    ///
    /// # Errors
    /// Those of [`Address::dial_with`]; `tcp_refused` for a proxy that makes no tunnel; [`Error::Misuse`] for a Unix path that no
    /// socket can have, and for a host that no proxy can be asked for.
    pub fn dial(&self, address: impl Into<Address>, timeout: Duration) -> Result<DialledSocket, Error> {
        self.dial_until(&address.into(), Deadline::after(timeout))
    }

    /// The same, and a name is resolved in this thread, for as long as the system's resolver takes: for callers who may not start
    /// another.
    ///
    /// # Errors
    /// Those of [`Dialer::dial`]; `tcp_timeout` if resolving alone took longer than `timeout`.
    pub fn dial_here(&self, address: impl Into<Address>, timeout: Duration) -> Result<DialledSocket, Error> {
        let (mut dialer, mut address) = (self.clone(), address.into());
        let deadline = Deadline::after(timeout);
        if matches!(dialer.first, First::Tcp(_)) {
            let resolved = dialer.proxy.as_mut().map_or(&mut address, |proxy| &mut proxy.address);
            let name = resolved.shown();
            *resolved = resolved.resolve_here()?.into();
            if deadline.has_passed() {
                return Err(late(name, deadline));
            }
        }
        dialer.dial_until(&address, deadline)
    }

    pub(super) fn dial_until(&self, address: &Address, deadline: Deadline) -> Result<DialledSocket, Error> {
        let mut socket = match &self.proxy {
            None => self.connect(address, deadline)?,
            Some(proxy) => self.tunnel(proxy, address, deadline)?,
        };
        let header = self.header.as_deref().unwrap_or_default();
        let sent = send(&mut socket, header, deadline).and_then(|()| socket.set_deadline(None));
        sent.map_err(|error| failure(&error, address, deadline))?;
        if let Some(hook) = &self.hook {
            let called = hook::call(hook, &socket).and_then(|()| socket.set_blocking());
            called.map_err(|error| hook::failed(&error, address.shown(), &format!("{:?}", deadline.after)))?;
            if deadline.has_passed() {
                return Err(late(address.shown(), deadline));
            }
        }
        Ok(socket)
    }

    fn connect(&self, address: &Address, deadline: Deadline) -> Result<DialledSocket, Error> {
        match &self.first {
            First::Tcp(options) => race::dial(address, options, deadline).map(DialledSocket::Tcp),
            #[cfg(unix)]
            First::Unix(path) => unix::connect(path, deadline).map(DialledSocket::Unix),
        }
    }

    /// A tunnel to the first of the addresses that the proxy reaches, each by a connection of its own.
    fn tunnel(&self, proxy: &Proxy, address: &Address, deadline: Deadline) -> Result<DialledSocket, Error> {
        let mut outcome = Err(failure(&io::Error::other("no address was given"), address, deadline));
        for authority in http_connect::authorities(address)? {
            let mut socket = self.connect(&proxy.address, deadline)?;
            let request = http_connect::request(&authority, proxy.authorization.as_ref());
            let answered = send(&mut socket, &request, deadline).and_then(|()| receive_answer(&mut socket, deadline));
            outcome = match answered.map_err(|error| failure(&error, &proxy.address, deadline))? {
                Ok(()) => return Ok(socket),
                Err(reason) => Err(http_connect::refused(&proxy.address, &authority, &reason)),
            };
        }
        outcome
    }
}

/// Proxies' credentials are not shown.
impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_ref().map(|proxy| &proxy.address);
        f.debug_struct("Dialer").field("first", &self.first).field("proxy", &proxy).finish_non_exhaustive()
    }
}

/// All of `bytes`; the time is set anew before each part, so that a peer that takes one byte at a time ends at the deadline too.
fn send(socket: &mut DialledSocket, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.set_deadline(deadline.at)?;
        match socket.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The answer to CONNECT. Why it makes no tunnel, where it does not.
fn receive_answer(socket: &mut DialledSocket, deadline: Deadline) -> io::Result<Result<(), String>> {
    let mut answer = Answer::new();
    loop {
        socket.set_deadline(deadline.at)?;
        let received = match socket.read(answer.room()) {
            Ok(count) => answer.received(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => return Err(error),
        };
        if let Some(outcome) = received {
            return Ok(outcome);
        }
    }
}

/// That what was dialled could not be reached, or did not take what was sent.
fn failure(error: &io::Error, address: &Address, deadline: Deadline) -> Error {
    match is_temporary(error) {
        true => late(address.shown(), deadline),
        false => fault::undialled(error, &address.shown(), &format!("{:?}", deadline.after)).into(),
    }
}

fn late(address: String, deadline: Deadline) -> Error {
    ConnectError::TcpTimeout { address, after: format!("{:?}", deadline.after) }.into()
}
