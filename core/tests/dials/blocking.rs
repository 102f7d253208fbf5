//! The ways of the blocking face, of C and of Python: the same rules as those of tokio (H11).

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use uptls::{Address, Code, ConnectOptions, Connector, Dialer, DialledSocket, Error, Secret, TcpOptions};
use uptls_testkit::relay::{HttpProxy, Prefixed};
use uptls_testkit::{Pki, Server, Versions};

use super::http_connect::{TUNNEL, refusals};
use crate::support::world::{World, host, trusting};

struct Peers {
    good: Connector,
    server: Server,
    /// Trusts another CA than the server's.
    stranger: Connector,
}

impl Peers {
    fn new() -> Self {
        let world = World::new("dials");
        let server = Server::start(&world.server(Versions::Both));
        let (good, stranger) = (world.connector(world.spec()), world.connector(trusting(&Pki::new("a stranger"))));
        Self { good, server, stranger }
    }

    /// Connects by `dialer`, and is refused by the policy of the stranger over the same way: a dialer proves nothing.
    fn is_judged_over(&self, dialer: &Dialer, address: impl Into<Address>) -> DialledSocket {
        let address = address.into();
        let stream = self.good.connect_blocking_over(dialer, address.clone(), &host(), &options()).unwrap();
        let refused = self.stranger.connect_blocking_over(dialer, address, &host(), &options()).unwrap_err();
        assert_eq!(refused.code(), Code::CertUnknownIssuer, "{refused}");
        stream.into_parts().1
    }

