//! M5, M6: a standard policy, vendors' extensions and a Gateway's identity become one draft, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use uptls::danger::DangerPermission;
use uptls::{
    ByPath, IdentityDraft, MaterialDraft, Origin, PolicyDraft, PolicyError, PolicyErrorKind, PolicySpec, Problem,
    Problems, SecretDraft, SystemTrustDraft, UpstreamTlsPolicy, Warning, WarningCode,
};

use super::depends::Dependencies;
use super::draft::origin;
use super::effective::Overridden;
use super::link;
use super::link::{LinkedIdentity, Referrer};
use super::scope::{Mode, Scope};
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::{Provenance, Written};
use crate::kubernetes::read::extension::{Extension, ExtensionIdentity, ExtensionTls, ExtensionTrust, Vendor};
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP, Gateway};
use crate::kubernetes::read::objects::Objects;
use crate::kubernetes::read::secret_ref::SecretRef;

/// One policy in the making.
pub(super) struct Merge<'a> {
    pub(super) dependencies: &'a Dependencies,
    /// Where the files of the proxy lie.
    pub(super) files_root: Option<&'a Path>,
    /// What the backend's own objects say of our identity.
    pub(super) identity: OwnIdentity,
    pub(super) mode: Mode,
    pub(super) notices: Vec<Problem>,
    pub(super) objects: &'a Objects,
    pub(super) overridden: Vec<Overridden>,
    pub(super) problems: Vec<Problem>,
    pub(super) provenance: BTreeMap<String, Provenance>,
    pub(super) sources: BTreeSet<ObjectRef>,
    pub(super) spec: PolicySpec,
    /// Provenance and origins of the standard policy: where nothing is added, they are shared.
    pub(super) standard: Option<(ByPath<Provenance>, ByPath<Origin>)>,
    pub(super) warnings: Vec<Warning>,
}

/// What the backend's own objects say of our identity.
#[derive(Clone, Default)]
pub(super) enum OwnIdentity {
    /// None is sent, and who says so.
    Nothing(Provenance),
    /// This one, and who says so.
    Some(Provenance),
    /// Not a word.
    #[default]
    Unsaid,
}

impl<'a> Merge<'a> {
    pub(super) fn new(objects: &'a Objects, dependencies: &'a Dependencies, scope: &'a Scope) -> Self {
        Self {
            dependencies,
            files_root: scope.files_root.as_deref(),
            identity: OwnIdentity::default(),
            mode: scope.mode,
            notices: Vec::new(),
            objects,
            overridden: Vec::new(),
            problems: Vec::new(),
            provenance: BTreeMap::new(),
            sources: BTreeSet::new(),
            spec: PolicySpec::default(),
            standard: None,
            warnings: Vec::new(),
        }
    }

    /// Adds what `extension` may add beside a standard policy; what it must not is overridden.
    pub(super) fn beside_standard(&mut self, extension: &Extension, standard: &ObjectRef) {
        let Some(tls) = self.begin(extension) else { return };
        let object = extension.object();
        self.additions(tls, &object);
        self.narrowed(tls, &object, standard);
        self.identity(tls, &object);
        self.overridden_trust(tls, &object, standard);
        self.overridden_names(tls, &object, standard);
        if let Some(skip) = &tls.skip_verify {
            self.lose(ANY_CERTIFICATE, &self.trust_kept(standard), &skip.place(&object), WEAKER);
        }
    }

    /// An extension may take away what the standard policy leaves open, as TLS 1.3 or the groups that no quantum computer
    /// breaks; that is said.
    fn narrowed(&mut self, tls: &ExtensionTls, object: &ObjectRef, standard: &ObjectRef) {
        let max = tls
            .max_version
            .as_ref()
            .filter(|max| max.value == "1.2")
            .map(|max| ("spec.versions.max", max.place(object)));
        let is_hybrid = |group: &String| group.contains("MLKEM");
        let groups = tls.groups.as_ref().filter(|groups| !groups.value.iter().any(is_hybrid));
        let groups = groups.map(|groups| ("spec.groups", groups.place(object)));
        for (field, kept) in max.into_iter().chain(groups) {
            let lost = self.kept(&[], standard);
            self.warn(field, &kept, &lost, NARROWER);
        }
    }

