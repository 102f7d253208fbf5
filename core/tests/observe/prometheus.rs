//! The counters, against a server; and their text, line by line.

use std::collections::BTreeSet;
use std::path::Path;

use super::Observed;
use crate::support::world::{Backend, HOST, establish, host, policy, trusting};
use uptls::{BackendHost, Code, ConnectOptions, PolicySpec};
use uptls_testkit::{Pki, Versions};

#[test]
fn handshakes_are_counted_by_what_they_were() {
    let observed = Observed::new("counted");
    let connector = observed.world.connector(observed.world.spec());
    for versions in [Versions::Tls12, Versions::Tls13] {
        let backend = Backend::new(observed.world.server(versions));
        for _ in 0..3 {
            drop(backend.visit(&connector).unwrap());
        }
    }
    let open = Backend::new(observed.world.server(Versions::Tls13)).visit(&connector).unwrap();
    let stranger = BackendHost::parse("stranger.example").unwrap();
    let backend = Backend::new(observed.world.server(Versions::Tls13));
    let refused = backend.visit_as(&connector, &stranger, &ConnectOptions::default()).err().unwrap();
    assert_eq!(refused.code(), Code::NameMismatch);
    // One that has sent its ClientHello, and one that has not.
    let mut half = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    half.drain_to(&mut Vec::new());
    drop(connector.begin(&host(), &ConnectOptions::default()).unwrap());
    assert_eq!(observed.value("uptls_active_handshakes"), "1");

    for (line, value) in [
        ("uptls_handshakes_total{kind=\"full\",version=\"1.2\"}", "1"),
        ("uptls_handshakes_total{kind=\"resumed\",version=\"1.2\"}", "2"),
        ("uptls_handshakes_total{kind=\"full\",version=\"1.3\"}", "2"),
        ("uptls_handshakes_total{kind=\"resumed\",version=\"1.3\"}", "2"),
        ("uptls_handshake_failures_total{reason=\"name_mismatch\"}", "1"),
        ("uptls_handshake_failures_total{reason=\"cert_expired\"}", "0"),
        ("uptls_handshakes_abandoned_total", "0"),
        ("uptls_handshake_duration_seconds_count{kind=\"full\"}", "3"),
        ("uptls_handshake_duration_seconds_count{kind=\"resumed\"}", "4"),
        ("uptls_handshake_duration_seconds_bucket{kind=\"full\",le=\"+Inf\"}", "3"),
        ("uptls_dial_duration_seconds_count", "0"),
        ("uptls_connections", "1"),
        ("uptls_connections_closed_total{reason=\"closed\"}", "6"),
    ] {
        assert_eq!(observed.value(line), value, "{line}");
    }
    drop((half, open));
    assert_eq!(observed.value("uptls_active_handshakes"), "0");
    assert_eq!(observed.value("uptls_handshakes_abandoned_total"), "1");
    assert_eq!(observed.value("uptls_connections"), "0");

    connector.withdraw();
    assert!(connector.begin(&host(), &ConnectOptions::default()).is_err());
    assert!(connector.bind(&host(), &ConnectOptions::default()).is_err());
    assert_eq!(observed.value("uptls_handshake_failures_total{reason=\"policy_withdrawn\"}"), "2");
    assert_eq!(observed.value("uptls_active_handshakes"), "0", "it had not begun");
}

#[test]
fn the_end_of_a_connection_has_its_code() {
    let observed = Observed::new("ended");
    let connector = observed.world.connector(observed.world.spec());
    let backend = Backend::new(observed.world.server(Versions::Tls13));
    let mut server = backend.accept();
    let mut cut = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    cut.feed_eof();
    drop(cut);
    let mut server = backend.accept();
    let mut reset = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    let _ = reset.feed_error(&std::io::ErrorKind::ConnectionReset.into());
    drop(reset);
    for reason in ["truncated", "peer_reset"] {
        assert_eq!(observed.value(&format!("uptls_connections_closed_total{{reason=\"{reason}\"}}")), "1", "{reason}");
    }
    assert_eq!(observed.value("uptls_connections_closed_total{reason=\"closed\"}"), "0");
}

#[test]
fn the_text_is_what_a_scraper_reads() {
    let observed = Observed::new("text");
    let connector = observed.world.connector(observed.world.spec());
    drop(Backend::new(observed.world.server(Versions::Both)).visit(&connector).unwrap());
    let text = observed.metrics.prometheus_text(&observed.world.runtime);
    let mut types = std::collections::BTreeMap::new();
    let mut samples = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match keyword {
                "HELP" => assert!(rest.ends_with('.'), "{line}"),
                "TYPE" => assert!(types.insert(name.to_owned(), rest.to_owned()).is_none(), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(samples.insert(sample), "twice: {line}");
        let name = sample.split('{').next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            name.strip_suffix(suffix).filter(|base| types.get(*base).is_some_and(|kind| kind == "histogram"))
        });
        let kind = types.get(base.unwrap_or(name)).unwrap_or_else(|| panic!("no type before {line}"));
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
    }
    // Bounded, whatever happens: no policy and no host is a label.
    assert!(samples.len() < 600 && !text.contains("test") && !text.contains(HOST), "{}", samples.len());
}

/// A twin of the test above: policies without end are no more lines.
#[test]
fn many_policies_are_as_many_lines_as_one() {
    let observed = Observed::new("many");
    let one = observed.world.connector(observed.world.spec());
    let lines = observed.text("").len();
    let many: Vec<_> = (0..200)
        .map(|number| {
            let spec = PolicySpec { handshake_timeout: Some(format!("{}s", number + 1)), ..observed.world.spec() };
            let connector = observed.world.connector(spec);
            connector.update(&policy(trusting(&Pki::new("another")))).unwrap();
            connector
        })
        .collect();
    assert_eq!(observed.text("").len(), lines);
    drop((one, many));
}

/// `docs/observability.md` has every metric with its type, every observation, and the rotation that all faces replay.
#[test]
fn the_page_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let page = read("docs/observability.md");
    let observed = Observed::new("page");
    let types = observed.text("# TYPE ");
    assert!(types.len() > 12);
    for line in types {
        let (name, kind) = line.split_once(' ').unwrap();
        let row = page.lines().find(|row| row.starts_with('|') && row.contains(&format!("`{name}`")));
        assert!(row.is_some_and(|row| row.contains(&format!("| {kind} |"))), "{line}: {row:?}");
    }
    let methods = read("core/src/observe/mod.rs");
    let methods: Vec<_> =
        methods.lines().filter_map(|line| line.strip_prefix("    fn ")?.split_once("(&self, _")).collect();
    assert_eq!(methods.len(), 13);
    for (name, _) in methods {
        assert!(page.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    for (name, language) in [("rotation.txt", "text"), ("rotation.prom", "text")] {
        let golden = read(&format!("testdata/observations/{name}"));
        assert!(page.contains(&format!("```{language}\n{golden}```\n")), "{name} stands in the page as it is");
    }
}
