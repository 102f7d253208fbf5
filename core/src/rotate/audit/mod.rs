//! Audit: what another policy would say of the peers that a connector meets. It decides nothing (R14).

mod judged;
mod report;

pub use report::{AuditReport, AuditSample};

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Connector, Snapshot};
use crate::digest::CanonicalDigest;
use crate::error::{Code, Error, Misuse};
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::panic;
use crate::prepare::Prepared;
use crate::sync::{Mutex, lock};
use crate::time::seconds;
use judged::{Judged, Refusal};
use report::Tally;

/// A connector that shadows another one, and what it would have said so far.
pub(crate) struct Audit {
    judged: Mutex<Judged>,
    shadow: Connector,
    /// Unix seconds.
    since: i64,
    tally: Mutex<Tally>,
}

/// A peer that the enforced policy has judged.
pub(crate) struct Presented<'a> {
    /// The network address, if it is known.
    pub(crate) address: Option<&'a str>,
    pub(crate) chain: &'a [Vec<u8>],
    /// [`chain_digest`](crate::verify::chain_digest) of the chain.
    pub(crate) chain_digest: &'a [u8; 32],
    pub(crate) host: &'a BackendHost,
    /// Whether the enforced policy accepted it, and the connection was made.
    pub(crate) is_accepted: bool,
}

/// The shadow would have refused a connection that was made.
pub(crate) struct ShadowRefusal {
    pub(crate) code: Code,
    pub(crate) generation: Generation,
    pub(crate) policy: Option<String>,
}

impl Connector {
    /// Has `shadow` judge the peers of this connector from the next connection on, beside the enforced policy (R14). What it says is
    /// counted, and changes no verdict: use it to learn which peers a stricter policy would refuse before you enforce it.
    ///
    /// The shadow is a connector, so that its policy can be updated, and follow its files, as any other. It makes no connection. A new
    /// call begins a new count. [`Observer::shadow_refused`](crate::Observer::shadow_refused) is told of each connection that the
    /// shadow would refuse.
    ///
    /// The shadow judges certificates alone. It cannot show what depends on our side of the handshake: see [`AuditReport::unseen`].
    ///
    /// ```
    #[doc = include_str!("../../../doc/policy.txt")]
    /// use uptls::{Connector, SystemTrust};
    ///
    /// let connector = Connector::new(&runtime, &policy)?;
    /// let stricter = UpstreamTlsPolicy::builder().system_roots(SystemTrust::Mozilla).build()?;
    /// connector.audit(&Connector::new(&runtime, &stricter)?)?;
    /// // Later, after some connections:
    /// let report = connector.audit_report().unwrap();
    /// assert_eq!((report.accepted, report.refused.len()), (0, 0));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Misuse`] if `shadow` is this connector, or has a shadow itself.
    pub fn audit(&self, shadow: &Connector) -> Result<(), Error> {
        if Arc::ptr_eq(&self.0, &shadow.0) {
            return Err(Misuse::new("a connector cannot be its own shadow; make another of the policy to audit").into());
        }
        // So that no two connectors hold each other.
        if shadow.auditing().is_some() {
            let what =
                "the shadow has a shadow itself; end that audit, or make another connector of the policy to audit";
            return Err(Misuse::new(what).into());
        }
        let audit =
            Audit { judged: Mutex::default(), shadow: shadow.clone(), since: self.now(), tally: Mutex::default() };
        self.replace_audit(Some(Arc::new(audit)));
        Ok(())
    }

    /// Ends the audit. The report is gone with it: take it first.
    pub fn end_audit(&self) {
        if self.0.on_demand.get().is_some() {
            self.replace_audit(None);
        }
    }

    /// What the shadow of [`Connector::audit`] would have said so far; `None` without one.
    pub fn audit_report(&self) -> Option<AuditReport> {
        let audit = self.auditing()?;
        let (enforced, shadow) = (self.prepared(), audit.shadow.prepared());
        let unseen = enforced.zip(shadow).map(|(enforced, shadow)| unseen(&enforced, &shadow)).unwrap_or_default();
        Some(audit.report(unseen))
    }

    pub(super) fn auditing(&self) -> Option<Arc<Audit>> {
        lock(&self.0.on_demand.get()?.audit).clone()
    }

    fn replace_audit(&self, audit: Option<Arc<Audit>>) {
        let former = core::mem::replace(&mut *lock(&self.on_demand().audit), audit);
        // Without the lock: a connector that ends tells observers.
        drop(former);
    }
}

impl Audit {
    /// Judges at `now` what the enforced policy has judged, and counts it. Whatever happens here, the verdict stands.
    pub(crate) fn judge(&self, presented: &Presented<'_>, now: UnixTime) -> Option<ShadowRefusal> {
        let Ok(Snapshot { generation, prepared, .. }) = self.shadow.snapshot() else {
            lock(&self.tally).unjudged += 1;
            return None;
        };
        let key = key(presented);
        let at = seconds(now);
        let known = lock(&self.judged).get(generation, &key, at);
        let verdict = match known {
            Some(verdict) => Ok(verdict),
            // Without a lock: a chain that costs a lot delays its own connection alone.
            None => panic::catch(|| verify(&prepared, presented, now)).map(|(verdict, term)| {
                lock(&self.judged).insert(generation, key, verdict.clone(), term);
                verdict
            }),
        };
        match verdict {
            Ok(verdict) => {
                lock(&self.tally).count(presented, verdict.as_deref(), generation, at);
                let code = verdict.filter(|_| presented.is_accepted)?.code;
                Some(ShadowRefusal { code, generation, policy: prepared.policy().name().map(str::to_owned) })
            }
            Err(words) => {
                panic::log("the policy of an audit", &words);
                lock(&self.tally).unjudged += 1;
                None
            }
        }
    }
}

/// Why the shadow refuses a peer, if it does.
type Verdict = Option<Arc<Refusal>>;

/// A verdict, and the unix seconds between which it holds.
fn verify(prepared: &Prepared, presented: &Presented<'_>, now: UnixTime) -> (Verdict, (i64, i64)) {
    let chain: Vec<_> = presented.chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let at = seconds(now);
    match prepared.verifier().verify(&chain, Some(presented.host), now) {
        Ok(peer) => (None, (peer.trusted_from(), peer.trusted_until())),
        Err(rejection) => (Some(Arc::new(Refusal::of(&rejection))), (at, at.saturating_add(REFUSED_FOR))),
    }
}

/// All that a verdict depends on beside the policy and the time.
fn key(presented: &Presented<'_>) -> [u8; 32] {
    let mut key = CanonicalDigest::new("uptls audit v1");
    key.text(&presented.host.to_string());
    key.bytes(presented.chain_digest);
    key.finish()
}

/// In which of the parts that no certificate shows the two policies differ.
fn unseen(enforced: &Prepared, shadow: &Prepared) -> Vec<&'static str> {
    let (one, other) = (enforced.policy(), shadow.policy());
    let identity = |prepared: &Prepared| prepared.identity().map(|identity| identity.digest());
    let parts = [
        ("alpn", one.alpn() != other.alpn()),
        ("cipher_suites", one.cipher_suites() != other.cipher_suites()),
        ("groups", one.groups() != other.groups()),
        ("identity", identity(enforced) != identity(shadow)),
        ("server_name", one.server_name() != other.server_name()),
        ("versions", one.versions() != other.versions()),
    ];
    parts.iter().filter(|(_, differs)| *differs).map(|(part, _)| *part).collect()
}

/// Seconds after which a refusal is judged again: time alone may end it, or change its reason.
const REFUSED_FOR: i64 = 60;
