//! PEM and DER as operators paste them: bundles, revocation lists, identities with a passphrase. Nothing that was put in is lost
//! without a word (T2), a second reader of PEM finds nothing more, splitting does not matter (L5), and a key of another
//! certificate is never taken (I2).

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use base64::Engine as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{
    FixedClock, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Problems, RevocationDraft, Runtime,
    Secret, SecretDraft, TrustDraft, UpstreamTlsPolicy, WarningCode, check_trust_bundle,
};
use uptls_testkit::{Certificate, CrlTemplate, Key, NOW, Pki, San, Template};

use crate::draw::Draw as _;

struct Bench {
    /// May issue, or are trusted as themselves.
    certificates: Vec<Certificate>,
    lists: Vec<Vec<u8>>,
    clients: Vec<Certificate>,
    /// Of each client, in every form; the last two are encrypted.
    keys: Vec<Vec<String>>,
    intermediate: Certificate,
    root: String,
    runtime: Runtime,
}

const PASSPHRASE: &str = "open sesame";

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let pki = Pki::new("material");
    let certificates = (0..6).map(|number| Template::ca(&format!("ca {number}")).self_signed(&Key::feigned(number)));
    let leaf = Template::leaf("leaf").with_sans(&[San::dns("a.test")]).self_signed(&Key::feigned(7));
    let lists = (0..3).map(|day| {
        let template = CrlTemplate { this_update: NOW - day * 3600, ..CrlTemplate::new(&[]) };
        template.issued_by(&pki.root)
    });
    let clients = vec![pki.client(&[San::dns("one")]), pki.client(&[San::dns("two")])];
    let forms = |client: &Certificate| {
        let key = client.key();
        vec![key.pkcs8_pem(), key.sec1_pem(), key.encrypted_pkcs8_pem(PASSPHRASE, 2), key.legacy_encrypted_pem()]
    };
    Bench {
        certificates: certificates.chain([leaf]).collect(),
        lists: lists.collect(),
        keys: clients.iter().map(forms).collect(),
        clients,
        intermediate: pki.intermediate.clone(),
        root: pki.root.pem(),
        runtime: Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build(),
    }
});

pub fn run(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    match u.below(6) {
        0 | 1 => bundle(&mut u),
        2 => lists(&mut u),
        3 => identity(&mut u),
        4 => text(&String::from_utf8_lossy(u.take_rest())),
        _ => der(u.take_rest()),
    }
}

/// Blocks that were written somehow: what is prepared holds all of them.
fn bundle(u: &mut Unstructured<'_>) {
    let (mut text, mut put, mut alone) = (String::new(), BTreeSet::new(), Vec::new());
    let mut is_exact = true;
    for _ in 0..=u.below(4) {
        let certificate = &BENCH.certificates[u.below(7)];
        let (block, kept) = block(u, "CERTIFICATE", certificate.der());
        is_exact &= kept;
        put.insert(format!("sha256:{}", hex(&certificate.sha256())));
        text.push_str(&block);
        alone.push(block);
    }
    let Ok(prepared) = trusting(vec![text.clone()]) else { return };
    let held = held(&prepared);
    // Other bytes may be no certificate, which is said, or another one.
    let unusable = prepared.warnings().iter().filter(|warning| warning.code == WarningCode::TrustEntryUnusable).count();
    assert!(held.len() + unusable >= put.len(), "{held:?} of {text}");
    assert!(!is_exact || held == put, "{held:?} of {text}");
    assert!(check_trust_bundle("p", "s", text.as_bytes()).is_ok());
    if let Ok(apart) = trusting(alone) {
        assert_eq!(self::held(&apart), held, "L5: of {text}");
    }
    second_reader(&text, &held);
}

/// Any text as a bundle.
fn text(text: &str) {
    let checked = check_trust_bundle("p", "s", text.as_bytes());
    match trusting(vec![text.to_owned()]) {
        Ok(prepared) => {
            assert!(checked.is_ok(), "{checked:?}");
            second_reader(text, &held(&prepared));
        }
        Err(problems) => sound(&problems),
    }
    let _ = listing(vec![text.to_owned()]);
    let split = text.len() / 2;
    let split = (0..=split).rev().find(|place| text.is_char_boundary(*place)).unwrap_or_default();
    let _ = identified(&text[..split], text, Some("x")).map_err(|problems| sound(&problems));
}

