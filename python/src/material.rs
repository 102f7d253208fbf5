//! What a policy is made of in Python: `TrustBundle`, `ClientIdentity`, `San` and `Revocation`.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use uptls::{
    IdentityDraft, MaterialDraft, Misuse, RevocationDraft, SanDraft, Secret, SecretDraft, SystemTrustDraft, TrustDraft,
};

use crate::arguments::Bytes;
use crate::errors;
use crate::keywords::tuple_of;

/// Certificates that a policy trusts. Making a policy reads the files.
///
/// >>> both = [uptls.TrustBundle.from_file("ca.pem"), uptls.TrustBundle.pinned_keys(["A" * 43 + "="])]
/// >>> uptls.UpstreamTlsPolicy(ca=both).describe().trusts.pinned_keys
/// ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']
#[pyclass(frozen, name = "TrustBundle", module = "uptls")]
pub(crate) struct PyTrustBundle {
    pub(crate) draft: TrustDraft,
    form: &'static str,
    value: Option<Py<PyAny>>,
}

impl PyTrustBundle {
    fn of(draft: TrustDraft, form: &'static str, value: Option<&Bound<'_, PyAny>>) -> Self {
        Self { draft, form, value: value.map(|value| value.clone().unbind()) }
    }

    fn trust_domain(&self) -> Option<&str> {
        let of_bundle = self.draft.bundles.first().and_then(|bundle| bundle.trust_domain.as_deref());
        of_bundle.or(self.draft.system_trust_domain.as_deref())
    }
}

#[pymethods]
impl PyTrustBundle {
    /// The CA certificates in a file, PEM; one that may not issue is trusted as itself. They vouch for SPIFFE IDs of
    /// `trust_domain` alone; without it, for those of the one trust domain of the policy's SPIFFE names.
    #[staticmethod]
    #[pyo3(signature = (path, *, trust_domain=None))]
    fn from_file(path: &Bound<'_, PyAny>, trust_domain: Option<String>) -> PyResult<Self> {
        let mut material = MaterialDraft::file(absolute("path", path)?);
        material.trust_domain = trust_domain;
        let draft = TrustDraft { bundles: vec![material], ..TrustDraft::default() };
        Ok(Self::of(draft, "from_file", Some(path)))
    }

    /// The same as text; `name` is its name in errors and reports.
    #[staticmethod]
    #[pyo3(signature = (pem, *, name=None, trust_domain=None))]
    fn from_pem(py: Python<'_>, pem: Bytes, name: Option<String>, trust_domain: Option<String>) -> PyResult<Self> {
        let mut material = MaterialDraft::pem(pem_text(py, &pem)?);
        material.name = name;
        material.trust_domain = trust_domain;
        Ok(Self::of(TrustDraft { bundles: vec![material], ..TrustDraft::default() }, "from_pem", None))
    }

    /// The roots of the system: `native`, the platform's root files; `platform`, its own verifier; `mozilla`, the roots
    /// compiled in. They vouch for SPIFFE IDs of `trust_domain`; without it they vouch for no SPIFFE ID: otherwise any
    /// public CA could issue one.
    #[staticmethod]
    #[pyo3(signature = (store="native", *, trust_domain=None))]
    fn system(py: Python<'_>, store: &str, trust_domain: Option<String>) -> PyResult<Self> {
        let system = match store {
            "mozilla" => SystemTrustDraft::Mozilla,
            "native" => SystemTrustDraft::Native,
            "platform" => SystemTrustDraft::Platform,
            other => {
                let text = format!("store must be native, platform or mozilla, not {other:?}");
                return Err(errors::misuse(py, &Misuse::new(text)));
            }
        };
        let value = store.into_pyobject(py)?;
        let draft = TrustDraft { system, system_trust_domain: trust_domain, ..TrustDraft::default() };
        Ok(Self::of(draft, "system", Some(value.as_any())))
    }

