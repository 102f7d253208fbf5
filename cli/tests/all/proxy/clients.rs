//! How clients come in: Unix sockets, sockets of systemd, PROXY headers, limits.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{PATIENCE, Proxy, REQUEST, connect, get, with_open_connection};
use crate::support::{Folder, uptls};
use uptls_testkit::{RESPONSE_BODY, Server, lines_of};

#[test]
fn a_unix_socket_is_for_its_owner_and_ends_with_the_proxy() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (path, to) = (folder.path().join("p.sock"), server.addr().to_string());
    let listen = format!("unix:{}", path.display());
    let args = ["--listen", &listen, "--policy", "policy.yaml", "--connect-to", &to, "payments.internal:443"];
    let proxy = Proxy::start(&folder, &args);
    proxy.told("listens on");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    assert_eq!(proxy.entry()["client"], "unix");
    // Another proxy does not take it away.
    let second = uptls(folder.path(), &[&["proxy"], args.as_slice()].concat());
    assert_eq!(second.code, 2, "{second:?}");
    assert!(second.stderr.contains("cannot listen on unix:"), "{second:?}");
    proxy.signal("INT");
    assert_eq!(proxy.exit_code(), Some(0));
    assert!(!path.exists());
    // One that was left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let proxy = Proxy::start(&folder, &args);
    proxy.told("listens on");
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn a_socket_of_systemd_is_taken_and_told_when_it_serves() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let told = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    // Clients wait from the beginning.
    let mut client = connect(address);
    client.write_all(REQUEST.as_bytes()).unwrap();
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$UPTLS\" proxy --listen systemd:0 --policy policy.yaml \
                  --connect-to \"$TO\" payments.internal:443 3<&0";
    let child = Command::new("sh")
        .args(["-c", script])
        .env("UPTLS", env!("CARGO_BIN_EXE_uptls"))
        .env("TO", server.addr().to_string())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .current_dir(folder.path())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (complaints, log) = (lines_of(std::io::empty()), lines_of(std::io::empty()));
    let proxy = Proxy { child, complaints, log };
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    let state = || {
        let mut bytes = [0; 64];
        let count = told.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert!(state().starts_with("READY=1"));
    proxy.signal("TERM");
    assert!(state().starts_with("STOPPING=1"));
    assert_eq!(proxy.exit_code(), Some(0));
    // The twin: there is none.
    let ran =
        uptls(folder.path(), &["proxy", "--listen", "systemd:0", "--policy", "policy.yaml", "payments.internal:443"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("systemd gave 0 sockets"), "{ran:?}");
}

#[test]
fn a_client_behind_a_load_balancer_is_named_by_its_header() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--accept-proxy-header"]);
    let address = proxy.address("listens on");
    let mut client = connect(address);
    // In pieces, and with the first bytes of the request behind it.
    client.write_all(b"PROXY TCP4 192.0.2.7 198.51.").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    client.write_all(b"100.1 41000 443\r\n").and_then(|()| client.write_all(REQUEST.as_bytes())).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(client);
    let entry = proxy.entry();
    assert_eq!((&entry["client"], &entry["bytes_from_client"]), (&"192.0.2.7:41000".into(), &REQUEST.len().into()));
    // The twin: without a header there is no upstream.
    assert!(get(address).is_err());
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["address"]), (&"client_lost".into(), &Value::Null));
    assert!(entry["message"].as_str().unwrap().contains("does not begin with a PROXY header"), "{entry}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn the_upstream_learns_the_client_before_tls() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(&folder, listener.local_addr().unwrap(), &["--send-proxy-header"]);
    let address = proxy.address("listens on");
    let client = connect(address);
    let (mut upstream, _) = listener.accept().unwrap();
    let mut header = [0; 29];
    upstream.read_exact(&mut header).unwrap();
    let from = client.local_addr().unwrap();
    let ports = [from.port().to_be_bytes(), address.port().to_be_bytes()].concat();
    let wanted = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01".as_slice(), &ports, b"\x16"].concat();
    assert_eq!(header.as_slice(), wanted, "the header, then a ClientHello");
    upstream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(proxy.entry()["code"], "peer_closed");
}

#[test]
fn the_number_of_connections_is_bounded() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (_proxy, address, first) = with_open_connection(&folder, &server, &["--max-connections", "1"]);
    let mut second = connect(address);
    second.write_all(REQUEST.as_bytes()).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "it waits");
    assert_eq!(server.connections(), 1);
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
}
