//! A world with a server on any transport, and one connector that accepts it beside one that does not.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use uptls::tokio::Dial;
use uptls::{Address, Code, ConnectOptions, Connector, Error};
use uptls_testkit::{Pki, Sessions, Versions};

use crate::support::world::{World, host, trusting};

pub(crate) struct Peers {
    pub(crate) acceptor: TlsAcceptor,
    /// Trusts the server's CA.
    pub(crate) good: Connector,
    /// Trusts another.
    pub(crate) stranger: Connector,
}

impl Peers {
    pub(crate) fn new() -> Self {
        let world = World::new("dials");
        let acceptor = TlsAcceptor::from(world.server(Versions::Both).config(&Sessions::new()));
        let (good, stranger) = (world.connector(world.spec()), world.connector(trusting(&Pki::new("a stranger"))));
        Self { acceptor, good, stranger }
    }

    /// A TLS server that answers every connection until the test ends.
    pub(crate) async fn server(&self) -> SocketAddr {
        let acceptor = self.acceptor.clone();
        accepting(move |socket| serve(acceptor.clone(), socket)).await
    }

    /// Connects to the server by `dial`, and is refused by the policy of the stranger over the same way: a dial proves nothing.
    pub(crate) async fn is_judged_over<D: Dial>(&self, dial: &D, address: impl Into<Address>) {
        let address = address.into();
        let stream = self.good.connect_over(dial, address.clone(), &host(), &options()).await.unwrap();
        assert_eq!(stream.evidence().alpn, None);
        let refused = self.stranger.connect_over(dial, address, &host(), &options()).await.unwrap_err();
        assert_eq!(refused.code(), Code::CertUnknownIssuer, "{refused}");
    }

    pub(crate) async fn failure<D: Dial>(&self, dial: &D, address: impl Into<Address>) -> Error {
        self.good.connect_over(dial, address, &host(), &options()).await.unwrap_err()
    }
}

pub(crate) fn options() -> ConnectOptions {
    ConnectOptions::default().with_timeout(std::time::Duration::from_hours(1))
}

/// A handshake, and a few bytes.
pub(crate) async fn serve(acceptor: TlsAcceptor, socket: impl AsyncRead + AsyncWrite + Unpin) {
    // A client that refuses the server goes away.
    let Ok(mut stream) = acceptor.accept(socket).await else { return };
    let _ = stream.write_all(b"hello").await;
    let _ = stream.shutdown().await;
}

/// Gives every connection to `work` until the test ends.
pub(crate) async fn accepting<F: Future<Output = ()> + Send + 'static>(
    work: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(work(socket));
        }
    });
    address
}