/// DER where PEM is wanted, and as a revocation list, which may be DER.
fn der(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new_in(FOLDER).unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let crls = vec![MaterialDraft::file(file.path())];
    let as_der =
        prepare(PolicySpec { revocation: Some(RevocationDraft { crls, ..RevocationDraft::default() }), ..spec() });
    let as_pem = listing(vec![uptls_testkit::pem("X509 CRL", bytes)]);
    // A text of PEM is no DER, whatever its bytes are.
    if !bytes.is_empty() && bytes[0] == 0x30 {
        assert_eq!(as_der.is_ok(), as_pem.is_ok(), "as DER {:?}, as PEM {:?}", as_der.err(), as_pem.err());
    }
    let bundle = uptls_testkit::pem("CERTIFICATE", bytes);
    if let Ok(prepared) = trusting(vec![bundle.clone(), BENCH.root.clone()]) {
        second_reader(&bundle, &held(&prepared));
    }
    let _ = uptls::Inspection::of_der(bytes, "fuzz");
    let _ = uptls::Inspection::of_text(bytes, "fuzz");
}

fn lists(u: &mut Unstructured<'_>) {
    let mut put = BTreeSet::new();
    let mut text = String::new();
    for _ in 0..=u.below(3) {
        let place = u.below(3);
        put.insert(place);
        text.push_str(&block(u, "X509 CRL", &BENCH.lists[place]).0);
    }
    if let Ok(prepared) = listing(vec![text.clone()]) {
        let said = prepared.describe().trusts.revocation.unwrap_or_default();
        assert!(said.contains(&format!("{} lists", put.len())), "{said:?} of {}: {text}", put.len());
    }
}

fn identity(u: &mut Unstructured<'_>) {
    let (of_chain, of_key) = (u.below(2), u.below(2));
    let form = u.below(4);
    let mut chain = block(u, "CERTIFICATE", BENCH.clients[of_chain].der()).0;
    let follows = u.maybe();
    if follows {
        chain.push_str(&block(u, "CERTIFICATE", BENCH.intermediate.der()).0);
    }
    let mut key = BENCH.keys[of_key][form].clone();
    if u.below(4) == 3 {
        key = damaged(u, key).0;
    }
    let passphrase = u.pick(&[None, Some(PASSPHRASE), Some("wrong"), Some("open sesame\n"), Some("")]);
    let both = u.below(4) == 3;
    if both {
        key.push_str(&chain);
    }
    match identified(&chain, &key, passphrase) {
        Ok(prepared) => {
            assert_eq!(of_chain, of_key, "I2");
            let opens = passphrase.is_some_and(|given| given.trim_end() == PASSPHRASE);
            assert!(form < 2 || (form == 2 && opens), "I3");
            let facts = prepared.describe().sends.identity.map(|facts| facts.sha256);
            assert_eq!(facts, Some(format!("sha256:{}", hex(&BENCH.clients[of_chain].sha256()))));
        }
        Err(problems) => sound(&problems),
    }
}

/// One block as hands and programs leave it, and whether its bytes are as they were.
fn block(u: &mut Unstructured<'_>, right: &str, der: &[u8]) -> (String, bool) {
    let is_damaged = u.below(3) == 2;
    let (widths, labels): (&[usize], _) = match is_damaged {
        true => (&[64, 76, 1000], vec![right]),
        false => (
            &[64, 76, 1000, 1],
            vec![right, right, right, "TRUSTED CERTIFICATE", "X509 CERTIFICATE", "", "certificate"],
        ),
    };
    let (width, label) = (u.pick(widths), u.pick(&labels));
    let end = u.pick(&["\n", "\r\n", " \n", "\n\n"]);
    let base64 = base64::prelude::BASE64_STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    lines.extend(base64.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()));
    lines.push(format!("-----END {label}-----\n"));
    let text = lines.join(end);
    if is_damaged { damaged(u, text) } else { (text, true) }
}

