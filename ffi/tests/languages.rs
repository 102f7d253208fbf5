//! The examples in LuaJIT and Ruby: bindings that are made of `uptls-api.json` when they start.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod common;
#[path = "common/tree.rs"]
mod tree;
#[path = "common/upstream.rs"]
mod upstream;

use std::ffi::OsString;
use std::fs;

use common::{command, crate_folder, run, tool};
use tree::Tree;
use upstream::Upstream;
use uptls_testkit::{HostileServer, Misbehaviour, Server};

/// The right peer answers; another name, a truncated answer and a policy that is not there are refused with code and hint.
fn gets(language: &str, program: &str) {
    let Some(tree) = Tree::new() else { return };
    let upstream = Upstream::new();
    let server = Server::start(&upstream.options());
    let truncating = HostileServer::start(Misbehaviour::CutsTheResponse(Box::new(upstream.options())));
    let folder = crate_folder().join("../examples").join(language);
    let get = |prefix: OsString, policy: &str, port: u16| {
        let mut get = command(language, [program]);
        get.current_dir(&folder).arg(prefix).arg(upstream.path(policy)).args([
            "pay.test",
            &port.to_string(),
            "127.0.0.1",
        ]);
        let output = run(&mut get, &[]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    let prefix = || tree.prefix().as_os_str().to_owned();
    let (code, said) = get(prefix(), "policy.yaml", server.addr().port());
    assert!(code == Some(0) && said.starts_with("HTTP/1.1 200"), "{said}");
    for (policy, port, reason) in [
        ("other.yaml", server.addr().port(), "name_mismatch: "),
        ("policy.yaml", truncating.addr().port(), "truncated: "),
        ("absent.yaml", server.addr().port(), "document_unreadable: "),
    ] {
        let (code, said) = get(prefix(), policy, port);
        assert_eq!(code, Some(1), "{policy}: {said}");
        assert!(said.contains(reason) && said.contains("\nhint: "), "{policy}: {said}");
    }
    // The description makes them: without a function there is no call of it.
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in ["lib", "share/uptls"] {
        fs::create_dir_all(copy.path().join(name)).expect("a folder");
    }
    std::os::unix::fs::symlink(tree.library().join("libuptls.so"), copy.path().join("lib/libuptls.so"))
        .expect("a link");
    let api = fs::read_to_string(tree.prefix().join("share/uptls/uptls-api.json")).expect("it is installed");
    let without = api.replace("\"uptls_stream_connect\"", "\"uptls_stream_handshake\"");
    fs::write(copy.path().join("share/uptls/uptls-api.json"), without).expect("it can be written");
    let (code, said) = get(copy.path().as_os_str().to_owned(), "policy.yaml", server.addr().port());
    assert!(code != Some(0) && !said.contains("HTTP/1.1 200"), "{said}");
}

#[test]
fn luajit() {
    if tool("luajit") {
        gets("luajit", "get.lua");
    }
}

#[test]
fn ruby() {
    if tool("ruby") {
        gets("ruby", "get.rb");
    }
}
