//! L4 to L7 for objects of a cluster: their order and packing do not matter, no object changes what another namespace gets, and
//! a vendor's object accepts nothing that the standard policy beside it refuses.
//!
//! The judge is a reader of documents: the library, or one with a flaw.

mod objects;

use proptest::prelude::*;
use serde_json::json;
use uptls::UpstreamTlsPolicy;
use uptls::danger::DangerPermission::Forbidden;
use uptls_manifest::kubernetes::{BackendRef, Document, Imported, Resolution, Scope, import};

use crate::harness::{Kept, Told, run, search, worlds};
use crate::order::shuffle;
use crate::world::certificates::Id;
use crate::world::judge::{machine, verdict};
use crate::world::policies::Peer;

use objects::{Object, Space, Standard, any_objects, any_standard, any_vendor, backends, once, written};

/// Makes policies of texts.
type Reader = fn(Vec<String>) -> Imported;

fn library(texts: Vec<String>) -> Imported {
    let names: Vec<String> = (0..texts.len()).map(|index| format!("{index}.yaml")).collect();
    import(names.iter().zip(&texts).map(|(name, text)| Document::new(name, text.as_bytes())))
}

/// The worlds of a law: a share of all for the library, and some for the flawed reader, which must break it.
fn hold<S>(name: &str, share: u32, flawed: Reader, worlds_of: &S, check: impl Fn(Reader, &S::Value) -> Kept)
where
    S: Strategy,
    S::Value: std::fmt::Debug,
{
    let found = search(4_000, worlds_of, |world| check(flawed, world));
    assert!(found.is_err(), "{name}: no world shows the flaw");
    println!("law {name}: finds the flaw");
    run(name, worlds(share), worlds_of, |world| check(library, world));
}

/// What a backend gets: the digest of its policy and whom it accepts, or the codes.
#[derive(Debug, Eq, PartialEq)]
enum Got {
    Policy([u8; 32], Vec<bool>),
    Nothing(Vec<&'static str>),
}

impl Got {
    fn accepts(&self) -> &[bool] {
        match self {
            Got::Policy(_, accepts) => accepts,
            Got::Nothing(_) => &[],
        }
    }
}

fn got(resolution: &Resolution, backend: &BackendRef) -> Got {
    let draft = resolution.policy_of(backend, None).and_then(|policy| policy.draft.clone());
    let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, Forbidden));
    let prepared = policy.and_then(|policy| machine(None).prepare(&policy));
    match prepared {
        Ok(prepared) => {
            let accepts = peers().iter().map(|peer| verdict(&prepared, peer).accepts()).collect();
            Got::Policy(prepared.policy().spec_digest(), accepts)
        }
        Err(problems) => {
            let mut codes: Vec<_> = problems.iter().map(|problem| problem.code().as_str()).collect();
            codes.sort_unstable();
            Got::Nothing(codes)
        }
    }
}

/// Both names below both roots, and a stranger.
fn peers() -> Vec<Peer> {
    let peer = |leaf: &str, rest: &str| Peer { leaf: Id::of(leaf), rest: vec![Id::of(rest)], host: "pay.test" };
    vec![
        peer("leaf", "I"),
        peer("leaf", "I-by-S"),
        peer("leaf-name", "I"),
        peer("leaf-name", "I-by-S"),
        peer("self", "I"),
    ]
}

fn resolved(reader: Reader, texts: Vec<String>) -> Resolution {
    reader(texts).resolve(&Scope::default())
}

fn of_spaces(resolution: &Resolution, spaces: &[Space]) -> Vec<Got> {
    spaces.iter().flat_map(|space| backends(*space)).map(|backend| got(resolution, &backend)).collect()
}

/// Told much if a backend has a policy.
fn told(all: &[Got]) -> Told {
    if all.iter().any(|got| matches!(got, Got::Policy(..))) { Told::Much } else { Told::Nothing }
}

/// Documents as they are, without a shuffle.
fn plainly(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| written(&object.json(), &mut 0)).collect()
}

fn order_does_not_matter(reader: Reader, (objects, seed): &(Vec<Object>, u64)) -> Kept {
    let mut seed = *seed | 1;
    let mut texts: Vec<String> = objects.iter().map(|object| written(&object.json(), &mut seed)).collect();
    shuffle(&mut texts, &mut seed);
    let both = [Space::Shop, Space::Other];
    let one = of_spaces(&resolved(reader, plainly(objects)), &both);
    let two = of_spaces(&resolved(reader, texts.clone()), &both);
    if one == two { Ok(told(&one)) } else { Err(format!("{one:#?} and {two:#?} of {texts:#?}")) }
}

#[test]
fn l04_the_order_of_documents_and_keys_does_not_matter() {
    /// Whatever stands last in a folder is forgotten.
    fn flawed(mut texts: Vec<String>) -> Imported {
        texts.pop();
        library(texts)
    }
    let name = "L4 (the order of documents and of keys does not matter)";
    hold(name, 10, flawed, &(any_objects(), any::<u64>()), order_does_not_matter);
}

