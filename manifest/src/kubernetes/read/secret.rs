//! `v1 Secret`: certificates, keys and CA certificates. What it holds stands in no text.

use std::collections::{BTreeMap, BTreeSet};

use base64::engine::general_purpose::STANDARD;
use base64::{Engine, decoded_len_estimate};
use uptls::Origin;
use zeroize::{Zeroize, Zeroizing};

use super::config_map::{self, Bundle, CA_KEY};
use super::meta::Meta;
use super::object::field;
use crate::decode::is_word;
use crate::node::{Entry, Node, Resolved, Value};
use crate::position::Notes;

/// `v1 Secret`: its texts by key; `data` decoded, `stringData` over it.
pub(in crate::kubernetes) struct SecretObject {
    /// `ca.crt`, which is public (M3), if it has one.
    pub(in crate::kubernetes) ca: Option<Result<Bundle, String>>,
    /// Its other keys.
    pub(in crate::kubernetes) entries: BTreeMap<String, Result<SecretEntry, String>>,
    pub(in crate::kubernetes) meta: Meta,
}

impl SecretObject {
    /// All of its keys.
    pub(in crate::kubernetes) fn keys(&self) -> BTreeSet<&str> {
        self.entries.keys().map(String::as_str).chain(self.ca.as_ref().map(|_| CA_KEY)).collect()
    }
}

/// One of them. It has no `Debug`: it may be a key.
pub(in crate::kubernetes) struct SecretEntry {
    /// `data.tls.crt` or `stringData.tls.crt`
    pub(in crate::kubernetes) field: String,
    pub(in crate::kubernetes) bytes: Zeroizing<Vec<u8>>,
    pub(in crate::kubernetes) origin: Origin,
}

/// The Secret `node`; `None`, and noted problems, if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<SecretObject> {
    let mut meta = Meta::read(node, notes)?;
    // One of them is what `kubectl apply` was given, the keys included.
    meta.annotations.values_mut().for_each(Zeroize::zeroize);
    meta.annotations.clear();
    let mut secret = SecretObject { ca: None, entries: BTreeMap::new(), meta };
    // As in the API server `stringData` is written over `data`.
    const MAPS: [(&str, Decode); 2] = [("data", decoded), ("stringData", plain)];
    for (map, decode) in MAPS {
        let Some(entry) = field(node, "", map, notes).filter(|entry| !entry.value.is_null()) else { continue };
        let Value::Map(entries) = &entry.value.value else {
            cannot_be_read(&mut secret, &format!("{map} holds {} instead of a map", entry.value.describe()));
            continue;
        };
        for entry in entries {
            let twice = entries.iter().filter(|other| other.key == entry.key).count() > 1;
            let read = if twice { Err("appears twice") } else { decode(entry) };
            let read = read.map(|bytes| SecretEntry {
                field: format!("{map}.{}", entry.key),
                bytes,
                origin: notes.at(entry.place),
            });
            let read = read.map_err(|reason| format!("{} {reason}", called(map, &entry.key)));
            secret.entries.insert(entry.key.clone(), read);
        }
    }
    if notes.has_problem("") {
        // A second `data` would hide the first.
        cannot_be_read(&mut secret, "a field of it appears twice");
    }
    secret.ca = secret.entries.remove(CA_KEY).map(|entry| entry.and_then(ca));
    Some(secret)
}

fn ca(entry: SecretEntry) -> Result<Bundle, String> {
    let SecretEntry { field, bytes, origin } = entry;
    let map = field.split('.').next().unwrap_or_default();
    let text = core::str::from_utf8(&bytes).map_err(|_| format!("the key {CA_KEY} is not PEM text"))?;
    // A bundle outlives its Secret, in drafts that are not zeroized: with a key in it, it is none (T2).
    if text.contains(PRIVATE) {
        return Err(format!("the key {CA_KEY} holds a private key"));
    }
    config_map::bundle(text.to_owned(), map, origin)
}

/// None of its keys can be told, those that are missing as little: without a CA of its own the system's would count.
fn cannot_be_read(secret: &mut SecretObject, reason: &str) {
    let known = KEYS.map(str::to_owned);
    let keys: Vec<_> = secret.entries.keys().cloned().chain(known).collect();
    secret.entries.extend(keys.into_iter().map(|key| (key, Err(reason.to_owned()))));
}

/// The keys that policies ask a Secret for.
const KEYS: [&str; 3] = [CA_KEY, "tls.crt", "tls.key"];
const PRIVATE: &str = " PRIVATE KEY-----";

type Decode = fn(&Entry) -> Result<Zeroizing<Vec<u8>>, &'static str>;

fn decoded(entry: &Entry) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let text = plain(entry)?;
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    packed.extend(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; decoded_len_estimate(packed.len())]);
    let length = STANDARD.decode_slice(&packed, &mut bytes).map_err(|_| "is not base64")?;
    bytes.truncate(length);
    Ok(bytes)
}

