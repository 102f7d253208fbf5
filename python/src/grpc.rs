//! What gRPC's own TLS needs of a policy, or why it cannot do what the policy says.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use uptls::danger::PeerDanger;
use uptls::interop::{self, TrustedAs};
use uptls::{
    PolicyError, PolicyErrorKind, Prepared, Problem, Problems, ServerNameRule, SystemTrust, TlsVersion,
    UpstreamTlsPolicy,
};

use crate::errors;
use crate::guard::detached;
use crate::policy::PyPolicy;

type Lists<'py> = (Bound<'py, PyList>, Bound<'py, PyList>, Option<Bound<'py, PyBytes>>);

/// The trusted certificates and our chain, DER, and our key, PEM, for gRPC's own TLS. `channel` says that an option of
/// the channel carries the policy's server name.
///
/// Raises PolicyError, `not_exportable`, for a policy that gRPC could not follow.
#[pyfunction]
#[pyo3(signature = (policy, *, channel))]
pub(crate) fn grpc_material<'py>(
    py: Python<'py>,
    policy: &Bound<'py, PyPolicy>,
    channel: bool,
) -> PyResult<Lists<'py>> {
    let prepared = policy.get().prepared();
    let key = detached(py, || {
        check(prepared, channel)?;
        interop::private_key(prepared)
    })?;
    let key = key.map_err(|problems| errors::unusable(py, &problems, prepared.runtime().now_text()))?;
    let trusted = interop::trusted_certificates(prepared);
    let trusted = PyList::new(py, trusted.iter().map(|entry| PyBytes::new(py, entry.der)))?;
    let chain = PyList::new(py, interop::identity_chain(prepared).map(|der| PyBytes::new(py, der)))?;
    Ok((trusted, chain, key.map(|private| PyBytes::new(py, &private.key))))
}

/// Every field that gRPC cannot express, at once.
fn check(prepared: &Prepared, channel: bool) -> Result<(), Problems> {
    let policy = prepared.policy();
    let mut refusals = Refusals(Vec::new());
    refusals.trust(prepared);
    refusals.names(policy, channel);
    refusals.negotiation(policy);
    refusals.rest(prepared)?;
    let mut problems = refusals.0.into_iter();
    match problems.next() {
        None => Ok(()),
        Some(first) => Err(Problems::new(policy.name().map(str::to_owned), first, problems.collect())),
    }
}

struct Refusals(Vec<Problem>);

impl Refusals {
    fn refuse(&mut self, is_used: bool, path: &str, rule: &'static str, feature: &str, change: &'static str) {
        if is_used {
            let kind = PolicyErrorKind::NotExportable { change, feature: feature.to_owned(), rule };
            self.0.push(PolicyError::new(path, kind).into());
        }
    }

    fn trust(&mut self, prepared: &Prepared) {
        let trust = prepared.policy().trust();
        let feature = "gRPC cannot trust a certificate by its digest";
        let change = "trust the CA in a bundle";
        self.refuse(!trust.pinned_certificates.is_empty(), "spec.trust.pinnedCertificates", "T5", feature, change);
        self.refuse(!trust.pinned_keys.is_empty(), "spec.trust.pinnedKeys", "T5", feature, change);
        let feature = "gRPC would take its own roots for those of the system";
        self.refuse(trust.system != SystemTrust::Off, "spec.trust.system", "T6", feature, "trust a bundle file");
        let is_itself = interop::trusted_certificates(prepared).iter().any(|it| it.trusted_as != TrustedAs::Issuer);
        let feature = "a certificate that is trusted as itself, which gRPC might take for an issuer";
        self.refuse(is_itself, "spec.trust.bundles", "T3", feature, "trust its CA");
    }

    fn names(&mut self, policy: &UpstreamTlsPolicy, channel: bool) {
        let feature = "gRPC verifies the name of the channel alone";
        let is_used = !policy.subject_alt_names().is_empty();
        let change = "leave it away, and set serverName to the name that the certificate holds";
        self.refuse(is_used, "spec.subjectAltNames", "N4", feature, change);
        let is_none = *policy.server_name() == ServerNameRule::None;
        self.refuse(is_none, "spec.serverName", "N3", feature, "set it to auto or a DNS name");
        let is_lost = !channel && matches!(policy.server_name(), ServerNameRule::Dns(_));
        let feature = "credentials carry no name, and gRPC would verify that of the channel's target";
        self.refuse(is_lost, "spec.serverName", "N3", feature, "make the channel by uptls.grpc.secure_channel");
        let feature = "gRPC has no pins";
        self.refuse(!policy.spki_pins().is_empty(), "spec.spkiPins", "V6", feature, "connect by uptls itself");
    }

    fn negotiation(&mut self, policy: &UpstreamTlsPolicy) {
        let (versions, change) = (policy.versions(), "leave it away");
        let feature = "gRPC offers TLS 1.2 and 1.3 with suites and groups of its own";
        let narrower = !(versions.contains(TlsVersion::V1_2) && versions.contains(TlsVersion::V1_3));
        self.refuse(narrower, "spec.versions", "H1", feature, change);
        self.refuse(!policy.cipher_suites().is_empty(), "spec.cipherSuites", "H2", feature, change);
        self.refuse(!policy.groups().is_empty(), "spec.groups", "H2", feature, change);
        let protocols = &policy.alpn().protocols;
        let without_h2 = !protocols.is_empty() && !protocols.iter().any(|protocol| protocol == "h2");
        self.refuse(without_h2, "spec.alpn", "H3", "gRPC speaks h2 alone", "add h2");
    }

    fn rest(&mut self, prepared: &Prepared) -> Result<(), Problems> {
        let policy = prepared.policy();
        let feature = "gRPC does not read revocation lists";
        self.refuse(policy.revocation().is_some(), "spec.revocation", "V3", feature, "connect by uptls itself");
        let danger = policy.danger();
        let is_used = danger.peer != PeerDanger::None || !danger.tolerations.is_empty();
        let feature = "gRPC cannot leave a single rule out";
        self.refuse(is_used, "spec.danger", "D5", feature, "renew the certificates that need it");
        let encrypted = interop::private_key(prepared)?.is_some_and(|private| private.passphrase.is_some());
        let feature = "gRPC cannot decrypt a key";
        self.refuse(encrypted, "spec.identity.passphrase", "I3", feature, "keep the key without a passphrase");
        Ok(())
    }
}
