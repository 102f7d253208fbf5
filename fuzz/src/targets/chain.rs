//! Worlds of feigned certificates: what `verify` and `report` say, webpki alone, the lists, the texts, and the laws of
//! composition (L1, L2, L4, L16, L17).

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary as _, Unstructured};
use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Allowed;
use uptls::{
    Code, DangerDraft, MaterialDraft, PolicyDraft, PolicySpec, Prepared, ReasonDraft, Rejection, Report,
    RevocationDraft, SanDraft, StepName, TolerationDraft, TrustDraft, UpstreamTlsPolicy, VerifiedPeer,
};
use uptls_testkit::NOW;

use crate::draw::Draw as _;
use crate::oracle::{self, Want};
use crate::world::{Facts, ListFacts, Minted, World, canonical};
use crate::{provider, texts};

/// What the policy says beside its material.
struct Rules {
    wants: Vec<Want>,
    leaf_only: bool,
    allow: bool,
    dangers: DangerDraft,
    pinned_leaf: bool,
    pins: Option<bool>,
    trust_domain: bool,
}

type Verdict = Result<VerifiedPeer, Box<Rejection>>;

/// The plain world must be accepted, or little here is judged.
static PLAIN: LazyLock<()> = LazyLock::new(|| {
    let world = World::arbitrary(&mut Unstructured::new(&[])).expect("nothing is needed");
    let minted = Minted::of(&world);
    let prepared = prepare(&world, &minted, &rules(&mut Unstructured::new(&[]))).expect("a sound policy");
    let chain: Vec<_> = minted.chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    assert!(prepared.verify(&chain, None).is_ok());
});

pub fn run(bytes: &[u8]) {
    LazyLock::force(&PLAIN);
    let mut u = Unstructured::new(bytes);
    let Ok(world) = World::arbitrary(&mut u) else { return };
    let rules = rules(&mut u);
    let minted = Minted::of(&world);
    let Some(prepared) = prepare(&world, &minted, &rules) else { return };
    let chain: Vec<_> = minted.chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let verdict = prepared.verify(&chain, None);
    let report = prepared.report(&chain, None);
    agree(&verdict, &report);
    texts::check_report(&report);
    match &verdict {
        Ok(peer) => accepted(&world, &minted, &rules, peer, &report),
        Err(rejection) => {
            texts::check_rejection(rejection);
            refused(&world, &minted, &rules, rejection);
        }
    }
    compose(&mut u, &world, &minted, &rules, &verdict);
}

fn rules(u: &mut Unstructured<'_>) -> Rules {
    let wants = [
        Want::Dns("a.test".to_owned()),
        Want::Dns("b.a.test".to_owned()),
        Want::Ip("10.0.0.7".parse().expect("an address")),
        Want::Spiffe("td.test".to_owned(), None),
        Want::Uri("spiffe://td.test/ns/pay".to_owned()),
        Want::Spiffe("td.test".to_owned(), Some("/ns".to_owned())),
    ];
    let mut rules = Rules {
        wants: (0..=u.below(3)).map(|_| u.pick(&wants)).collect(),
        leaf_only: u.maybe(),
        allow: u.maybe(),
        dangers: DangerDraft::default(),
        pinned_leaf: false,
        pins: None,
        trust_domain: false,
    };
    match u.below(24) {
        16 => rules.pinned_leaf = true,
        17 => rules.pins = Some(true),
        18 => rules.pins = Some(false),
        19 => rules.trust_domain = true,
        20 => rules.dangers.accept_any_name = Some(ReasonDraft { reason: "fuzz".to_owned() }),
        place @ 21..24 => {
            let rule = ["key_usage", "expired_anchor", "expired_leaf"][place - 21].to_owned();
            rules.dangers.tolerate.push(TolerationDraft { reason: "fuzz".to_owned(), rule, until: None });
        }
        _ => {}
    }
    rules
}

