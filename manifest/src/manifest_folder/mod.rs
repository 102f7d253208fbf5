//! A folder of manifests that a watch follows, and connectors that follow the folder (R13).

mod file;
mod source;

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uptls::{Connector, Problems, Registry, Runtime, WatchedFiles};

use crate::ManifestSet;
use crate::kubernetes::{BackendRef, EffectivePolicy, ON_INVALID, ObjectName};
use crate::report::ImportOptions;
use source::FolderSource;

/// The connectors of all backends in the `*.yaml`, `*.yml` and `*.json` files of a folder. A [`uptls::Watch`] keeps them in step
/// with the files: give it [`ManifestFolder::source`].
///
/// The folder means what [`crate::ManifestSet::load`] makes of it. A file that is added, changed or removed changes the policies
/// of its objects, and a policy that no file gives any more is withdrawn. A file that cannot be read as YAML or JSON counts as it
/// last could, so that a half-written file ends no other policy; [`ManifestFolder::problems`] says so until it is repaired. A
/// clone is the same folder.
///
/// ```
/// use std::time::{Duration, Instant};
/// use uptls::{Runtime, Watch};
/// use uptls_manifest::ManifestFolder;
/// use uptls_manifest::kubernetes::BackendRef;
/// use uptls_manifest::report::ImportOptions;
///
/// let place = tempfile::tempdir()?;
/// let text = r#"
/// apiVersion: gateway.networking.k8s.io/v1
/// kind: BackendTLSPolicy
/// metadata: {name: pay-tls, namespace: shop}
/// spec:
///   targetRefs: [{group: "", kind: Service, name: pay}]
///   validation: {wellKnownCACertificates: System, hostname: pay.example}
/// "#;
/// std::fs::write(place.path().join("pay.yaml"), text)?;
/// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
/// let folder = ManifestFolder::new(place.path(), &runtime, ImportOptions::default());
/// let watch = Watch::polling([])?;
/// watch.add_files(folder.source());
///
/// let pay = BackendRef::new("shop", "pay", Some(443));
/// let connector = loop {
///     match folder.connector(&pay, None) {
///         Some(connector) => break connector,
///         None => std::thread::sleep(Duration::from_millis(10)),
///     }
/// };
/// assert_eq!(connector.state().as_str(), "ready");
/// std::fs::remove_file(place.path().join("pay.yaml"))?;
/// watch.refresh();
/// let (name, event) = folder.registry().wait_event(Duration::from_secs(60)).unwrap();
/// assert_eq!((&*name, event.kind.as_str()), ("Service/shop/pay", "withdrawn"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ManifestFolder(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    options: ImportOptions,
    recursively: bool,
    registry: Registry,
    state: Mutex<State>,
}

/// What the last reading came to.
#[derive(Default)]
struct State {
    problems: BTreeMap<PathBuf, Problems>,
    set: Option<ManifestSet>,
}

impl ManifestFolder {
    /// The folder at `folder`. Nothing is read before a watch does.
    pub fn new(folder: impl Into<PathBuf>, runtime: &Runtime, options: ImportOptions) -> Self {
        Self::of(folder.into(), false, runtime, options)
    }

    /// The same with all folders in folders, as [`crate::kubernetes::load_recursively`] reads them. A folder in it that is gone
    /// or forbidden takes the policies of its files with it (R3).
    pub fn recursive(folder: impl Into<PathBuf>, runtime: &Runtime, options: ImportOptions) -> Self {
        Self::of(folder.into(), true, runtime, options)
    }

    fn of(folder: PathBuf, recursively: bool, runtime: &Runtime, options: ImportOptions) -> Self {
        let registry = Registry::new(runtime, ON_INVALID);
        Self(Arc::new(Shared { folder, options, recursively, registry, state: Mutex::default() }))
    }

    /// What a watch follows. One is enough; each reads the folder by itself.
    pub fn source(&self) -> impl WatchedFiles + 'static {
        FolderSource::new(self)
    }

    /// The folder, as it was given.
    pub fn path(&self) -> &Path {
        &self.0.folder
    }

    /// The connectors by [`ManifestFolder::name_of`], their states, and one stream of their events. Only the folder changes it:
    /// the next reading withdraws whatever else is in it.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The connector for `backend`, as [`crate::ManifestSet::policy_of`] finds its policy. `None`: no file has a policy for it, so
    /// nothing may connect to it. A connector whose policy is withdrawn stays so: ask again after [`uptls::EventKind::Withdrawn`].
    pub fn connector(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Option<Connector> {
        self.named_connector(backend, gateway).map(|(_, connector)| connector)
    }

    /// The same, with the name of its policy. Ask again after each change: another name says that another policy is the one for
    /// `backend`, such as one for its port that was added. The connector of the first goes on by the first.
    pub fn named_connector(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Option<(String, Connector)> {
        let name = Self::name_of(self.state().set.as_ref()?.policy_of(backend, gateway).ok()?);
        let connector = self.0.registry.connector(&name)?;
        Some((name, connector))
    }

    /// The name of a policy's connector: its backend, and the Gateway if it is of one: `Service/shop/pay:443 shop/edge`.
    pub fn name_of(policy: &EffectivePolicy) -> String {
        let backend = policy.backend_ref();
        policy.gateway.as_ref().map_or_else(|| backend.to_string(), |gateway| format!("{backend} {gateway}"))
    }

    /// The files that cannot be read, each with the reason; the folder itself, if it is the folder that cannot. Their objects
    /// count as they last could be read, or do not count if they never could.
    pub fn problems(&self) -> Vec<(PathBuf, Problems)> {
        self.state().problems.iter().map(|(path, problems)| (path.clone(), problems.clone())).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManifestFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestFolder").field("path", &self.0.folder).finish_non_exhaustive()
    }
}
