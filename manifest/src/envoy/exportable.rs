//! What Envoy has no form for (X2): found before anything is written, all at once.

use uptls::danger::PeerDanger;
use uptls::interop::{self, TrustedAs, TrustedCertificate};
use uptls::{
    AlpnSelection, PolicyError, PolicyErrorKind, Prepared, Problem, Problems, RevocationDepth, ServerNameRule,
    SystemTrust, TlsVersion, UnknownRevocation, UpstreamTlsPolicy,
};

use super::options::{ExportOptions, Placement};
use super::{parameters, place, spiffe};

/// Refuses what could not give the same verdict.
pub(super) fn check(prepared: &Prepared, options: &ExportOptions) -> Result<(), Problems> {
    let policy = prepared.policy();
    let mut refusals = Refusals(Vec::new());
    refusals.trust(policy, options);
    refusals.itself(prepared);
    refusals.revocation(prepared);
    refusals.negotiation(policy);
    refusals.schemes(prepared);
    refusals.danger(policy);
    refusals.host(policy, options);
    refusals.identity(policy, options);
    refusals.owner(policy, options);
    refusals.finish(policy)
}

/// Refuses what the module could not give the same verdict with: whatever Envoy's own fields must do.
pub(super) fn check_beside_module(prepared: &Prepared, options: &ExportOptions) -> Result<(), Problems> {
    let policy = prepared.policy();
    let mut refusals = Refusals(Vec::new());
    refusals.negotiation(policy);
    refusals.schemes(prepared);
    refusals.identity(policy, options);
    refusals.owner(policy, options);
    refusals.finish(policy)
}

struct Refusals(Vec<Problem>);

impl Refusals {
    fn finish(self, policy: &UpstreamTlsPolicy) -> Result<(), Problems> {
        let mut problems = self.0.into_iter();
        match problems.next() {
            None => Ok(()),
            Some(first) => Err(Problems::new(policy.name().map(str::to_owned), first, problems.collect())),
        }
    }

    fn refuse(&mut self, path: &str, rule: &'static str, feature: &str, change: &'static str) {
        let kind = PolicyErrorKind::NotExportable { change, feature: feature.to_owned(), rule };
        self.0.push(PolicyError::new(path, kind).into());
    }

    fn trust(&mut self, policy: &UpstreamTlsPolicy, options: &ExportOptions) {
        let trust = policy.trust();
        if !trust.pinned_certificates.is_empty() {
            let feature = "Envoy's verify_certificate_hash without a CA checks neither validity nor names";
            self.refuse("spec.trust.pinnedCertificates", "T5", feature, "put the certificate itself into a bundle");
        }
        if !trust.pinned_keys.is_empty() {
            let feature = "Envoy's verify_certificate_spki without a CA checks neither validity nor names";
            self.refuse("spec.trust.pinnedKeys", "T5", feature, "put the certificate itself into a bundle");
        }
        let path = "spec.trust.system";
        match trust.system {
            SystemTrust::Mozilla => {
                let feature = "of the compiled-in roots names and keys are kept, and Envoy needs certificates";
                self.refuse(path, "T6", feature, "trust a bundle file, or system: native");
            }
            SystemTrust::Native if matches!(options.placement, Placement::Inline) => {
                let feature = "the system's roots are written to a file, and there is none";
                self.refuse(path, "X2", feature, "give a file for them: --ca-file FILE or --sds DIR");
            }
            SystemTrust::Platform => {
                let feature = "Envoy cannot ask the platform's verifier";
                self.refuse(path, "T6", feature, "trust a bundle file, or system: native");
            }
            _ => {}
        }
        if let Some((path, feature)) = spiffe::inexpressible(policy) {
            self.refuse(path, "T9", &feature, spiffe::CHANGE);
        }
    }

    /// T3: an anchor of Envoy issues, unless its key usage forbids it; basicConstraints and EKU of an anchor are not read.
    fn itself(&mut self, prepared: &Prepared) {
        let trusted = interop::trusted_certificates(prepared);
        if trusted.iter().any(|certificate| certificate.trusted_as == TrustedAs::ItselfUnrestricted) {
            let feature =
                "a certificate that is trusted as itself has no key usage, and Envoy would let it sign for any name";
            let change = "issue it again with a key usage of digitalSignature, or trust its CA";
            self.refuse("spec.trust.bundles", "T3", feature, change);
        } else if !prepared.policy().trust().bundles.is_empty() && place::anchors(prepared).is_empty() {
            let feature = "no certificate of the bundles can complete a path";
            self.refuse("spec.trust.bundles", "T3", feature, "put a CA certificate into them");
        }
    }

