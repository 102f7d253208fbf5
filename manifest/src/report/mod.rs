//! What documents come to, `uptls.import/v1`: each backend's policy and where each field of it comes from, each cluster of an
//! Envoy configuration and what it verifies, and all that is wrong. It is what `uptls import` prints.
//!
//! ```
//! use uptls::Runtime;
//! use uptls_manifest::kubernetes::Document;
//! use uptls_manifest::report::{Import, ImportOptions};
//!
//! let text = br#"
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: BackendTLSPolicy
//! metadata: {name: pay-tls, namespace: shop}
//! spec:
//!   targetRefs: [{group: "", kind: Service, name: pay}]
//!   validation: {wellKnownCACertificates: System, hostname: pay.example}
//! "#;
//! let runtime = Runtime::new(uptls::aws_lc_rs::provider());
//! let documents = [Document::new("pay.yaml", text)];
//! let no_files = |_: &_| Err("no file is read".to_owned());
//! let import = Import::of(&documents, &runtime, &no_files, &ImportOptions::default())?;
//! let hostname = import.backends[0].fields.iter().find(|field| field.path == "spec.serverName");
//! assert_eq!(hostname.map(|field| (field.value.as_str(), field.from.line)), Some(("pay.example", 7)));
//! assert!(import.to_json().contains(r#""schema": "uptls.import/v1""#));
//!
//! let broken = [documents[0], Document::new("broken.yaml", b"apiVersion: [")];
//! let import = Import::of(&broken, &runtime, &no_files, &ImportOptions::default())?;
//! assert!(!import.ready && !import.backends[0].ready);
//! # Ok::<(), uptls::Problems>(())
//! ```

pub(crate) mod backends;
mod clusters;
pub(crate) mod status;
mod types;
mod value;

pub use types::{Backend, Cluster, Diagnostic, Field, Finding, Import, ObjectMeta, Overridden, Place, Policy, Status};

use std::path::PathBuf;

use uptls::danger::DangerPermission;
use uptls::{Envelope, Fix, Problems, Runtime};

use backends::Outcome;

use crate::envoy::{ReadFile, Standing};
use crate::kubernetes::{self, Document, Mode, ObjectName, ReadOptions};

/// How documents are imported. The default: every Gateway, strict about vendors' forms, nothing dangerous, no status.
///
/// ```
/// use uptls_manifest::kubernetes::{Mode, ObjectName};
/// use uptls_manifest::report::ImportOptions;
///
/// let mut options = ImportOptions::default();
/// options.gateway = Some(ObjectName::new("edge", "public"));
/// options.mode = Mode::Faithful;
/// // A faithful reading may weaken: without the caller's permission such a policy is not ready.
/// options.permission = uptls::danger::DangerPermission::Allowed;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Whether a `ClusterTrustBundle` may be a CA reference, which is experimental.
    pub cluster_trust_bundles: bool,
    /// Whether the documents hold all objects of a cluster: then a Service or Gateway that is not among them does not exist.
    pub complete: bool,
    /// Show the patches of `status` that the controller of this name would write.
    pub controller_name: Option<String>,
    /// The folder with the files of the proxy that vendors' objects name.
    pub files_root: Option<PathBuf>,
    /// The Gateway that connects: its client certificate counts if a backend has none of its own (M6).
    pub gateway: Option<ObjectName>,
    /// How to read a vendor's form that verifies less than it seems to (M8).
    pub mode: Mode,
    /// Whether policies that weaken verification can be ready.
    pub permission: DangerPermission,
    /// Whether notices keep the import from being ready: unknown kinds, and fields that are left out, overridden or
    /// made stricter.
    pub strict: bool,
}

impl Import {
    /// The result of `documents` at the time of `runtime`: Kubernetes objects, Envoy configurations, or both. Their
    /// order does not count (M10), except for the order of the clusters.
    ///
    /// `read_file` is called for the secrets of Envoy's file-based SDS. Nothing else is read, except the system's roots
    /// if a policy wants them.
    ///
    /// # Errors
    /// `reference_unresolved` if the Gateway of the options is not among the objects. The result holds every other
    /// problem.
    pub fn of(
        documents: &[Document<'_>],
        runtime: &Runtime,
        read_file: &ReadFile<'_>,
        options: &ImportOptions,
    ) -> Result<Self, Problems> {
        let mut import = Self { at: runtime.now_text(), ..Self::default() };
        let mut envoy = Vec::new();
        for document in documents {
            let clusters = document.text().and_then(|text| clusters::of(document.name(), text, read_file));
            if let Some(clusters) = clusters {
                import.clusters.extend(clusters);
                envoy.push(*document);
            }
        }
        // There may be objects beside a cluster.
        let read = ReadOptions::default().with_cluster_trust_bundles(options.cluster_trust_bundles);
        let imported = kubernetes::import_with(documents.iter().copied(), read);
        let resolution = backends::resolve(&imported, runtime, options)?;
        backends::add(&mut import, &Outcome::of(&imported, &resolution), runtime, options);
        let read = kubernetes::import(envoy).ignored.remove(NO_KIND).unwrap_or_default();
        import.ignored.entry(NO_KIND.to_owned()).and_modify(|count| *count = count.saturating_sub(read));
        import.ignored.retain(|_, count| *count > 0);
        import.settle(options);
        Ok(import)
    }

    /// What objects that were read and resolved before come to.
    pub(crate) fn of_objects(outcome: &Outcome<'_>, runtime: &Runtime, options: &ImportOptions) -> Self {
        let mut import = Self { at: runtime.now_text(), ..Self::default() };
        backends::add(&mut import, outcome, runtime, options);
        import.settle(options);
        import
    }

    fn settle(&mut self, options: &ImportOptions) {
        self.ready = self.is_sound() && (self.is_silent() || !options.strict);
    }

    /// The fixes for problems of documents, each with the name of its document.
    pub fn fixes(&self) -> impl Iterator<Item = (&str, &Fix)> {
        let of_documents = self.diagnostics.iter().map(|diagnostic| &diagnostic.problem);
        let of_backends = self.backends.iter().flat_map(|backend| &backend.errors);
        of_documents
            .chain(of_backends)
            .filter_map(|problem| Some((problem.document.as_deref()?, problem.fix.as_ref()?)))
    }

    /// Whether there is no policy, no cluster and no diagnostic: the caller probably meant other files.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
            && self.backends.is_empty()
            && self.policies.is_empty()
            && self.diagnostics.is_empty()
            && self.status.is_empty()
    }

    /// The JSON text under the schema `uptls.import/v1`, in the envelope of everything that `--json` prints.
    pub fn to_json(&self) -> String {
        Envelope::new(SCHEMA, vec![self]).to_json()
    }

    fn is_sound(&self) -> bool {
        let is_notice = |effect: &str| effect == "notice";
        self.backends.iter().all(|backend| backend.ready)
            && self.clusters.iter().all(|cluster| cluster.standing == Standing::Verified)
            && self.diagnostics.iter().all(|diagnostic| is_notice(diagnostic.effect))
    }

    fn is_silent(&self) -> bool {
        self.diagnostics.is_empty()
            && self.ignored.is_empty()
            && self.backends.iter().all(|backend| backend.warnings.is_empty())
    }
}

const NO_KIND: &str = "(no kind)";
/// The `controllerName` of whoever is none.
const NOBODY: &str = "uptls.example/import";
const SCHEMA: &str = "uptls.import/v1";
