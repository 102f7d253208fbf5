//! The Runtime: provider, clock, interned material, sessions and system roots; the only owner of shared state (T8).

use core::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::error::Problem;
use crate::failure_log::FailureLog;
use crate::identity::ClientIdentity;
use crate::input::{self, Unreadable};
use crate::intern::Interned;
use crate::observe::{Observer, Observers};
use crate::policy::SystemTrust;
use crate::session::{HeldSessions, SessionStore};
use crate::shared_config::{ConfigTemplate, SharedConfig};
use crate::time::{Clock, SystemClock};
use crate::trust::{
    BundleError, NativeRoots, PlatformTrust, RevocationList, SystemRoots, SystemStores, TrustBundle, TrustStore,
};

/// The state that policies share. A clone is the same runtime; there is no global one.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// use uptls::{FixedClock, Runtime};
///
/// let clock = FixedClock::parse("2026-11-23T00:00:00Z")?;
/// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
/// assert_eq!(runtime.now_text(), "2026-11-23T00:00:00Z");
/// // Equal content has one fingerprint, and one configuration in memory.
/// let (first, again) = (runtime.prepare(&policy)?, runtime.prepare(&policy)?);
/// assert_eq!(first.fingerprint(), again.fingerprint());
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<Owned>);

struct Owned {
    bundles: Interned<TrustBundle>,
    clock: Box<dyn Clock>,
    crls: Interned<RevocationList>,
    failures: FailureLog,
    identities: Interned<ClientIdentity>,
    generations: Interned<SharedConfig>,
    observers: Observers,
    provider: Arc<CryptoProvider>,
    providers: Interned<CryptoProvider>,
    files: Option<ReadFile>,
    reading: Option<BeforeReading>,
    sessions: Arc<SessionStore>,
    system: SystemStores,
    templates: Interned<ConfigTemplate>,
    trust: Interned<TrustStore>,
}

/// Asked before a file of a policy is read.
type BeforeReading = Box<dyn Fn(&Path) -> io::Result<()> + Send + Sync>;

/// The content of a file of a policy, in the place of the disk's.
type ReadFile = Box<dyn Fn(&Path) -> io::Result<Vec<u8>> + Send + Sync>;

/// The settings of a [`Runtime`].
///
/// ```
/// use uptls::{FixedClock, Runtime};
///
/// let builder = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::parse("2026-11-23T00:00:00Z")?);
/// let runtime = builder.session_bytes(4 << 20).build();
/// assert_eq!(runtime.now_text(), "2026-11-23T00:00:00Z");
/// # Ok::<_, String>(())
/// ```
pub struct RuntimeBuilder {
    clock: Box<dyn Clock>,
    files: Option<ReadFile>,
    native_roots: NativeRoots,
    observers: Vec<Box<dyn Observer>>,
    provider: Arc<CryptoProvider>,
    reading: Option<BeforeReading>,
    session_bytes: usize,
}

impl RuntimeBuilder {
    /// The clock of every verification. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Reads each file that a policy names by `read`, and never from the disk: for embedders without a file system, and for
    /// those who decide which files a policy may name. Default: the disk. A relative path is relative to the document's folder
    /// or, without one, as it is written. The content may have at most 16 MiB, as a file on the disk.
    ///
    /// An error is `trust_unreadable`, `crl_unreadable` or `identity_unreadable`, with the error's own text. Its kind says what
    /// it means for a policy that is in use (R2, R3): `NotFound` and `PermissionDenied` that the file is gone, `IsADirectory`
    /// and `FileTooLarge` that it never can be read, `WouldBlock` and `OutOfMemory` a shortage, any other that the storage
    /// failed. The system's roots (T6) are no files of a policy.
    ///
    /// ```
    /// use std::io;
    /// use uptls::{Runtime, UpstreamTlsPolicy};
    ///
    /// let policy = UpstreamTlsPolicy::builder().add_ca_file("ca.pem").build()?;
    /// let read = |path: &std::path::Path| match path.to_str() {
    ///     Some("ca.pem") => std::fs::read("../examples/refused/ca.pem"),
    ///     _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, "this program gives no other file")),
    /// };
    /// # #[cfg(feature = "aws-lc-rs")]
    /// # {
    /// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).files(read).build();
    /// assert!(runtime.prepare(&policy).is_ok());
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn files(mut self, read: impl Fn(&Path) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        self.files = Some(Box::new(read));
        self
    }

