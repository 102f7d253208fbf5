//! M8: a vendor's object without a standard policy beside it, which verifies less than it seems to.

use std::net::IpAddr;

use uptls::{
    MaterialDraft, PolicyErrorKind, ReasonDraft, SanDraft, SystemTrustDraft, TrustDraft, Warning, WarningCode,
};

use super::link;
use super::merge::Merge;
use super::scope::Mode;
use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::extension::{Extension, ExtensionTls, ExtensionTrust, Vendor, VendorName};

impl Merge<'_> {
    /// Everything that `extension` says, for a backend that goes by the names `candidates`.
    pub(super) fn alone(&mut self, extension: &Extension, candidates: &[String]) {
        let Some(tls) = self.begin(extension) else { return };
        let object = extension.object();
        self.additions(tls, &object);
        self.identity(tls, &object);
        let trust = self.vendor_trust(tls, &object);
        self.vendor_names(extension, tls, &object);
        match self.mode {
            Mode::Faithful => self.faithfully(extension, trust, candidates),
            Mode::Strict => self.strictly(extension, trust, candidates),
        }
    }

    fn vendor_trust(&mut self, tls: &ExtensionTls, object: &ObjectRef) -> VendorTrust {
        let Some(written) = &tls.trust else { return VendorTrust::Nothing };
        let from = written.place(object);
        match &written.value {
            ExtensionTrust::File(path) => {
                match self.mapped(path) {
                    Ok(file) => self.spec.trust.bundles.push(MaterialDraft::file(file)),
                    Err(kind) => self.unresolved(written, kind),
                }
                self.provenance.insert("spec.trust.bundles".to_owned(), from.clone());
                self.provenance.insert("spec.trust.bundles[0]".to_owned(), from);
                VendorTrust::Ca
            }
            ExtensionTrust::Secret(name) => {
                let secret = link::secret(self.objects, self.dependencies, name);
                match secret.and_then(|secret| link::ca_of(secret, name)) {
                    Ok(None) => VendorTrust::Nothing,
                    Ok(Some(text)) => {
                        let source = format!("{} {}", text.provenance.object, text.provenance.field);
                        self.spec.trust.bundles.push(MaterialDraft::pem(text.pem).named(source));
                        self.provenance.insert("spec.trust.bundles".to_owned(), from);
                        self.provenance.insert("spec.trust.bundles[0]".to_owned(), text.provenance);
                        VendorTrust::Ca
                    }
                    Err(kind) => {
                        self.unresolved(written, kind);
                        // One problem is enough.
                        VendorTrust::Ca
                    }
                }
            }
            ExtensionTrust::System => {
                self.spec.trust.system = SystemTrustDraft::Native;
                self.provenance.insert("spec.trust.system".to_owned(), from);
                VendorTrust::System
            }
        }
    }

    /// The names as they are written; without any, the server name is the identity (N3).
    fn vendor_names(&mut self, extension: &Extension, tls: &ExtensionTls, object: &ObjectRef) {
        // Without a name of its own, no vendor sends one.
        let from = tls.server_name.as_ref().map_or_else(|| whole(extension), |name| name.place(object));
        self.provenance.insert("spec.serverName".to_owned(), from);
        let sent = tls.server_name.as_ref().map_or("none", |name| name.value.as_str());
        self.spec.server_name = Some(sent.to_owned());
        for (index, name) in tls.subject_alt_names.iter().enumerate() {
            let (kind, san) = match &name.value {
                VendorName::Dns(text) => ("dns", SanDraft::dns(text)),
                VendorName::Untyped(text) => {
                    let (kind, san) = typed(text);
                    let what = format!("the name is matched as {kind} alone, where the vendor compares any type");
                    self.strengthen(&name.place(object), &what);
                    (kind, san)
                }
            };
            self.spec.subject_alt_names.push(san);
            self.provenance.insert(format!("spec.subjectAltNames[{index}]"), name.place(object));
            self.provenance.insert(format!("spec.subjectAltNames[{index}].{kind}"), name.place(object));
        }
    }

    fn strictly(&mut self, extension: &Extension, trust: VendorTrust, candidates: &[String]) {
        let (Some(tls), object) = (&extension.tls, extension.object()) else { return };
        let whole = whole(extension);
        if let Some(skip) = &tls.skip_verify {
            self.strengthen(&skip.place(&object), "the certificate is verified all the same");
        }
        if trust == VendorTrust::Nothing {
            self.system_roots(&whole, "no CA is written: the system's roots are trusted");
        }
        if tls.subject_alt_names.is_empty() {
            match &tls.server_name {
                None => self.name_missing(extension, candidates),
                Some(name) if trust == VendorTrust::Ca || extension.vendor != Vendor::KgatewayBackendConfigPolicy => {
                    self.strengthen(
                        &name.place(&object),
                        "no names are written: the server name must be in the certificate",
                    );
                }
                Some(_) => {}
            }
        }
    }

    fn faithfully(&mut self, extension: &Extension, trust: VendorTrust, candidates: &[String]) {
        let (Some(tls), object) = (&extension.tls, extension.object()) else { return };
        let no_names = tls.subject_alt_names.is_empty();
        let kgateway = extension.vendor == Vendor::KgatewayBackendConfigPolicy;
        if let Some(skip) = &tls.skip_verify {
            let reason = format!("{object} sets {}", skip.field);
            return self.accept_any_certificate(skip.place(&object), reason);
        }
        match trust {
            VendorTrust::Ca if no_names => {
                let reason = format!("{object} has a CA and no names, and the vendor then verifies none");
                self.spec.danger.accept_any_name = Some(ReasonDraft { reason });
                self.provenance.insert("spec.danger.acceptAnyName".to_owned(), whole(extension));
            }
            VendorTrust::Nothing if !kgateway => {
                let reason = format!("{object} has no CA, and the vendor then verifies nothing");
                self.accept_any_certificate(whole(extension), reason);
            }
            VendorTrust::Nothing | VendorTrust::System => {
                if trust == VendorTrust::Nothing {
                    self.spec.trust.system = SystemTrustDraft::Native;
                    self.provenance.insert("spec.trust.system".to_owned(), whole(extension));
                }
                if no_names && tls.server_name.is_none() {
                    self.name_missing(extension, candidates);
                }
            }
            VendorTrust::Ca => {}
        }
    }

    /// D2 stands alone. What the vendor reads no more is not the policy's either, and that is said.
    fn accept_any_certificate(&mut self, from: Provenance, reason: String) {
        let is_silenced =
            |path: &str| ["spec.trust", "spec.subjectAltNames"].iter().any(|field| path.starts_with(field));
        let silenced: Vec<_> = self.provenance.iter().filter(|(path, _)| is_silenced(path)).collect();
        let mut lost: Vec<Provenance> = silenced.into_iter().map(|(_, from)| from.clone()).collect();
        lost.dedup();
        self.provenance.retain(|path, _| !is_silenced(path));
        // How a name that is left out would have been read, interests nobody.
        let of_lost = |warning: &Warning| lost.iter().any(|lost| warning.detail.get("field") == Some(&lost.field));
        self.warnings.retain(|warning| warning.code != WarningCode::Strengthened || !of_lost(warning));
        self.spec.trust = TrustDraft::default();
        self.spec.subject_alt_names.clear();
        for lost in lost {
            self.lose("spec.danger.acceptAnyCertificate", &from, &lost, SILENCED);
        }
        self.spec.danger.accept_any_certificate = Some(ReasonDraft { reason });
        self.provenance.insert("spec.danger.acceptAnyCertificate".to_owned(), from);
    }

    fn system_roots(&mut self, from: &Provenance, what: &str) {
        self.spec.trust.system = SystemTrustDraft::Native;
        self.provenance.insert("spec.trust.system".to_owned(), from.clone());
        self.strengthen(from, what);
    }

    /// An address is never a candidate (N1), and no candidate is ever taken.
    fn name_missing(&mut self, extension: &Extension, candidates: &[String]) {
        let kind = PolicyErrorKind::NameNotWritten { candidates: candidates.to_vec() };
        let Provenance { field, origin, .. } = whole(extension);
        self.problem(&field, kind, Some(origin));
    }

    fn strengthen(&mut self, from: &Provenance, what: &str) {
        self.warnings.push(Warning::new(
            WarningCode::Strengthened,
            [("object", from.object.to_string()), ("field", from.field.clone()), ("what", what.to_owned())],
        ));
    }
}

/// What came of the vendor's CA.
#[derive(Clone, Copy, Eq, PartialEq)]
enum VendorTrust {
    Ca,
    Nothing,
    System,
}

/// A name without a type, typed by its form.
fn typed(text: &str) -> (&'static str, SanDraft) {
    if text.parse::<IpAddr>().is_ok() {
        ("ip", SanDraft::ip(text))
    } else if text.contains("://") {
        ("uri", SanDraft::uri(text))
    } else {
        ("dns", SanDraft::dns(text))
    }
}

/// The part of the object that speaks of TLS.
fn whole(extension: &Extension) -> Provenance {
    let field = match extension.vendor {
        Vendor::GlooAnnotations => "metadata.annotations",
        Vendor::GlooUpstream => "spec.sslConfig",
        Vendor::KgatewayBackendConfigPolicy => "spec.tls",
        Vendor::KgatewayOptions => "spec.options",
    };
    let origin = extension.origins.get(field).unwrap_or(&extension.meta.origin).clone();
    Provenance { field: field.to_owned(), object: extension.object(), origin }
}

const SILENCED: &str = "the vendor verifies nothing, and what is not verified is left out";
