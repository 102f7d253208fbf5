//! A world as bytes: certificates, bundles and lists.

use uptls_testkit::{
    BasicConstraints, Certificate, CrlTemplate, DAY, Key, KeyUsage, NOW, NameConstraints, RawExtension, Template,
    Version, crl_pem,
};

use super::{Facts, ListFacts, POINTS, SUBJECTS, Usage, World};

/// The certificates of a world.
pub struct Minted {
    pub authorities: Vec<Certificate>,
    pub leaf: Certificate,
    /// DER, leaf first, as the peer sends it.
    pub chain: Vec<Vec<u8>>,
}

impl Minted {
    pub fn of(world: &World) -> Minted {
        let authorities: Vec<_> = world.authorities.iter().map(|facts| issue(facts, template(facts))).collect();
        let mut last = template(&world.leaf.facts);
        last.sans = world.leaf.sans.clone();
        if world.leaf.long > 0 {
            last.common_name = Some("\u{1b}[31m\\".repeat(world.leaf.long));
        }
        let leaf = issue(&world.leaf.facts, last);
        let mut chain = vec![leaf.der().to_vec()];
        chain.extend(world.sent.iter().map(|place| authorities[*place].der().to_vec()));
        if let Some((which, place, change)) = world.damage {
            let count = chain.len();
            let der = &mut chain[which % count];
            let length = der.len();
            der[place % length] ^= change;
        }
        Minted { authorities, leaf, chain }
    }

    /// The certificate at a place of a bundle.
    pub fn trusted(&self, place: usize) -> &Certificate {
        self.authorities.get(place).unwrap_or(&self.leaf)
    }

    /// A bundle as PEM.
    pub fn bundle(&self, places: &[usize]) -> String {
        places.iter().map(|place| self.trusted(*place).pem()).collect()
    }

    /// A list as PEM.
    pub fn list(&self, facts: &ListFacts) -> String {
        let listed: Vec<&Certificate> =
            facts.listed.iter().map(|who| if *who == 0 { &self.leaf } else { self.trusted(who - 1) }).collect();
        let mut template = CrlTemplate::new(&listed);
        template.this_update = NOW + facts.begin * DAY;
        template.next_update = Some(NOW + facts.end * DAY);
        template.authority_key_id = facts.key_id;
        let mut point = Vec::new();
        if let Some(place) = facts.point {
            point.extend(short(0xa0, &short(0xa0, &short(0x86, POINTS[place].as_bytes()))));
        }
        if let Some(authorities) = facts.only {
            point.extend([0x81 + u8::from(authorities), 1, 0xff]);
        }
        if !point.is_empty() {
            template.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der: short(0x30, &point) });
        }
        let issuer = Template::ca(SUBJECTS[facts.issuer]).self_signed(&Key::feigned(facts.signer));
        crl_pem(&template.issued_by(&issuer))
    }
}

fn issue(facts: &Facts, template: Template) -> Certificate {
    let issuer = Template::ca(SUBJECTS[facts.issuer]).self_signed(&Key::feigned(facts.signer));
    template.issued_by(&issuer, &Key::feigned(facts.key))
}

fn template(facts: &Facts) -> Template {
    let subject = SUBJECTS.get(facts.subject).copied().unwrap_or("leaf");
    let constraints = NameConstraints { permitted: facts.permitted.clone(), excluded: facts.excluded.clone() };
    let plain = Template {
        version: if facts.v1 { Version::V1 } else { Version::V3 },
        not_before: NOW + facts.begin * DAY,
        not_after: NOW + facts.end * DAY,
        basic_constraints: facts.ca.map(|ca| BasicConstraints { ca, path_len: facts.path_length.filter(|_| ca) }),
        key_usage: facts.usage.map(bits),
        extended_key_usage: facts.purposes.clone(),
        name_constraints: (constraints != NameConstraints::default()).then_some(constraints),
        subject_key_id: facts.key_ids,
        authority_key_id: facts.key_ids,
        crl_distribution_points: facts.points.iter().map(|place| POINTS[*place].to_owned()).collect(),
        ..Template::leaf(subject)
    };
    match facts.critical {
        Some(oid) => plain.with_extension(
            oid,
            true,
            if oid == "2.5.29.36" { &[0x30, 3, 0x80, 1, 0] } else { &[0x30, 6, 0x30, 4, 6, 2, 0x2a, 3] },
        ),
        None => plain,
    }
}

fn bits(usage: Usage) -> Vec<KeyUsage> {
    let Usage { cert_sign, crl_sign, signs } = usage;
    let all = [(cert_sign, KeyUsage::KeyCertSign), (crl_sign, KeyUsage::CrlSign), (signs, KeyUsage::DigitalSignature)];
    let mut set: Vec<KeyUsage> = all.into_iter().filter_map(|(is_set, bit)| is_set.then_some(bit)).collect();
    if set.is_empty() {
        set.push(KeyUsage::KeyEncipherment);
    }
    set
}

/// Tag, length, content of less than 128 bytes.
fn short(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
}
