//! Documents in, policies out: reading, linking, resolving and statuses, one after the other.

use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{Connector, PolicyDraft, Problems, Runtime};

use super::document::{Content, Document};
use super::model::Diagnostic;
use super::model::backend::BackendRef;
use super::read::objects::Objects;
use super::resolve::compose::compose;
use super::resolve::imported::{Imported, ImportedPolicy};
use super::resolve::precedence::Contenders;
use super::resolve::resolution::Resolution;
use super::resolve::scope::Scope;
use super::resolve::{draft, effective, said};
use super::status;

/// The optional kinds to read.
///
/// ```
/// use uptls_manifest::kubernetes::{ReadOptions, Scope, Store};
///
/// let options = ReadOptions::default().with_cluster_trust_bundles(true);
/// assert!(Store::new(Scope::default(), options).policies().is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// A `ClusterTrustBundle` (certificates.k8s.io) as a CA reference. The standard has it as experimental (GEP-5075): without
    /// this option such a reference is `InvalidKind`.
    pub cluster_trust_bundles: bool,
}

impl ReadOptions {
    /// Sets whether a `ClusterTrustBundle` may be a CA reference.
    #[must_use]
    pub fn with_cluster_trust_bundles(mut self, read: bool) -> Self {
        self.cluster_trust_bundles = read;
        self
    }
}

/// Makes policies of the objects in `documents`. The result holds every problem.
pub fn import<'a>(documents: impl IntoIterator<Item = Document<'a>>) -> Imported {
    import_with(documents, ReadOptions::default())
}

/// The same with the experimental kinds of `options`.
pub fn import_with<'a>(documents: impl IntoIterator<Item = Document<'a>>, options: ReadOptions) -> Imported {
    let cluster_trust_bundles = options.cluster_trust_bundles.then(Default::default);
    let mut objects = Objects { cluster_trust_bundles, ..Objects::default() };
    for Document { name, content } in documents {
        match content {
            Content::Folder => objects.ignore("(folder)"),
            Content::Text(text) => objects.read(name, text),
            Content::Unreadable(fault) => objects.fault(name, fault.clone()),
        }
    }
    Imported::of(objects)
}

impl Imported {
    /// Links the objects: each policy with what it refers to, and with its targets.
    fn of(mut objects: Objects) -> Self {
        let diagnostics = core::mem::take(&mut objects.diagnostics);
        let ignored = core::mem::take(&mut objects.ignored);
        let Linked { diagnostics, policies, .. } = link(&objects, diagnostics);
        Self { diagnostics, ignored, objects: Arc::new(objects), policies: Arc::new(policies) }
    }

    /// Every policy for `scope`, merged from all objects (M5 to M9), and the statuses to write. It reads nothing else.
    ///
    /// ```
    /// use uptls_manifest::kubernetes::{BackendRef, Document, Scope, import};
    ///
    /// let standard = br#"{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: pay},
    ///   spec: {targetRefs: [{group: "", kind: Service, name: pay}],
    ///     validation: {wellKnownCACertificates: System, hostname: pay.example}}}"#;
    /// let extension = br#"{apiVersion: gateway.kgateway.dev/v1alpha1, kind: BackendConfigPolicy, metadata: {name: more},
    ///   spec: {targetRefs: [{group: "", kind: Service, name: pay}],
    ///     tls: {insecureSkipVerify: true, parameters: {minVersion: "1.3"}}}}"#;
    /// let imported = import([Document::new("a.yaml", standard), Document::new("b.yaml", extension)]);
    /// let resolution = imported.resolve(&Scope::default());
    /// let policy = resolution.policy_of(&BackendRef::new("default", "pay", None), None)?;
    /// assert_eq!(policy.provenance["spec.versions.min"].object.to_string(), "BackendConfigPolicy default/more");
    /// // What would weaken the standard is overridden, and said.
    /// assert_eq!(policy.overridden[0].lost.field, "spec.tls.insecureSkipVerify");
    /// # Ok::<(), uptls::Problems>(())
    /// ```
    pub fn resolve(&self, scope: &Scope) -> Resolution {
        let resolved = compose(self, scope);
        let statuses = status::of(self, scope, &resolved.ancestors, &resolved.dependencies, &resolved.policies);
        Resolution::new(self, scope, resolved, statuses)
    }
}

/// The policy for `backend`, to be checked and prepared: that of [`Imported::resolve`] with a default [`Scope`].
///
/// # Errors
/// Those of [`Resolution::policy_of`], and all problems of the policy if it cannot be used (it fails closed).
pub fn resolve(imported: &Imported, backend: &BackendRef) -> Result<PolicyDraft, Problems> {
    imported.resolve(&Scope::default()).policy_of(backend, None)?.draft.clone()
}

/// A connector for `backend`. Without a usable policy, every connection fails with the reason.
pub fn connector(
    runtime: &Runtime,
    imported: &Imported,
    backend: &BackendRef,
    permission: DangerPermission,
) -> Connector {
    effective::connector(runtime, resolve(imported, backend), permission)
}

/// What comes of the objects, before it is said for whom.
pub(super) struct Linked {
    pub(super) contenders: Contenders,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) policies: Vec<ImportedPolicy>,
}

/// The standard policies with their drafts and targets, and all that is to be said beside what reading found.
pub(super) fn link(objects: &Objects, mut diagnostics: Vec<Diagnostic>) -> Linked {
    let mut policies = draft::policies(objects);
    let contenders = Contenders::settle_all(&mut policies);
    // The order of the documents does not count (M10).
    diagnostics.sort_by(|a, b| place(a).cmp(&place(b)));
    diagnostics.extend(said::of_objects(objects));
    diagnostics.extend(policies.iter().flat_map(said::of_policy));
    Linked { contenders, diagnostics, policies }
}

/// The order in which documents are spoken of.
fn place(diagnostic: &Diagnostic) -> (&str, u64, u64) {
    diagnostic.problem.origin().map_or(("", 0, 0), |origin| (&origin.document, origin.line, origin.column))
}