fn prepare(world: &World, minted: &Minted, rules: &Rules) -> Option<Arc<Prepared>> {
    let bundle = |(index, places): (usize, &Vec<usize>)| {
        let bundle = MaterialDraft::pem(minted.bundle(places));
        if rules.trust_domain { bundle.of_trust_domain(["td.test", "other.test"][index % 2]) } else { bundle }
    };
    let trust = TrustDraft {
        bundles: world.bundles.iter().enumerate().map(bundle).collect(),
        pinned_certificates: rules.pinned_leaf.then(|| hex(&minted.leaf.sha256())).into_iter().collect(),
        ..TrustDraft::default()
    };
    let crls: Vec<_> = world.lists.iter().map(|list| MaterialDraft::pem(minted.list(list))).collect();
    let text = |limited: bool, yes: &str, no: &str| Some(if limited { yes } else { no }.to_owned());
    let revocation = RevocationDraft {
        crls,
        depth: text(rules.leaf_only, "leaf", "chain"),
        unknown: text(rules.allow, "allow", "deny"),
    };
    let names = rules.wants.iter().map(san).collect();
    let any_name = rules.dangers.accept_any_name.is_some();
    let spec = PolicySpec {
        danger: rules.dangers.clone(),
        revocation: (!world.lists.is_empty()).then_some(revocation),
        server_name: Some("a.test".to_owned()),
        subject_alt_names: if any_name { Vec::new() } else { names },
        spki_pins: rules.pins.iter().map(|right| pin(minted, *right)).collect(),
        trust,
        ..PolicySpec::default()
    };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), Allowed).ok()?;
    provider::runtime().prepare(&policy).ok()
}

pub fn san(want: &Want) -> SanDraft {
    match want {
        Want::Dns(name) => SanDraft::dns(name),
        Want::Ip(ip) => SanDraft::ip(ip.to_string()),
        Want::Spiffe(domain, None) => SanDraft::spiffe_trust_domain(domain),
        Want::Spiffe(domain, Some(prefix)) => SanDraft::spiffe(domain, prefix),
        Want::Uri(uri) => SanDraft::uri(uri),
    }
}

