//! The oracle: the rules T3 to T5 and V2 to V6 once more, over facts of worlds instead of certificates.
//!
//! It reads no certificate and no list, and shares no line with the library. It has flaws on demand ([`Flaw`]): a law that
//! holds for an oracle with the flaw that it is about would not find that flaw in the library either.

use std::collections::BTreeSet;

use uptls_testkit::KeyUsage::{CrlSign, DigitalSignature, KeyCertSign};
use uptls_testkit::{ANY, DAY, NOW, SERVER_AUTH};

use super::certificates::{Facts, Id, POINT_A, POINT_B};
pub use super::flaw::Flaw;
use super::judge::{Judge, Loaded, NO_PATH, Verdict};
use super::lists::{Content, List, SIGNERS, Scope};
use super::policies::{NATIVE, Peer, Policy, Revocation, Rule};

/// The rules, with a flaw or none.
pub struct Oracle(pub Flaw);

impl Judge for Oracle {
    fn load(&self, policy: &Policy) -> Result<Box<dyn Loaded>, &'static str> {
        let own = Judged { policy: policy.clone(), flaw: self.0 };
        own.check()?;
        Ok(Box::new(own))
    }
}

/// What the rules permit: more than one answer where several paths are equally good.
#[derive(Debug)]
pub enum Expected {
    /// The ends of all proofs.
    Accepted(BTreeSet<i64>),
    /// The codes of all paths.
    Refused(BTreeSet<&'static str>),
}

/// A policy and how it judges.
pub struct Judged {
    pub policy: Policy,
    pub flaw: Flaw,
}

impl Loaded for Judged {
    fn verdict(&self, peer: &Peer) -> Verdict {
        match self.expected(peer) {
            Expected::Accepted(ends) => Verdict::Accepted { until: *ends.last().expect("a proof has an end") },
            Expected::Refused(codes) => Verdict::Refused(codes.first().expect("a refusal has a code")),
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        let Policy { bundles, native, pinned_certificates, pinned_keys, revocation, tolerated, names, leaf_keys } =
            &self.policy;
        let set = |ids: &[Id]| ids.iter().copied().collect::<BTreeSet<_>>();
        let keys = |ids: &[Id]| ids.iter().map(|id| id.facts().key).collect::<BTreeSet<_>>();
        let native = native.filter(|_| self.flaw != Flaw::FingerprintWithoutNativeRoots);
        // What may not issue decides nothing in the system's store.
        let native =
            native.map(|native| NATIVE[native].iter().filter(|id| may_issue(id.facts())).collect::<BTreeSet<_>>());
        let mut lists: Vec<&List> = self.policy.lists().collect();
        lists.sort();
        if self.flaw != Flaw::FingerprintOfEveryFile {
            lists.dedup();
        }
        let revocation = revocation.as_ref().map(|Revocation { files: _, leaf_only, allow }| (leaf_only, allow));
        let trust = (set(&bundles.concat()), native, set(pinned_certificates), keys(pinned_keys), keys(leaf_keys));
        let tolerated: BTreeSet<_> = tolerated.iter().collect();
        let names: BTreeSet<_> = names.iter().collect();
        format!("{trust:?} {lists:?} {revocation:?} {tolerated:?} {names:?}").into_bytes()
    }
}

/// A path: the leaf and what lies between it and the anchor, and the anchor.
struct Path {
    certificates: Vec<Id>,
    anchor: Id,
}

impl Judged {
    fn check(&self) -> Result<(), &'static str> {
        if self.has_ended() { Err("trust_bundle_expired") } else { Ok(()) }
    }

    /// T4: whether all that is trusted has ended, and no toleration keeps it of use (D4).
    pub fn has_ended(&self) -> bool {
        if self.tolerated(Rule::ExpiredAnchor).is_some() {
            return false;
        }
        // What may not issue is trusted as itself, and is a leaf.
        let itself = self.tolerated(Rule::ExpiredLeaf).is_some();
        let ended = |ids: &[Id]| ids.iter().all(|id| id.facts().end < 0 && (!itself || may_issue(id.facts())));
        match self.flaw {
            Flaw::ExpiredBundleSpoils => self.policy.bundles.iter().any(|ids| ended(ids)),
            _ => {
                let alone = self.policy.native.is_none()
                    && self.policy.pinned_certificates.is_empty()
                    && self.policy.pinned_keys.is_empty();
                alone && ended(&self.policy.bundles.concat())
            }
        }
    }

