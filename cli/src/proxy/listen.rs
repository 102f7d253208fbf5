//! Where clients come in: a TCP address or a Unix socket.

use core::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::time::sleep;

use super::client::Client;
use super::inherited::{self, Socket};
use super::log::tell;

/// An address, the path of a Unix socket, or the number of a socket of systemd.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Listen {
    Systemd(usize),
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Listen {
    /// Parses `PORT`, `ADDRESS:PORT`, `[IPv6]:PORT`, `unix:PATH` or `systemd:NUMBER`. A name is refused: it may resolve to an address that other
    /// hosts reach.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("the path is missing: unix:/run/app/db.sock".to_owned()),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        if let Some(number) = text.strip_prefix("systemd:") {
            return number
                .parse()
                .map(Self::Systemd)
                .map_err(|_| "systemd:0 is the first socket of the unit".to_owned());
        }
        if let Ok(port) = text.parse::<u16>() {
            return Ok(Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        text.parse()
            .map(Self::Tcp)
            .map_err(|_| "it is not a PORT, ADDRESS:PORT, unix:PATH or systemd:NUMBER".to_owned())
    }

    /// Whether other hosts can connect to it.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().to_canonical().is_loopback())
    }

    /// Whether the system chooses the port, another one each time.
    pub(super) fn is_any_port(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
    }

    /// Listens there.
    ///
    /// # Errors
    /// The system's: the address is in use, the folder of the socket does not exist.
    pub(super) fn bind(&self) -> io::Result<Listener> {
        match self {
            Self::Systemd(number) => match inherited::take(*number)? {
                Socket::Tcp(listener) => of_tcp(listener),
                Socket::Unix(listener) => {
                    listener.set_nonblocking(true)?;
                    Ok(Listener::Unix { listener: UnixListener::from_std(listener)?, _file: None })
                }
            },
            Self::Tcp(address) => of_tcp(std::net::TcpListener::bind(address)?),
            Self::Unix(path) => {
                Ok(Listener::Unix { listener: bind_unix(path)?, _file: Some(SocketFile(path.clone())) })
            }
        }
    }
}

fn of_tcp(listener: std::net::TcpListener) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    Ok(Listener::Tcp(TcpListener::from_std(listener)?))
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(number) => write!(f, "systemd:{number}"),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An open socket that clients connect to.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Ends with the listener, if the proxy made it.
        _file: Option<SocketFile>,
    },
}

impl Listener {
    /// The next client. A shortage of descriptors passes: one line says that `socket` met one.
    pub(super) async fn accept(&self, socket: &str) -> Client {
        let mut is_short = false;
        loop {
            match self.try_accept().await {
                Ok(client) => return client,
                Err(error) if is_short => drop(error),
                Err(error) => tell(&format!("{socket}: cannot take a client: {error}")),
            }
            is_short = true;
            sleep(SHORTAGE).await;
        }
    }

    async fn try_accept(&self) -> io::Result<Client> {
        match self {
            Self::Tcp(listener) => listener.accept().await.and_then(|(stream, address)| Client::tcp(stream, address)),
            Self::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| Client::unix(stream)),
        }
    }

    /// Where it listens: the port that the system chose for port 0.
    pub(super) fn place(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => Ok(Listen::Tcp(listener.local_addr()?)),
            Self::Unix { listener, .. } => {
                let path = listener.local_addr()?.as_pathname().map(Path::to_owned);
                Ok(Listen::Unix(path.unwrap_or_default()))
            }
        }
    }
}

/// The file of a Unix socket, which ends with the listener.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Its folder may be gone, too.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Only the owner may connect: a client of the socket speaks with the proxy's identity. The socket gets its mode under a name
/// that no client knows, and its own name afterwards.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket has this name"));
        }
        // One that a process left behind refuses connections.
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        },
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let private = tempfile::Builder::new().prefix(".uptls-").tempdir_in(folder)?;
    let unnamed = private.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&unnamed)?;
    std::fs::set_permissions(&unnamed, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&unnamed, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// How long no client is taken when the system is short.
const SHORTAGE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_port_an_address_or_a_path() {
        let shown = |text| Listen::parse(text).map(|listen| (listen.to_string(), listen.is_remote()));
        for (text, wanted, is_remote) in [
            ("6380", "127.0.0.1:6380", false),
            ("127.0.0.1:6380", "127.0.0.1:6380", false),
            ("[::1]:6380", "[::1]:6380", false),
            ("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false),
            ("unix:/run/a.sock", "unix:/run/a.sock", false),
            ("0.0.0.0:6380", "0.0.0.0:6380", true),
            ("[::]:6380", "[::]:6380", true),
            ("10.0.0.7:6380", "10.0.0.7:6380", true),
        ] {
            assert_eq!(shown(text), Ok((wanted.to_owned(), is_remote)), "{text}");
        }
        assert_eq!(shown("systemd:0"), Ok(("systemd:0".to_owned(), false)));
        for bad in ["", "unix:", "systemd:", "systemd:a", "localhost:6380", "127.0.0.1", "::1:6380", "70000"] {
            assert!(Listen::parse(bad).is_err(), "{bad}");
        }
    }
}
