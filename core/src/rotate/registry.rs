//! Connectors by name: a batch of N policies gives N results (R4), and their events are one stream.

use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::news::News;
use super::{Connector, ConnectorState, Event, OnInvalid, Reconsidered, check_runtime};
use crate::error::{Error, Problems};
use crate::generation::Generation;
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::{Batch, Files, Prepared};
use crate::runtime::Runtime;
use crate::sync::{Mutex, block_until, lock};

/// One connector for each name. An invalid policy gives its name a connector that refuses every connection and says
/// why, or keeps the last good generation ([`OnInvalid`]). It never affects another name.
///
/// ```
/// use uptls::{OnInvalid, Registry, Runtime, SystemTrust, UpstreamTlsPolicy};
///
/// let trusting = UpstreamTlsPolicy::builder().system_roots(SystemTrust::Mozilla);
/// let registry = Registry::new(&Runtime::new(uptls::aws_lc_rs::provider()), OnInvalid::FailClosed);
/// registry.sync([("pay".to_owned(), trusting.clone().build()), ("ledger".to_owned(), trusting.build())]);
/// assert_eq!(registry.len(), 2);
///
/// // The next state of the world: `ledger` is gone, and `pay` trusts nothing.
/// let synced = registry.sync([("pay".to_owned(), UpstreamTlsPolicy::builder().build())]);
/// assert_eq!(synced.withdrawn, ["ledger"]);
/// assert!(synced.results[0].1.is_err());
/// let mut told = std::iter::from_fn(|| registry.next_event());
/// assert!(told.all(|(name, event)| event.kind.as_str() == if &*name == "pay" { "not_ready" } else { "withdrawn" }));
/// ```
pub struct Registry {
    /// Held for a whole batch, so that a name never has two connectors.
    applying: Mutex<()>,
    connectors: Mutex<BTreeMap<Arc<str>, Connector>>,
    news: Arc<News>,
    on_invalid: OnInvalid,
    runtime: Runtime,
}

/// What came of [`Registry::sync`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Synced {
    /// Those of [`Registry::apply`].
    pub results: Vec<(String, Result<Generation, Problems>)>,
    /// The names that were not in the batch. Their connectors are withdrawn (R3).
    pub withdrawn: Vec<String>,
}

impl Registry {
    /// Without connectors.
    pub fn new(runtime: &Runtime, on_invalid: OnInvalid) -> Self {
        Self {
            applying: Mutex::default(),
            connectors: Mutex::default(),
            news: Arc::default(),
            on_invalid,
            runtime: runtime.clone(),
        }
    }

    /// Updates the connector of each name, or makes it if there is none. It gives as many results, in the order of
    /// `batch`. Names that are not in `batch` stay as they are. Give a policy that could not even be checked as its
    /// problems. The call reads files one after the other. It waits for regular files only, and storage that does not
    /// answer holds the batch.
    /// A bundle that several policies name, the same file or the same `Arc` of a text, is read and parsed once.
    ///
    /// ```
    /// use uptls::{OnInvalid, Registry, Runtime, SystemTrust, UpstreamTlsPolicy};
    ///
    /// let registry = Registry::new(&Runtime::new(uptls::aws_lc_rs::provider()), OnInvalid::FailClosed);
    /// let good = UpstreamTlsPolicy::builder().system_roots(SystemTrust::Mozilla).build();
    /// let bad = UpstreamTlsPolicy::builder().build();
    /// let results = registry.apply([("good".to_owned(), good), ("bad".to_owned(), bad)]);
    /// // One broken policy stops no other.
    /// assert!(results[0].1.is_ok() && results[1].1.is_err());
    /// ```
    pub fn apply(
        &self,
        batch: impl IntoIterator<Item = (String, Result<UpstreamTlsPolicy, Problems>)>,
    ) -> Vec<(String, Result<Generation, Problems>)> {
        let _postponed = self.runtime.observers().postpone();
        let _in_order = lock(&self.applying);
        self.apply_all(batch)
    }

    /// The same where `batch` is all that there is: what is not in it is withdrawn, so that an object that was deleted does
    /// not go on deciding whom the gateway trusts (R3).
    pub fn sync(&self, batch: impl IntoIterator<Item = (String, Result<UpstreamTlsPolicy, Problems>)>) -> Synced {
        let _postponed = self.runtime.observers().postpone();
        let _in_order = lock(&self.applying);
        let results = self.apply_all(batch);
        let wanted: BTreeSet<&str> = results.iter().map(|(name, _)| name.as_str()).collect();
        let mut gone = Vec::new();
        lock(&self.connectors).retain(|name, connector| {
            let stays = wanted.contains(&**name);
            if !stays {
                gone.push((name.to_string(), connector.clone()));
            }
            stays
        });
        // Without the lock: a subscriber of the log may ask this registry.
        gone.iter().for_each(|(_, connector)| connector.withdraw());
        let withdrawn = gone.into_iter().map(|(name, _)| name).collect();
        Synced { results, withdrawn }
    }

    fn apply_all(
        &self,
        batch: impl IntoIterator<Item = (String, Result<UpstreamTlsPolicy, Problems>)>,
    ) -> Vec<(String, Result<Generation, Problems>)> {
        let bundles = Batch::default();
        let apply = |(name, policy): (String, Result<UpstreamTlsPolicy, Problems>)| {
            let result = self.apply_one(&name, policy, Files::OfBatch(&bundles));
            (name, result)
        };
        batch.into_iter().map(apply).collect()
    }