    fn revocation(&mut self, prepared: &Prepared) {
        let Some(spec) = prepared.policy().revocation() else { return };
        if spec.unknown == UnknownRevocation::Allow {
            let feature = "Envoy refuses every certificate that no list covers";
            self.refuse("spec.revocation.unknown", "V3", feature, "set it to deny");
        }
        let is_intermediate = |certificate: &TrustedCertificate<'_>| {
            certificate.trusted_as == TrustedAs::Issuer && parameters::is_issued_by_another(certificate.der)
        };
        if spec.depth == RevocationDepth::Chain && interop::trusted_certificates(prepared).iter().any(is_intermediate) {
            let feature = "Envoy wants a list for an anchor too, and for one that is not self-signed finds none";
            self.refuse("spec.revocation.depth", "V3", feature, "set it to leaf, or trust the self-signed root");
        }
    }

    fn negotiation(&mut self, policy: &UpstreamTlsPolicy) {
        if policy.alpn().selection == AlpnSelection::Required {
            let feature = "Envoy goes on without a protocol when the peer selects none";
            self.refuse("spec.alpn.required", "H3", feature, "set it to false");
        }
        let suites = policy.cipher_suites();
        let has_all = parameters::TLS13_SUITES.iter().all(|suite| suites.contains(suite));
        if policy.versions().contains(TlsVersion::V1_3) && !suites.is_empty() && !has_all {
            let feature = "Envoy offers every suite of TLS 1.3, whatever it is told";
            let change = "name all three suites of TLS 1.3, or set versions.max to 1.2";
            self.refuse("spec.cipherSuites", "H2", feature, change);
        }
    }

    /// H9: a single scheme that Envoy lacks is a warning, but it must not fall back to its own list.
    fn schemes(&mut self, prepared: &Prepared) {
        if !parameters::has_known_scheme(prepared) {
            let feature = "Envoy has none of the signature schemes that the provider verifies";
            self.refuse("spec", "H9", feature, "give the runtime a provider with ECDSA, Ed25519 or RSA");
        }
    }

    fn danger(&mut self, policy: &UpstreamTlsPolicy) {
        if matches!(policy.danger().peer, PeerDanger::AnyCertificate { .. }) {
            let feature = "a context that verifies nothing is never written";
            self.refuse("spec.danger.acceptAnyCertificate", "D2", feature, "name what is trusted");
        }
        if !policy.danger().tolerations.is_empty() {
            let feature = "Envoy cannot leave a single rule out, nor end it at a time";
            self.refuse("spec.danger.tolerate", "D4", feature, "renew the certificates that need it");
        }
    }

    /// N2: `auto` is the backend host, which Envoy would not know.
    fn host(&mut self, policy: &UpstreamTlsPolicy, options: &ExportOptions) {
        if *policy.server_name() == ServerNameRule::Auto && options.backend_host.is_none() {
            let feature = "the server name is auto, and no backend host is given";
            self.refuse(
                "spec.serverName",
                "N2",
                feature,
                "set serverName, or give the backend host: --host NAME-OR-IP",
            );
        }
    }

    /// L12: one after the other may stand in one file.
    fn owner(&mut self, policy: &UpstreamTlsPolicy, options: &ExportOptions) {
        let (Placement::CaFile { owner, .. } | Placement::Sds { owner, .. }) = &options.placement else { return };
        if owner.wants_name() && policy.name().is_none() {
            let feature = "without a name, the next export of the policy could not be told from that of another one";
            self.refuse("metadata.name", "L12", feature, "give the policy a name: metadata: {name: NAME}");
        }
    }

    /// I6: a key that the policy holds as text goes to a file or nowhere.
    fn identity(&mut self, policy: &UpstreamTlsPolicy, options: &ExportOptions) {
        if policy.identity().is_none() || matches!(options.placement, Placement::Sds { .. }) {
            return;
        }
        match interop::identity_files(policy) {
            None => {
                let feature = "an inline certificate or key is not written into a context";
                self.refuse("spec.identity", "I6", feature, "keep both in files, or write files: --sds DIR");
            }
            Some(files) if files.passphrase.is_some() => {
                let feature = "Envoy takes the line end of a passphrase file for a part of the passphrase";
                self.refuse("spec.identity.passphrase", "I3", feature, "write files: --sds DIR");
            }
            Some(_) => {}
        }
    }
}