fn packing_does_not_matter(reader: Reader, (objects, _): &(Vec<Object>, u64)) -> Kept {
    let all: Vec<_> = objects.iter().map(Object::json).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string();
    let stream = plainly(objects).join("\n---\n");
    let half = objects.len() / 2;
    let halves = vec![plainly(&objects[..half]).join("\n---\n"), plainly(&objects[half..]).join("\n---\n")];
    let both = [Space::Shop, Space::Other];
    let apart = of_spaces(&resolved(reader, plainly(objects)), &both);
    for packed in [vec![list], vec![stream], halves] {
        let together = of_spaces(&resolved(reader, packed.clone()), &both);
        if apart != together {
            return Err(format!("{apart:#?}, and of {packed:#?} {together:#?}"));
        }
    }
    Ok(told(&apart))
}

#[test]
fn l05_how_objects_are_packed_does_not_matter() {
    /// Lists are passed over.
    fn flawed(mut texts: Vec<String>) -> Imported {
        texts.retain(|text| !text.contains("\"List\""));
        library(texts)
    }
    let name = "L5 (how objects are packed does not matter)";
    hold(name, 10, flawed, &(any_objects(), any::<u64>()), packing_does_not_matter);
}

/// An Upstream leads from its namespace to the Service of another, and takes its policy.
fn leads_away(object: &Object) -> bool {
    matches!(object, Object::Upstream { space, behind, .. } if space != behind)
}

fn namespaces_are_apart(reader: Reader, (objects, _): &(Vec<Object>, u64)) -> Kept {
    let objects: Vec<Object> = objects.iter().filter(|object| !leads_away(object)).cloned().collect();
    let own: Vec<Object> = objects.iter().filter(|object| object.space() == Space::Shop).cloned().collect();
    if own.len() == objects.len() {
        return Ok(Told::Nothing);
    }
    let alone = of_spaces(&resolved(reader, plainly(&own)), &[Space::Shop]);
    let beside = of_spaces(&resolved(reader, plainly(&objects)), &[Space::Shop]);
    if alone == beside {
        Ok(told(&alone))
    } else {
        Err(format!("alone {alone:#?}, beside another namespace {beside:#?}"))
    }
}

#[test]
fn l06_no_object_changes_what_another_namespace_gets() {
    /// Every object is in one namespace.
    fn flawed(texts: Vec<String>) -> Imported {
        library(texts.iter().map(|text| text.replace("\"other\"", "\"shop\"")).collect())
    }
    let name = "L6 (no object changes what another namespace gets)";
    hold(name, 10, flawed, &(any_objects(), any::<u64>()), namespaces_are_apart);
}

type Beside = (Vec<Object>, Standard, Object);

/// Port 443 of the Service `pay` of `shop`, whose standard policy is `standard`, read or not.
fn a_vendor_enlarges_nothing(reader: Reader, (objects, standard, vendor): &Beside) -> Kept {
    let standard = Standard {
        space: Space::Shop,
        section: standard.section.filter(|section| *section == "https"),
        ..standard.clone()
    };
    let is_vendors = |object: &&Object| matches!(object, Object::Vendor { .. } | Object::Upstream { .. });
    let others = objects.iter().filter(|object| !is_vendors(object)).cloned();
    let service = Object::Service { space: Space::Shop };
    let without = once([Object::Standard(standard), service].into_iter().chain(others));
    let with = once(without.iter().cloned().chain([vendor.clone()]));
    let [without, with] = [&without, &with].map(|objects| resolved(reader, plainly(objects)));
    let [port, _, upstream] = backends(Space::Shop);
    let standard = got(&without, &port);
    let mut both = vec![got(&with, &port)];
    if matches!(vendor, Object::Upstream { space: Space::Shop, behind: Space::Shop, .. }) {
        both.push(got(&with, &upstream));
    }
    for got in &both {
        let more = |(index, accepts): (usize, &bool)| *accepts && standard.accepts().get(index) != Some(&true);
        if got.accepts().iter().enumerate().any(more) {
            return Err(format!("by the standard policy {standard:?}, with the vendor's object {got:?}"));
        }
    }
    Ok(told(&both))
}

#[test]
fn l07_a_vendors_object_enlarges_nothing() {
    /// A standard policy that is not sound is passed over.
    fn flawed(mut texts: Vec<String>) -> Imported {
        texts.retain(|text| !text.contains("BackendTLSPolicy") || !text.contains("minimumStrength"));
        library(texts)
    }
    let name = "L7 (a vendor's object enlarges nothing)";
    hold(name, 15, flawed, &(any_objects(), any_standard(), any_vendor()), a_vendor_enlarges_nothing);
}