    fn apply_one(
        &self,
        name: &str,
        policy: Result<UpstreamTlsPolicy, Problems>,
        bundles: Files<'_>,
    ) -> Result<Generation, Problems> {
        if let Some(connector) = self.connector(name) {
            return match policy {
                Ok(policy) => connector.update_of(&policy, bundles),
                Err(problems) => {
                    connector.refuse(problems.clone());
                    Err(problems)
                }
            };
        }
        let (connector, result) = match policy.and_then(|policy| self.runtime.prepare_of(&policy, bundles)) {
            Ok(prepared) => {
                let connector = Connector::of_prepared(prepared, self.on_invalid);
                (connector.clone(), Ok(connector.generation()))
            }
            Err(problems) => (Connector::not_ready(&self.runtime, problems.clone(), self.on_invalid), Err(problems)),
        };
        self.insert(name, connector);
        result
    }

    /// As [`Registry::apply`] of one policy that is already prepared: a program that prepared it to see whether it can be used
    /// prepares it once. Gives its connector.
    ///
    /// # Errors
    /// Those of [`Connector::publish`].
    ///
    /// ```
    /// use uptls::{OnInvalid, Registry, Runtime, SystemTrust, UpstreamTlsPolicy};
    ///
    /// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    /// let registry = Registry::new(&runtime, OnInvalid::KeepLastGood);
    /// let prepared = runtime.prepare(&UpstreamTlsPolicy::builder().system_roots(SystemTrust::Mozilla).build()?)?;
    /// let connector = registry.publish("pay", prepared)?;
    /// assert_eq!(connector.state().as_str(), "ready");
    /// # Ok::<_, uptls::Error>(())
    /// ```
    pub fn publish(&self, name: &str, prepared: Arc<Prepared>) -> Result<Connector, Error> {
        let _postponed = self.runtime.observers().postpone();
        let _in_order = lock(&self.applying);
        if let Some(connector) = self.connector(name) {
            connector.publish(prepared)?;
            return Ok(connector);
        }
        check_runtime(&prepared, &self.runtime)?;
        let connector = Connector::of_prepared(prepared, self.on_invalid);
        self.insert(name, connector.clone());
        Ok(connector)
    }

    fn insert(&self, name: &str, connector: Connector) {
        let name = Arc::from(name);
        connector.listen(&self.news, &name);
        lock(&self.connectors).insert(name, connector);
    }

    /// The runtime of its connectors.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The connector of `name`.
    ///
    /// ```
    /// # use uptls::{OnInvalid, Registry, Runtime, SystemTrust, UpstreamTlsPolicy};
    /// # let registry = Registry::new(&Runtime::new(uptls::aws_lc_rs::provider()), OnInvalid::FailClosed);
    /// let policy = UpstreamTlsPolicy::builder().system_roots(SystemTrust::Mozilla).build();
    /// registry.apply([("pay".to_owned(), policy)]);
    /// assert_eq!(registry.connector("pay").unwrap().state().as_str(), "ready");
    /// ```
    pub fn connector(&self, name: &str) -> Option<Connector> {
        lock(&self.connectors).get(name).cloned()
    }

    /// [`Connector::reconsider`] of the connector of `name`. `None`: there is none, or it has no policy to judge by.
    pub fn reconsider(&self, name: &str) -> Option<Reconsidered> {
        self.connector(name)?.reconsider()
    }

    /// All of them as they are now, in the order of their names.
    pub fn connectors(&self) -> Vec<(Arc<str>, Connector)> {
        lock(&self.connectors).iter().map(|(name, connector)| (Arc::clone(name), connector.clone())).collect()
    }

    /// The state of each, in the order of their names: for a status page.
    pub fn states(&self) -> Vec<(Arc<str>, ConnectorState)> {
        self.connectors().into_iter().map(|(name, connector)| (name, connector.state())).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.connectors).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes the connector of `name`, and withdraws its policy from all callers that still hold it (R3).
    pub fn remove(&self, name: &str) -> Option<Connector> {
        // At once; and again, should a batch under way have published it meanwhile.
        self.connector(name)?.withdraw();
        let _postponed = self.runtime.observers().postpone();
        let _in_order = lock(&self.applying);
        let connector = lock(&self.connectors).remove(name)?;
        connector.withdraw();
        Some(connector)
    }

    /// The next event of any connector with its name, also of one that was removed; `None`: nothing happened since. The events
    /// of one connector come in their order, and connectors take turns. Each event is taken once, here or by
    /// [`Connector::next_event`], and at most 32 of each connector are kept.
    pub fn next_event(&self) -> Option<(Arc<str>, Event)> {
        self.news.next()
    }

    /// The same for tasks: `core::future::poll_fn(|context| registry.poll_event(context)).await`.
    pub fn poll_event(&self, context: &mut Context<'_>) -> Poll<(Arc<str>, Event)> {
        if let Some(event) = self.next_event() {
            return Poll::Ready(event);
        }
        self.news.wait(context.waker());
        // One may have come between the two.
        self.next_event().map_or(Poll::Pending, Poll::Ready)
    }

    /// The same for threads: waits for `timeout` at most. `None`: nothing happened.
    pub fn wait_event(&self, timeout: Duration) -> Option<(Arc<str>, Event)> {
        // What is longer than the clock can count is no limit.
        block_until(Instant::now().checked_add(timeout), |context| self.poll_event(context))
    }
}

impl core::fmt::Debug for Registry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(lock(&self.connectors).iter()).finish()
    }
}
