//! How connections end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::{Proxy, REQUEST, connect, eventually, get, with_open_connection};
use crate::support::Folder;
use uptls_testkit::{HostileServer, Misbehaviour, RESPONSE_BODY, Server};

#[test]
fn open_connections_end_by_themselves_after_sigterm() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, address, mut open) = with_open_connection(&folder, &server, &[]);
    proxy.signal("TERM");
    proxy.told("ending: 1 connections are open");
    eventually("the end of the listener", || TcpStream::connect(address).is_err().then_some(()));
    open.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(RESPONSE_BODY));
    drop(open);
    assert_eq!(proxy.entry()["code"], "closed");
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn connections_that_outlast_the_drain_are_closed() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let (proxy, _, mut open) = with_open_connection(&folder, &server, &["--drain-timeout", "100ms"]);
    proxy.signal("TERM");
    assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "drain_timeout");
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_where_that_is_wanted() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--idle-timeout", "100ms"]);
    let mut open = connect(proxy.address("listens on"));
    assert_eq!(open.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "idle_timeout");
}

#[test]
fn half_of_an_answer_is_not_given_as_the_whole() {
    let folder = Folder::new();
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(folder.options())));
    let proxy = Proxy::to(&folder, server.addr(), &[]);
    let read = get(proxy.address("listens on"));
    assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "truncated");
}

#[test]
fn an_upstream_that_breaks_off_after_the_client_left_cuts_nothing() {
    let folder = Folder::new();
    // It reads the end of the client instead of a request, and drops the connection without close_notify.
    let server = Server::start(&folder.options());
    let (proxy, _, client) = with_open_connection(&folder, &server, &[]);
    drop(client);
    assert_eq!(proxy.entry()["code"], "left");
}
