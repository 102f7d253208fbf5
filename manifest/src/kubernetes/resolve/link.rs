//! From references to material: the one place that looks into ConfigMaps, Secrets and ReferenceGrants.

use std::collections::BTreeMap;
use std::sync::Arc;

use uptls::{IdentityDraft, MaterialDraft, Origin, PolicyErrorKind, Secret, SecretDraft};

use super::depends::Dependencies;
use crate::decode::is_word;
use crate::kubernetes::model::object::{ByName, ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::cluster_trust_bundle;
use crate::kubernetes::read::config_map::{Bundle, CA_KEY};
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::reference_grant::End;
use crate::kubernetes::read::secret::{SecretEntry, SecretObject};

/// PEM text of another object, and where it stands.
pub(in crate::kubernetes) struct PublicText {
    /// Whether all of it can be loaded.
    pub(in crate::kubernetes) is_sound: bool,
    pub(in crate::kubernetes) pem: Arc<str>,
    pub(in crate::kubernetes) provenance: Provenance,
}

/// An identity, and where its halves stand.
pub(in crate::kubernetes) struct LinkedIdentity {
    pub(super) certificate: Provenance,
    pub(in crate::kubernetes) draft: IdentityDraft,
    pub(super) key: Provenance,
}

/// Who refers to an object, and from where.
#[derive(Clone, Copy)]
pub(in crate::kubernetes) struct Referrer<'a> {
    pub(in crate::kubernetes) group: &'a str,
    pub(in crate::kubernetes) kind: &'static str,
    pub(in crate::kubernetes) name: &'a ObjectName,
}

impl Referrer<'_> {
    /// The referring object.
    pub(in crate::kubernetes) fn object(&self) -> ObjectRef {
        ObjectRef::of(self.kind, self.name)
    }
}

/// M3: the key `ca.crt` of a ConfigMap.
pub(in crate::kubernetes) fn config_map_bundle(
    objects: &Objects,
    dependencies: &Dependencies,
    name: &ObjectName,
) -> Result<PublicText, PolicyErrorKind> {
    let object = ObjectRef::of(CONFIG_MAP, name);
    let found = match dependencies.note(object.clone(), objects.config_maps.get(&ByName::of(name))) {
        None => Err(missing(&objects.config_maps, name, "a CA reference does not leave the policy's namespace")),
        Some(declared) => once(declared),
    };
    match found.map(|config_map| &config_map.bundle) {
        Ok(Ok(bundle)) => Ok(public(object, bundle)),
        Ok(Err(reason)) => Err(PolicyErrorKind::reference_content(object.to_string(), CA_KEY, reason)),
        Err(reason) => Err(PolicyErrorKind::ReferenceUnresolved { object: object.to_string(), reason }),
    }
}

/// A ClusterTrustBundle, if the caller asks for them; `None`: they are not supported.
pub(in crate::kubernetes) fn cluster_bundle(
    objects: &Objects,
    dependencies: &Dependencies,
    name: &str,
) -> Option<Result<PublicText, PolicyErrorKind>> {
    let bundles = objects.cluster_trust_bundles.as_ref()?;
    let object = ObjectRef::new(cluster_trust_bundle::KIND, "", name);
    let found = match dependencies.note(object.clone(), bundles.get(name)) {
        None => Err("it is not among the manifests".to_owned()),
        Some(declared) => once(declared),
    };
    let bundle = found.and_then(|found| found.bundle.as_ref().map_err(Clone::clone));
    Some(match bundle {
        Ok(bundle) => Ok(public(object, bundle)),
        Err(reason) => Err(PolicyErrorKind::ReferenceUnresolved { object: object.to_string(), reason }),
    })
}

/// M3: the key `ca.crt` of a Secret.
pub(in crate::kubernetes) fn secret_bundle(
    objects: &Objects,
    dependencies: &Dependencies,
    name: &ObjectName,
) -> Result<PublicText, PolicyErrorKind> {
    let secret = secret(objects, dependencies, name)?;
    ca_of(secret, name)?.ok_or_else(|| content(name, format!("it has no key {CA_KEY}")))
}

/// The Secret, of which there must be exactly one.
pub(super) fn secret<'a>(
    objects: &'a Objects,
    dependencies: &Dependencies,
    name: &ObjectName,
) -> Result<&'a SecretObject, PolicyErrorKind> {
    let found = match dependencies.note(object(name), objects.secrets.get(&ByName::of(name))) {
        None => Err(missing(&objects.secrets, name, "the reference does not lead there")),
        Some(declared) => once(declared),
    };
    found.map_err(|reason| unresolved(name, reason))
}

/// Its `ca.crt`, if it has one.
pub(super) fn ca_of(secret: &SecretObject, name: &ObjectName) -> Result<Option<PublicText>, PolicyErrorKind> {
    let bundle = secret.ca.as_ref().map(|bundle| bundle.as_ref().map_err(|reason| content(name, reason.clone())));
    Ok(bundle.transpose()?.map(|bundle| public(object(name), bundle)))
}

