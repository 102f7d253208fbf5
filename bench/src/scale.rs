//! What many policies in one process cost: `scale [POLICIES]` prints one JSON line. Each mode runs in a process of its own, so
//! that memory is that of its policies: `file`, all trust one bundle file of 220 KB; `inline`, all trust that bundle as one
//! text; `identities`, the file, and each policy has a P-256 identity of its own.
//!
//! Beside them, in the same run and at 4,000 each: contexts of the system's OpenSSL, and TLS clusters of a real Envoy, where
//! they are installed.
#![allow(clippy::print_stdout, reason = "the figures")]
#![allow(clippy::as_conversions, clippy::expect_used, reason = "a bench ends where it cannot measure")]

mod openssl_contexts;
mod process;
mod usage;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uptls::{
    Connector, DnsName, FileSource, FixedClock, OnInvalid, PolicyBuilder, Problems, Registry, Runtime, Secret,
    ServerNameRule, UpstreamTlsPolicy, WatchState,
};
use uptls_testkit::envoy::{self, Binary, Envoy};
use uptls_testkit::{Key, NOW, Pki, San, Template};

use process::float;
use usage::Usage;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [] => all(100_000),
        [count] => count.parse().map_err(Into::into).and_then(all),
        [count, mode] => count.parse().map_err(Into::into).and_then(|count| one(count, mode)),
        _ => Err("usage: scale [POLICIES]".into()),
    };
    match outcome {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

type Outcome = Result<Value, Box<dyn Error>>;

/// Every mode in a process of its own.
fn all(count: usize) -> Outcome {
    let mut figures = json!({"policies": count});
    for (mode, count) in MODES.map(|mode| (mode, count)).into_iter().chain(PEERS.map(|peer| (peer, PEER_COUNT))) {
        let output = Command::new(std::env::current_exe()?).args([count.to_string(), mode.to_owned()]).output()?;
        let text = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            return Err(format!("{mode}: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let last = text.lines().last().unwrap_or_default();
        figures[mode] = serde_json::from_str(last)?;
    }
    Ok(figures)
}

fn one(count: usize, mode: &str) -> Outcome {
    match mode {
        "file" | "inline" | "identities" => policies(count, mode),
        "openssl" => Ok(openssl_contexts::measure(count, &bundle()).unwrap_or_else(|| json!("skipped: no headers"))),
        "envoy" => clusters(count),
        other => Err(format!("{other} is no mode").into()),
    }
}

/// A registry of so many policies: all of them, one changed, and all of them after the bundle was replaced. A file is followed by
/// a watch; of a text the caller applies another.
fn policies(count: usize, mode: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ca.pem");
    let text: Arc<str> = bundle().into();
    fs::write(&file, &*text)?;
    let empty = Usage::now();
    let identities = if mode == "identities" { identities(count) } else { Vec::new() };
    let changes = count.min(CHANGES);
    let again: Vec<_> = identities.iter().take(changes).cloned().collect();
    let trusting = match mode {
        "inline" => UpstreamTlsPolicy::builder().add_ca_pem(Arc::clone(&text)),
        _ => UpstreamTlsPolicy::builder().add_ca_file(&file),
    };
    drop(text);
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let registry = Registry::new(&runtime, OnInvalid::KeepLastGood);
    let entry = |trusting: &PolicyBuilder, index: usize, suffix: &'static str| {
        (index.to_string(), policy(trusting, again.get(index).cloned(), index, suffix))
    };
    let before = Usage::now();
    // The caller keeps no text of an identity: the policy has it.
    let mut identities = identities.into_iter();
    let first = |index: usize| (index.to_string(), policy(&trusting, identities.next(), index, "example"));
    let bad = registry.apply((0..count).map(first));
    let bad = bad.into_iter().filter(|(_, result)| result.is_err()).count();
    let applied = Usage::now();
    if bad > 0 {
        return Err(format!("{bad} policies are not ready").into());
    }
    for index in 0..changes {
        drop(registry.apply([entry(&trusting, index, "changed")]));
    }
    let changed = Usage::now();
    drop(registry.apply((0..changes).map(|index| entry(&trusting, index, "example"))));
    let replaced = match mode {
        "inline" => {
            let begun = Usage::now();
            let trusting = UpstreamTlsPolicy::builder().add_ca_pem(renewed());
            drop(registry.apply((0..count).map(|index| entry(&trusting, index, "example"))));
            json!({"cpu_s": round(Usage::now().cpu_since(&begun))})
        }
        _ => replaced(&registry, &file)?,
    };
    Ok(json!({
        "policies": count,
        "kib_per_policy": round(applied.kib_since(&empty) / float(count)),
        "rss_mib": round(applied.kib() / 1024.0),
        "policies_per_cpu_second": (float(count) / applied.cpu_since(&before)).round(),
        "one_changed_us": round(changed.cpu_since(&applied) * 1e6 / float(changes)),
        "bundle_replaced": replaced,
    }))
}

/// All connectors follow the one file, and another is put in its place.
fn replaced(registry: &Registry, file: &Path) -> Outcome {
    let connectors: Vec<Connector> = registry.connectors().into_iter().map(|(_, connector)| connector).collect();
    let before: Vec<u64> = connectors.iter().map(|connector| connector.generation().number()).collect();
    let unwatched = Usage::now();
    let watch = uptls::watch::start(connectors.iter().map(FileSource::following))?;
    while watch.state() != WatchState::Events {
        thread::sleep(PAUSE);
    }
    settle();
    let begun = (Usage::now(), Instant::now());
    let new = file.with_extension("new");
    fs::write(&new, renewed())?;
    fs::rename(&new, file)?;
    let is_published = |(connector, before): (&Connector, &u64)| connector.generation().number() > *before;
    while !connectors.last().zip(before.last()).is_some_and(is_published)
        || !connectors.iter().zip(&before).all(is_published)
    {
        thread::sleep(PAUSE);
    }
    let done = Usage::now();
    Ok(json!({
        "cpu_s": round(done.cpu_since(&begun.0)),
        "wall_s": round(begun.1.elapsed().as_secs_f64()),
        "watched_rss_mib": round(begun.0.kib() / 1024.0),
        "watch_cpu_s": round(begun.0.cpu_since(&unwatched)),
    }))
}

/// Until nothing in this process is busy.
fn settle() {
    let mut before = Usage::now();
    loop {
        thread::sleep(Duration::from_millis(300));
        let now = Usage::now();
        if now.cpu_since(&before) < 0.003 {
            return;
        }
        before = now;
    }
}

/// The bundle, of which one root was replaced.
fn renewed() -> String {
    let text = bundle();
    let end = text.find("-----END").and_then(|at| text.get(at..)?.find('\n').map(|line| at + line + 1)).unwrap_or(0);
    format!("{}{}", Pki::new("another").root.pem(), text.get(end..).unwrap_or_default())
}

fn policy(
    trusting: &PolicyBuilder,
    identity: Option<(String, String)>,
    index: usize,
    suffix: &str,
) -> Result<UpstreamTlsPolicy, Problems> {
    let name = DnsName::parse(&format!("s{index}.shop.{suffix}")).expect("a name");
    let builder = trusting.clone().server_name(ServerNameRule::Dns(name));
    match identity {
        Some((chain, key)) => builder.identity_pem(chain, Secret::new(key)),
        None => builder,
    }
    .build()
}

/// A certificate and its key for each policy.
fn identities(count: usize) -> Vec<(String, String)> {
    let issuer = Pki::new("identities").intermediate;
    let one = |index: usize| {
        let name = format!("client-{index}");
        let certificate = Template::leaf(&name).with_sans(&[San::dns(&name)]).issued_by(&issuer, &Key::p256(&name));
        (certificate.pem(), certificate.key().pkcs8_pem())
    };
    (0..count).map(one).collect()
}

/// As many roots as make 220 KB.
fn bundle() -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= BUNDLE {
            break;
        }
        text.push_str(&Pki::new(&format!("root {number}")).root.pem());
    }
    text
}