fn pin(minted: &Minted, right: bool) -> String {
    use base64::Engine as _;
    let digest = if right { minted.leaf.spki_sha256() } else { [7; 32] };
    base64::prelude::BASE64_STANDARD.encode(digest)
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// V10: `verify` and `report` are one, to the code and to the step.
pub fn agree(verdict: &Verdict, report: &Report) {
    let code = verdict.as_ref().err().map(|rejection| rejection.code());
    assert_eq!(code, report.code);
    assert_eq!(verdict.is_ok(), report.accepted());
    let first = report.steps.iter().find_map(|step| step.code);
    assert_eq!(first, code, "the first step that fails has the code");
    if let Err(rejection) = verdict {
        let steps: Vec<_> = report.steps.iter().map(|step| (step.step, step.outcome)).collect();
        assert_eq!(report.message.as_deref(), Some(rejection.to_string().as_str()), "{steps:?}");
    }
}

fn accepted(world: &World, minted: &Minted, rules: &Rules, peer: &VerifiedPeer, report: &Report) {
    // L17; what is tolerated may have ended.
    let tolerates = !rules.dangers.tolerate.is_empty();
    assert!(peer.trusted_from() <= NOW && (tolerates || NOW <= peer.trusted_until()), "{peer:?}");
    let itself = report.steps.iter().any(|step| {
        step.step == StepName::Chain && step.detail.get("trusted").is_some_and(|text| text.starts_with("itself"))
    });
    let any_name = rules.dangers.accept_any_name.is_some();
    let matched = rules.wants.iter().find(|want| peer.matched_name() == Some(text(want).as_str()));
    assert!(any_name || matched.is_some(), "matched {:?}", peer.matched_name());
    if !itself && !tolerates {
        // T3, T4: what may not issue, or has ended, is no anchor.
        let sound = |facts: &&Facts| facts.may_issue() && facts.begin <= 0 && facts.end >= 0;
        let anchors = world.bundles.iter().flatten();
        let anchors = anchors.filter(|place| world.authorities.get(**place).filter(sound).is_some());
        let anchors: Vec<_> = anchors.map(|place| minted.trusted(*place).der()).collect();
        assert_eq!(oracle::bare(&anchors, &minted.chain, matched), Ok(()), "webpki alone refuses");
    }
    if world.damage.is_some() {
        return;
    }
    if let Some(want) = matched {
        assert!(oracle::holds(want, &world.leaf.sans, &world.leaf.facts), "{want:?} is not in {:?}", world.leaf.sans);
    }
    if !rules.dangers.tolerate.iter().any(|own| own.rule == "key_usage") {
        assert!(world.leaf.facts.usage.is_none_or(|usage| usage.signs), "V4: {:?}", world.leaf.facts.usage);
    }
    assert_ne!(rules.pins, Some(false), "V6");
    if !itself && let Some(places) = path(minted, peer) {
        let above = &places[..places.len() - 1];
        // V2: webpki does not check keyCertSign.
        assert!(above.iter().all(|place| world.authorities[*place].may_issue()), "{above:?} may not issue");
        let last = &world.authorities[places[places.len() - 1]];
        let counted =
            above.iter().filter(|place| world.authorities[**place].subject != world.authorities[**place].issuer);
        let limit = last.path_length.filter(|_| !last.v1);
        assert!(limit.is_none_or(|limit| counted.count() <= usize::from(limit)), "T3: {limit:?}");
    }
    if !world.lists.is_empty() && !tolerates {
        unrevoked(world, minted, rules, peer, itself);
    }
}

pub fn text(want: &Want) -> String {
    match want {
        Want::Dns(name) => format!("dns:{name}"),
        Want::Ip(ip) => format!("ip:{ip}"),
        Want::Spiffe(domain, None) => format!("spiffeTrustDomain:{domain}"),
        Want::Spiffe(domain, Some(prefix)) => format!("spiffePathPrefix:spiffe://{domain}{prefix}"),
        Want::Uri(uri) => format!("uri:{uri}"),
    }
}

/// V3, L1: no certificate on the path is listed by its issuer, and with `deny` each is cleared by a list of its issuer
/// in force.
fn unrevoked(world: &World, minted: &Minted, rules: &Rules, peer: &VerifiedPeer, itself: bool) {
    let leaf = &world.leaf.facts;
    if itself {
        assert!(!oracle::listed(world, leaf, 0, None).revoked, "a list names the leaf");
        return;
    }
    let Some(places) = path(minted, peer) else { return };
    let mut below = (leaf, 0);
    let asked = if rules.leaf_only { 1 } else { places.len() };
    for place in places.iter().take(asked) {
        let issuer = &world.authorities[*place];
        let said = oracle::listed(world, below.0, below.1, Some(issuer));
        assert!(!said.revoked, "a list of its issuer names {:?}", below.0);
        assert!(rules.allow || said.cleared, "no list of its issuer clears {:?}", below.0);
        below = (issuer, place + 1);
    }
}

/// The places of the authorities on the path, the anchor last; two of one spelling are one certificate.
fn path(minted: &Minted, peer: &VerifiedPeer) -> Option<Vec<usize>> {
    let path = peer.verified_chain()?;
    path[1..].iter().map(|der| minted.authorities.iter().position(|own| own.der() == *der)).collect()
}

/// Never stricter than webpki alone, but by a rule of ours.
fn refused(world: &World, minted: &Minted, rules: &Rules, rejection: &Rejection) {
    let code = rejection.code();
    let by_rule = [
        Code::CertBudgetExceeded,
        Code::CertCriticalExtension,
        Code::CertIssuerNotCa,
        Code::CertKeyUsage,
        Code::CertMalformed,
        Code::CertPinMismatch,
        Code::CertRevoked,
        Code::CrlExpired,
        Code::CrlUntrusted,
        Code::RevocationUnknown,
        Code::SpiffeIdInvalid,
        Code::SpiffeTrustDomain,
    ];
    if world.damage.is_none() {
        let itself = rules.pinned_leaf || world.bundles.iter().flatten().any(|place| *place >= world.authorities.len());
        let which = match code {
            Code::CertRevoked => Some("revoked"),
            Code::CrlExpired => Some("expired"),
            Code::CrlUntrusted => Some("untrusted"),
            _ => None,
        };
        assert!(which.is_none_or(|which| oracle::explains(world, which, itself)), "{code}, and no list says so");
        assert!(code != Code::RevocationUnknown || !rules.allow, "unknown is allowed");
    }
    // V2: a key that no signature is checked with. webpki does not look at that of the leaf.
    let by_key = [Code::CertAlgorithmUnsupported, Code::CertKeyTooWeak].contains(&code) && has_odd_key(minted);
    if by_rule.contains(&code) || by_key || rules.dangers.accept_any_name.is_some() {
        return;
    }
    let sound = |facts: &Facts| facts.may_issue() && facts.begin <= 0 && facts.end >= 0 && facts.path_length.is_none();
    let anchors = world.bundles.iter().flatten();
    let anchors = anchors.filter(|place| world.authorities.get(**place).is_some_and(sound));
    let anchors: Vec<_> = anchors.map(|place| minted.trusted(*place).der()).collect();
    let wanted = rules.wants.iter().find(|want| matches!(want, Want::Dns(_) | Want::Ip(_)));
    // Nor do intermediates count that may not issue (V2).
    let rest = minted.chain[1..].iter().zip(&world.sent);
    let rest = rest.filter(|(_, place)| world.authorities[**place].may_issue()).map(|(der, _)| der.clone());
    let chain: Vec<_> = minted.chain.iter().take(1).cloned().chain(rest).collect();
    if wanted.is_some() && chain.len() < 6 {
        let bare = oracle::bare(&anchors, &chain, wanted);
        assert!(bare.is_err(), "{code} ({rejection}), and webpki alone accepts: {world:#?}");
    }
}

/// Whether damage has made another key of one that was minted: all are of P-256.
fn has_odd_key(minted: &Minted) -> bool {
    const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    minted.chain.iter().any(|der| !der.windows(P256.len()).any(|window| window == P256))
}

/// Laws: the same with one thing more, or in another order.
fn compose(u: &mut Unstructured<'_>, world: &World, minted: &Minted, rules: &Rules, verdict: &Verdict) {
    let mut other = World { ..world.clone() };
    let (law, mut dropped) = (u.below(8), None);
    match law {
        // L4.
        1 | 2 => {
            other.bundles.reverse();
            other.bundles.iter_mut().for_each(|bundle| bundle.reverse());
            other.lists.reverse();
            other.sent.reverse();
        }
        // L2, but where bundles vouch for one trust domain each.
        3 | 4 if !rules.trust_domain => other.bundles.push(vec![u.below(world.authorities.len() + 1)]),
        // L1: one list less.
        5 | 6 if !world.lists.is_empty() => dropped = Some(other.lists.remove(u.below(world.lists.len()))),
        // L16.
        7 => drop(other.sent.pop()),
        _ => return,
    }
    if world.damage.is_some() && law != 3 && law != 4 {
        return;
    }
    let again = if law == 3 || law == 4 {
        Minted { chain: minted.chain.clone(), ..Minted::of(&other) }
    } else {
        Minted::of(&other)
    };
    let Some(prepared) = prepare(&other, &again, rules) else { return };
    let chain: Vec<_> = again.chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let now = prepared.verify(&chain, None);
    let code = |verdict: &Verdict| verdict.as_ref().err().map(|rejection| rejection.code());
    let (before, after) = (code(verdict), code(&now));
    let uncovered = [Code::CrlExpired, Code::CrlUntrusted, Code::RevocationUnknown];
    match law {
        1 | 2 => assert_eq!(before, after, "L4"),
        3 | 4 => assert!(before.is_some() || after.is_none(), "L2: {after:?}"),
        // Without any list nothing is asked.
        5 | 6 if !other.lists.is_empty() => {
            let opened = after.is_some_and(|code| !uncovered.contains(&code)) && before.is_none();
            assert!(!opened, "L1: {after:?}");
            let of = |list: &ListFacts| {
                let all = world.authorities.iter().chain([&world.leaf.facts]);
                all.filter(|facts| canonical(facts.issuer) == canonical(list.issuer)).count()
            };
            if dropped.is_some_and(|list| of(&list) == 0) {
                assert_eq!(before, after, "a list of nobody decides");
            }
        }
        7 => {
            let helped = before.is_some_and(|code| !is_missing(code)) && after.is_none();
            assert!(!helped, "L16: {before:?}");
        }
        _ => {}
    }
}

/// A refusal because a path was missing, or was not found in time.
fn is_missing(code: Code) -> bool {
    code == Code::CertBudgetExceeded
}
