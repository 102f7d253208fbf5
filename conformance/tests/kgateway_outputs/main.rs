//! What kgateway's translator makes of its own test inputs, and what is resolved here of the same files: equal in meaning,
//! or different for a reason that stands in [`CLASSES`] with its witnesses.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figures")]

mod ours;
mod theirs;

use std::collections::{BTreeMap, BTreeSet};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use uptls_conformance::gateway;
use uptls_manifest::kubernetes::Mode;

/// What a connection to a backend is: each aspect as text.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Meaning {
    /// No policy speaks of it.
    Nothing,
    /// Every connection fails.
    Refused,
    /// TLS.
    Tls(BTreeMap<&'static str, String>),
}

impl Meaning {
    /// The aspects in which they differ.
    fn differing(&self, other: &Self) -> String {
        match (self, other) {
            (Self::Tls(ours), Self::Tls(theirs)) => {
                let all: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
                let differing: Vec<_> =
                    all.into_iter().filter(|aspect| ours.get(aspect) != theirs.get(aspect)).collect();
                differing.join(" ")
            }
            (Self::Refused, _) => "refused".to_owned(),
            (Self::Nothing, _) => "nothing".to_owned(),
            (Self::Tls(_), _) => "tls".to_owned(),
        }
    }
}

/// Why they may differ, and where they do: how the input is read, output file, cluster and aspects.
struct Class {
    reason: &'static str,
    witnesses: &'static [Witness],
}

type Witness = (Read, &'static str, &'static str, &'static str);

/// How the input is read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Read {
    /// Both strictly and as the vendor does.
    Either,
    Strictly,
}

#[test]
fn kgateways_clusters_mean_what_is_resolved_here() {
    let Some(files) = gateway::files() else { return };
    let (mut equal, mut without, mut met, mut unexplained) = (0, 0, BTreeMap::new(), Vec::new());
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with(OUTPUTS)) {
        let file = path.trim_start_matches(OUTPUTS).trim_end_matches(".yaml");
        for (cluster, mode) in theirs::clusters(content).iter().flat_map(|cluster| MODES.map(|mode| (cluster, mode))) {
            // Some outputs are not of files that are here.
            let input = files.get(&input(file)).unwrap_or_else(|| panic!("{file} has no input"));
            let ours = ours::meaning(input, cluster, mode);
            let (name, theirs) = (cluster.name.as_str(), &cluster.meaning);
            if ours == *theirs {
                *(if matches!(ours, Meaning::Tls(_)) { &mut equal } else { &mut without }) += 1;
                continue;
            }
            let differing = ours.differing(theirs);
            let is_row = |row: &&Witness| {
                (row.1, row.2, row.3) == (file, name, &*differing) && (row.0 == Read::Either || mode == Mode::Strict)
            };
            match CLASSES.iter().flat_map(|class| class.witnesses).find(is_row) {
                Some(row) => *met.entry(*row).or_insert(0) += 1,
                None => unexplained
                    .push(format!("{mode:?} {file} {name} {differing}:\n  theirs {theirs:?}\n  ours   {ours:?}")),
            }
        }
    }
    println!(
        "kgateway: {equal} clusters equal, {without} without TLS by both, {} different:",
        met.values().sum::<usize>()
    );
    for class in CLASSES {
        println!("  {:>2} {}", class.witnesses.len(), class.reason);
    }
    assert!(unexplained.is_empty(), "{} without a class:\n{}", unexplained.len(), unexplained.join("\n"));
    let all = || CLASSES.iter().flat_map(|class| class.witnesses);
    let times = |row: &Witness| if row.0 == Read::Either { MODES.len() } else { 1 };
    let stale: Vec<_> = all().filter(|row| met.get(*row) != Some(&times(row))).collect();
    assert!(stale.is_empty(), "no longer different: {stale:?}");
    assert!(CLASSES.iter().all(|class| !class.witnesses.is_empty()), "a class without a witness");
    assert!(equal >= 20, "{equal}");
}

/// The file that an output was made of.
fn input(file: &str) -> String {
    let file = file.replace("/standard/", "/").replace("/strict/", "/");
    format!("{INPUTS}{}.yaml", file.trim_end_matches("-out"))
}

/// The SHA-256 of each certificate of a PEM text, so that its form does not count.
fn digests(pem: &str) -> String {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.expect("a certificate"));
    let digest = |der: CertificateDer<'_>| Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    certificates.map(digest).collect::<Vec<String>>().join(" ")
}

/// What is offered without a list: nothing by us, which is HTTP/1.1 without a word, and `http/1.1` by Envoy, whose pools
/// of HTTP/1 say it themselves.
const HTTP_11: &str = "http/1.1";
const INPUTS: &str = "kgateway/pkg/kgateway/translator/gateway/testutils/inputs/";
const OUTPUTS: &str = "kgateway/pkg/kgateway/translator/gateway/testutils/outputs/";

const MODES: [Mode; 2] = [Mode::Faithful, Mode::Strict];

/// The closed list. What is not in it must be equal; what is in it must differ.
const CLASSES: &[Class] = &[
    Class {
        reason: "M8: insecureSkipVerify without a standard policy: verified all the same, by the system's roots and the name",
        witnesses: &[(
            Read::Strictly,
            "backendconfigpolicy/tls-insecureskipverify",
            "backend_default_backend_0",
            "names trust",
        )],
    },
    Class {
        reason: "M8: the system's CAs and no names: the name is verified too, as later versions of kgateway do",
        witnesses: &[(Read::Either, "backendconfigpolicy/tls-system-ca", "kube_default_backend-service_443", "names")],
    },
    Class {
        reason: "M6: beside the cluster of the Gateway with a certificate kgateway keeps one that no Gateway uses",
        witnesses: &[(
            Read::Either,
            "backendtlspolicy/gateway-client-certificate",
            "kube_default_backend-service_443",
            "identity",
        )],
    },
    Class {
        reason: "M1: a header of the PROXY protocol before TLS: refused, since nothing here sends it",
        witnesses: &[(
            Read::Either,
            "backendconfigpolicy/upstream-proxy-protocol-with-backendtlspolicy",
            "kube_default_httpbin_8080",
            "refused",
        )],
    },
    Class {
        reason: "M2: suites and groups that there are not: refused, where kgateway's standard mode leaves that to Envoy",
        witnesses: &[(
            Read::Either,
            "route-replacement/standard/backendconfigpolicy/invalid-cipher-suites-out",
            "kube_gwtest_example-svc_80",
            "refused",
        )],
    },
];
