//! H4: an address that does not answer costs 250 ms where there is another, and not the deadline. Which attempt
//! begins when is a table of `connect/happy_eyeballs/tests.rs`.
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "what a full queue does elsewhere differs"))]

#[cfg(not(target_os = "linux"))]
#[test]
#[ignore = "on Linux alone a full queue answers nothing"]
fn addresses_are_not_silent_here() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::ErrorKind;
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    use tokio::time::Instant;
    use uptls::tokio::{Destination, Dial, Tcp};
    use uptls::{Code, ConnectOptions, Connector, Error};
    use uptls_testkit::{Server, SilentAddress, Versions};

    use crate::support::world::{World, host};

    /// Why there is no connection, and how long that took by a clock of its own that stands still until all wait.
    fn failure(connector: &Connector, addresses: &[SocketAddr]) -> (Error, Duration) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        let options = ConnectOptions::default().with_timeout(SHORT);
        runtime.block_on(async {
            let begun = Instant::now();
            let error = connector.connect_async(addresses.to_vec(), &host(), &options).await.unwrap_err();
            (error, begun.elapsed())
        })
    }

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn closed() -> SocketAddr {
        listener().local_addr().unwrap()
    }

    /// By the real clock: the handshake is with a thread, for which one that stands still does not wait.
    #[tokio::test]
    async fn the_address_that_answers_is_verified() {
        let world = World::new("silent address");
        let connector = world.connector(world.spec());
        let (server, silent) = (Server::start(&world.server(Versions::Both)), SilentAddress::new());
        let options = ConnectOptions::default().with_timeout(HOUR);
        for first in [silent.addr(), closed()] {
            let stream = connector.connect_async(vec![first, server.addr()], &host(), &options).await.unwrap();
            assert_eq!(stream.get_ref().peer_addr().unwrap(), server.addr());
        }
    }

    /// By a clock that stands still until all wait.
    #[tokio::test(start_paused = true)]
    async fn the_second_begins_beside_the_first_and_wins() {
        let (silent, good, spare) = (SilentAddress::new(), listener(), listener());
        let addresses = vec![silent.addr(), good.local_addr().unwrap(), spare.local_addr().unwrap()];
        let (wanted, begun) = (addresses[1], Instant::now());
        let socket = Tcp::default().dial(Destination::new(addresses, HOUR)).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), wanted);
        // A timer of tokio counts whole milliseconds.
        let elapsed = begun.elapsed().as_millis();
        assert!((250..=251).contains(&elapsed), "{elapsed} ms");
        // The twin: where the second wins, the third is not asked.
        spare.set_nonblocking(true).unwrap();
        assert_eq!(spare.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn where_all_are_dead_the_failure_is_what_it_is_for_one() {
        let world = World::new("silent addresses");
        let connector = world.connector(world.spec());
        let (one, other) = (SilentAddress::new(), SilentAddress::new());
        let table: &[(&[SocketAddr], Code, Duration)] = &[
            (&[one.addr()], Code::TcpTimeout, SHORT),
            (&[one.addr(), other.addr()], Code::TcpTimeout, SHORT),
            (&[closed()], Code::TcpRefused, Duration::ZERO),
            (&[closed(), closed()], Code::TcpRefused, Duration::ZERO),
            (&[one.addr(), closed()], Code::TcpRefused, SHORT),
            (&[], Code::TcpRefused, Duration::ZERO),
        ];
        for (addresses, wanted, least) in table {
            let (error, elapsed) = failure(&connector, addresses);
            assert_eq!(error.code(), *wanted, "{addresses:?}: {error}");
            let told = addresses.last().map_or_else(|| "nowhere".to_owned(), SocketAddr::to_string);
            assert!(error.to_string().contains(&told), "{error}");
            assert!(elapsed >= *least, "{addresses:?}: {elapsed:?}");
        }
    }

    const HOUR: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_secs(6);
}