    /// Where the roots of `trust.system: native` are (T6). Default: the platform's files, as [`NativeRoots`] says; the
    /// library never reads the environment. With another place every report has the warning `system_roots_replaced`. A
    /// named file or folder that is missing or holds no root is `trust_unreadable` for each policy that wants native
    /// roots.
    ///
    /// ```
    /// use uptls::{NativeRoots, Runtime};
    ///
    /// // A program that wants what OpenSSL has, says so.
    /// let mut roots = NativeRoots::default();
    /// roots.files.extend(std::env::var_os("SSL_CERT_FILE").map(Into::into));
    /// let folders = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    /// roots.folders.extend(std::env::split_paths(&folders).filter(|folder| folder.is_dir()));
    /// # #[cfg(feature = "aws-lc-rs")]
    /// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).native_roots(roots).build();
    /// ```
    #[must_use]
    pub fn native_roots(mut self, roots: NativeRoots) -> Self {
        self.native_roots = roots;
        self
    }

    /// Calls `hook` before it reads each file of a policy: its result replaces the system's. For tests, which cannot
    /// run out of descriptors on demand.
    #[doc(hidden)]
    #[must_use]
    pub fn before_reading(mut self, hook: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.reading = Some(Box::new(hook));
        self
    }

    /// Tells `observer` of connections and policies of this runtime (R12), after the observers that were given before.
    /// Default: none, and then nothing is measured.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use uptls::{Metrics, Runtime};
    ///
    /// let metrics = Arc::new(Metrics::default());
    /// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&metrics)).build();
    /// assert!(metrics.prometheus_text(&runtime).contains("uptls_connections 0"));
    /// ```
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// The most bytes for the sessions of all policies together. Default: 16 MiB. A session that falls out costs a full
    /// handshake.
    #[must_use]
    pub fn session_bytes(mut self, limit: usize) -> Self {
        self.session_bytes = limit;
        self
    }

