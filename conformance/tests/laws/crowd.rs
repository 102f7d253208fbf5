//! L4 and L16 in a crowd: more certificates of one name than a path search looks at. Their order changes neither verdict nor
//! code, and those to which no name leads cost nothing.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, PolicyDraft, Prepared, UpstreamTlsPolicy};
use uptls_testkit::{Certificate, Key, Template};

use crate::harness::{Kept, Told, run, search, worlds};
use crate::order::shuffle;
use crate::world::certificates::Id;
use crate::world::judge::machine;
use crate::world::policies::Policy;

/// CAs called as the intermediate of the leaf, each with a key of its own.
static NAMESAKES: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let make = |index| Template::ca("inter").self_signed(&Key::p256(&format!("namesake {index}")));
    (0..60).map(make).collect()
});

/// CAs to which no name leads.
static STRANGERS: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let make = |index| Template::ca(&format!("stranger {index}")).self_signed(&Key::p256(&format!("stranger {index}")));
    (0..60).map(make).collect()
});

static PREPARED: LazyLock<Arc<Prepared>> = LazyLock::new(|| {
    let PolicyDraft { spec, .. } = Policy::plain().draft();
    let checked = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    machine(None).prepare(&checked).unwrap()
});

/// The code; empty if the chain is accepted.
type Judge = fn(&[CertificateDer<'_>]) -> &'static str;

fn library(chain: &[CertificateDer<'_>]) -> &'static str {
    let host = BackendHost::parse("a.test").unwrap();
    PREPARED.verify(chain, Some(&host)).err().map_or("", |rejection| rejection.code().as_str())
}

/// The flaw: the first 32 are looked at, whatever they are.
fn looks_at_the_first(chain: &[CertificateDer<'_>]) -> &'static str {
    library(&chain[..chain.len().min(33)])
}

fn order_does_not_matter(judge: Judge, (namesakes, strangers, seed): &(usize, usize, u64)) -> Kept {
    let mut rest = vec![Id::of("I").minted()];
    rest.extend(&NAMESAKES[..*namesakes]);
    let quiet = rest.clone();
    rest.extend(&STRANGERS[..*strangers]);
    let mut other = rest.clone();
    shuffle(&mut other, &mut (*seed | 1));
    let code = |rest: &[&Certificate]| {
        let leaf = core::iter::once(Id::of("leaf").minted());
        let chain: Vec<_> = leaf.chain(rest.iter().copied()).map(|one| CertificateDer::from_slice(one.der())).collect();
        judge(&chain)
    };
    let codes = [code(&quiet), code(&rest), code(&other)];
    if *namesakes < FEW && !codes[0].is_empty() {
        return Err(format!("{} with {namesakes} others of its name", codes[0]));
    }
    if codes[0] != codes[1] || codes[1] != codes[2] {
        return Err(format!("alone, with strangers and shuffled: {codes:?}"));
    }
    Ok(Told::Much)
}

/// So many fit beside the one that is needed.
const FEW: usize = 30;

#[test]
fn l04_the_order_of_a_crowd_does_not_matter() {
    let name = "L4 (the order of a crowd does not matter)";
    let crowds = (0..60_usize, 0..60_usize, any::<u64>());
    let found = search(200, &crowds, |crowd| order_does_not_matter(looks_at_the_first, crowd));
    assert!(found.is_err(), "{name}: no crowd shows the flaw");
    println!("law {name}: finds the flaw");
    run(name, worlds(2), &crowds, |crowd| order_does_not_matter(library, crowd));
}
