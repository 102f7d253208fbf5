//! What all policies of one fingerprint share (R9).

use std::sync::{Arc, OnceLock};

use rustls::client::{ClientConfig, Resumption, WantsClientCert};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use rustls::{ConfigBuilder, SupportedProtocolVersion, WantsVerifier};

use crate::handshake::{HandshakeVerifier, IdentityResolver};
use crate::identity::ClientIdentity;
use crate::policy::{ServerNameRule, TlsVersion, Versions};
use crate::verify::Verifier;

/// A client configuration and the verifier inside it, never one without the other.
pub(crate) struct SharedConfig {
    /// Made for the first connection. Most policies of a large gateway have none for a long time, and rustls's configuration
    /// takes as much memory as all the rest of a policy. Nothing can fail in it that the template has not met.
    client_config: OnceLock<Arc<ClientConfig>>,
    identity: Option<Arc<ClientIdentity>>,
    template: Arc<ConfigTemplate>,
    verifier: Arc<Verifier>,
}

impl SharedConfig {
    pub(crate) fn new(
        template: Arc<ConfigTemplate>,
        verifier: Arc<Verifier>,
        identity: Option<Arc<ClientIdentity>>,
    ) -> Self {
        Self { client_config: OnceLock::new(), identity, template, verifier }
    }

    pub(crate) fn client_config(&self) -> &Arc<ClientConfig> {
        self.client_config.get_or_init(|| Arc::new(self.make()))
    }

    fn make(&self) -> ClientConfig {
        let policy = self.verifier.policy();
        let mut config = self
            .template
            .verified_by(HandshakeVerifier::new(Arc::clone(&self.verifier)))
            .with_client_cert_resolver(Arc::new(IdentityResolver::new(self.identity.clone())));
        config.alpn_protocols = policy.alpn().protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config.enable_sni = !matches!(policy.server_name(), ServerNameRule::None);
        config.resumption = Resumption::disabled();
        config
    }

    pub(crate) fn identity(&self) -> Option<&Arc<ClientIdentity>> {
        self.identity.as_ref()
    }

    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        self.template.builder.crypto_provider()
    }

    /// `own`, for the names in its reports, over the lists and the platform that connections are judged by.
    pub(crate) fn verifier_for(&self, own: Arc<Verifier>) -> Arc<Verifier> {
        if Arc::ptr_eq(&self.verifier, &own) {
            return own;
        }
        let Verifier { crls, fingerprint, platform, policy: _, provider, trust: _ } = &*self.verifier;
        Arc::new(Verifier {
            crls: crls.clone(),
            fingerprint: *fingerprint,
            platform: platform.clone(),
            policy: own.policy.clone(),
            provider: Arc::clone(provider),
            trust: Arc::clone(&own.trust),
        })
    }
}

/// What the configurations of one provider and one range of versions have in common, as rustls has accepted it.
pub(crate) struct ConfigTemplate {
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
}

impl ConfigTemplate {
    /// # Errors
    /// rustls's, if the provider offers nothing for one of the versions.
    pub(crate) fn new(
        clock: Arc<dyn TimeProvider>,
        provider: Arc<CryptoProvider>,
        versions: Versions,
    ) -> Result<Self, rustls::Error> {
        let known = [(TlsVersion::V1_2, &rustls::version::TLS12), (TlsVersion::V1_3, &rustls::version::TLS13)];
        let offered = known.into_iter().filter(|(version, _)| versions.contains(*version));
        let offered: Vec<&'static SupportedProtocolVersion> = offered.map(|(_, supported)| supported).collect();
        let builder = ClientConfig::builder_with_details(provider, clock).with_protocol_versions(&offered)?;
        Ok(Self { builder })
    }

    fn verified_by(&self, verifier: HandshakeVerifier) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        self.builder.clone().dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    }
}
