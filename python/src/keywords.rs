//! The keywords of `UpstreamTlsPolicy`, and the fields of a draft that they set.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use uptls::{Misuse, PolicyDraft, PolicySpec, SystemTrustDraft, TrustDraft};

use crate::errors;
use crate::material::{PyClientIdentity, PyRevocation, PySan, PyTrustBundle, members, texts, wrong};

/// A copy that no other code can change: sequences become tuples.
pub(crate) fn frozen<'py>(py: Python<'py>, keywords: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyDict>> {
    let copy = PyDict::new(py);
    for (keyword, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
        copy.set_item(keyword, tuple_of(value)?)?;
    }
    Ok(copy)
}

/// What can be iterated over, as a tuple; the rest, text and bytes as they are.
pub(crate) fn tuple_of(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let is_one = value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>();
    match value.try_iter() {
        Ok(members) if !is_one => Ok(PyTuple::new(value.py(), members.collect::<PyResult<Vec<_>>>()?)?.into_any()),
        _ => Ok(value),
    }
}

/// Sets the fields that `keywords` name; None sets the default.
///
/// # Errors
/// `TypeError` for a keyword that there is not, or a value of the wrong type; `MisuseError` for a value without meaning. What
/// a value of the right type means is judged with the whole policy.
pub(crate) fn apply(draft: &mut PolicyDraft, keywords: &Bound<'_, PyDict>) -> PyResult<()> {
    for (keyword, value) in keywords.iter() {
        let keyword: String = keyword.extract()?;
        let value = (!value.is_none()).then_some(value);
        match keyword.as_str() {
            "name" => draft.name = text("name", value.as_ref())?,
            field => set(&mut draft.spec, field, value.as_ref())?,
        }
        // What is said of the field is no longer what the document said there.
        draft.origins = Default::default();
    }
    Ok(())
}

fn set(spec: &mut PolicySpec, field: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let list = |value: Option<&Bound<'_, PyAny>>| value.map_or(Ok(Vec::new()), |value| texts(field, value));
    match field {
        "alpn" => spec.alpn.protocols = list(value)?,
        "alpn_required" => spec.alpn.required = flag(field, value)?.unwrap_or_default(),
        "ca" => spec.trust = value.map_or(Ok(TrustDraft::default()), trust)?,
        "cipher_suites" => spec.cipher_suites = list(value)?,
        "groups" => spec.groups = list(value)?,
        "handshake_timeout" => spec.handshake_timeout = value.map(timeout).transpose()?,
        "identity" => {
            let identity = |value: &Bound<'_, PyAny>| match value.cast::<PyClientIdentity>() {
                Ok(identity) => Ok(identity.get().draft.clone()),
                Err(_) => Err(wrong(field, "a ClientIdentity", value)),
            };
            spec.identity = value.map(identity).transpose()?;
        }
        "max_version" => spec.versions.max = text(field, value)?,
        "min_version" => spec.versions.min = text(field, value)?,
        "resumption" => spec.resumption = flag(field, value)?,
        "revocation" => {
            let revocation = |value: &Bound<'_, PyAny>| match value.cast::<PyRevocation>() {
                Ok(revocation) => Ok(revocation.get().draft.clone()),
                Err(_) => Err(wrong(field, "a Revocation", value)),
            };
            spec.revocation = value.map(revocation).transpose()?;
        }
        "server_name" => spec.server_name = text(field, value)?,
        "spki_pins" => spec.spki_pins = list(value)?,
        "subject_alt_names" => {
            let names = value.map_or(Ok(Vec::new()), |value| members(field, NAMES, value))?;
            let san = |name: &Bound<'_, PyAny>| match name.cast::<PySan>() {
                Ok(san) => Ok(san.get().draft()),
                Err(_) => Err(wrong(field, NAMES, name)),
            };
            spec.subject_alt_names = names.iter().map(san).collect::<PyResult<_>>()?;
        }
        other => return Err(PyTypeError::new_err(format!("there is no keyword {other:?}"))),
    }
    Ok(())
}

/// A bundle, or several together.
fn trust(value: &Bound<'_, PyAny>) -> PyResult<TrustDraft> {
    let bundles = match value.is_instance_of::<PyTrustBundle>() {
        true => vec![value.clone()],
        false => members("ca", TRUST, value)?,
    };
    let mut trust = TrustDraft::default();
    for bundle in bundles {
        let given = bundle.cast::<PyTrustBundle>().map_err(|_| wrong("ca", TRUST, &bundle))?.get().draft.clone();
        trust.bundles.extend(given.bundles);
        trust.pinned_certificates.extend(given.pinned_certificates);
        trust.pinned_keys.extend(given.pinned_keys);
        trust.system_trust_domain = match (trust.system_trust_domain, given.system_trust_domain) {
            (one, None) => one,
            (None, other) => other,
            (one, other) if one == other => one,
            _ => {
                return Err(errors::misuse(value.py(), &Misuse::new("ca has two trust domains of the system's roots")));
            }
        };
        trust.system = match (trust.system, given.system) {
            (one, SystemTrustDraft::Off) => one,
            (SystemTrustDraft::Off, other) => other,
            (one, other) if one == other => one,
            _ => return Err(errors::misuse(value.py(), &Misuse::new("ca has two different stores of the system"))),
        };
    }
    Ok(trust)
}

fn text(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    value.map(|value| value.extract().map_err(|_| wrong(name, "a str", value))).transpose()
}

fn flag(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<bool>> {
    value.map(|value| value.extract().map_err(|_| wrong(name, "a bool", value))).transpose()
}

/// Seconds, or text as in a document.
fn timeout(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyString>() {
        return value.extract();
    }
    let seconds: f64 = value.extract().map_err(|_| wrong("handshake_timeout", "seconds, or a str as 10s", value))?;
    let milliseconds = (seconds * 1000.0).round();
    match milliseconds.is_finite() && milliseconds >= 1.0 {
        true => Ok(format!("{milliseconds}ms")),
        false => {
            let text = format!("handshake_timeout must be at least a millisecond: it is {seconds} seconds");
            Err(errors::misuse(value.py(), &Misuse::new(text)))
        }
    }
}

const NAMES: &str = "a sequence of San";
const TRUST: &str = "a TrustBundle, or a sequence of them";