    /// Leaf certificates that are trusted as themselves, by their SHA-256 in hexadecimal.
    #[staticmethod]
    fn pinned_certificates(digests: Bound<'_, PyAny>) -> PyResult<Self> {
        let digests = tuple_of(digests)?;
        let draft = TrustDraft { pinned_certificates: texts("digests", &digests)?, ..TrustDraft::default() };
        Ok(Self::of(draft, "pinned_certificates", Some(&digests)))
    }

    /// Leaf public keys that are trusted as themselves, by their SHA-256 in base64.
    #[staticmethod]
    fn pinned_keys(digests: Bound<'_, PyAny>) -> PyResult<Self> {
        let digests = tuple_of(digests)?;
        let draft = TrustDraft { pinned_keys: texts("digests", &digests)?, ..TrustDraft::default() };
        Ok(Self::of(draft, "pinned_keys", Some(&digests)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let value = self.value.as_ref().ok_or_else(|| in_memory("TrustBundle.from_pem", "TrustBundle.from_file"))?;
        match self.trust_domain() {
            None => Ok((py.get_type::<Self>().getattr(self.form)?, PyTuple::new(py, [value])?)),
            Some(domain) => {
                let make = py.import("uptls._pickle")?.getattr("trust")?;
                Ok((make, (self.form, value, domain).into_pyobject(py)?))
            }
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        shown(py, "TrustBundle", self.form, self.value.as_ref(), self.trust_domain())
    }
}

/// Our own certificate and key, for peers that ask for one. It shows no key.
///
/// >>> pair = uptls.ClientIdentity.from_files("tls.crt", "tls.key")
/// >>> policy.replace(identity=pair).describe().sends.identity.sans
/// ['dns:client.test']
#[pyclass(frozen, name = "ClientIdentity", module = "uptls")]
pub(crate) struct PyClientIdentity {
    pub(crate) draft: IdentityDraft,
    /// Certificate, key and passphrase, where they are paths.
    paths: Option<[Option<PathBuf>; 3]>,
}

#[pymethods]
impl PyClientIdentity {
    /// In files: the chain, leaf first, and its key, both PEM; `passphrase_file` for a key that is encrypted.
    #[staticmethod]
    #[pyo3(signature = (certificate, key, *, passphrase_file=None))]
    fn from_files(
        certificate: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        passphrase_file: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let certificate = absolute("certificate", certificate)?;
        let key = absolute("key", key)?;
        let passphrase = passphrase_file.map(|path| absolute("passphrase_file", path)).transpose()?;
        let draft = IdentityDraft {
            certificate: Some(MaterialDraft::file(certificate.clone())),
            key: Some(SecretDraft::file(key.clone())),
            passphrase: passphrase.clone().map(SecretDraft::file),
        };
        Ok(Self { draft, paths: Some([Some(certificate), Some(key), passphrase]) })
    }

    /// As text. uptls copies it, and zeroes the copy when the policy goes; zero your own.
    #[staticmethod]
    #[pyo3(signature = (certificate, key, *, passphrase=None))]
    fn from_pem(py: Python<'_>, certificate: Bytes, key: Bytes, passphrase: Option<Bytes>) -> PyResult<Self> {
        let secret = |bytes: &Bytes| SecretDraft::pem(Secret::new(bytes.to_vec()));
        let draft = IdentityDraft {
            certificate: Some(MaterialDraft::pem(pem_text(py, &certificate)?)),
            key: Some(secret(&key)),
            passphrase: passphrase.as_ref().map(secret),
        };
        Ok(Self { draft, paths: None })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        match &self.paths {
            None => Err(in_memory("ClientIdentity.from_pem", "ClientIdentity.from_files")),
            Some(paths) => {
                let make = py.import("uptls._pickle")?.getattr("identity")?;
                Ok((make, PyTuple::new(py, paths)?))
            }
        }
    }

    fn __repr__(&self) -> String {
        match &self.paths {
            None => "<ClientIdentity in memory>".to_owned(),
            Some([certificate, ..]) => {
                format!("<ClientIdentity {:?}>", certificate.as_deref().unwrap_or_else(|| "".as_ref()))
            }
        }
    }
}

/// A name that the policy accepts in a certificate.
///
/// >>> names = [uptls.San.dns("payments.internal"), uptls.San.spiffe("prod.example", "/ns/pay")]
/// >>> policy.replace(subject_alt_names=names).describe().accepts.names
/// ['dns:payments.internal', 'spiffePathPrefix:spiffe://prod.example/ns/pay']
#[pyclass(frozen, eq, hash, name = "San", module = "uptls")]
#[derive(Eq, Hash, PartialEq)]
pub(crate) struct PySan {
    form: &'static str,
    /// Of a path alone: the path.
    path: Option<String>,
    value: String,
}

impl PySan {
    fn of(form: &'static str, value: String) -> Self {
        Self { form, path: None, value }
    }

    pub(crate) fn draft(&self) -> SanDraft {
        match self.form {
            "dns" => SanDraft::dns(&self.value),
            "ip" => SanDraft::ip(&self.value),
            "spiffe" => SanDraft::spiffe(&self.value, self.path.as_deref().unwrap_or_default()),
            "uri" => SanDraft::uri(&self.value),
            _ => SanDraft::spiffe_trust_domain(&self.value),
        }
    }
}

#[pymethods]
impl PySan {
    /// A dNSName. `*.example.com` matches only a certificate that has exactly this name, and no host below it.
    #[staticmethod]
    fn dns(name: String) -> Self {
        Self::of("dns", name)
    }

    /// An iPAddress: a str, or an object of the module ipaddress.
    #[staticmethod]
    fn ip(address: &Bound<'_, PyAny>) -> PyResult<Self> {
        let module = address.py().import("ipaddress")?;
        let kinds = (module.getattr("IPv4Address")?, module.getattr("IPv6Address")?);
        if address.is_instance_of::<pyo3::types::PyString>()
            || address.is_instance(kinds.into_pyobject(address.py())?.as_any())?
        {
            return Ok(Self::of("ip", address.str()?.to_string_lossy().into_owned()));
        }
        Err(wrong("address", "a str or an address of ipaddress", address))
    }

    /// A uniformResourceIdentifier, compared byte by byte.
    #[staticmethod]
    fn uri(uri: String) -> Self {
        Self::of("uri", uri)
    }

    /// Any SPIFFE ID of a trust domain with a path that begins with the whole segments of `path_prefix`: `/ns/pay` also
    /// matches `/ns/pay/sa/api`, and never `/ns/payroll`.
    #[staticmethod]
    fn spiffe(trust_domain: String, path_prefix: String) -> Self {
        Self { form: "spiffe", path: Some(path_prefix), value: trust_domain }
    }

    /// Any SPIFFE ID of a trust domain.
    #[staticmethod]
    fn spiffe_trust_domain(domain: String) -> Self {
        Self::of("spiffe_trust_domain", domain)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let arguments = core::iter::once(&self.value).chain(&self.path);
        Ok((py.get_type::<Self>().getattr(self.form)?, PyTuple::new(py, arguments.collect::<Vec<_>>())?))
    }

    fn __repr__(&self) -> String {
        let path = self.path.as_ref().map(|path| format!(", {path:?}")).unwrap_or_default();
        format!("San.{}({:?}{path})", self.form, self.value)
    }
}

/// Revocation lists, and how to use them.
///
/// >>> lists = uptls.Revocation(["ca.crl"], depth="leaf")
/// >>> policy.replace(revocation=lists).fingerprint == policy.fingerprint
/// False
#[pyclass(frozen, name = "Revocation", module = "uptls")]
pub(crate) struct PyRevocation {
    pub(crate) draft: RevocationDraft,
    crls: Vec<PathBuf>,
}

#[pymethods]
impl PyRevocation {
    /// `crls` are paths, or bytes of PEM. `depth`: `chain`, every certificate, or `leaf`. `unknown`: the verdict on a
    /// certificate without a list, `deny` or `allow`; with `allow` an attacker who blocks the delivery of a list can
    /// use a revoked certificate. Default: chain and deny.
    #[new]
    #[pyo3(signature = (crls, *, depth=None, unknown=None))]
    fn new(py: Python<'_>, crls: &Bound<'_, PyAny>, depth: Option<String>, unknown: Option<String>) -> PyResult<Self> {
        let mut draft = RevocationDraft { depth, unknown, ..RevocationDraft::default() };
        let mut paths = Vec::new();
        for crl in members("crls", "a sequence of paths or bytes", crls)? {
            let material = match crl.extract::<Bytes>() {
                Ok(bytes @ Bytes::Bytes(_)) => MaterialDraft::pem(pem_text(py, &bytes)?),
                _ => {
                    let path = absolute("crls", &crl)?;
                    paths.push(path.clone());
                    MaterialDraft::file(path)
                }
            };
            draft.crls.push(material);
        }
        Ok(Self { draft, crls: paths })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        if self.crls.len() != self.draft.crls.len() {
            return Err(in_memory("a Revocation of bytes", "paths"));
        }
        let make = py.import("uptls._pickle")?.getattr("revocation")?;
        let arguments = (&self.crls, &self.draft.depth, &self.draft.unknown).into_pyobject(py)?;
        Ok((make, arguments))
    }

    fn __repr__(&self) -> String {
        let depth = self.draft.depth.as_deref().unwrap_or("chain");
        format!("<Revocation {} lists, {depth}>", self.draft.crls.len())
    }
}

/// A path: a `str` or an `os.PathLike`.
pub(crate) fn path_of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract().map_err(|_| wrong(name, "a str or os.PathLike", value))
}

/// A path of material. It is absolute, since that of a document starts from the document's folder.
fn absolute(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let path = path_of(name, value)?;
    // One that cannot be made so cannot be read either.
    Ok(std::path::absolute(&path).unwrap_or(path))
}

/// A sequence of `str`, which a `str` is not.
pub(crate) fn texts(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let members = members(name, "a sequence of str", value)?;
    members.iter().map(|member| member.extract().map_err(|_| wrong(name, "a sequence of str", member))).collect()
}

/// The members of a sequence; a `str` or `bytes` is none.
pub(crate) fn members<'py>(name: &str, wanted: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.extract::<Bytes>().is_ok() {
        return Err(wrong(name, wanted, value));
    }
    value.try_iter().map_err(|_| wrong(name, wanted, value))?.collect()
}

/// The exception for an argument of the wrong type.
pub(crate) fn wrong(name: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let given = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("{name} must be {wanted}, not {given}"))
}

/// The exception for pickling what is in memory.
pub(crate) fn in_memory(what: &str, instead: &str) -> PyErr {
    let reason = "it would write material into the pickle; only what was read from files is pickled, as its paths";
    PyTypeError::new_err(format!("cannot pickle {what}: {reason} (use {instead})"))
}

fn pem_text(py: Python<'_>, bytes: &[u8]) -> PyResult<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        errors::misuse(py, &Misuse::new("what was given as PEM is not text: convert it (DER begins with 0x30)"))
    })
}

fn shown(
    py: Python<'_>,
    class: &str,
    form: &str,
    value: Option<&Py<PyAny>>,
    trust_domain: Option<&str>,
) -> PyResult<String> {
    let value = value.map(|value| value.bind(py).repr()).transpose()?;
    let value = value.as_ref().map_or("...".into(), |value| value.to_string_lossy());
    let keyword = trust_domain.map(|domain| format!(", trust_domain={domain:?}")).unwrap_or_default();
    Ok(format!("{class}.{form}({value}{keyword})"))
}
