//! nginx: it presents what it is told to, also after a reload, and is gone with its value.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use uptls_testkit::{Nginx, NginxOptions, Pki, San};

#[test]
fn it_presents_what_it_is_told_to_and_ends_with_its_value() {
    let (old, new) = (Pki::new("nginx, old"), Pki::new("nginx, new"));
    let options = |pki: &Pki| NginxOptions::new(&[&pki.leaf(&[San::dns("backend.example")]), &pki.intermediate]);
    let Some(nginx) = Nginx::start(&options(&old)) else { return };
    nginx.reload(&options(&new));
    nginx.reload(&options(&old));
    let address = nginx.addr();
    assert!(TcpStream::connect(address).is_ok());
    drop(nginx);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn what_nginx_refuses_stops_the_test() {
    let pki = Pki::new("nginx");
    let (leaf, other) = (pki.leaf(&[San::dns("backend.example")]), pki.leaf(&[San::dns("other.example")]));
    let torn = NginxOptions { key: other.key().pkcs8_der(), ..NginxOptions::new(&[&leaf]) };
    let Some(nginx) = Nginx::start(&NginxOptions::new(&[&leaf])) else { return };
    assert!(catch_unwind(AssertUnwindSafe(|| nginx.reload(&torn))).is_err());
    let address = nginx.addr();
    drop(nginx);
    assert!(TcpStream::connect(address).is_err(), "its worker is gone too");
    assert!(catch_unwind(|| Nginx::start(&torn)).is_err());
}
