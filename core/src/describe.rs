//! What a policy trusts, sends and accepts, and what a certificate says: for people and for machines, judging nothing.

use serde::Serialize;

use crate::certificate::pin_text;
use crate::certificate::{CertificateView, facts_or_digest};
use crate::encoding;
use crate::facts::CertificateFacts;
use crate::policy::{
    AlpnSelection, Resumption, RevocationDepth, ServerNameRule, SystemTrust, UnknownRevocation, group_name, suite_name,
};
use crate::prepare::Prepared;
use crate::report::PolicyFacts;
use crate::text::{SHOWN, digest, hex, printable};
use crate::warning::Warning;

/// The description of a policy (`uptls.description/v1`).
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// let description = runtime.prepare(&policy)?.describe();
/// assert_eq!(description.sends.server_name, "payments.internal");
/// assert!(description.warnings.is_empty());
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Description {
    /// Which policy.
    pub policy: PolicyFacts,
    /// The clock, RFC 3339.
    pub at: String,
    /// The trust anchors.
    pub trusts: TrustDescription,
    /// The parameters that are sent.
    pub sends: SendsDescription,
    /// The checks of the peer.
    pub accepts: AcceptsDescription,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

/// The trust anchors.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TrustDescription {
    /// The system store, if it is trusted: `mozilla roots` or `native roots`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemDescription>,
    /// Every entry of every bundle.
    pub anchors: Vec<AnchorDescription>,
    /// `sha256:` of leaf certificates trusted as themselves.
    pub pinned_certificates: Vec<String>,
    /// Base64 SHA-256 of leaf keys trusted as themselves.
    pub pinned_keys: Vec<String>,
    /// Revocation lists, with how they are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<String>,
}

/// The system store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SystemDescription {
    /// Which store.
    pub source: String,
    /// How many roots can be used; the platform's verifier does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<usize>,
    /// How many could not: unreadable, or not fit to issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<usize>,
    /// Certificates in the store that may not issue and therefore count for nothing (T3), with why; at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_issuing: Vec<String>,
    /// The SPIFFE trust domain that they vouch for; without one, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
}

/// One entry of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AnchorDescription {
    /// `issuer`, or `itself` for an entry that may not issue (T3).
    pub trusted_as: &'static str,
    /// Its facts; `source` says where it stands.
    pub certificate: CertificateFacts,
    /// The SPIFFE trust domain that it vouches for; without one, that of the policy's SPIFFE names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
}

/// The parameters that are sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SendsDescription {
    /// `auto` (the backend host), a name, or `none`.
    pub server_name: String,
    /// TLS versions, as `1.2 to 1.3`.
    pub versions: String,
    /// Cipher suites in their order.
    pub cipher_suites: Vec<String>,
    /// Groups in their order.
    pub groups: Vec<String>,
    /// Application protocols in their order.
    pub alpn: Vec<String>,
    /// Our certificate, if the peer asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<CertificateFacts>,
    /// Sessions are resumed.
    pub resumption: bool,
    /// The deadline of the whole connect, in milliseconds.
    pub handshake_timeout_ms: u128,
}

/// The checks of the peer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AcceptsDescription {
    /// The reference names (any of), or what takes their place.
    pub names: Vec<String>,
    /// SHA-256 of public keys, base64. The leaf must have one of these keys.
    pub spki_pins: Vec<String>,
    /// The peer must select one of the application protocols.
    pub alpn_required: bool,
}

impl Prepared {
    /// What this policy trusts, sends and accepts.
    ///
    /// ```
    #[doc = include_str!("../doc/policy.txt")]
    /// let description = runtime.prepare(&policy)?.describe();
    /// assert_eq!(description.trusts.anchors[0].certificate.subject, "CN=readme root");
    /// assert_eq!(description.accepts.names, ["dns:payments.internal"]);
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn describe(&self) -> Description {
        Description {
            policy: self.blank_report(None).policy,
            at: self.runtime().now_text(),
            trusts: self.trusts(),
            sends: self.sends(),
            accepts: self.accepts(),
            warnings: self.warnings(),
        }
    }

