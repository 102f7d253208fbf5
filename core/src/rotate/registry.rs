//! Connectors by name: a batch of N policies gives N results (R4).

use std::collections::BTreeMap;

use super::{Connector, Generation, OnInvalid};
use crate::error::Problems;
use crate::policy::UpstreamTlsPolicy;
use crate::runtime::Runtime;
use crate::sync::{Mutex, lock};

/// One connector for each name. An invalid policy gives its name a connector that refuses every connection and says
/// why, or keeps the last good generation ([`OnInvalid`]). It never affects another name.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// # use uptls::danger::DangerPermission;
/// # use uptls::{MaterialDraft, PolicyDraft, PolicySpec, TrustDraft, UpstreamTlsPolicy};
/// # let trust = TrustDraft { bundles: vec![MaterialDraft::file("../examples/refused/ca.pem")], ..TrustDraft::default() };
/// # let spec = PolicySpec { server_name: Some("payments.internal".to_owned()), trust, ..PolicySpec::default() };
/// # let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
/// # let clock = uptls::FixedClock::at(1_795_392_000);
/// # let runtime = uptls::Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
/// use uptls::{OnInvalid, Registry};
/// # let unusable = UpstreamTlsPolicy::check(PolicyDraft::default(), DangerPermission::Forbidden);
///
/// let registry = Registry::new(&runtime, OnInvalid::KeepLastGood);
/// let results = registry.apply([("good".to_owned(), Ok(policy)), ("bad".to_owned(), unusable)]);
/// assert!(results[0].1.is_ok() && results[1].1.is_err(), "one bad entry stops no other");
/// assert_eq!(registry.connector("bad").unwrap().state().as_str(), "not_ready");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Registry {
    /// Held for a whole batch, so that a name never has two connectors.
    applying: Mutex<()>,
    connectors: Mutex<BTreeMap<String, Connector>>,
    on_invalid: OnInvalid,
    runtime: Runtime,
}

impl Registry {
    /// Without connectors.
    pub fn new(runtime: &Runtime, on_invalid: OnInvalid) -> Self {
        Self { applying: Mutex::default(), connectors: Mutex::default(), on_invalid, runtime: runtime.clone() }
    }

    /// Updates the connector of each name, or makes it if there is none. It gives as many results, in the order of
    /// `batch`. Names that are not in `batch` stay as they are. Give a policy that could not even be checked as its
    /// problems. The call reads files one after the other. It waits for regular files only, and storage that does not
    /// answer holds the batch.
    pub fn apply(
        &self,
        batch: impl IntoIterator<Item = (String, Result<UpstreamTlsPolicy, Problems>)>,
    ) -> Vec<(String, Result<Generation, Problems>)> {
        let _in_order = lock(&self.applying);
        let apply = |(name, policy): (String, Result<UpstreamTlsPolicy, Problems>)| {
            let result = self.apply_one(&name, policy);
            (name, result)
        };
        batch.into_iter().map(apply).collect()
    }

    fn apply_one(&self, name: &str, policy: Result<UpstreamTlsPolicy, Problems>) -> Result<Generation, Problems> {
        if let Some(connector) = self.connector(name) {
            return match policy {
                Ok(policy) => connector.update(&policy),
                Err(problems) => {
                    connector.refuse(problems.clone());
                    Err(problems)
                }
            };
        }
        let (connector, result) = match policy
            .and_then(|policy| Connector::with_on_invalid(&self.runtime, &policy, self.on_invalid))
        {
            Ok(connector) => (connector.clone(), Ok(connector.generation())),
            Err(problems) => (Connector::not_ready(&self.runtime, problems.clone(), self.on_invalid), Err(problems)),
        };
        lock(&self.connectors).insert(name.to_owned(), connector);
        result
    }

    /// The connector of `name`.
    pub fn connector(&self, name: &str) -> Option<Connector> {
        lock(&self.connectors).get(name).cloned()
    }

    /// Removes the connector of `name`, and withdraws its policy from all callers that still hold it (R3).
    pub fn remove(&self, name: &str) -> Option<Connector> {
        // At once; and again, should a batch under way have published it meanwhile.
        self.connector(name)?.withdraw();
        let _in_order = lock(&self.applying);
        let connector = lock(&self.connectors).remove(name)?;
        connector.withdraw();
        Some(connector)
    }
}

impl core::fmt::Debug for Registry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(lock(&self.connectors).iter()).finish()
    }
}
