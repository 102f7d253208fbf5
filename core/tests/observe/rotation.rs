//! The observations and metrics of one rotation, which C and Python replay and compare: `testdata/observations`.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use super::Observed;
use crate::support::world::{host, policy};
use uptls::{BackendHost, ConnectOptions, Connector, Error, MaterialDraft, PolicySpec};
use uptls_testkit::observations::{lines, samples};
use uptls_testkit::{Pki, Server, Versions};

fn visit(connector: &Connector, host: &BackendHost, port: u16) -> Result<(), Error> {
    let mut stream = connector.connect_blocking(("127.0.0.1", port), host, &ConnectOptions::default())?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    Ok(())
}

#[test]
fn a_rotation_is_told_and_counted_as_in_every_face() {
    let observed = Observed::new("rotation of every face");
    let world = &observed.world;
    let server = Server::start(&world.server(Versions::Tls13));
    let port = server.addr().port();
    let connector = world.connector(world.spec());
    visit(&connector, &host(), port).unwrap();
    visit(&connector, &host(), port).unwrap();
    // One more CA: sessions do not survive it.
    let mut both = world.spec();
    both.trust.bundles.push(MaterialDraft::pem(Pki::new("one more CA").root.pem()));
    connector.update(&policy(both)).unwrap();
    visit(&connector, &host(), port).unwrap();
    // A file that a writer left without a certificate.
    let mut empty = PolicySpec::default();
    empty.trust.bundles.push(MaterialDraft::pem("no certificate"));
    connector.update(&policy(empty)).unwrap_err();
    // Back to the first CA: trust is reduced.
    connector.update(&policy(world.spec())).unwrap();
    visit(&connector, &BackendHost::parse("stranger.example").unwrap(), port).unwrap_err();
    visit(&connector, &host(), 1).unwrap_err();
    connector.withdraw();
    visit(&connector, &host(), port).unwrap_err();

    let told: Vec<String> = std::iter::from_fn(|| observed.queue.next()).map(|one| one.json).collect();
    same("rotation.txt", &lines(told.iter().map(String::as_str)));
    same("rotation.prom", &samples(&observed.metrics.prometheus_text(&world.runtime)));
}

fn same(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/observations").join(name);
    #[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS is how a developer says yes")]
    if std::env::var_os("UPTLS_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "run it with UPTLS_BLESS=1, and look at what changed");
}