    fn failure(&self, dialer: &Dialer, address: impl Into<Address>) -> Error {
        self.good.connect_blocking_over(dialer, address, &host(), &options()).unwrap_err()
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::default().with_timeout(Duration::from_hours(1))
}

fn through(proxy: SocketAddr) -> Dialer {
    Dialer::default().with_http_proxy(proxy, None).unwrap()
}

fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn the_backend_is_judged_through_the_tunnel() {
    let peers = Peers::new();
    let proxy = HttpProxy::start(peers.server.addr(), TUNNEL);
    // The name is for the proxy to resolve: this host could not.
    peers.is_judged_over(&through(proxy.addr()), ("backend.invalid", 8443));
    let request = "CONNECT backend.invalid:8443 HTTP/1.1\r\nHost: backend.invalid:8443\r\n\r\n";
    assert_eq!(proxy.requests(), [request, request]);
    let secret = Secret::new("Basic dXNlcjpwYXNzd29yZA==");
    let dialer = through(proxy.addr()).with_http_proxy(proxy.addr(), Some(secret)).unwrap();
    peers.is_judged_over(&dialer, ("backend.invalid", 8443));
    assert!(proxy.requests()[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n"));
    // I6: nothing shows them.
    assert!(!format!("{dialer:?}").contains("dXNl"), "{dialer:?}");
    // The twin: another header in the value.
    let forged = through(proxy.addr()).with_http_proxy(proxy.addr(), Some(Secret::new("Basic x\r\nX-Admin: 1")));
    assert!(forged.unwrap_err().what.contains("visible ASCII"));
}

#[test]
fn whatever_else_a_proxy_answers_is_a_refusal() {
    let peers = Peers::new();
    for (answer, reason) in refusals(peers.server.addr()) {
        let proxy = HttpProxy::start(peers.server.addr(), &answer);
        let error = peers.failure(&through(proxy.addr()), ("backend.invalid", 443));
        assert_eq!(error.code(), Code::TcpRefused, "{answer:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("backend.invalid:443") && text.contains(&proxy.addr().to_string()), "{text}");
        assert!(text.contains(reason), "{answer:?}: {text}");
        assert_eq!(proxy.requests().len(), 1, "{answer:?}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_a_bad_name_never_asked_for() {
    let peers = Peers::new();
    let gone = closed();
    let error = peers.failure(&through(gone), ("backend.invalid", 443));
    assert_eq!(error.code(), Code::TcpRefused);
    assert!(error.to_string().contains(&gone.to_string()), "{error}");
    let proxy = HttpProxy::start(peers.server.addr(), TUNNEL);
    let error = peers.failure(&through(proxy.addr()), ("backend.invalid:443 HTTP/1.1\r\nX: y", 443));
    assert_eq!(error.code(), Code::Misuse, "{error}");
    assert_eq!(peers.failure(&through(proxy.addr()), Vec::new()).code(), Code::TcpRefused);
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[test]
fn each_of_several_sockets_is_asked_for_in_turn() {
    let peers = Peers::new();
    let proxy = HttpProxy::start(peers.server.addr(), "HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let sockets: Vec<SocketAddr> = vec![([192, 0, 2, 1], 443).into(), ([192, 0, 2, 2], 443).into()];
    let error = peers.failure(&through(proxy.addr()), sockets);
    assert!(error.to_string().contains("192.0.2.2:443"), "{error}");
    let to = |last| format!("CONNECT 192.0.2.{last}:443 HTTP/1.1\r\nHost: 192.0.2.{last}:443\r\n\r\n");
    assert_eq!(proxy.requests(), [to(1), to(2)]);
}

/// H4: the deadline covers the answer of a proxy that has none.
#[test]
fn a_proxy_that_says_nothing_ends_with_the_deadline() {
    let peers = Peers::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialer = through(silent.local_addr().unwrap());
    let soon = ConnectOptions::default().with_timeout(Duration::from_millis(100));
    let error = peers.good.connect_blocking_over(&dialer, ("backend.invalid", 443), &host(), &soon).unwrap_err();
    assert_eq!(error.code(), Code::TcpTimeout, "{error}");
    assert!(error.to_string().contains(&silent.local_addr().unwrap().to_string()), "{error}");
}

/// Version 2 with PROXY and TCP over IPv4: 192.0.2.7:41000 to 198.51.100.1:443.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xa0\x28\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[test]
fn a_header_goes_before_tls_and_through_a_tunnel() {
    let peers = Peers::new();
    let named = Dialer::default().with_proxy_header(([192, 0, 2, 7], 41000).into(), ([198, 51, 100, 1], 443).into());
    let (expects_named, expects_local) =
        (Prefixed::start(peers.server.addr(), HEADER), Prefixed::start(peers.server.addr(), LOCAL));
    peers.is_judged_over(&named, expects_named.addr());
    peers.is_judged_over(&Dialer::default().with_local_proxy_header(), expects_local.addr());
    let proxy = HttpProxy::start(expects_named.addr(), TUNNEL);
    peers.is_judged_over(&named.clone().with_http_proxy(proxy.addr(), None).unwrap(), ("backend.invalid", 443));
    // The twins: another header, none, and a backend that expects none.
    for dialer in [Dialer::default().with_local_proxy_header(), Dialer::default()] {
        let error = peers.failure(&dialer, expects_named.addr());
        assert!(matches!(error.code(), Code::PeerClosed | Code::PeerReset), "{error}");
    }
    let error = peers.failure(&named, peers.server.addr());
    assert!(matches!(error.code(), Code::RemoteAlert | Code::PeerClosed | Code::PeerReset), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_address_that_is_not_ours_is_a_shortage() {
    let peers = Peers::new();
    let from = |source: [u8; 4]| Dialer::tcp(TcpOptions::default().with_source(source.into()));
    let socket = peers.is_judged_over(&from([127, 0, 0, 2]), peers.server.addr());
    assert_eq!(socket.peer_addr(), Some(peers.server.addr()));
    let DialledSocket::Tcp(stream) = socket else { panic!("TCP") };
    assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.2");
    // The twin; the way to a proxy is no exception.
    assert_eq!(peers.failure(&from([192, 0, 2, 1]), peers.server.addr()).code(), Code::LocalResources);
    let proxy = HttpProxy::start(peers.server.addr(), TUNNEL);
    let dialer = from([192, 0, 2, 1]).with_http_proxy(proxy.addr(), None).unwrap();
    assert_eq!(peers.failure(&dialer, peers.server.addr()).code(), Code::LocalResources);
}

#[test]
fn a_name_is_resolved_here_if_it_is_not_the_proxys() {
    let peers = Peers::new();
    let port = peers.server.addr().port();
    let hour = Duration::from_hours(1);
    let socket = Dialer::default().dial_here(("localhost", port), hour).unwrap();
    assert_eq!(socket.peer_addr().unwrap().port(), port);
    let error = Dialer::default().dial_here(("backend.invalid", port), hour).unwrap_err();
    assert_eq!(error.code(), Code::DnsFailed, "{error}");
    let proxy = HttpProxy::start(peers.server.addr(), TUNNEL);
    let dialer = Dialer::default().with_http_proxy(("localhost", proxy.addr().port()), None).unwrap();
    assert_eq!(dialer.dial_here(("backend.invalid", 443), hour).unwrap().peer_addr(), Some(proxy.addr()));
}

#[test]
fn a_bound_connector_goes_the_same_ways() {
    let peers = Peers::new();
    let proxy = HttpProxy::start(peers.server.addr(), TUNNEL);
    let bound = peers.good.bind(&host(), &options()).unwrap();
    let stream = bound.connect_blocking_over(&through(proxy.addr()), ("backend.invalid", 443)).unwrap();
    assert_eq!(stream.evidence().pool_key, *bound.pool_key());
    peers.good.withdraw();
    proxy.requests();
    let error = bound.connect_blocking_over(&through(proxy.addr()), ("backend.invalid", 443)).unwrap_err();
    assert_eq!((error.code(), proxy.requests()), (Code::PolicyWithdrawn, Vec::new()));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::net::{UnixListener, UnixStream};

    use uptls_testkit::relay::unix_socket;

    use super::*;

    #[test]
    fn a_unix_socket_is_a_transport() {
        let peers = Peers::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backend.sock");
        unix_socket(&path, peers.server.addr());
        // The address is not used.
        let socket = peers.is_judged_over(&Dialer::unix(&path), ("nobody.invalid", 1));
        assert!(matches!(socket, DialledSocket::Unix(_)) && socket.peer_addr().is_none());
        assert!(Dialer::unix(&path).dial_here(("nobody.invalid", 1), Duration::from_hours(1)).is_ok());
    }

    #[test]
    fn a_path_where_nobody_listens_refuses() {
        let peers = Peers::new();
        let folder = tempfile::tempdir().unwrap();
        let (missing, left) = (folder.path().join("missing.sock"), folder.path().join("left.sock"));
        drop(UnixListener::bind(&left).unwrap());
        for path in [missing, left] {
            let error = peers.failure(&Dialer::unix(&path), ("backend.example", 443));
            assert_eq!(error.code(), Code::TcpRefused, "{error}");
            assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
        }
        // A path that no socket can have is the caller's mistake.
        for path in ["/run/".to_owned() + &"x".repeat(200), "/run/a\0b".to_owned()] {
            let error = peers.failure(&Dialer::unix(path), ("backend.example", 443));
            assert_eq!(error.code(), Code::Misuse, "{error}");
        }
    }

    /// A program that listens and never accepts.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_queue_ends_with_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("busy.sock");
        let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let first = UnixStream::connect(&path).unwrap();
        let error = Dialer::unix(&path).dial(("x.example", 1), Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.code(), Code::TcpTimeout, "{error}");
        drop(first);
    }
}

/// What a hook fails with, the code of that, and a part of its text.
type HookFailure = (fn() -> io::Error, Code, &'static str);

/// The hook is the last before TLS, and the handshake begins if it returns well: nothing follows a failure.
#[test]
fn a_hook_prepares_the_socket_or_ends_the_attempt() {
    let peers = Peers::new();
    let prefixed = Prefixed::start(peers.server.addr(), LOCAL);
    let sends = Dialer::default().with_hook(|socket| {
        let DialledSocket::Tcp(tcp) = socket else { return Err(io::ErrorKind::Unsupported.into()) };
        tcp.set_ttl(8)?;
        // Whatever it leaves behind, the handshake has a socket that blocks.
        (&mut &*tcp).write_all(LOCAL).and_then(|()| tcp.set_nonblocking(true))
    });
    let socket = peers.is_judged_over(&sends, prefixed.addr());
    assert!(socket.local_addr().is_some());
    let DialledSocket::Tcp(tcp) = socket else { panic!("TCP") };
    assert_eq!(tcp.ttl().unwrap(), 8);
    // The twins: the hook of another dialer, and one that fails. A clone has the hook, too.
    assert!(matches!(peers.failure(&Dialer::default(), prefixed.addr()).code(), Code::PeerClosed | Code::PeerReset));
    let table: [HookFailure; 4] = [
        (|| io::Error::other("not today"), Code::LocalResources, "for tls: not today"),
        (|| rustix::io::Errno::PERM.into(), Code::LocalResources, "prepare the socket"),
        (|| rustix::io::Errno::CONNRESET.into(), Code::TcpRefused, "reset"),
        (|| panic!("in the hook"), Code::LocalResources, "the hook panicked: in the hook"),
    ];
    for (error, code, text) in table {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialer = Dialer::default().with_hook(move |_| Err(error())).clone();
        let failure = peers.failure(&dialer, listener.local_addr().unwrap());
        assert_eq!(failure.code(), code, "{failure}");
        assert!(failure.to_string().to_lowercase().contains(text), "{failure}");
        let mut received = Vec::new();
        assert_eq!(listener.accept().unwrap().0.read_to_end(&mut received).unwrap(), 0, "{received:?}");
    }
}

/// H4: the deadline does not interrupt a hook, and no handshake begins after it.
#[test]
fn a_hook_that_outlasts_the_deadline_ends_the_attempt() {
    let peers = Peers::new();
    let soon = Duration::from_millis(50);
    let dialer = Dialer::default().with_hook(move |_| {
        std::thread::sleep(soon);
        Ok(())
    });
    let options = ConnectOptions::default().with_timeout(soon);
    let error = peers.good.connect_blocking_over(&dialer, peers.server.addr(), &host(), &options).unwrap_err();
    assert_eq!(error.code(), Code::TcpTimeout, "{error}");
}
