//! The header of the PROXY protocol that a client begins with: who it is behind the load balancer.

use std::io;
use std::time::Duration;

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::client::{Addresses, Client};

/// Reads the header, of version 1 or 2. `None`: the load balancer speaks for itself, or names no client.
///
/// # Errors
/// Anything but a header within [`LONGEST`] bytes and [`PATIENCE`].
pub(super) async fn read(client: &mut Client) -> io::Result<Option<Addresses>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no PROXY header within {PATIENCE:?}"));
    timeout(PATIENCE, read_header(client)).await.map_err(late)?
}

async fn read_header(client: &mut Client) -> io::Result<Option<Addresses>> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client ended before its PROXY header did"));
        }
        match ProxyHeader::parse(&bytes, ParseConfig::default()) {
            Ok((header, length)) => {
                let proxied = header.proxied_address();
                let addresses = proxied.map(|of| Addresses { source: of.source, destination: of.destination });
                client.unread(bytes.get(length..).unwrap_or_default());
                return Ok(addresses);
            }
            Err(Error::BufferTooShort) if bytes.len() < LONGEST => {}
            Err(Error::BufferTooShort) => return Err(invalid(&format!("it has more than {LONGEST} bytes"))),
            Err(error) => return Err(invalid(&error.to_string())),
        }
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the client does not begin with a PROXY header: {reason}"))
}

/// Far more than addresses and the usual TLVs take.
const LONGEST: usize = 4096;
/// A load balancer sends it at once.
const PATIENCE: Duration = Duration::from_secs(5);
