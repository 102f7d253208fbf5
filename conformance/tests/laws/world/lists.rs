//! The revocation lists of worlds: each a row of choices, issued when a world first asks for it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use proptest::prelude::*;
use uptls_testkit::{Certificate, CrlTemplate, DAY, NOW, NameEncoding, RawExtension, Template, crl_pem};

use super::certificates::{LEAVES, POINT_A, POINT_B, SENT, key};

/// Who signs a list: the CN and the seed of the key.
pub const SIGNERS: &[(&str, &str)] = &[
    ("inter", "i1"),
    ("root", "r1"),
    ("inter", "i2"),
    ("root", "r2"),
    ("other", "s"),
    ("second", "j"),
    ("self", "self"),
];

/// A revocation list.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct List {
    /// The place in [`SIGNERS`].
    pub signer: usize,
    /// Whose serial numbers it holds.
    pub content: Content,
    /// Its dates.
    pub age: Age,
    /// What it is for.
    pub scope: Scope,
    /// How it writes the name of its issuer.
    pub spelling: Spelling,
    /// Whether it names its key (authority key identifier).
    pub names_key: bool,
    /// Whether its signature is broken.
    pub broken: bool,
    /// Whether it also lists certificates that have ended (`expiredCertsOnCRL`).
    pub keeps_expired: bool,
}

/// Whose serial numbers a list holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Content {
    /// None.
    Empty,
    /// Those of all leaves.
    Leaves,
    /// Those of all that stands between leaf and anchor.
    Intermediates,
}

/// `thisUpdate` and `nextUpdate`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Age {
    Fresh,
    Newest,
    /// From before the ended leaves ended.
    Older,
    BeginsNow,
    Stale,
    EndsNow,
    Future,
}

impl Age {
    /// `thisUpdate` and `nextUpdate` in days from now.
    pub fn days(self) -> (i64, i64) {
        match self {
            Age::Fresh => (-2, 30),
            Age::Newest => (-1, 20),
            Age::Older => (-10, 25),
            Age::BeginsNow => (0, 40),
            Age::Stale => (-60, -6),
            Age::EndsNow => (-60, 0),
            Age::Future => (5, 40),
        }
    }
}

/// The issuing distribution point.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// None: for all certificates of the issuer.
    Whole,
    PointA,
    PointB,
    /// The name of the issuer as a directory name.
    Directory,
    Users,
    Authorities,
    /// Point A and user certificates alone.
    UsersOfA,
    /// Point A and CA certificates alone.
    AuthoritiesOfA,
}

impl Scope {
    const ALL: &[Scope] = &[
        Scope::Whole,
        Scope::PointA,
        Scope::PointB,
        Scope::Directory,
        Scope::Users,
        Scope::Authorities,
        Scope::UsersOfA,
        Scope::AuthoritiesOfA,
    ];
}

/// How the name of the issuer is written. All are one name (RFC 5280, 7.1).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Spelling {
    /// As in the certificates.
    Same,
    Printable,
    /// In capitals, with spaces around it.
    Loud,
}

impl List {
    /// A fresh, complete list of `signer` that holds no certificate.
    pub fn plain(signer: usize) -> List {
        List {
            signer,
            content: Content::Empty,
            age: Age::Fresh,
            scope: Scope::Whole,
            spelling: Spelling::Same,
            names_key: true,
            broken: false,
            keeps_expired: false,
        }
    }

    /// The list as PEM.
    pub fn pem(&self) -> String {
        static ISSUED: LazyLock<Mutex<HashMap<List, String>>> = LazyLock::new(Mutex::default);
        if let Some(pem) = ISSUED.lock().unwrap_or_else(PoisonError::into_inner).get(self) {
            return pem.clone();
        }
        let pem = crl_pem(&self.issued());
        ISSUED.lock().unwrap_or_else(PoisonError::into_inner).insert(*self, pem.clone());
        pem
    }

    /// The list as DER.
    fn issued(&self) -> Vec<u8> {
        let issuer = issuer(self.signer, self.spelling);
        let listed = match self.content {
            Content::Empty => Vec::new(),
            Content::Leaves => LEAVES.iter().map(|id| id.minted()).collect(),
            Content::Intermediates => SENT.iter().map(|id| id.minted()).collect(),
        };
        let (begin, end) = self.age.days();
        let mut template = CrlTemplate::new(&listed);
        template.this_update = NOW + begin * DAY;
        template.next_update = Some(NOW + end * DAY);
        template.authority_key_id = self.names_key;
        if let Some(der) = self.scope.der(&issuer.subject_der()) {
            template.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der });
        }
        if self.keeps_expired {
            let der = [&[0x18, 15], b"20200101000000Z".as_slice()].concat();
            template.extra_extensions.push(RawExtension { oid: "2.5.29.60", critical: false, der });
        }
        let mut list = template.issued_by(&issuer);
        if self.broken {
            *list.last_mut().expect("a list is not empty") ^= 1;
        }
        list
    }
}