/// I1: its `tls.crt` and `tls.key`, both or neither; `Ok(None)`: neither.
pub(super) fn identity_of(secret: &SecretObject, name: &ObjectName) -> Result<Option<LinkedIdentity>, PolicyErrorKind> {
    let entry = |key: &str| match secret.entries.get(key) {
        None => Ok(None),
        Some(Ok(entry)) if entry.bytes.iter().all(u8::is_ascii_whitespace) => Ok(None),
        Some(Ok(entry)) => Ok(Some(entry)),
        Some(Err(reason)) => Err(unresolved(name, reason.clone())),
    };
    match (entry(CERTIFICATE_KEY)?, entry(PRIVATE_KEY)?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(incomplete(secret, name, CERTIFICATE_KEY)),
        (Some(_), None) => Err(incomplete(secret, name, PRIVATE_KEY)),
        (Some(certificate), Some(key)) => {
            let pem = text(certificate, CERTIFICATE_KEY).map_err(|reason| unresolved(name, reason))?;
            let source = format!("{} {}", object(name), certificate.field);
            let draft = IdentityDraft {
                certificate: Some(MaterialDraft::pem(pem).named(source)),
                key: Some(SecretDraft::pem(Secret::new(key.bytes.to_vec()))),
                passphrase: None,
            };
            let place = |entry: &SecretEntry| provenance(object(name), &entry.field, &entry.origin);
            Ok(Some(LinkedIdentity { certificate: place(certificate), draft, key: place(key) }))
        }
    }
}

/// Whether `referrer` may refer to the object `name`: in its own namespace, or by a ReferenceGrant.
pub(super) fn is_granted(
    objects: &Objects,
    dependencies: &Dependencies,
    referrer: Referrer<'_>,
    to: (&str, &str),
    name: &ObjectName,
) -> bool {
    let Referrer { group, kind, name: from } = referrer;
    if from.namespace == name.namespace {
        return true;
    }
    let from = End { group, kind, namespace: &from.namespace };
    let to = End { group: to.0, kind: to.1, namespace: &name.namespace };
    let first = ObjectName::new(to.namespace, "");
    let there = objects.reference_grants.range(first..).take_while(|(grant, _)| grant.namespace == to.namespace);
    let grant = there.filter_map(|(_, of)| of.once()).find(|grant| grant.permits(from, to, &name.name));
    match grant {
        Some(grant) => dependencies.note(ObjectRef::of(GRANT, &grant.meta.name), Some(())),
        None => dependencies.note(ObjectRef::new(GRANT, &name.namespace, "*"), None),
    };
    grant.is_some()
}

/// A Secret that holds no CA, or a broken one.
fn content(secret: &ObjectName, reason: String) -> PolicyErrorKind {
    PolicyErrorKind::reference_content(object(secret).to_string(), CA_KEY, reason)
}

/// A Secret that is no identity, since it has neither half.
pub(super) fn no_identity(secret: &SecretObject, name: &ObjectName) -> PolicyErrorKind {
    incomplete(secret, name, "tls.crt and tls.key")
}

fn incomplete(secret: &SecretObject, name: &ObjectName, missing: &'static str) -> PolicyErrorKind {
    // What was pasted into the wrong place may be a piece of a key, and base64 has capitals.
    let is_name = |key: &&str| is_word(key) && !key.contains(|c: char| c.is_ascii_uppercase());
    let keys = secret.keys().into_iter().filter(is_name).take(SHOWN).map(str::to_owned).collect();
    PolicyErrorKind::secret_incomplete(object(name).to_string(), missing, keys)
}

pub(super) fn unresolved(secret: &ObjectName, reason: String) -> PolicyErrorKind {
    PolicyErrorKind::ReferenceUnresolved { object: object(secret).to_string(), reason }
}

/// What is declared twice is neither of the two.
fn once<T>(declared: &Declared<T>) -> Result<&T, String> {
    let Declared { again, origin, value } = declared;
    match again {
        None => Ok(value),
        Some(again) => Err(format!(
            "it is declared twice, in line {} of {} and in line {} of {}",
            origin.line, origin.document, again.line, again.document
        )),
    }
}

/// A reference never leaves its namespace by itself; that there is one elsewhere is only said.
fn missing<T>(known: &BTreeMap<ByName, T>, name: &ObjectName, why: &str) -> String {
    let namesake = known.range(ByName::first(&name.name)..).map(|(key, _)| key).next();
    match namesake.filter(|other| other.name == name.name) {
        None => "it is not among the manifests".to_owned(),
        Some(ByName { name, namespace }) => {
            let other = ObjectName::new(namespace, name);
            format!("it is not among the manifests; {other} is, but {why}")
        }
    }
}

fn public(object: ObjectRef, bundle: &Bundle) -> PublicText {
    PublicText {
        is_sound: bundle.text.is_sound(),
        pem: Arc::clone(&bundle.text.pem),
        provenance: provenance(object, &bundle.field, &bundle.origin),
    }
}

fn provenance(object: ObjectRef, field: &str, origin: &Origin) -> Provenance {
    Provenance { field: field.to_owned(), object, origin: origin.clone() }
}

fn object(secret: &ObjectName) -> ObjectRef {
    ObjectRef::of(SECRET, secret)
}

fn text(entry: &SecretEntry, key: &str) -> Result<String, String> {
    String::from_utf8(entry.bytes.to_vec()).map_err(|_| format!("the key {key} is not PEM text"))
}

const CERTIFICATE_KEY: &str = "tls.crt";
const CONFIG_MAP: &str = "ConfigMap";
const GRANT: &str = "ReferenceGrant";
const PRIVATE_KEY: &str = "tls.key";
const SECRET: &str = "Secret";
const SHOWN: usize = 5;