    /// What the rules permit for `peer`.
    pub fn expected(&self, peer: &Peer) -> Expected {
        let mut refused = BTreeSet::new();
        let mut ends = BTreeSet::new();
        let paths = self.paths(peer);
        for path in &paths {
            match self.path_until(path) {
                Ok(until) => ends.extend([until]),
                Err(code) => refused.extend([code]),
            }
            if self.flaw == Flaw::FirstPathDecides {
                break;
            }
        }
        let stopped = self.flaw == Flaw::RevokedPathEndsAll && refused.contains("cert_revoked");
        let itself = if self.is_itself(peer.leaf) && !stopped { self.itself_until(peer.leaf) } else { Err(NO_PATH) };
        match itself {
            Ok(until) => ends.extend([until]),
            Err(code) if paths.is_empty() => refused.extend([code]),
            Err(_) => {}
        }
        if ends.is_empty() {
            return Expected::Refused(refused);
        }
        match self.rest(peer) {
            Ok(()) => Expected::Accepted(ends),
            Err(code) => Expected::Refused(BTreeSet::from([code])),
        }
    }

    /// V4 to V6.
    fn rest(&self, peer: &Peer) -> Result<(), &'static str> {
        let leaf = peer.leaf.facts();
        let signs = leaf.usage.is_none_or(|usage| usage.contains(&DigitalSignature));
        if !signs && self.tolerated(Rule::KeyUsage).is_none() {
            return Err("cert_key_usage");
        }
        let wanted = if self.policy.names.is_empty() { vec![peer.host] } else { self.policy.names.clone() };
        if !wanted.iter().any(|name| leaf.name == Some(name)) {
            return Err("name_mismatch");
        }
        let pins = &self.policy.leaf_keys;
        if !pins.is_empty() && !pins.iter().any(|pin| pin.facts().key == leaf.key) {
            return Err("cert_pin_mismatch");
        }
        Ok(())
    }

    /// The end of a toleration that is in force, in days.
    fn tolerated(&self, rule: Rule) -> Option<i64> {
        let in_force =
            self.policy.tolerated.iter().filter(|(own, until)| *own == rule && until.is_none_or(|until| until >= 0));
        in_force.map(|(_, until)| until.unwrap_or(i64::MAX / DAY / 4)).max()
    }

    /// T3.
    fn anchors(&self) -> Vec<Id> {
        let bundles = self.policy.bundles.iter().flatten().copied().filter(|id| may_issue(id.facts()));
        let native = self.policy.native.map(|native| NATIVE[native].as_slice()).unwrap_or_default();
        let native =
            native.iter().copied().filter(|id| self.flaw == Flaw::AnyNativeRootIssues || may_issue(id.facts()));
        bundles.chain(native).collect()
    }

    /// V2: every path that holds before a list is looked at.
    fn paths(&self, peer: &Peer) -> Vec<Path> {
        let leaf = peer.leaf.facts();
        let in_time = leaf.begin <= 0 && (leaf.end >= 0 || self.tolerated(Rule::ExpiredLeaf).is_some());
        let mut found = Vec::new();
        let short = self.flaw != Flaw::LongChainsAreRefused || peer.rest.len() < 5;
        if short && in_time && !leaf.ca && leaf.purpose.is_none_or(|purpose| purpose == SERVER_AUTH) {
            self.walk(&peer.rest, &mut vec![peer.leaf], &mut found);
        }
        found
    }

    fn walk(&self, sent: &[Id], path: &mut Vec<Id>, found: &mut Vec<Path>) {
        let last = path.last().expect("it begins with the leaf").facts();
        let between = path.iter().skip(1).filter(|id| id.facts().subject != id.facts().issuer).count();
        for anchor in self.anchors() {
            let facts = anchor.facts();
            let ended =
                facts.end < 0 && self.tolerated(Rule::ExpiredAnchor).is_none() && self.flaw != Flaw::AnchorsNeverExpire;
            let too_long = facts.path_length.is_some_and(|limit| between > usize::from(limit));
            if signed(last, facts) && facts.begin <= 0 && !ended && !too_long {
                found.push(Path { certificates: path.clone(), anchor });
            }
        }
        if path.len() > 6 {
            return;
        }
        for next in sent {
            let facts = next.facts();
            let again = path.iter().any(|id| (id.facts().subject, id.facts().key) == (facts.subject, facts.key));
            let too_long = facts.path_length.is_some_and(|limit| between > usize::from(limit));
            if signed(last, facts) && !again && !too_long && facts.begin <= 0 && facts.end >= 0 && passes_on(facts) {
                path.push(*next);
                self.walk(sent, path, found);
                path.pop();
            }
        }
    }

