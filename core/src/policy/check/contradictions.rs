//! Fields that are right one by one and make no sense together: checks that a weakening silences, and policies that no
//! peer can satisfy.

use super::Checker;
use crate::danger::{Danger, PeerDanger, ToleratedRule};
use crate::error::PolicyErrorKind;
use crate::policy::{RevocationSpec, SystemTrust, TlsVersion, TrustSpec, UnknownRevocation, Versions};

/// What was written, by the field.
pub(super) struct Written<'a> {
    pub(super) danger: &'a Danger,
    pub(super) groups: &'a [&'static str],
    pub(super) revocation: Option<&'a RevocationSpec>,
    pub(super) spki_pins: &'a [[u8; 32]],
    pub(super) subject_alt_names: bool,
    pub(super) trust: &'a TrustSpec,
    pub(super) versions: Versions,
}

impl Checker {
    pub(super) fn contradictions(&mut self, written: &Written<'_>) {
        self.silenced(written);
        self.unreachable_key(written);
        self.unreachable_list(written);
        self.unreachable_group(written.groups, written.versions);
    }

    /// D1, D2: a check that is written holds, or the policy is refused.
    fn silenced(&mut self, written: &Written<'_>) {
        let Written { danger, revocation, spki_pins, subject_alt_names, trust, .. } = written;
        let (path, fields) = match &danger.peer {
            PeerDanger::None => return,
            PeerDanger::AnyName { .. } => {
                let common_name = danger.tolerations.iter().any(|t| t.rule == ToleratedRule::CommonName);
                let fields = vec![("spec.subjectAltNames", *subject_alt_names), ("spec.danger.tolerate", common_name)];
                ("spec.danger.acceptAnyName", fields)
            }
            PeerDanger::AnyCertificate { .. } => {
                let TrustSpec { bundles, pinned_certificates, pinned_keys, system, system_trust_domain: _ } = trust;
                let fields = vec![
                    ("spec.trust.bundles", !bundles.is_empty()),
                    ("spec.trust.pinnedCertificates", !pinned_certificates.is_empty()),
                    ("spec.trust.pinnedKeys", !pinned_keys.is_empty()),
                    ("spec.trust.system", *system != SystemTrust::Off),
                    ("spec.subjectAltNames", *subject_alt_names),
                    ("spec.spkiPins", !spki_pins.is_empty()),
                    ("spec.revocation", revocation.is_some()),
                    ("spec.danger.tolerate", !danger.tolerations.is_empty()),
                ];
                ("spec.danger.acceptAnyCertificate", fields)
            }
        };
        let silenced: Vec<_> =
            fields.into_iter().filter(|(_, is_written)| *is_written).map(|(field, _)| field).collect();
        if !silenced.is_empty() {
            self.fail(path, PolicyErrorKind::Silenced { silenced });
        }
    }

    /// V6 holds together with T5: a leaf has one key.
    fn unreachable_key(&mut self, written: &Written<'_>) {
        let TrustSpec { bundles, pinned_certificates, pinned_keys, system, system_trust_domain: _ } = written.trust;
        let keys_alone = bundles.is_empty() && pinned_certificates.is_empty() && *system == SystemTrust::Off;
        if keys_alone
            && !pinned_keys.is_empty()
            && !written.spki_pins.is_empty()
            && !pinned_keys.iter().any(|key| written.spki_pins.contains(key))
        {
            let given = "a list without any of spec.trust.pinnedKeys, which alone are trusted,";
            self.invalid(
                "spec.spkiPins",
                given,
                "a list with one of them; or remove it, since the key is pinned already",
            );
        }
    }

    /// T5: without an issuer no list is one that counts, and all that is not on a list is then unknown.
    fn unreachable_list(&mut self, written: &Written<'_>) {
        let TrustSpec { bundles, pinned_certificates, pinned_keys, system, system_trust_domain: _ } = written.trust;
        let has_pins = !pinned_certificates.is_empty() || !pinned_keys.is_empty();
        let pins_alone = bundles.is_empty() && *system == SystemTrust::Off && has_pins;
        if pins_alone && written.revocation.is_some_and(|revocation| revocation.unknown == UnknownRevocation::Deny) {
            let given = "deny, where pins in spec.trust are all that is trusted and no list has an issuer,";
            self.invalid(
                "spec.revocation.unknown",
                given,
                "allow; or remove spec.revocation, or add the issuer to spec.trust.bundles",
            );
        }
    }

    /// H2: TLS 1.2 has no hybrid group (draft-ietf-tls-ecdhe-mlkem).
    fn unreachable_group(&mut self, groups: &[&'static str], versions: Versions) {
        let is_hybrid = |group: &&str| HYBRID.contains(group);
        if versions.max == TlsVersion::V1_2 && !groups.is_empty() && groups.iter().all(is_hybrid) {
            let given = format!("{} with spec.versions.max 1.2", groups.join(", "));
            let wanted = "a list with X25519, secp256r1 or secp384r1, or spec.versions with 1.3";
            self.invalid("spec.groups", given, wanted);
        }
    }
}

/// The groups of TLS 1.3 alone.
const HYBRID: &[&str] = &["X25519MLKEM768"];
