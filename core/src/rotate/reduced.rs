//! Whether a generation may refuse what the one before it accepted (R7).

use std::collections::BTreeSet;

use crate::danger::{Danger, PeerDanger};
use crate::policy::{RevocationDepth, RevocationSpec, SystemTrust, UnknownRevocation, UpstreamTlsPolicy};
use crate::prepare::Prepared;
use crate::trust::{SystemRoots, TrustStore};

/// Whether trust or the identity was removed or changed between two generations. In doubt it was: a pool that drains in
/// vain costs handshakes.
pub(super) fn reduces_trust(before: &Prepared, after: &Prepared) -> bool {
    let (old, new) = (before.policy(), after.policy());
    let identity = before.identity().map(|identity| identity.digest());
    loses_anchors(&before.verifier().trust, &after.verifier().trust)
        || (old.trust().system == SystemTrust::Platform && new.trust().system != SystemTrust::Platform)
        || loses(&old.trust().pinned_certificates, &new.trust().pinned_certificates)
        || loses(&old.trust().pinned_keys, &new.trust().pinned_keys)
        || loses_vouchers(before, after)
        || (identity.is_some() && identity != after.identity().map(|identity| identity.digest()))
        || loses_names(old, new)
        || (!new.spki_pins().is_empty() && (old.spki_pins().is_empty() || loses(old.spki_pins(), new.spki_pins())))
        || ends_danger(old.danger(), new.danger())
        || is_stricter(old.revocation(), new.revocation())
        || loses(&revoked(after), &revoked(before))
}

/// Whether `old` has something that `new` has not.
fn loses<T: Ord>(old: &[T], new: &[T]) -> bool {
    let new: BTreeSet<&T> = new.iter().collect();
    old.iter().any(|item| !new.contains(item))
}

fn loses_anchors(old: &TrustStore, new: &TrustStore) -> bool {
    let entries = |store: &TrustStore| -> Vec<[u8; 32]> {
        store.bundle_entries().filter_map(|facts| facts.entry().map(|entry| entry.sha256())).collect()
    };
    let roots = |system: &SystemRoots| -> Vec<[Vec<u8>; 3]> {
        let parts = |anchor: &rustls_pki_types::TrustAnchor<'_>| {
            let constraints = anchor.name_constraints.as_ref().map(|constraints| constraints.to_vec());
            [anchor.subject.to_vec(), anchor.subject_public_key_info.to_vec(), constraints.unwrap_or_default()]
        };
        system.anchors().iter().map(parts).collect()
    };
    let system = match (old.system(), new.system()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(old), Some(new)) => old.digest() != new.digest() && loses(&roots(old), &roots(new)),
    };
    system || loses(&entries(old), &entries(new))
}

/// T9: whether an entry, or the system's roots, vouch for a trust domain no longer.
fn loses_vouchers(before: &Prepared, after: &Prepared) -> bool {
    let vouching =
        |prepared: &Prepared| -> Vec<_> { prepared.verifier().trust.vouching(prepared.policy()).into_iter().collect() };
    let system = |prepared: &Prepared| prepared.policy().trust().system_trust_domain.clone();
    let lost = system(before).is_some() && system(before) != system(after);
    lost || loses(&vouching(before), &vouching(after))
}

/// N3, N4: without entries the server name is the reference name.
fn loses_names(old: &UpstreamTlsPolicy, new: &UpstreamTlsPolicy) -> bool {
    let names = |policy: &UpstreamTlsPolicy| -> Vec<String> {
        policy.subject_alt_names().iter().map(ToString::to_string).collect()
    };
    match (names(old), names(new)) {
        (old_names, new_names) if old_names.is_empty() && new_names.is_empty() => {
            old.server_name() != new.server_name()
        }
        (old_names, new_names) => old_names.is_empty() || loses(&old_names, &new_names),
    }
}

fn ends_danger(old: &Danger, new: &Danger) -> bool {
    let weakness = |danger: &Danger| match danger.peer {
        PeerDanger::None => 0,
        PeerDanger::AnyName { .. } => 1,
        PeerDanger::AnyCertificate { .. } => 2,
    };
    let tolerated = |danger: &Danger| -> Vec<_> { danger.tolerations.iter().map(|t| (t.rule, t.until)).collect() };
    weakness(new) < weakness(old) || loses(&tolerated(old), &tolerated(new))
}

fn is_stricter(old: Option<&RevocationSpec>, new: Option<&RevocationSpec>) -> bool {
    let Some(new) = new else { return false };
    old.is_none_or(|old| {
        (old.depth == RevocationDepth::Leaf && new.depth == RevocationDepth::Chain)
            || (old.unknown == UnknownRevocation::Allow && new.unknown == UnknownRevocation::Deny)
    })
}

/// What the lists revoke; a list that was issued again with the same content is the same.
fn revoked(prepared: &Prepared) -> Vec<(Vec<u8>, [u8; 32])> {
    prepared.verifier().crls.iter().map(|list| (list.issuer().to_vec(), list.revoked_digest())).collect()
}