    /// Until when `path` is proven, or what V3 says against it.
    fn path_until(&self, path: &Path) -> Result<i64, &'static str> {
        let mut until = self.leaf_end(path.certificates[0]);
        let mut first = Ok(());
        for (index, id) in path.certificates.iter().enumerate() {
            if index > 0 {
                until = until.min(seconds(id.facts().end));
            }
            if index > 0 && self.policy.revocation.as_ref().is_some_and(|revocation| revocation.leaf_only) {
                continue;
            }
            let issuer = path.certificates.get(index + 1).unwrap_or(&path.anchor);
            match self.listed(id.facts(), Some(issuer.facts())) {
                Ok(end) => until = until.min(end),
                Err(code) => first = first.and(Err(code)),
            }
        }
        first?;
        let anchor = path.anchor.facts();
        let tolerated = self.tolerated(Rule::ExpiredAnchor).filter(|_| anchor.end < 0);
        until = until.min(seconds(tolerated.unwrap_or(anchor.end)));
        if self.flaw == Flaw::UntilOfLeaf {
            return Ok(self.leaf_end(path.certificates[0]));
        }
        if self.flaw == Flaw::UntilOfEveryList {
            until = self.policy.lists().map(|list| seconds(list.age.days().1)).fold(until, i64::min);
        }
        Ok(until)
    }

    fn leaf_end(&self, leaf: Id) -> i64 {
        let end = leaf.facts().end;
        seconds(self.tolerated(Rule::ExpiredLeaf).filter(|_| end < 0).unwrap_or(end))
    }

    /// T5: bundles and pins, never the system's store.
    fn is_itself(&self, leaf: Id) -> bool {
        self.policy.bundles.iter().flatten().any(|id| *id == leaf) || self.is_pinned(leaf)
    }

    fn is_pinned(&self, leaf: Id) -> bool {
        let keys = &self.policy.pinned_keys;
        self.policy.pinned_certificates.contains(&leaf) || keys.iter().any(|id| id.facts().key == leaf.facts().key)
    }

    fn itself_until(&self, leaf: Id) -> Result<i64, &'static str> {
        let facts = leaf.facts();
        let in_time = facts.begin <= 0 && (facts.end >= 0 || self.tolerated(Rule::ExpiredLeaf).is_some());
        if !in_time || facts.purpose.is_some_and(|purpose| purpose != SERVER_AUTH) {
            return Err(NO_PATH);
        }
        let excused = self.flaw == Flaw::ItselfIsNeverRevoked
            || (self.flaw == Flaw::PinnedIsNeverRevoked && self.is_pinned(leaf));
        let lists_end = if excused { i64::MAX } else { self.listed(facts, None)? };
        Ok(self.leaf_end(leaf).min(lists_end))
    }

    /// V3 for one certificate: until when a list vouches for it, or what is wrong. Without an issuer the certificate is
    /// trusted as itself, and no signature says whose the lists are.
    fn listed(&self, facts: &Facts, issuer: Option<&Facts>) -> Result<i64, &'static str> {
        let Some(revocation) = &self.policy.revocation else { return Ok(i64::MAX) };
        let spelled =
            |list: &&List| self.flaw != Flaw::NamesByteForByte || list.spelling == super::lists::Spelling::Same;
        let named: Vec<&List> =
            self.policy.lists().filter(spelled).filter(|list| SIGNERS[list.signer].0 == facts.issuer).collect();
        let may_sign = issuer.and_then(|issuer| issuer.usage).is_none_or(|usage| usage.contains(&CrlSign));
        let may_sign = may_sign || self.flaw == Flaw::AnyKeySignsLists;
        let verifies = |list: &List| issuer.is_none_or(|issuer| !list.broken && SIGNERS[list.signer].1 == issuer.key);
        let begun = |list: &List| list.age.days().0 <= 0 || self.flaw == Flaw::FutureListsCount;
        let mut candidates: Vec<&List> =
            named.iter().copied().filter(|list| may_sign && verifies(list) && begun(list)).collect();
        match self.flaw {
            Flaw::FirstListAlone => candidates.truncate(1),
            Flaw::NewestListAlone => {
                candidates.sort_by_key(|list| -list.age.days().0);
                candidates.truncate(1);
            }
            _ => {}
        }
        let fresh = |list: &List| list.age.days().1 > 0;
        let covers = |list: &List| self.covers(list, facts);
        if candidates
            .iter()
            .any(|list| holds(list, facts) && (self.flaw != Flaw::ScopeBeforeRevocation || covers(list)))
        {
            return Err("cert_revoked");
        }
        let covering: Vec<&List> = candidates.iter().copied().filter(|list| covers(list)).collect();
        if self.flaw == Flaw::StaleListDecides && candidates.iter().any(|list| !fresh(list)) {
            return Err("crl_expired");
        }
        let counted = |list: &&&List| fresh(list) || self.flaw == Flaw::StaleListsCover;
        let end = covering.iter().filter(counted).map(|list| seconds(list.age.days().1)).max();
        match (end, issuer) {
            (Some(end), Some(_)) => return Ok(end),
            // No key vouches for these lists: what is left is `unknown`.
            (Some(end), None) if revocation.allow => return Ok(end),
            (Some(_), None) => return Err("revocation_unknown"),
            (None, _) if !covering.is_empty() => return Err("crl_expired"),
            (None, _) => {}
        }
        if let Some(issuer) = issuer
            && named.iter().any(|list| begun(list) && is_untrusted(list, issuer, may_sign))
        {
            return Err("crl_untrusted");
        }
        if revocation.allow { Ok(i64::MAX) } else { Err("revocation_unknown") }
    }

    /// Whether the list is for this certificate.
    fn covers(&self, list: &List, facts: &Facts) -> bool {
        let at = |point: &str| {
            facts.points.contains(&point) || (facts.points.is_empty() && self.flaw == Flaw::PointCoversAll)
        };
        let scope = match list.scope {
            Scope::Whole => true,
            Scope::PointA => at(POINT_A),
            Scope::PointB => at(POINT_B),
            Scope::Directory => facts.points.is_empty(),
            Scope::Users => !facts.ca,
            Scope::Authorities => facts.ca,
            Scope::UsersOfA => at(POINT_A) && !facts.ca,
            Scope::AuthoritiesOfA => at(POINT_A) && facts.ca,
        };
        scope && (facts.end >= 0 || list.keeps_expired || list.age.days().0 <= facts.end)
    }
}