/// What mailers, word processors and hurry do to PEM.
fn damaged(u: &mut Unstructured<'_>, text: String) -> (String, bool) {
    let which = u.below(14);
    let damaged = match which {
        0 => text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
        1 => text.lines().filter(|line| !line.contains("END")).map(|line| format!("{line}\n")).collect(),
        2 => text.replace("-----BEGIN ", "-----BEGIN").replace("-----END ", "-----END"),
        3 => text.replace("-----", "----- "),
        4 => text.replace("-----", "\u{2014}\u{2013}-"),
        5 => text.lines().map(|line| format!("> {line}\n")).collect(),
        6 => text.to_ascii_lowercase(),
        7 => text.replace('=', ""),
        8 => format!(
            "{}{text}",
            u.pick(&[
                "# a comment\n",
                "subject=CN\n",
                "\u{feff}",
                "-----BEGIN -----\n",
                "-----END X-----\n",
                "Bag Attributes\n    x: y\n"
            ])
        ),
        9 => text.trim_end().to_owned(),
        10 => text.replace('\n', "\r"),
        11 => text.replace("-----END", " -----END"),
        12 => text.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
        _ => {
            let place = (0..=usize::from(u.arbitrary::<u16>().unwrap_or_default()) % (text.len() + 1))
                .rev()
                .find(|place| text.is_char_boundary(*place))
                .unwrap_or_default();
            format!("{}{}{}", &text[..place], u.pick(&["", "\0", "-", "A", "\n", "\u{20}"]), &text[place..])
        }
    };
    (damaged, which < 13)
}

/// Every certificate that the reader of `rustls` finds, and webpki can use, is held.
fn second_reader(text: &str, held: &BTreeSet<String>) {
    for der in CertificateDer::pem_slice_iter(text.as_bytes()).map_while(Result::ok) {
        let Ok(facts) = uptls::Inspection::of_der(&der, "fuzz") else { continue };
        if webpki::anchor_from_trusted_cert(&der).is_ok() {
            assert!(held.contains(&facts.certificate.sha256), "{} is lost of {text}", facts.certificate.sha256);
        }
    }
}

/// An error says one thing to change, and shows no key.
fn sound(problems: &Problems) {
    for problem in problems.iter() {
        let text = format!("{problem} {} {problem:?}", problem.hint());
        assert!(!problem.hint().is_empty() && text.chars().count() < 6_000, "{text}");
    }
}

fn held(prepared: &Prepared) -> BTreeSet<String> {
    prepared.describe().trusts.anchors.into_iter().map(|anchor| anchor.certificate.sha256).collect()
}

fn spec() -> PolicySpec {
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(BENCH.root.clone())], ..TrustDraft::default() };
    PolicySpec { server_name: Some("a.test".to_owned()), trust, ..PolicySpec::default() }
}

fn prepare(spec: PolicySpec) -> Result<Arc<Prepared>, Problems> {
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), Forbidden)?;
    BENCH.runtime.prepare(&policy)
}

fn trusting(bundles: Vec<String>) -> Result<Arc<Prepared>, Problems> {
    let bundles = bundles.into_iter().map(MaterialDraft::pem).collect();
    prepare(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..spec() })
}

fn listing(crls: Vec<String>) -> Result<Arc<Prepared>, Problems> {
    let crls = crls.into_iter().map(MaterialDraft::pem).collect();
    prepare(PolicySpec { revocation: Some(RevocationDraft { crls, ..RevocationDraft::default() }), ..spec() })
}

fn identified(chain: &str, key: &str, passphrase: Option<&str>) -> Result<Arc<Prepared>, Problems> {
    let secret = |text: &str| SecretDraft::pem(Secret::new(text.to_owned()));
    let identity = IdentityDraft {
        certificate: Some(MaterialDraft::pem(chain)),
        key: Some(secret(key)),
        passphrase: passphrase.map(secret),
    };
    prepare(PolicySpec { identity: Some(identity), ..spec() })
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Memory, where there is such a folder.
const FOLDER: &str = "/dev/shm";
