//! The two sides: uptls, and rustls as its documentation says to use it.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{BackendHost, ConnectOptions, Connector};

/// Makes connections.
pub(crate) trait Side {
    type Client: Client;

    fn begin(&self) -> Self::Client;
}

/// One connection; bytes in, bytes out.
pub(crate) trait Client {
    fn drain(&mut self, out: &mut Vec<u8>);
    fn feed(&mut self, bytes: &[u8]);
    fn is_done(&self) -> bool;
    /// Reads what has come; gives how much.
    fn read(&mut self, out: &mut [u8]) -> usize;
    fn write(&mut self, data: &[u8]);
}

/// A connection that says what was negotiated.
pub(crate) trait Negotiated {
    /// Version, cipher suite and group, as IANA calls them.
    fn negotiated(&self) -> [String; 3];
}

/// Connections of uptls.
pub(crate) struct Uptls {
    pub(crate) connector: Connector,
    pub(crate) host: BackendHost,
    pub(crate) options: ConnectOptions,
}

impl Side for Uptls {
    type Client = UptlsClient;

    fn begin(&self) -> UptlsClient {
        UptlsClient::Handshake(self.connector.begin(&self.host, &self.options).expect("the policy is ready"))
    }
}

/// A connection of uptls.
pub(crate) enum UptlsClient {
    Done(Established),
    Handshake(Handshake),
    Moving,
}

impl UptlsClient {
    fn established(&mut self) -> &mut Established {
        match self {
            UptlsClient::Done(established) => established,
            UptlsClient::Handshake(_) | UptlsClient::Moving => panic!("the handshake is not done"),
        }
    }
}

impl Client for UptlsClient {
    fn drain(&mut self, out: &mut Vec<u8>) {
        match self {
            UptlsClient::Done(established) => established.drain_to(out),
            UptlsClient::Handshake(handshake) => handshake.drain_to(out),
            UptlsClient::Moving => {}
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let taken = match self {
            UptlsClient::Done(established) => established.feed(bytes),
            UptlsClient::Handshake(handshake) => handshake.feed(bytes),
            UptlsClient::Moving => Ok(0),
        };
        assert_eq!(taken.expect("the peer is honest"), bytes.len());
        if matches!(self, UptlsClient::Handshake(handshake) if handshake.is_done())
            && let UptlsClient::Handshake(handshake) = std::mem::replace(self, UptlsClient::Moving)
        {
            *self = UptlsClient::Done(handshake.finish().expect("it is done"));
        }
    }

    fn is_done(&self) -> bool {
        matches!(self, UptlsClient::Done(_))
    }

    fn read(&mut self, out: &mut [u8]) -> usize {
        match self.established().read(out) {
            Ok(Incoming::Data(count)) => count,
            _ => 0,
        }
    }

    fn write(&mut self, data: &[u8]) {
        assert_eq!(self.established().write(data).expect("it is open"), data.len());
    }
}

/// Connections of rustls.
pub(crate) struct Rustls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl Side for Rustls {
    type Client = ClientConnection;

    fn begin(&self) -> ClientConnection {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).expect("the configuration is valid")
    }
}

impl Client for ClientConnection {
    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.wants_write() {
            self.write_tls(out).expect("memory does not fail");
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.read_tls(&mut bytes).expect("memory does not fail");
            self.process_new_packets().expect("the peer is honest");
        }
    }

    fn is_done(&self) -> bool {
        !self.is_handshaking()
    }

    fn read(&mut self, out: &mut [u8]) -> usize {
        self.reader().read(out).unwrap_or(0)
    }

    fn write(&mut self, data: &[u8]) {
        self.writer().write_all(data).expect("the buffer has room");
    }
}
