//! Source addresses and marks, in both faces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use uptls::tokio::{Destination, Dial, Tcp};
use uptls::{Address, Code, Error, TcpOptions};

use super::support::Peers;

const HOUR: Duration = Duration::from_hours(1);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// By both faces: from where the server sees the connection, or why there is none.
async fn seen(options: &TcpOptions) -> [Result<IpAddr, Code>; 2] {
    let (listener, address) = listener();
    let blocking = Address::from(address).dial_with(options, HOUR).map_err(|error| error.code());
    let source = |_| listener.accept().unwrap().1.ip();
    let blocking = blocking.map(source);
    let tcp = Tcp::new(options.clone()).dial(Destination::new(address, HOUR)).await;
    [
        blocking,
        tcp.map(drop)
            .map(|()| listener.accept().unwrap().1.ip())
            .map_err(|error| Error::find_in(&error).unwrap().code()),
    ]
}

#[tokio::test]
async fn a_connection_comes_from_its_source_address() {
    let other = IpAddr::from([127, 0, 0, 2]);
    let both = TcpOptions::default().with_source(Ipv6Addr::LOCALHOST.into()).with_source(other);
    for options in [TcpOptions::default().with_source(other), both] {
        assert_eq!(seen(&options).await, [Ok(other), Ok(other)]);
    }
    // The last of a family counts.
    let twice = TcpOptions::default().with_source([127, 0, 0, 3].into()).with_source(other);
    assert_eq!(seen(&twice).await, [Ok(other), Ok(other)]);
    // The twin: without one the system chooses.
    assert_eq!(seen(&TcpOptions::default()).await, [Ok(Ipv4Addr::LOCALHOST.into()), Ok(Ipv4Addr::LOCALHOST.into())]);
}

/// A source address that cannot be used is never replaced by another.
#[tokio::test]
async fn a_source_address_that_is_not_ours_is_a_shortage() {
    for source in [IpAddr::from([192, 0, 2, 1]), Ipv6Addr::LOCALHOST.into()] {
        let options = TcpOptions::default().with_source(source);
        assert_eq!(seen(&options).await, [Err(Code::LocalResources), Err(Code::LocalResources)], "{source}");
    }
}

/// Where this process may set marks they are set, and where it may not there is no connection without one.
#[tokio::test]
async fn a_mark_is_set_or_nothing_is_dialled() {
    const MARK: u32 = 0x2a;
    let permitted = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().set_mark(MARK).is_ok();
    let (_listener, address) = listener();
    let options = TcpOptions::default().with_mark(MARK);
    let blocking = Address::from(address).dial_with(&options, HOUR);
    let tcp = Tcp::new(options).dial(Destination::new(address, HOUR)).await;
    if permitted {
        assert_eq!(SockRef::from(&blocking.unwrap()).mark().unwrap(), MARK);
        assert_eq!(SockRef::from(&tcp.unwrap()).mark().unwrap(), MARK);
    } else {
        assert_eq!(blocking.unwrap_err().code(), Code::LocalResources);
        assert_eq!(Error::find_in(&tcp.unwrap_err()).unwrap().code(), Code::LocalResources);
    }
    let plain = Address::from(address).dial(HOUR).unwrap();
    assert_eq!(SockRef::from(&plain).mark().unwrap(), 0);
}

#[tokio::test]
async fn tls_is_judged_over_it() {
    let peers = Peers::new();
    let server = peers.server().await;
    peers.is_judged_over(&Tcp::new(TcpOptions::default().with_source([127, 0, 0, 2].into())), server).await;
}
