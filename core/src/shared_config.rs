//! What all policies of one fingerprint share (R9).

use std::sync::Arc;

use rustls::ClientConfig;

use crate::verify::Verifier;

/// A client configuration and the verifier inside it, never one without the other.
pub(crate) struct SharedConfig {
    client_config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
}

impl SharedConfig {
    pub(crate) fn new(client_config: ClientConfig, verifier: Arc<Verifier>) -> Self {
        Self { client_config: Arc::new(client_config), verifier }
    }

    pub(crate) fn client_config(&self) -> &Arc<ClientConfig> {
        &self.client_config
    }

    /// `own`, for the names in its reports, over the lists and the platform that connections are judged by.
    pub(crate) fn verifier_for(&self, own: Arc<Verifier>) -> Arc<Verifier> {
        if Arc::ptr_eq(&self.verifier, &own) {
            return own;
        }
        let Verifier { algorithms, crls, fingerprint, platform, policy: _, trust: _ } = &*self.verifier;
        Arc::new(Verifier {
            algorithms: *algorithms,
            crls: Arc::clone(crls),
            fingerprint: *fingerprint,
            platform: platform.clone(),
            policy: own.policy.clone(),
            trust: Arc::clone(&own.trust),
        })
    }
}
