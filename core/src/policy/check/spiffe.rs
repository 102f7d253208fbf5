//! Checks of SPIFFE names, and of what vouches for them (N7, T9, L3).

use std::collections::BTreeSet;

use super::Checker;
use crate::error::PolicyErrorKind;
use crate::name::{SpiffePrefix, TrustDomain};
use crate::policy::draft::SpiffeDraft;
use crate::policy::{BundleSpec, Material, MaterialDraft, SanMatcher, SystemTrust, TrustSpec};

impl Checker {
    pub(super) fn bundles(&mut self, drafts: Vec<MaterialDraft>) -> Vec<BundleSpec> {
        let mut bundles = Vec::new();
        for (index, mut draft) in drafts.into_iter().enumerate() {
            let path = format!("spec.trust.bundles[{index}]");
            let named = draft.trust_domain.take();
            let trust_domain = named.as_ref().map(|name| self.trust_domain(format!("{path}.trustDomain"), name));
            let material = self.material(&path, draft);
            // A domain that is none must not leave a bundle that vouches for every one.
            if let (Some(material), None | Some(Some(_))) = (material, &trust_domain) {
                bundles.push(BundleSpec { material, trust_domain: trust_domain.flatten() });
            }
        }
        bundles
    }

    pub(super) fn system_trust_domain(&mut self, system: SystemTrust, text: Option<&str>) -> Option<TrustDomain> {
        let domain = self.trust_domain("spec.trust.systemTrustDomain".to_owned(), text?)?;
        if system == SystemTrust::Off {
            let conflict = "systemTrustDomain is set, and no roots of the system are trusted";
            let change = "set spec.trust.system to mozilla, native or platform, or remove systemTrustDomain";
            self.contradiction("spec.trust.system", conflict, change);
            return None;
        }
        Some(domain)
    }

    pub(super) fn trust_domain(&mut self, path: String, text: &str) -> Option<TrustDomain> {
        TrustDomain::parse(text).map_err(|reason| self.bad_name(path, text, reason)).ok()
    }

    /// N7: a prefix of whole segments; without one, the trust domain.
    pub(super) fn spiffe(&mut self, path: &str, draft: &SpiffeDraft) -> Option<SanMatcher> {
        let SpiffeDraft { path_prefix, trust_domain } = draft;
        let Some(domain) = trust_domain else {
            self.invalid(path, "an entry without trustDomain", "{trustDomain: DOMAIN, pathPrefix: /PATH}");
            return None;
        };
        let domain = self.trust_domain(format!("{path}.trustDomain"), domain)?;
        let Some(prefix) = path_prefix else { return Some(SanMatcher::SpiffeTrustDomain(domain)) };
        let field = format!("{path}.pathPrefix");
        if prefix == "/" {
            self.invalid(field, "/", "a path as /ns/pay; leave pathPrefix out to match the whole trust domain");
            return None;
        }
        match SpiffePrefix::parse(domain, prefix) {
            Ok(prefix) => Some(SanMatcher::SpiffePrefix(prefix)),
            Err(reason) => {
                self.bad_name(field, prefix, reason);
                None
            }
        }
    }

    /// T9: whose IDs a bundle vouches for must be known, and each wanted ID needs something that can vouch for it.
    pub(super) fn vouchers(&mut self, trust: &TrustSpec, names: &[(usize, SanMatcher)]) {
        let wanted: BTreeSet<TrustDomain> = names.iter().filter_map(|(_, name)| name.trust_domain()).collect();
        let flat = trust.bundles.iter().enumerate().filter(|(_, bundle)| bundle.trust_domain.is_none());
        for (index, bundle) in flat.filter(|_| wanted.len() > 1) {
            let domains: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let material = match &bundle.material {
                Material::File { path, .. } => format!("file: {}", path.display()),
                Material::Inline { .. } => "pem: TEXT".to_owned(),
            };
            let form = format!("{{{material}, trustDomain: {}}}", domains.first().map_or("DOMAIN", String::as_str));
            let source = bundle.source();
            let kind = PolicyErrorKind::BundleWithoutTrustDomain { domains, form, source };
            self.fail(format!("spec.trust.bundles[{index}]"), kind);
        }
        // One name that can match is enough (N4, L19); of the others a warning tells.
        let can_match = |name: &SanMatcher| name.trust_domain().is_none_or(|domain| may_vouch(trust, &domain));
        if names.iter().any(|(_, name)| can_match(name)) {
            return;
        }
        for domain in &wanted {
            let system = trust.system != SystemTrust::Off;
            let kind = PolicyErrorKind::NothingVouches { domain: domain.to_string(), system };
            let first = names.iter().find(|(_, name)| name.trust_domain().as_ref() == Some(domain));
            self.fail(format!("spec.subjectAltNames[{}]", first.map_or(0, |(index, _)| *index)), kind);
        }
    }
}

/// Whether anything that is trusted could vouch for an ID of `domain`.
pub(in crate::policy) fn may_vouch(trust: &TrustSpec, domain: &TrustDomain) -> bool {
    let TrustSpec { bundles, pinned_certificates, pinned_keys, system: _, system_trust_domain } = trust;
    bundles.iter().any(|bundle| bundle.trust_domain.as_ref().is_none_or(|own| own == domain))
        || system_trust_domain.as_ref() == Some(domain)
        || !pinned_certificates.is_empty()
        || !pinned_keys.is_empty()
}