    /// Notes its problems and where it came from; the fields, if it has any.
    pub(super) fn begin<'e>(&mut self, extension: &'e Extension) -> Option<&'e ExtensionTls> {
        self.sources.insert(extension.object());
        self.problems.extend(extension.problems.iter().cloned());
        self.notices.extend(extension.notices.iter().cloned());
        if extension.tls.is_none() && extension.problems.is_empty() {
            self.sources.remove(&extension.object());
        }
        extension.tls.as_ref().filter(|tls| self.may_refer(extension, tls))
    }

    /// Whether the Secret of `extension` is in its own namespace, or a ReferenceGrant lets it leave; else a problem is
    /// noted, and nothing of that Secret is looked at. Gloo itself asks for no grant.
    fn may_refer(&mut self, extension: &Extension, tls: &ExtensionTls) -> bool {
        let Some(Written { field, origin, value: ExtensionIdentity::Secret(secret) }) = &tls.identity else {
            return true;
        };
        let (group, kind) = (extension.vendor.group(), extension.vendor.kind());
        let referrer = Referrer { group, kind, name: &extension.meta.name };
        let is_vendors = self.mode == Mode::Faithful && extension.vendor == Vendor::GlooUpstream;
        if is_vendors || link::is_granted(self.objects, self.dependencies, referrer, ("", "Secret"), secret) {
            return true;
        }
        let (object, referrer) = (format!("Secret {secret}"), referrer.object().to_string());
        self.problem(field, PolicyErrorKind::ReferenceNotPermitted { object, referrer }, Some(origin.clone()));
        false
    }

    /// What the standard does not say: anybody may add it, and who is first has the say.
    pub(super) fn additions(&mut self, tls: &ExtensionTls, object: &ObjectRef) {
        let named = |warning: &Warning| {
            let mut warning = warning.clone();
            warning.detail.insert("object", object.to_string());
            warning
        };
        self.warnings.extend(tls.strengthened.iter().map(named));
        if let Some(alpn) = self.first("spec.alpn", tls.alpn.as_ref(), object) {
            self.spec.alpn.protocols = alpn;
        }
        if let Some(suites) = self.first("spec.cipherSuites", tls.cipher_suites.as_ref(), object) {
            self.spec.cipher_suites = suites;
        }
        if let Some(groups) = self.first("spec.groups", tls.groups.as_ref(), object) {
            self.spec.groups = groups;
        }
        if let Some(max) = self.first("spec.versions.max", tls.max_version.as_ref(), object) {
            self.spec.versions.max = Some(max);
        }
        if let Some(min) = self.first("spec.versions.min", tls.min_version.as_ref(), object) {
            self.spec.versions.min = Some(min);
        }
    }

    /// The value, if no object gave it before.
    fn first<T: Clone>(&mut self, field: &str, written: Option<&Written<T>>, object: &ObjectRef) -> Option<T> {
        let written = written?;
        let lost = written.place(object);
        if let Some(kept) = self.provenance.get(field).cloned() {
            self.lose(field, &kept, &lost, SAID_BEFORE);
            return None;
        }
        self.provenance.insert(field.to_owned(), lost);
        Some(written.value.clone())
    }

    /// Notes what is overridden, with a warning that names both objects (M5).
    pub(super) fn lose(&mut self, field: &str, kept: &Provenance, lost: &Provenance, reason: &str) {
        self.warn(field, kept, lost, reason);
        let (field, reason) = (field.to_owned(), reason.to_owned());
        self.overridden.push(Overridden { field, kept: kept.clone(), lost: lost.clone(), reason });
    }

    fn warn(&mut self, field: &str, kept: &Provenance, lost: &Provenance, reason: &str) {
        let text = |provenance: &Provenance| format!("{} {}", provenance.object, provenance.field);
        self.warnings.push(Warning::new(
            WarningCode::Overridden,
            [("field", field.to_owned()), ("kept", text(kept)), ("lost", text(lost)), ("reason", reason.to_owned())],
        ));
    }

    /// An extension's identity; half of one, or a Secret that is not there, fails closed (I1, M6).
    pub(super) fn identity(&mut self, tls: &ExtensionTls, object: &ObjectRef) {
        let found = match &tls.identity {
            None => Ok(None),
            Some(written) => match &written.value {
                ExtensionIdentity::Files { certificate, key } => self.files(certificate.as_deref(), key.as_deref()),
                ExtensionIdentity::Secret(name) => {
                    self.identity_in(name, tls).map(|found| found.map(Box::new).map(Found::Linked))
                }
            }
            .map(|found| found.map(|found| (written, found))),
        };
        let one_way = tls.one_way.as_ref().map(|written| written.place(object));
        match (found, one_way) {
            (Err(kind), _) => {
                let written = tls.identity.as_ref();
                let field = written.map_or("spec.tls", |written| written.field.as_str());
                self.problem(field, kind, written.map(|written| written.origin.clone()));
            }
            (Ok(_), Some(said)) => self.identity = OwnIdentity::Nothing(said),
            (Ok(Some((written, found))), None) => {
                let from = written.place(object);
                self.set_identity(found, &from);
                self.identity = OwnIdentity::Some(from);
            }
            (Ok(None), None) => {}
        }
    }

    /// A Secret that holds a CA alone is the vendor's way to say "no identity of ours"; anything else must hold both halves.
    fn identity_in(&self, name: &ObjectName, tls: &ExtensionTls) -> Result<Option<LinkedIdentity>, PolicyErrorKind> {
        let secret = link::secret(self.objects, self.dependencies, name)?;
        let found = link::identity_of(secret, name)?;
        let trusts = tls.trust.as_ref().is_some_and(|t| matches!(&t.value, ExtensionTrust::Secret(n) if n == name));
        if found.is_none() && !(trusts && secret.ca.is_some()) {
            return Err(link::no_identity(secret, name));
        }
        Ok(found)
    }

    fn files(&self, certificate: Option<&str>, key: Option<&str>) -> Result<Option<Found>, PolicyErrorKind> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(PolicyErrorKind::IdentityIncomplete { missing: "certificate" }),
            (Some(_), None) => Err(PolicyErrorKind::IdentityIncomplete { missing: "key" }),
            (Some(certificate), Some(key)) => Ok(Some(Found::Files(Box::new(IdentityDraft {
                certificate: Some(MaterialDraft::file(self.mapped(certificate)?)),
                key: Some(SecretDraft::file(self.mapped(key)?)),
                passphrase: None,
            })))),
        }
    }

    /// The file that an object names, below the root that the caller gives: it never leads out of it.
    pub(super) fn mapped(&self, file: &str) -> Result<PathBuf, PolicyErrorKind> {
        let path = Path::new(file);
        let inside: Option<PathBuf> = path.components().filter(|part| *part != Component::RootDir).map(part).collect();
        match (self.files_root, inside) {
            (Some(root), Some(inside)) => Ok(root.join(inside)),
            (root, _) => {
                let given = "a file on the disk of the proxy".to_owned();
                let below = "a path without .. in it".to_owned();
                let supported = vec!["secretRef".to_owned(), root.map_or_else(|| ROOT.to_owned(), |_| below)];
                Err(PolicyErrorKind::UnsupportedOption { given, supported })
            }
        }
    }

    fn set_identity(&mut self, found: Found, from: &Provenance) {
        let (draft, certificate, key) = match found {
            Found::Files(draft) => (*draft, from.clone(), from.clone()),
            Found::Linked(linked) => (linked.draft, linked.certificate, linked.key),
        };
        self.spec.identity = Some(draft);
        self.provenance.insert("spec.identity".to_owned(), from.clone());
        self.provenance.insert("spec.identity.certificate".to_owned(), certificate);
        self.provenance.insert("spec.identity.key".to_owned(), key);
    }

    /// `clientCertificateRef` of a standard object, for itself or for all backends of a Gateway.
    pub(super) fn standard_identity(&mut self, referrer: Referrer<'_>, written: &Written<SecretRef>) {
        let from = written.place(&referrer.object());
        match client_certificate(self.objects, self.dependencies, referrer, &written.value) {
            Ok(found) => self.set_identity(Found::Linked(Box::new(found)), &from),
            Err(kind) => self.problem(&written.field, kind, Some(written.origin.clone())),
        }
        self.identity = OwnIdentity::Some(from);
    }

    /// M6: the backend's own identity over the Gateway's; as kgateway has it, the other way round.
    pub(super) fn gateway(&mut self, gateway: &Gateway) {
        let object = ObjectRef::of(GATEWAY, &gateway.meta.name);
        let written = gateway.client_certificate.as_ref();
        if written.is_none() && gateway.problems.is_empty() {
            return;
        }
        let own = self.identity.clone();
        if let (OwnIdentity::Some(kept) | OwnIdentity::Nothing(kept), Mode::Strict) = (&own, self.mode) {
            if let Some(written) = written {
                self.lose("spec.identity", kept, &written.place(&object), OWN_IDENTITY);
            }
            return;
        }
        self.sources.insert(object.clone());
        self.problems.extend(gateway.problems.iter().cloned());
        let Some(written) = written else { return };
        if let OwnIdentity::Some(lost) | OwnIdentity::Nothing(lost) = &own {
            self.lose("spec.identity", &written.place(&object), lost, GATEWAY_IDENTITY);
        }
        let referrer = Referrer { group: GATEWAY_GROUP, kind: GATEWAY, name: &gateway.meta.name };
        self.standard_identity(referrer, written);
    }

    /// A CA of an extension does not count, but a Secret that is not there fails closed all the same.
    fn overridden_trust(&mut self, tls: &ExtensionTls, object: &ObjectRef, standard: &ObjectRef) {
        let Some(trust) = &tls.trust else { return };
        let counts = match &trust.value {
            ExtensionTrust::File(_) => true,
            ExtensionTrust::System => self.spec.trust.system != SystemTrustDraft::Native,
            ExtensionTrust::Secret(name) => match link::secret(self.objects, self.dependencies, name) {
                Ok(secret) => secret.ca.is_some(),
                Err(kind) => {
                    self.unresolved(trust, kind);
                    false
                }
            },
        };
        if counts {
            self.lose("spec.trust", &self.trust_kept(standard), &trust.place(object), STANDARD_OWNS);
        }
    }

    /// Once is enough where identity and CA are the same reference.
    pub(super) fn unresolved<T>(&mut self, written: &Written<T>, kind: PolicyErrorKind) {
        let problem = Problem::from(PolicyError::new(&written.field, kind)).with_origin(Some(written.origin.clone()));
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn overridden_names(&mut self, tls: &ExtensionTls, object: &ObjectRef, standard: &ObjectRef) {
        if let Some(name) = &tls.server_name
            && self.spec.server_name.as_deref() != Some(name.value.as_str())
        {
            self.lose("spec.serverName", &self.name_kept(standard), &name.place(object), STANDARD_OWNS);
        }
        for name in &tls.subject_alt_names {
            self.lose("spec.subjectAltNames", &self.name_kept(standard), &name.place(object), MORE_NAMES);
        }
    }

    fn trust_kept(&self, standard: &ObjectRef) -> Provenance {
        self.kept(&["spec.trust.bundles", "spec.trust.bundles[0]", "spec.trust.system", ANY_CERTIFICATE], standard)
    }

    fn name_kept(&self, standard: &ObjectRef) -> Provenance {
        self.kept(&["spec.subjectAltNames[0]", "spec.serverName"], standard)
    }

    /// Where the first of the fields comes from; a standard that is not ready has none, but its `validation`.
    fn kept(&self, fields: &[&str], standard: &ObjectRef) -> Provenance {
        let found = fields.iter().find_map(|field| self.provenance.get(*field));
        found.cloned().unwrap_or_else(|| Provenance {
            field: "spec.validation".to_owned(),
            object: standard.clone(),
            origin: Origin::default(),
        })
    }

    pub(super) fn problem(&mut self, path: &str, kind: PolicyErrorKind, origin: Option<Origin>) {
        self.problems.push(Problem::from(PolicyError::new(path, kind)).with_origin(origin));
    }

    /// The draft and where its fields come from, if nothing is wrong with it. The check that every draft has to pass decides.
    pub(super) fn draft(&mut self, name: String) -> Result<(PolicyDraft, ByPath<Provenance>), Problems> {
        let mut problems = core::mem::take(&mut self.problems).into_iter();
        if let Some(first) = problems.next() {
            return Err(Problems::new(Some(name), first, problems.collect()));
        }
        let mut draft = PolicyDraft::new(core::mem::take(&mut self.spec)).with_name(name);
        let standard = self.standard.take().filter(|(provenance, _)| provenance.iter().eq(&self.provenance));
        let (provenance, origins) = standard.unwrap_or_else(|| {
            let origins = self.provenance.iter().map(|(path, from)| (path.clone(), origin(from))).collect();
            (core::mem::take(&mut self.provenance).into(), origins)
        });
        draft.origins = origins;
        // Whether a weakening is permitted, of the standard (M9) or of a vendor (M8), is the caller's to say, later.
        UpstreamTlsPolicy::check(draft.clone(), DangerPermission::Allowed).map(|_| (draft, provenance))
    }
}

