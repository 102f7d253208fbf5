//! H4: an address that does not answer leaves time for the next one, in both faces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "what a full queue does elsewhere differs"))]

mod handshake_support;

#[cfg(not(target_os = "linux"))]
#[test]
#[ignore = "on Linux alone a full queue answers nothing"]
fn addresses_are_not_silent_here() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use uptls::{Address, Code, ConnectOptions};
    use uptls_testkit::{Server, Versions};

    use crate::handshake_support::{World, host};

    /// An address that takes no connection and refuses none: its queue is full, and no program accepts.
    struct Silent {
        address: SocketAddr,
        _waiting: Vec<TcpStream>,
        _listener: tokio::net::TcpListener,
    }

    impl Silent {
        fn new() -> Silent {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let waiting = (0..16).map_while(|_| TcpStream::connect_timeout(&address, SHORT).ok()).collect::<Vec<_>>();
            assert!(waiting.len() < 16, "the queue is never full");
            Silent { address, _waiting: waiting, _listener: listener }
        }
    }

    #[tokio::test]
    async fn the_second_address_is_reached_when_the_first_is_silent() {
        let world = World::new("silent address");
        let connector = world.connector(world.spec());
        let server = Server::start(&world.server(Versions::Both));
        let silent = Silent::new();
        let both = vec![silent.address, server.addr()];
        let options = ConnectOptions::default().with_timeout(PATIENCE);

        let begun = Instant::now();
        connector.connect_async(both.clone(), &host(), &options).await.unwrap();
        assert!(begun.elapsed() >= PATIENCE / 3, "the first one did not answer");
        let dialled = tokio::task::spawn_blocking(move || Address::from(both).dial(PATIENCE)).await.unwrap();
        assert_eq!(dialled.unwrap().peer_addr().unwrap(), server.addr());

        // The twin: without a second address the first is all there is.
        let short = ConnectOptions::default().with_timeout(SHORT);
        let error = connector.connect_async(silent.address, &host(), &short).await.unwrap_err();
        assert_eq!(error.code(), Code::TcpTimeout, "{error}");
        // An address that refuses costs nothing of it.
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let begun = Instant::now();
        connector.connect_async(vec![closed, server.addr()], &host(), &options).await.unwrap();
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }

    const PATIENCE: Duration = Duration::from_secs(6);
    const SHORT: Duration = Duration::from_millis(300);
}
