//! Which connections of a pool may stand in for each other.

use core::fmt;
use std::sync::Arc;

use rustls_pki_types::ServerName;

use crate::session::SessionKey;
use crate::text::listed;

/// The application protocols that a connection offers (H3).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Offer {
    pub(super) protocols: Vec<String>,
    /// Whether the peer must select one.
    pub(super) required: bool,
}

/// Which connections may stand in for each other (R7): those of one fingerprint, one server name, the same offer of application
/// protocols in the same order, and the same answer to whether the peer must select one (H3).
///
/// Equal keys mean equal verdicts: a changed policy or material has another fingerprint. Neither the address nor the dial
/// (H11) is part of it, so a pool keeps its connections by address, dial and key.
///
/// [`BoundConnector::pool_key`](crate::BoundConnector::pool_key) is the current key, and
/// [`Evidence::pool_key`](crate::Evidence::pool_key) the key that judged a connection. A pool that files a connection
/// under another key than its evidence's, or reuses one with another key than the current one, may use a connection
/// that the current policy refuses (L8).
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
/// use std::collections::HashMap;
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let host = BackendHost::parse("payments.internal")?;
/// let key = connector.bind(&host, &ConnectOptions::default())?.pool_key().clone();
/// let mut pool = HashMap::from([(key, "a connection")]);
/// // Equal content is the same key; another policy is another one, and finds nothing here.
/// connector.update(&policy)?;
/// let bound = connector.bind(&host, &ConnectOptions::default())?;
/// assert!(pool.remove(bound.pool_key()).is_some());
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PoolKey {
    offer: Arc<Offer>,
    session: SessionKey,
}

impl PoolKey {
    pub(super) fn new(fingerprint: [u8; 32], server_name: &ServerName<'_>, offer: Offer) -> Self {
        Self { offer: Arc::new(offer), session: SessionKey::new(fingerprint, server_name) }
    }

    /// Sessions are resumed whatever is offered (H6).
    pub(super) fn session(&self) -> &SessionKey {
        &self.session
    }

    pub(super) fn offer(&self) -> &Offer {
        &self.offer
    }

    pub(super) fn fingerprint(&self) -> &[u8; 32] {
        self.session.fingerprint()
    }
}

impl fmt::Debug for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = if self.offer.required { ", required" } else { "" };
        write!(f, "PoolKey({:?}, ALPN {}{required})", self.session, listed(&self.offer.protocols))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fingerprint: u8, name: &str, protocols: &[&str], required: bool) -> PoolKey {
        let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
        let name = ServerName::try_from(name).unwrap();
        PoolKey::new([fingerprint; 32], &name, Offer { protocols, required })
    }

    #[test]
    fn keys_differ_by_all_that_a_connection_is_used_by() {
        let keys = [
            key(1, "a.example", &["h2", "http/1.1"], false),
            key(2, "a.example", &["h2", "http/1.1"], false),
            key(1, "b.example", &["h2", "http/1.1"], false),
            key(1, "a.example", &["http/1.1", "h2"], false),
            key(1, "a.example", &["h2"], false),
            key(1, "a.example", &["h2"], true),
            key(1, "a.example", &["http/1.1"], false),
            key(1, "a.example", &[], false),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(index), "{key:?}");
        }
        assert_eq!(keys[0], key(1, "a.example", &["h2", "http/1.1"], false));
    }

    #[test]
    fn a_key_says_what_it_is() {
        let text = format!("{:?}", key(1, "a.example", &["h2"], true));
        assert!(text.starts_with("PoolKey(dns:a.example 0101") && text.ends_with(", ALPN h2, required)"), "{text}");
    }
}
