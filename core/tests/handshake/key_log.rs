//! The key log (H7): by an explicit call, for one connector, and told in every report.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::sync::{Arc, Mutex};

use crate::support::world::{World, converse, host};
use uptls::sans_io::Handshake;
use uptls::{Code, ConnectOptions, Connector, WarningCode};
use uptls_testkit::{MemoryServer, Pki, Versions};

use crate::support::world::trusting;

/// Whether the report says so.
fn connect(world: &World, connector: &Connector, versions: Versions) -> bool {
    let mut server = MemoryServer::with_options(&world.server(versions));
    finish(connector.begin(&host(), &ConnectOptions::default()).unwrap(), &mut server)
}

fn finish(mut handshake: Handshake, server: &mut MemoryServer) -> bool {
    converse(&mut handshake, server).unwrap();
    let report = handshake.finish().unwrap().report();
    report.warnings.iter().any(|warning| warning.code == WarningCode::KeysLogged)
}

fn labels(lines: &[String]) -> BTreeSet<&str> {
    lines.iter().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn one_connector_logs_from_the_call_to_the_end_of_it() {
    let world = World::new("key log");
    let (logged, beside) = (world.connector(world.spec()), world.connector(world.spec()));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&lines);
    assert!(!connect(&world, &logged, Versions::Tls13));
    let before = logged.begin(&host(), &ConnectOptions::default()).unwrap();
    logged.log_keys(move |line| taken.lock().unwrap().push(line.to_owned()));
    assert!(logged.logs_keys() && !beside.logs_keys());
    // The twins: what began before, and a connector with the same policy, whose configuration is shared.
    assert!(!finish(before, &mut MemoryServer::with_options(&world.server(Versions::Tls13))));
    assert!(!connect(&world, &beside, Versions::Tls13));
    assert_eq!(lines.lock().unwrap().len(), 0);
    assert!(connect(&world, &logged, Versions::Tls13));
    let found = std::mem::take(&mut *lines.lock().unwrap());
    assert!(labels(&found).contains("SERVER_TRAFFIC_SECRET_0") && labels(&found).contains("CLIENT_TRAFFIC_SECRET_0"));
    for line in &found {
        let fields: Vec<_> = line.strip_suffix('\n').unwrap().split(' ').collect();
        assert!(fields.len() == 3 && fields[1].len() == 64 && fields[2].len() >= 64, "{}", fields[0]);
    }
    assert!(connect(&world, &logged, Versions::Tls12));
    assert!(labels(&lines.lock().unwrap()).contains("CLIENT_RANDOM"));
    lines.lock().unwrap().clear();
    logged.stop_logging_keys();
    assert!(!logged.logs_keys() && !connect(&world, &logged, Versions::Tls13));
    assert_eq!(lines.lock().unwrap().len(), 0);
}

/// A refused peer's handshake had keys, too; and a sink that panics disturbs nothing.
#[test]
fn it_changes_no_verdict() {
    let world = World::new("key log");
    let stranger = world.connector(trusting(&Pki::new("a stranger")));
    stranger.log_keys(|_| panic!("the sink"));
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    let mut handshake = stranger.begin(&host(), &ConnectOptions::default()).unwrap();
    let error = converse(&mut handshake, &mut server).unwrap_err();
    assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
    let warnings = handshake.report().unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.code == WarningCode::KeysLogged));
    let good = world.connector(world.spec());
    good.log_keys(|_| panic!("the sink"));
    assert!(connect(&world, &good, Versions::Tls13));
}

#[test]
fn a_file_is_regular() {
    let world = World::new("key log");
    let connector = world.connector(world.spec());
    let path = std::env::temp_dir().join(format!("uptls-key-log-{}", std::process::id()));
    connector.log_keys_to(File::options().append(true).create(true).open(&path).unwrap()).unwrap();
    assert!(connect(&world, &connector, Versions::Tls13));
    connector.stop_logging_keys();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(
        text.ends_with('\n')
            && labels(std::slice::from_ref(&text)).len() == 1
            && text.contains("\nSERVER_TRAFFIC_SECRET_0 ")
    );
    // The twin: what could hold up a handshake.
    let (_reader, writer) = std::io::pipe().unwrap();
    #[cfg(unix)]
    let error = connector.log_keys_to(File::from(std::os::fd::OwnedFd::from(writer))).unwrap_err();
    #[cfg(unix)]
    assert!(error.code() == Code::Misuse && error.to_string().contains("regular file"), "{error}");
    assert!(!connector.logs_keys());
}