/// A part of a path that stays where it is.
fn part(part: Component<'_>) -> Option<&OsStr> {
    match part {
        Component::Normal(name) => Some(name),
        _ => None,
    }
}

/// An identity that was found.
enum Found {
    Files(Box<IdentityDraft>),
    Linked(Box<LinkedIdentity>),
}

/// The identity that a `clientCertificateRef` leads to, within its namespace or by a ReferenceGrant.
pub(in crate::kubernetes) fn client_certificate(
    objects: &Objects,
    dependencies: &Dependencies,
    referrer: Referrer<'_>,
    reference: &SecretRef,
) -> Result<LinkedIdentity, PolicyErrorKind> {
    let SecretRef { group, kind, name, namespace } = reference;
    if (group.as_str(), kind.as_str()) != ("", "Secret") {
        let given = format!("a reference to a {kind:?} of the group {group:?}");
        return Err(PolicyErrorKind::UnsupportedOption {
            given,
            supported: vec!["Secret of the group \"\"".to_owned()],
        });
    }
    let name = ObjectName::new(namespace.as_ref().unwrap_or(&referrer.name.namespace), name);
    if !link::is_granted(objects, dependencies, referrer, ("", "Secret"), &name) {
        let referrer = referrer.object().to_string();
        return Err(PolicyErrorKind::ReferenceNotPermitted { object: format!("Secret {name}"), referrer });
    }
    let secret = link::secret(objects, dependencies, &name)?;
    let found = link::identity_of(secret, &name)?;
    found.ok_or_else(|| link::no_identity(secret, &name))
}

const ANY_CERTIFICATE: &str = "spec.danger.acceptAnyCertificate";
const GATEWAY_IDENTITY: &str = "the Gateway's client certificate wins, as kgateway has it";
const MORE_NAMES: &str = "one more name that is accepted would weaken the standard policy";
const NARROWER: &str = "the extension permits less than the standard policy leaves open";
const OWN_IDENTITY: &str = "the backend's own word on the client certificate wins over the Gateway's";
const ROOT: &str = "a root below which the caller has such files (--files-root)";
const SAID_BEFORE: &str = "another object that comes first says it";
const STANDARD_OWNS: &str = "the standard policy alone decides it";
const WEAKER: &str = "an extension cannot weaken the standard policy";
