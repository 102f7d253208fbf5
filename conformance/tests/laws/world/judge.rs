//! Who judges: the library, the oracle, or an oracle with a flaw. Laws do not know which.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, FixedClock, NativeRoots, Prepared, Runtime, UpstreamTlsPolicy};
use uptls_testkit::NOW;

use super::lists::List;
use super::policies::{NATIVE, Peer, Policy, Revocation, pem_of};

/// How a peer fares under a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Until when the proof holds (unix seconds).
    Accepted { until: i64 },
    /// The code of the refusal.
    Refused(&'static str),
}

impl Verdict {
    pub fn accepts(&self) -> bool {
        matches!(self, Verdict::Accepted { .. })
    }

    pub fn code(&self) -> &'static str {
        match self {
            Verdict::Accepted { .. } => "",
            Verdict::Refused(code) => code,
        }
    }

    /// Whether it was refused since no list covered a certificate.
    pub fn is_uncovered(&self) -> bool {
        matches!(self.code(), "revocation_unknown" | "crl_expired" | "crl_untrusted")
    }
}

/// Makes a verifier of a policy.
pub trait Judge {
    /// # Errors
    /// The code, if the policy cannot be used.
    fn load(&self, policy: &Policy) -> Result<Box<dyn Loaded>, &'static str>;

    /// The verdict of `policy` over `peer`.
    ///
    /// # Errors
    /// As [`Judge::load`].
    fn judge(&self, policy: &Policy, peer: &Peer) -> Result<Verdict, &'static str> {
        Ok(self.load(policy)?.verdict(peer))
    }
}

/// A policy that can judge.
pub trait Loaded {
    fn verdict(&self, peer: &Peer) -> Verdict;

    /// Equal if and only if everything that decides is equal.
    fn fingerprint(&self) -> Vec<u8>;
}

/// The library.
pub struct Real;

impl Judge for Real {
    fn load(&self, policy: &Policy) -> Result<Box<dyn Loaded>, &'static str> {
        let prepared = prepare(policy)?;
        Ok(Box::new(RealLoaded(prepared)))
    }
}

struct RealLoaded(Arc<Prepared>);

impl Loaded for RealLoaded {
    fn verdict(&self, peer: &Peer) -> Verdict {
        verdict(&self.0, peer)
    }

    fn fingerprint(&self) -> Vec<u8> {
        self.0.fingerprint().to_vec()
    }
}

/// The policy by the library, on a machine that has its native roots.
///
/// # Errors
/// The code, if the policy cannot be used.
pub fn prepare(policy: &Policy) -> Result<Arc<Prepared>, &'static str> {
    let checked = UpstreamTlsPolicy::check(policy.draft(), DangerPermission::Allowed);
    let checked = checked.map_err(|problems| problems.code().as_str())?;
    machine(policy.native).prepare(&checked).map_err(|problems| problems.code().as_str())
}

/// What the library says of `peer`.
pub fn verdict(prepared: &Prepared, peer: &Peer) -> Verdict {
    let chain = chain(peer);
    let host = BackendHost::parse(peer.host).expect("a name");
    match prepared.verify(&chain, Some(&host)) {
        Ok(verified) => Verdict::Accepted { until: verified.trusted_until() },
        Err(rejection) => Verdict::Refused(rejection.code().as_str()),
    }
}

/// The certificates as the peer sends them.
pub fn chain(peer: &Peer) -> Vec<CertificateDer<'static>> {
    let all = std::iter::once(&peer.leaf).chain(&peer.rest);
    all.map(|id| CertificateDer::from(id.minted().der())).collect()
}

/// Why there is no path is a matter of diagnosis (V9), which has tests of its own: for the oracle it is one code.
pub const NO_PATH: &str = "no path";

/// The code as the oracle knows it.
pub fn coarse(code: &'static str) -> &'static str {
    match code {
        "cert_key_usage" | "cert_pin_mismatch" | "cert_revoked" => code,
        code if code.starts_with("cert_") || code == "issuer_expired" => NO_PATH,
        code => code,
    }
}

/// Whether the library reads a list at all.
pub fn reads(list: &List) -> bool {
    let revocation = Revocation { files: vec![vec![*list]], leaf_only: false, allow: false };
    match prepare(&Policy { revocation: Some(revocation), ..Policy::plain() }) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, "crl_parse");
            false
        }
    }
}

/// One runtime for each machine.
pub fn machine(native: Option<usize>) -> Runtime {
    static MACHINES: LazyLock<Mutex<HashMap<Option<usize>, Runtime>>> = LazyLock::new(Mutex::default);
    let mut machines = MACHINES.lock().unwrap_or_else(PoisonError::into_inner);
    machines.entry(native).or_insert_with(|| runtime(native)).clone()
}

fn runtime(native: Option<usize>) -> Runtime {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));
    let clock = FixedClock::at(NOW.unsigned_abs());
    let builder = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock);
    let Some(native) = native else { return builder.build() };
    let file = FOLDER.path().join(format!("{native}.pem"));
    std::fs::write(&file, pem_of(&NATIVE[native])).expect("it can be written");
    builder.native_roots(NativeRoots::default().with_file(file)).build()
}
