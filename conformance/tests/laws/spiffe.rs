//! L3: an anchor of one SPIFFE trust domain never vouches for an ID of another (T9).
//!
//! Policies are written as documents, as their authors do; what may stand in a bundle's `trustDomain` is said there alone.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use uptls::UpstreamTlsPolicy;
use uptls::danger::DangerPermission::Forbidden;

use crate::harness::{Kept, Told, run, search, worlds};
use crate::world::certificates::Id;
use crate::world::judge::{machine, verdict};
use crate::world::policies::{Peer, pem_of};

/// Bundles, the system's store and pins, the names that are wanted, and a peer.
#[derive(Clone, Debug)]
struct World {
    bundles: Vec<Bundle>,
    /// The system has the root of this place of [`crate::world::policies::NATIVE`], and vouches for this domain.
    system: Option<(usize, Domain)>,
    pinned: bool,
    names: Vec<&'static str>,
    leaf: Id,
    rest: Vec<Id>,
}

#[derive(Clone, Debug)]
struct Bundle {
    ids: Vec<Id>,
    domain: Domain,
}

/// A trust domain; `None`: it is not said.
type Domain = Option<&'static str>;

const DOMAINS: &[Domain] = &[None, Some("x.test"), Some("y.test")];
const NAMES: &[&str] = &["x.test", "y.test", "spiffe://x.test/a", "spiffe://y.test/a"];

fn any_world() -> impl Strategy<Value = World> {
    let entry = select(["R", "S", "leaf-x", "leaf-y"].map(Id::of).to_vec());
    let bundle =
        (proptest::collection::vec(entry, 1..3), select(DOMAINS)).prop_map(|(ids, domain)| Bundle { ids, domain });
    let system = prop_oneof![2 => Just(None), 1 => (0..2_usize, select(DOMAINS)).prop_map(Some)];
    let pinned = prop_oneof![4 => Just(false), 1 => Just(true)];
    let names = proptest::collection::vec(select(NAMES), 1..3);
    let leaf = select(["leaf-x", "leaf-y"].map(Id::of).to_vec());
    let rest = select(vec![vec!["I"], vec!["I-by-S"], vec!["I", "I-by-S"], vec!["I-by-S", "I"], vec![]]);
    let trust = (proptest::collection::vec(bundle, 1..4), system, pinned);
    (trust, names, leaf, rest).prop_map(|((bundles, system, pinned), names, leaf, rest)| {
        let rest = rest.into_iter().map(Id::of).collect();
        World { bundles, system, pinned, names, leaf, rest }
    })
}

impl World {
    fn document(&self) -> Value {
        let bundle = |bundle: &Bundle| match bundle.domain {
            None => json!({"pem": pem_of(&bundle.ids)}),
            Some(domain) => json!({"pem": pem_of(&bundle.ids), "trustDomain": domain}),
        };
        let mut trust = json!({"bundles": self.bundles.iter().map(bundle).collect::<Vec<_>>()});
        if let Some((_, domain)) = self.system {
            trust["system"] = json!("native");
            if let Some(domain) = domain {
                trust["systemTrustDomain"] = json!(domain);
            }
        }
        if self.pinned {
            let digest = self.leaf.minted().sha256();
            trust["pinnedCertificates"] = json!([digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()]);
        }
        let name = |name: &&str| match name.starts_with("spiffe://") {
            true => json!({"uri": name}),
            false => json!({"spiffeTrustDomain": name}),
        };
        let names: Vec<Value> = self.names.iter().map(name).collect();
        json!({
            "apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "metadata": {"name": "world"},
            "spec": {"trust": trust, "subjectAltNames": names},
        })
    }

    fn peer(&self) -> Peer {
        Peer { leaf: self.leaf, rest: self.rest.clone(), host: "a.test" }
    }
}

/// Whether a peer is accepted, or the code of the problem with the policy.
type Answer = Result<bool, &'static str>;

fn library(world: &World) -> Answer {
    let text = world.document().to_string();
    let draft = uptls_manifest::parse(text.as_bytes(), "world.yaml", None);
    let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, Forbidden));
    let prepared = policy.and_then(|policy| machine(world.system.map(|(native, _)| native)).prepare(&policy));
    let prepared = prepared.map_err(|problems| problems.code().as_str())?;
    Ok(verdict(&prepared, &world.peer()).accepts())
}

/// The rules once more.
fn oracle(world: &World) -> Answer {
    answer(world, |bundle, domain| bundle.domain.is_none_or(|own| own == domain))
}

/// The flaw: any trusted issuer will do.
fn every_anchor_vouches(world: &World) -> Answer {
    answer(world, |_, _| true)
}

fn answer(world: &World, vouches: impl Fn(&Bundle, &str) -> bool) -> Answer {
    let wanted = |name: &str| name.strip_prefix("spiffe://").unwrap_or(name).split('/').next().unwrap().to_owned();
    let mut domains: Vec<String> = world.names.iter().map(|name| wanted(name)).collect();
    domains.sort();
    domains.dedup();
    let system = world.system.and_then(|(_, domain)| domain);
    // Domains that nothing tells apart, or names none of which anything can vouch for.
    let unclear = domains.len() > 1 && world.bundles.iter().any(|bundle| bundle.domain.is_none());
    let names = |domain: &String| world.bundles.iter().any(|bundle| bundle.domain.is_none_or(|own| own == domain));
    let hopeless = |domain: &String| !names(domain) && system != Some(domain.as_str()) && !world.pinned;
    if unclear || domains.iter().all(hopeless) {
        return Err("policy_invalid");
    }
    let id = world.leaf.facts().name.unwrap();
    let domain = wanted(id);
    if !world.names.iter().any(|name| *name == id || *name == domain) {
        return Ok(false);
    }
    let sent = |label: &str| world.rest.contains(&Id::of(label));
    let roots: Vec<Id> =
        [("R", "I"), ("S", "I-by-S")].iter().filter(|(_, by)| sent(by)).map(|(root, _)| Id::of(root)).collect();
    let ends = |bundle: &Bundle| bundle.ids.iter().any(|id| roots.contains(id) || *id == world.leaf);
    let by_bundle = world.bundles.iter().any(|bundle| ends(bundle) && vouches(bundle, &domain));
    let native = world.system.map(|(native, _)| [Id::of("R"), Id::of("S")][native]);
    let by_system = system == Some(domain.as_str()) && native.is_some_and(|native| roots.contains(&native));
    Ok(by_bundle || by_system || world.pinned)
}

fn no_domain_vouches_for_another(judge: fn(&World) -> Answer, world: &World) -> Kept {
    match (judge(world), oracle(world)) {
        (got, wanted) if got != wanted => Err(format!("{got:?}, and the rules say {wanted:?}")),
        (Ok(_), _) => Ok(Told::Much),
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn l03_no_trust_domain_vouches_for_another() {
    let name = "L3 (no trust domain vouches for another)";
    let found = search(4_000, &any_world(), |world| no_domain_vouches_for_another(every_anchor_vouches, world));
    assert!(found.is_err(), "{name}: no world shows the flaw");
    println!("law {name}: finds the flaw");
    run(name, worlds(50), &any_world(), |world| no_domain_vouches_for_another(library, world));
}
