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

/// Why they may differ, and where they do: output file, cluster and aspects.
struct Class {
    reason: &'static str,
    witnesses: &'static [(&'static str, &'static str, &'static str)],
}

#[test]
fn kgateways_clusters_mean_what_is_resolved_here() {
    let Some(files) = gateway::files() else { return };
    let (mut equal, mut without, mut met, mut unexplained) = (0, 0, BTreeSet::new(), Vec::new());
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with(OUTPUTS)) {
        let file = path.trim_start_matches(OUTPUTS).trim_end_matches(".yaml");
        for cluster in theirs::clusters(content) {
            // Some outputs are not of files that are here.
            let input = files.get(&input(file)).unwrap_or_else(|| panic!("{file} has no input"));
            let ours = ours::meaning(input, &cluster);
            let (name, theirs) = (cluster.name.as_str(), &cluster.meaning);
            if ours == *theirs {
                *(if matches!(ours, Meaning::Tls(_)) { &mut equal } else { &mut without }) += 1;
                continue;
            }
            let differing = ours.differing(theirs);
            let witness =
                CLASSES.iter().flat_map(|class| class.witnesses).find(|row| **row == (file, name, &*differing));
            match witness {
                Some(row) => assert!(met.insert(*row), "{row:?} twice"),
                None => unexplained.push(format!("{file} {name} {differing}:\n  theirs {theirs:?}\n  ours   {ours:?}")),
            }
        }
    }
    println!("kgateway: {equal} clusters equal, {without} without TLS by both, {} different:", met.len());
    for class in CLASSES {
        println!("  {:>2} {}", class.witnesses.len(), class.reason);
    }
    assert!(unexplained.is_empty(), "{} without a class:\n{}", unexplained.len(), unexplained.join("\n"));
    let all = || CLASSES.iter().flat_map(|class| class.witnesses);
    let stale: Vec<_> = all().filter(|row| !met.contains(*row)).collect();
    assert!(stale.is_empty(), "no longer different: {stale:?}");
    assert!(CLASSES.iter().all(|class| !class.witnesses.is_empty()), "a class without a witness");
    assert!(equal >= 10, "{equal}");
}

/// The file that an output was made of.
fn input(file: &str) -> String {
    let file = file.replace("/standard/", "/").replace("/strict/", "/");
    format!("{INPUTS}{}.yaml", file.trim_end_matches("-out"))
}

/// The SHA-256 of each certificate of a PEM text, so that its form does not count.
fn digests(pem: &str) -> String {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.expect("a certificate"));
    let digest = |der: CertificateDer<'_>| Sha256::digest(&der).iter().map(|octet| format!("{octet:02x}")).collect();
    certificates.map(digest).collect::<Vec<String>>().join(" ")
}

const INPUTS: &str = "kgateway/pkg/kgateway/translator/gateway/testutils/inputs/";
const OUTPUTS: &str = "kgateway/pkg/kgateway/translator/gateway/testutils/outputs/";

/// The closed list. What is not in it must be equal; what is in it must differ.
const CLASSES: &[Class] = &[
    Class {
        reason: "M8: insecureSkipVerify without a standard policy: verified all the same, by the system's roots and the name",
        witnesses: &[("backendconfigpolicy/tls-insecureskipverify", "backend_default_backend_0", "names trust")],
    },
    Class {
        reason: "M8: the system's CAs and no names: the name is verified too, as later versions of kgateway do",
        witnesses: &[("backendconfigpolicy/tls-system-ca", "kube_default_backend-service_443", "names")],
    },
    Class {
        reason: "M6: beside the cluster of the Gateway with a certificate kgateway keeps one that no Gateway uses",
        witnesses: &[("backendtlspolicy/gateway-client-certificate", "kube_default_backend-service_443", "identity")],
    },
    Class {
        reason: "M2: suites and groups that there are not: refused, where kgateway's standard mode leaves that to Envoy",
        witnesses: &[(
            "route-replacement/standard/backendconfigpolicy/invalid-cipher-suites-out",
            "kube_gwtest_example-svc_80",
            "refused",
        )],
    },
];