/// The CA that signs, under its name in this spelling.
fn issuer(signer: usize, spelling: Spelling) -> Certificate {
    static MADE: LazyLock<Mutex<HashMap<(usize, Spelling), Certificate>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let (subject, seed) = SIGNERS[signer];
        let written = match spelling {
            Spelling::Same | Spelling::Printable => subject.to_owned(),
            Spelling::Loud => format!(" {} ", subject.to_uppercase()),
        };
        let name_encoding = if spelling == Spelling::Printable { NameEncoding::Printable } else { NameEncoding::Utf8 };
        Template { name_encoding, ..Template::ca(&written) }.self_signed(&key(seed))
    };
    made.entry((signer, spelling)).or_insert_with(make).clone()
}

impl Scope {
    /// The value of the extension (RFC 5280, 5.2.5).
    fn der(self, issuer: &[u8]) -> Option<Vec<u8>> {
        const USERS: &[u8] = &[0x81, 1, 0xff];
        const AUTHORITIES: &[u8] = &[0x82, 1, 0xff];
        let point = |uri: &str| short(0xa0, &short(0xa0, &short(0x86, uri.as_bytes())));
        let content = match self {
            Scope::Whole => return None,
            Scope::PointA => point(POINT_A),
            Scope::PointB => point(POINT_B),
            Scope::Directory => short(0xa0, &short(0xa0, &short(0xa4, issuer))),
            Scope::Users => USERS.to_vec(),
            Scope::Authorities => AUTHORITIES.to_vec(),
            Scope::UsersOfA => [point(POINT_A).as_slice(), USERS].concat(),
            Scope::AuthoritiesOfA => [point(POINT_A).as_slice(), AUTHORITIES].concat(),
        };
        Some(short(0x30, &content))
    }
}

/// Tag, length, content of less than 128 bytes.
fn short(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    assert!(length < 128);
    [&[tag, length], content].concat()
}

/// The scopes that the library reads: a kind of list may be refused by name when it is loaded (V3), and then decides nothing.
pub static SCOPES: LazyLock<Vec<Scope>> = LazyLock::new(|| {
    let reads = |scope: &Scope| super::judge::reads(&List { scope: *scope, ..List::plain(1) });
    let (read, refused): (Vec<_>, Vec<_>) = Scope::ALL.iter().partition(|scope| reads(scope));
    println!("lists of these scopes are refused when they are loaded: {refused:?}");
    assert!(read.contains(&Scope::Whole) && read.contains(&Scope::PointA) && read.contains(&Scope::UsersOfA));
    read
});

/// Any list. What rules leave open is not made: a list of the future is well made otherwise.
pub fn any_list() -> impl Strategy<Value = List> {
    use proptest::sample::select;
    let content = select(&[Content::Empty, Content::Empty, Content::Leaves, Content::Intermediates][..]);
    let age = select(
        &[
            Age::Fresh,
            Age::Fresh,
            Age::Fresh,
            Age::Newest,
            Age::Older,
            Age::BeginsNow,
            Age::Stale,
            Age::Stale,
            Age::EndsNow,
            Age::Future,
        ][..],
    );
    let scope = prop_oneof![
        4 => Just(Scope::Whole),
        3 => select(SCOPES.as_slice()),
    ];
    let spelling = prop_oneof![6 => Just(Spelling::Same), 1 => Just(Spelling::Printable), 1 => Just(Spelling::Loud)];
    let signer = prop_oneof![8 => 0..2_usize, 4 => 0..SIGNERS.len()];
    // A small number beside: 0 and 1 of 8 have no key identifier, 2 is broken, 3 keeps what has ended.
    (signer, content, age, scope, spelling, 0..8_u8).prop_map(|(signer, content, age, scope, spelling, odd)| {
        let odd = 7 - odd;
        let future = age == Age::Future;
        List {
            signer,
            content,
            age,
            scope,
            spelling,
            names_key: odd > 1 || future,
            broken: odd == 2 && !future,
            keeps_expired: odd == 3,
        }
    })
}