    fn trusts(&self) -> TrustDescription {
        let store = &self.verifier().trust;
        let policy = self.policy();
        let anchors = store.bundle_entries().filter_map(|facts| {
            let trusted_as = if facts.entry()?.anchor().is_some() { "issuer" } else { "itself" };
            let certificate = facts_or_digest(facts.der()?, &facts.source(policy));
            let trust_domain = facts.bundle(policy)?.trust_domain.as_ref().map(ToString::to_string);
            Some(AnchorDescription { trusted_as, certificate, trust_domain })
        });
        let trust_domain = policy.trust().system_trust_domain.as_ref().map(ToString::to_string);
        TrustDescription {
            system: match policy.trust().system {
                SystemTrust::Off => None,
                SystemTrust::Platform => Some(SystemDescription {
                    source: "platform".to_owned(),
                    roots: None,
                    skipped: None,
                    not_issuing: Vec::new(),
                    trust_domain,
                }),
                SystemTrust::Mozilla | SystemTrust::Native => store.system().map(|system| SystemDescription {
                    source: system.source().to_owned(),
                    roots: Some(system.count()),
                    skipped: Some(system.skipped()),
                    not_issuing: system.not_issuing().iter().take(SHOWN).map(|text| printable(text)).collect(),
                    trust_domain,
                }),
            },
            anchors: anchors.collect(),
            pinned_certificates: policy.trust().pinned_certificates.iter().map(digest).collect(),
            pinned_keys: policy.trust().pinned_keys.iter().map(pin_text).collect(),
            revocation: policy.revocation().map(|spec| {
                let depth = match spec.depth {
                    RevocationDepth::Chain => "every certificate",
                    RevocationDepth::Leaf => "the leaf",
                };
                let unknown = match spec.unknown {
                    UnknownRevocation::Allow => "accepted",
                    UnknownRevocation::Deny => "refused",
                };
                format!("{} lists, {depth}; what no list covers is {unknown}", self.verifier().crls().len())
            }),
        }
    }

    fn sends(&self) -> SendsDescription {
        let policy = self.policy();
        let provider = self.provider();
        let versions = policy.versions();
        SendsDescription {
            server_name: match policy.server_name() {
                ServerNameRule::Auto => "auto".to_owned(),
                ServerNameRule::Dns(name) => name.to_string(),
                ServerNameRule::None => "none".to_owned(),
            },
            versions: format!("{} to {}", versions.min, versions.max),
            cipher_suites: provider.cipher_suites.iter().map(|suite| suite_name(suite.suite())).collect(),
            groups: provider.kx_groups.iter().map(|group| group_name(group.name())).collect(),
            alpn: policy.alpn().protocols.iter().map(|protocol| printable(protocol)).collect(),
            identity: self.identity().map(|identity| identity.facts().clone()),
            resumption: policy.resumption() == Resumption::Enabled,
            handshake_timeout_ms: policy.handshake_timeout().as_millis(),
        }
    }

    fn accepts(&self) -> AcceptsDescription {
        use crate::danger::PeerDanger;
        let policy = self.policy();
        let names: Vec<String> = self.verifier().reference_names(None).iter().map(ToString::to_string).collect();
        let names = match &policy.danger().peer {
            PeerDanger::AnyCertificate { .. } => vec!["any certificate".to_owned()],
            PeerDanger::AnyName { .. } => vec!["any name".to_owned()],
            PeerDanger::None if names.is_empty() => vec!["the backend host".to_owned()],
            PeerDanger::None => names,
        };
        AcceptsDescription {
            names,
            spki_pins: policy.spki_pins().iter().map(pin_text).collect(),
            alpn_required: policy.alpn().selection == AlpnSelection::Required,
        }
    }
}

/// The contents of a certificate (`uptls.inspect/v1`). Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Inspection {
    /// Subject, issuer, validity, digest and names.
    #[serde(flatten)]
    pub certificate: CertificateFacts,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// The kind and size of the key.
    pub key: String,
    /// Base64 SHA-256 of the key, as in `spkiPins`.
    pub spki_pin: String,
    /// The algorithm of its signature.
    pub signature_algorithm: String,
    /// Its basicConstraints say that it is a CA.
    pub ca: bool,
    /// The uses that keyUsage permits, if it is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_usage: Option<String>,
    /// The purposes that extKeyUsage permits, if it is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_key_usage: Option<String>,
}

impl Inspection {
    /// Reads one DER certificate; `source` is what `certificate.source` will say.
    ///
    /// # Errors
    /// Why it does not parse.
    pub fn of_der(der: &[u8], source: &str) -> Result<Self, String> {
        let view = CertificateView::parse(der)?;
        Ok(Self {
            certificate: view.facts(source),
            serial: hex(view.serial()),
            key: view.key().text(),
            spki_pin: view.spki_pin(),
            signature_algorithm: view.signature_algorithm(),
            ca: view.is_ca(),
            key_usage: view.key_usage().map(|usage| printable(&usage.text())),
            extended_key_usage: view.extended_key_usage().map(|usage| printable(&usage.text)),
        })
    }

    /// Reads every certificate of a text, or the one that is DER.
    ///
    /// ```
    /// let chain = std::fs::read("../examples/refused/chain.pem")?;
    /// let certificates = uptls::Inspection::of_text(&chain, "chain.pem")?;
    /// assert_eq!(certificates[0].certificate.sans[0], "dns:payments-v2.internal");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why the text or a certificate does not parse, with block and line.
    pub fn of_text(bytes: &[u8], source: &str) -> Result<Vec<Self>, String> {
        let blocks = encoding::blocks(bytes).map_err(|error| error.for_source(source))?;
        let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
        certificates
            .map(|block| {
                let one = Self::of_der(&block.der, &format!("{source} #{}", block.index));
                one.map_err(|reason| format!("block {} (line {}): {reason}", block.index, block.line))
            })
            .collect()
    }
}
