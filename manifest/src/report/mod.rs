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

mod backends;
mod clusters;
mod status;
mod types;
mod value;

pub use types::{Backend, Cluster, Diagnostic, Field, Finding, Import, ObjectMeta, Overridden, Place, Policy, Status};

use std::path::PathBuf;

use uptls::danger::DangerPermission;
use uptls::{Envelope, Fix, Problems, Runtime};

use crate::envoy::{ReadFile, Standing};
use crate::kubernetes::{self, Document, Mode, ObjectName, ReadOptions};

/// How documents are imported. The default: every Gateway, strict about vendors' forms, nothing dangerous, no status.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Whether a `ClusterTrustBundle` may be a CA reference, which is experimental.
    pub cluster_trust_bundles: bool,
    /// Whether the documents hold all objects of a cluster: then a Service or Gateway that is not among them does not exist.
    pub complete: bool,
    /// Show the patches of `status` that the controller of this name would write.
    pub controller_name: Option<String>,
    /// Below which folder the files of the proxy lie that vendors' objects name.
    pub files_root: Option<PathBuf>,
    /// As this Gateway sees it: its client certificate counts where a backend has none of its own (M6).
    pub gateway: Option<ObjectName>,
    /// How a vendor's form is understood that verifies less than it seems to (M8).
    pub mode: Mode,
    /// Whether policies that weaken verification can be ready.
    pub permission: DangerPermission,
    /// Whether what could be passed over keeps the import from being ready: unknown kinds, what was left out, overridden or made
    /// stricter.
    pub strict: bool,
}

impl Import {
    /// What `documents` come to at the time of `runtime`: Kubernetes objects, Envoy configurations, or both. Their order does not
    /// count (M10), but for that of the clusters.
    ///
    /// `read_file` is asked for the secrets of Envoy's file-based SDS, and nothing else is read but the system's roots, where a
    /// policy wants those.
    ///
    /// # Errors
    /// `reference_unresolved` if the Gateway of the options is not among the objects. Whatever else is wrong is in the result.
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
        backends::add(&mut import, &kubernetes::import_with(documents.iter().copied(), read), runtime, options)?;
        let read = kubernetes::import(envoy).ignored.remove(NO_KIND).unwrap_or_default();
        import.ignored.entry(NO_KIND.to_owned()).and_modify(|count| *count = count.saturating_sub(read));
        import.ignored.retain(|_, count| *count > 0);
        import.ready = import.is_sound() && (import.is_silent() || !options.strict);
        Ok(import)
    }

    /// The fixes of what is wrong with documents, each with the name of its document.
    pub fn fixes(&self) -> impl Iterator<Item = (&str, &Fix)> {
        let of_documents = self.diagnostics.iter().map(|diagnostic| &diagnostic.problem);
        let of_backends = self.backends.iter().flat_map(|backend| &backend.errors);
        of_documents
            .chain(of_backends)
            .filter_map(|problem| Some((problem.document.as_deref()?, problem.fix.as_ref()?)))
    }

    /// Whether there is neither a policy nor a cluster, and nothing to say about documents: something else was meant.
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
