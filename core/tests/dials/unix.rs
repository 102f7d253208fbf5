//! TLS over a Unix socket is judged as over TCP, and a path says why no peer is there.

use tokio::net::UnixListener;
use uptls::Code;
use uptls::tokio::Unix;

use super::support::{Peers, serve};

#[tokio::test]
async fn a_unix_socket_is_a_transport() {
    let peers = Peers::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backend.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let acceptor = peers.acceptor.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(acceptor.clone(), socket));
        }
    });
    // The address is not used.
    peers.is_judged_over(&Unix::new(&path), ("nobody.invalid", 1)).await;
}

#[tokio::test]
async fn a_path_where_nobody_listens_refuses() {
    let peers = Peers::new();
    let folder = tempfile::tempdir().unwrap();
    let (missing, left) = (folder.path().join("missing.sock"), folder.path().join("left.sock"));
    drop(UnixListener::bind(&left).unwrap());
    for path in [missing, left] {
        let error = peers.failure(&Unix::new(&path), ("backend.example", 443)).await;
        assert_eq!(error.code(), Code::TcpRefused, "{error}");
        assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    }
    // A path that no socket can have is the caller's mistake.
    for path in ["/run/".to_owned() + &"x".repeat(200), "/run/a\0b".to_owned()] {
        assert_eq!(peers.failure(&Unix::new(path), ("backend.example", 443)).await.code(), Code::Misuse);
    }
}