/// TLS clusters of Envoy with the bundle in a file.
fn clusters(count: usize) -> Outcome {
    let Some(binary) = Binary::find() else { return Ok(json!("skipped: no Envoy")) };
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("ca.pem"), bundle())?;
    let context = |index: usize| {
        json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": format!("s{index}.shop.example"),
            "common_tls_context": {"validation_context": {
                "trusted_ca": {"filename": Path::new(folder.path()).join("ca.pem")},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": format!("s{index}.shop.example")}}],
            }},
        })
    };
    let start = |count: usize| {
        let clusters = (0..count).map(|index| envoy::cluster(&format!("c{index}"), &context(index))).collect();
        let begun = Instant::now();
        let envoy = Envoy::start(&binary, folder.path(), clusters);
        (envoy.resident_kib(), begun.elapsed().as_secs_f64())
    };
    let (one, _) = start(1);
    let (many, ready) = start(count);
    Ok(json!({
        "clusters": count,
        "kib_per_cluster": round((many as f64 - one as f64) / float(count)),
        "rss_mib": round(many as f64 / 1024.0),
        "ready_s": round(ready),
    }))
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

const MODES: [&str; 3] = ["file", "inline", "identities"];
const PEERS: [&str; 2] = ["openssl", "envoy"];
const PEER_COUNT: usize = 4000;
/// In bytes: what the roots of browsers take.
const BUNDLE: usize = 220_000;
const CHANGES: usize = 1000;
const PAUSE: Duration = Duration::from_millis(5);