    /// The runtime.
    pub fn build(self) -> Runtime {
        Runtime(Arc::new(Owned {
            bundles: Interned::default(),
            clock: self.clock,
            crls: Interned::default(),
            failures: FailureLog::default(),
            files: self.files,
            identities: Interned::default(),
            generations: Interned::default(),
            observers: Observers::new(self.observers),
            provider: self.provider,
            providers: Interned::default(),
            reading: self.reading,
            sessions: Arc::new(SessionStore::new(self.session_bytes)),
            system: SystemStores::new(self.native_roots),
            templates: Interned::default(),
            trust: Interned::default(),
        }))
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Runtime {
    /// Begins a runtime on `provider`. The features `aws-lc-rs` and `ring` give ready ones in the modules of their
    /// names; the library neither installs nor reads a process-wide default.
    pub fn builder(provider: Arc<CryptoProvider>) -> RuntimeBuilder {
        RuntimeBuilder {
            clock: Box::new(SystemClock),
            files: None,
            native_roots: NativeRoots::default(),
            observers: Vec::new(),
            provider,
            reading: None,
            session_bytes: DEFAULT_SESSION_BYTES,
        }
    }

    /// A runtime with the defaults.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self::builder(provider).build()
    }

    /// The content of a file that a policy names.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        if let Some(hook) = &self.0.reading {
            hook(path)?;
        }
        match &self.0.files {
            None => input::read_file(path, MAX_FILE),
            Some(read) => input::bounded(Zeroizing::new(read(path)?), MAX_FILE),
        }
    }

    /// The clock's time, RFC 3339, for reports of unusable policies.
    pub fn now_text(&self) -> String {
        crate::time::rfc3339(crate::time::seconds(self.now()))
    }

    /// How many sessions the runtime holds for resumption, and how many bytes.
    ///
    /// ```
    /// # #[cfg(feature = "ring")]
    /// # {
    /// let runtime = uptls::Runtime::new(uptls::ring::provider());
    /// assert_eq!(runtime.held_sessions().count, 0);
    /// # }
    /// ```
    pub fn held_sessions(&self) -> HeldSessions {
        self.0.sessions.held()
    }

    /// Whether it is the same runtime: a clone, with the same clock, system roots and sessions.
    ///
    /// ```
    /// use uptls::Runtime;
    ///
    /// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    /// assert!(runtime.is(&runtime.clone()));
    /// assert!(!runtime.is(&Runtime::new(uptls::aws_lc_rs::provider())));
    /// ```
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What no other runtime has while this one lives.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The provider of all cryptography.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.0.provider
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    /// The provider as policies narrow it.
    pub(crate) fn providers(&self) -> &Interned<CryptoProvider> {
        &self.0.providers
    }

    pub(crate) fn sessions(&self) -> &Arc<SessionStore> {
        &self.0.sessions
    }

    /// Which failures of connections are logged (R10).
    pub(crate) fn failures(&self) -> &FailureLog {
        &self.0.failures
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.0.observers
    }

    /// What connections of one fingerprint share.
    pub(crate) fn generations(&self) -> &Interned<SharedConfig> {
        &self.0.generations
    }

    /// What rustls has accepted of a provider and versions.
    pub(crate) fn templates(&self) -> &Interned<ConfigTemplate> {
        &self.0.templates
    }

    pub(crate) fn identities(&self) -> &Interned<ClientIdentity> {
        &self.0.identities
    }

    /// The bundle that `text` is, whose digest is `sha256`.
    pub(crate) fn bundle(&self, sha256: [u8; 32], text: &[u8]) -> Result<Arc<TrustBundle>, BundleError> {
        self.0.bundles.get_or_make(sha256, || TrustBundle::parse(text))
    }

    pub(crate) fn crl(&self, path: &str, source: &str, der: &[u8]) -> Result<Arc<RevocationList>, Problem> {
        self.0.crls.get_or_make(sha256(der), || RevocationList::parse(path, source, der).map_err(Problem::from))
    }

    pub(crate) fn trust(&self, bundles: Vec<Arc<TrustBundle>>, system: Option<Arc<SystemRoots>>) -> Arc<TrustStore> {
        let key = TrustStore::intern_key(&bundles, system.as_deref());
        if let Some(found) = self.0.trust.get(&key) {
            return found;
        }
        let made: Result<_, core::convert::Infallible> =
            self.0.trust.get_or_make(key, || Ok(TrustStore::new(bundles, system)));
        match made {
            Ok(store) => store,
        }
    }

    /// T6: loaded once, shared.
    pub(crate) fn system_roots(&self, kind: SystemTrust) -> Result<Option<Arc<SystemRoots>>, Problem> {
        self.0.system.roots(kind)
    }

    /// T6: the platform's verifier, loaded once.
    pub(crate) fn platform(&self) -> Result<Arc<PlatformTrust>, Problem> {
        self.0.system.platform(self.provider())
    }

    /// Puts a verifier with roots of the test's own in the place of the platform's.
    #[cfg(all(test, feature = "platform"))]
    pub(crate) fn set_platform(&self, platform: PlatformTrust) {
        self.0.system.set_platform(platform);
    }

    /// Drops the loaded system roots: the next policy that is prepared reads them again.
    pub fn refresh_system_roots(&self) {
        self.0.system.refresh();
    }
}

const DEFAULT_SESSION_BYTES: usize = 16 << 20;

/// 16 MiB: the largest CRLs in use are half of it.
const MAX_FILE: u64 = 16 << 20;
