//! Whether a generation may refuse what the one before it accepted (R7).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::danger::{Danger, PeerDanger};
use crate::policy::{
    AlpnSelection, RevocationDepth, RevocationSpec, SystemTrust, UnknownRevocation, UpstreamTlsPolicy,
};
use crate::prepare::Prepared;
use crate::trust::RevocationList;

/// Whether trust or the identity was removed or changed between two generations. In doubt it was: a pool that drains in
/// vain costs handshakes.
pub(super) fn reduces_trust(before: &Prepared, after: &Prepared) -> bool {
    let (old, new) = (before.policy(), after.policy());
    let identity = before.identity().map(|identity| identity.digest());
    let loses_identity = identity.is_some() && identity != after.identity().map(|identity| identity.digest());
    // D2: no certificate is refused from now on.
    if matches!(new.danger().peer, PeerDanger::AnyCertificate { .. }) {
        return loses_identity || narrows_negotiation(before, after);
    }
    loses_identity
        || after.verifier().trust.lacks_some_of(&before.verifier().trust)
        || (old.trust().system == SystemTrust::Platform && new.trust().system != SystemTrust::Platform)
        || loses(&old.trust().pinned_certificates, &new.trust().pinned_certificates)
        || loses(&old.trust().pinned_keys, &new.trust().pinned_keys)
        || loses_vouchers(before, after)
        || loses_names(old, new)
        || (!new.spki_pins().is_empty() && (old.spki_pins().is_empty() || loses(old.spki_pins(), new.spki_pins())))
        || ends_danger(old.danger(), new.danger())
        || is_stricter(old.revocation(), new.revocation())
        || loses_lists(before, after)
        || narrows_negotiation(before, after)
}

/// Whether `old` has something that `new` has not.
fn loses<T: Ord>(old: &[T], new: &[T]) -> bool {
    let new: BTreeSet<&T> = new.iter().collect();
    old.iter().any(|item| !new.contains(item))
}

/// T9: whether an entry, or the system's roots, vouch for a trust domain no longer.
fn loses_vouchers(before: &Prepared, after: &Prepared) -> bool {
    let names_domains =
        |prepared: &Prepared| prepared.policy().trust().bundles.iter().any(|b| b.trust_domain.is_some());
    let vouching =
        |prepared: &Prepared| -> Vec<_> { prepared.verifier().trust.vouching(prepared.policy()).into_iter().collect() };
    let system = |prepared: &Prepared| prepared.policy().trust().system_trust_domain.clone();
    let lost = system(before).is_some() && system(before) != system(after);
    // Entries that vouch for no domain of their own are lost as anchors.
    lost || ((names_domains(before) || names_domains(after)) && loses(&vouching(before), &vouching(after)))
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

/// Whether the lists revoke more than before, or no longer clear what they cleared: for each issuer, key and scope, what is
/// listed and for how long the lists hold.
fn loses_lists(before: &Prepared, after: &Prepared) -> bool {
    if after.policy().revocation().is_none() {
        return false;
    }
    let (old, new) = (before.verifier().crls(), after.verifier().crls());
    let listed = |lists: &[Arc<RevocationList>]| -> Vec<([u8; 32], [u8; 32])> {
        lists.iter().map(|list| (list.subject_matter(), list.revoked_digest())).collect()
    };
    let last = |lists: &[Arc<RevocationList>], matter| {
        lists.iter().filter(|list| list.subject_matter() == matter).map(|list| list.next_update()).max()
    };
    let ends_earlier = |list: &Arc<RevocationList>| last(new, list.subject_matter()) < last(old, list.subject_matter());
    loses(&listed(new), &listed(old)) || old.iter().any(ends_earlier)
}

/// Whether a version, a suite, a group or the freedom to select no protocol is gone.
fn narrows_negotiation(before: &Prepared, after: &Prepared) -> bool {
    let (old, new) = (before.policy(), after.policy());
    let offered = |prepared: &Prepared| -> Vec<u16> {
        let provider = prepared.provider();
        let suites = provider.cipher_suites.iter().map(|suite| u16::from(suite.suite()));
        suites.chain(provider.kx_groups.iter().map(|group| u16::from(group.name()))).collect()
    };
    old.versions().min < new.versions().min
        || old.versions().max > new.versions().max
        || loses(&offered(before), &offered(after))
        || loses(&old.alpn().protocols, &new.alpn().protocols)
        || (new.alpn().selection == AlpnSelection::Required && old.alpn().selection != AlpnSelection::Required)
}