fn plain(entry: &Entry) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let Value::Text(scalar) = &entry.value.value else { return Err("holds no text") };
    match scalar.resolve() {
        Resolved::Null => Err("holds nothing"),
        _ => Ok(Zeroizing::new(scalar.text.as_bytes().to_vec())),
    }
}

/// What was pasted into the wrong place may be a piece of a key.
fn called(map: &str, key: &str) -> String {
    if is_word(key) { format!("the key {key} of {map}") } else { format!("a key of {map}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn secret(text: &str) -> SecretObject {
        let node = yaml::documents(&format!("{{metadata: {{name: a}}, {text}}}")).unwrap().remove(0);
        read(&node, &Notes::new("in")).unwrap()
    }

    fn shown(secret: &SecretObject) -> Vec<(String, Result<String, String>)> {
        let text = |entry: &SecretEntry| String::from_utf8(entry.bytes.to_vec()).unwrap();
        let shown = |entry: &Result<SecretEntry, String>| entry.as_ref().map(text).map_err(Clone::clone);
        secret.entries.iter().map(|(key, entry)| (key.clone(), shown(entry))).collect()
    }

    #[test]
    fn string_data_is_written_over_data() {
        let secret = secret("type: kubernetes.io/tls, data: {a: b25l, b: dHdv}, stringData: {b: drei, c: 4}");
        let wanted = [("a", "one"), ("b", "drei"), ("c", "4")];
        assert_eq!(shown(&secret), wanted.map(|(key, text)| (key.to_owned(), Ok(text.to_owned()))));
        let fields: Vec<_> = secret.entries.values().map(|entry| entry.as_ref().ok().unwrap().field.as_str()).collect();
        assert_eq!(fields, ["data.a", "stringData.b", "stringData.c"]);
    }

    #[test]
    fn what_is_broken_is_broken_alone() {
        let given = shown(&secret("data: {a: b25, b: dHdv, c: [x], d: , e: 'b2 5l', f: eA==, f: eA==}"));
        let wanted = [
            ("a", Err("the key a of data is not base64")),
            ("b", Ok("two")),
            ("c", Err("the key c of data holds no text")),
            ("d", Err("the key d of data holds nothing")),
            ("e", Ok("one")),
            ("f", Err("the key f of data appears twice")),
        ];
        assert_eq!(given, wanted.map(|(k, v)| (k.to_owned(), v.map(str::to_owned).map_err(str::to_owned))));
    }

    #[test]
    fn nothing_of_it_is_said() {
        const KEY: &str = "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49";
        for text in
            [format!("data: {{a: '%{KEY}'}}"), format!("data: {{'{KEY}': '%'}}"), format!("stringData: {{{KEY}: [a]}}")]
        {
            let given = shown(&secret(&text)).remove(0).1.unwrap_err();
            assert!(!given.contains(&KEY[..12]), "{given}");
        }
        let text = format!("{{metadata: {{name: a, annotations: {{applied: '{KEY}'}}}}}}");
        let node = yaml::documents(&text).unwrap().remove(0);
        assert!(read(&node, &Notes::new("in")).unwrap().meta.annotations.is_empty());
    }

    #[test]
    fn a_second_data_hides_nothing() {
        assert!(shown(&secret("data: {a: b25l}, stringData: {b: x}")).iter().all(|(_, entry)| entry.is_ok()));
        assert!(shown(&secret("data: {a: b25l}, data: {b: b25l}")).iter().all(|(_, entry)| entry.is_err()));
    }

    #[test]
    fn what_may_stand_in_data_that_cannot_be_read_is_not_missing() {
        for text in ["data: [a]", "data: x, stringData: {b: x}", "stringData: 1, data: {b: b25l}", "data: {}, data: {}"]
        {
            let SecretObject { ca, entries, .. } = secret(text);
            assert!(ca.is_some_and(|ca| ca.is_err()), "{text}");
            assert!(KEYS[1..].iter().all(|key| entries.get(*key).is_some_and(Result::is_err)), "{text}");
        }
        for text in ["data: ", "data: {b: b25l}", "stringData: {}, data: {}"] {
            assert!(KEYS.iter().all(|key| !secret(text).keys().contains(key)), "{text}");
        }
    }

    #[test]
    fn a_ca_is_public_and_a_key_beside_it_is_not() {
        const CA: &str = "-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----\\n";
        let of = |text: &str| secret(&format!("stringData: {{ca.crt: \"{text}\", tls.crt: x}}"));
        let given = of(CA);
        assert_eq!(given.keys(), BTreeSet::from([CA_KEY, "tls.crt"]));
        assert_eq!(given.ca.unwrap().ok().unwrap().field, "stringData.ca.crt");
        let mixed = of(&format!("{CA}-----BEGIN EC PRIVATE KEY-----\\nAA==\\n-----END EC PRIVATE KEY-----\\n"));
        assert_eq!(mixed.ca.unwrap().err().unwrap(), "the key ca.crt holds a private key");
        assert_eq!(of("").ca.unwrap().err().unwrap(), "the key ca.crt is empty");
    }
}