fn seconds(days: i64) -> i64 {
    NOW + days * DAY
}

/// T3: what a trusted certificate must be to issue.
pub fn may_issue(facts: &Facts) -> bool {
    let purpose = facts.purpose.is_none_or(|purpose| purpose == SERVER_AUTH || purpose == ANY);
    if facts.v1 {
        return facts.subject == facts.issuer;
    }
    facts.ca && !facts.critical && purpose && facts.usage.is_none_or(|usage| usage.contains(&KeyCertSign))
}

/// V2: what a certificate that was sent must be to stand between leaf and anchor.
fn passes_on(facts: &Facts) -> bool {
    let purpose = facts.purpose.is_none_or(|purpose| purpose == SERVER_AUTH);
    facts.ca && !facts.v1 && !facts.critical && purpose && facts.usage.is_none_or(|usage| usage.contains(&KeyCertSign))
}

fn signed(certificate: &Facts, issuer: &Facts) -> bool {
    (certificate.issuer, certificate.signer) == (issuer.subject, issuer.key)
}

/// Whether the list holds the serial number of the certificate.
fn holds(list: &List, facts: &Facts) -> bool {
    let listed = match list.content {
        Content::Empty => return false,
        Content::Leaves => &super::certificates::LEAVES,
        Content::Intermediates => &super::certificates::SENT,
    };
    listed.iter().any(|id| id.facts().label == facts.label)
}

/// A list that should be the issuer's, and is not: the key does not verify it, though it does not name another; or the
/// key may not sign lists.
fn is_untrusted(list: &List, issuer: &Facts, may_sign: bool) -> bool {
    let (_, key) = SIGNERS[list.signer];
    let anothers = list.names_key && !issuer.v1 && key != issuer.key;
    let verifies = key == issuer.key && !list.broken;
    !anothers && (!verifies || !may_sign)
}
