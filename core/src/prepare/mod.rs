//! Policy and material to everything that a connection needs, under one fingerprint.

mod batch;
mod loader;

use core::convert::Infallible;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};

use crate::certificate::{CertificateView, canonical_name};
use crate::digest::CanonicalDigest;
use crate::encoding;
use crate::error::{
    MaterialError, MaterialErrorKind, Outcome, PolicyError, PolicyErrorKind, Problem, Problems, Rejection,
    RejectionKind, Step, StepName,
};
use crate::identity::ClientIdentity;
use crate::material::FileSet;
use crate::name::BackendHost;
use crate::policy::{SystemTrust, UpstreamTlsPolicy};
use crate::report::{Report, Verdict};
use crate::runtime::Runtime;
use crate::shared_config::{ConfigTemplate, SharedConfig};
use crate::text;
use crate::time::seconds;
use crate::trust::{PlatformTrust, RevocationList, TrustStore};
use crate::verify::{VerifiedPeer, Verifier};
use crate::warning::Warning;

pub(crate) use batch::Batch;
use loader::Loader;

/// A policy with its material, ready to connect and to judge.
///
/// It has a fingerprint: sessions and pooled connections are never shared across two of them.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// // The certificate is for another name: the report says which, without a network.
/// let prepared = runtime.prepare(&policy)?;
/// let report = prepared.report_pem(&std::fs::read("../examples/refused/chain.pem")?, Some("payments.internal"));
/// assert_eq!(report.code.map(|code| code.as_str()), Some("name_mismatch"));
/// assert_eq!(report.presented[0], "dns:payments-v2.internal");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Prepared {
    runtime: Runtime,
    /// One per fingerprint (R9): rustls resumes only with the same verifier and resolver in memory.
    shared: Arc<SharedConfig>,
    verifier: Arc<Verifier>,
}

impl Prepared {
    /// The policy.
    pub fn policy(&self) -> &UpstreamTlsPolicy {
        self.verifier.policy()
    }

    /// The digest of all that decides a verdict or a handshake: policy, every anchor, CRL and identity, and the provider.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// // Whatever can change a verdict changes it.
    /// let other = UpstreamTlsPolicy::builder().add_ca_file("../examples/refused/ca.pem").build()?;
    /// assert_ne!(runtime.prepare(&policy)?.fingerprint(), runtime.prepare(&other)?.fingerprint());
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.verifier.fingerprint
    }

    /// The runtime that it was prepared by.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Our own identity.
    pub fn identity(&self) -> Option<&Arc<ClientIdentity>> {
        self.shared.identity()
    }

    /// Judges a chain (DER, leaf first) offline, at the runtime's clock, exactly as a live handshake would.
    /// `backend_host` counts where the policy's server name is `auto`.
    ///
    /// # Errors
    /// The coded [`Rejection`].
    pub fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        backend_host: Option<&BackendHost>,
    ) -> Result<VerifiedPeer, Box<Rejection>> {
        self.verifier.verify(chain, backend_host, self.runtime.now())
    }

    /// Judges a chain as [`Prepared::verify`] does, and evaluates every step (V10).
    pub fn report(&self, chain: &[CertificateDer<'_>], backend_host: Option<&BackendHost>) -> Report {
        let now = self.runtime.now();
        if let Some(report) = self.nameless(backend_host) {
            return report;
        }
        let mut report = self.verifier.report(chain, backend_host, now);
        report.warnings.extend(self.identity_warnings(now));
        report
    }

    /// The former name of [`Prepared::report`].
    #[deprecated(since = "0.1.0", note = "use `report`")]
    pub fn explain(&self, chain: &[CertificateDer<'_>], backend_host: Option<&BackendHost>) -> Report {
        self.report(chain, backend_host)
    }

    /// Verifies PEM text or one certificate in DER, for a backend host as text. PEM has the leaf first. Other blocks
    /// and text between them are ignored, so you can pass the output of `openssl s_client -showcerts` as it is. Every
    /// face of offline verification is this call. A text that cannot be read is no fault of the peer: the report then
    /// has the verdict `error` and the code `chain_parse`. An empty text is a peer without a certificate (`cert_none`).
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// // What `openssl s_client -showcerts` prints can be given as it is.
    /// let report = runtime.prepare(&policy)?.report_pem(&std::fs::read("../examples/refused/chain.pem")?, None);
    /// assert!(!report.accepted());
    /// assert!(report.hint.unwrap().contains("re-issue it with dns:payments.internal"));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn report_pem(&self, chain: &[u8], backend_host: Option<&str>) -> Report {
        self.report_file(chain, "inline", backend_host)
    }

    /// The same for the content of a file, which errors call `source`.
    pub fn report_file(&self, chain: &[u8], source: &str, backend_host: Option<&str>) -> Report {
        let host = match backend_host.map(|text| (text, BackendHost::parse(text))) {
            None => None,
            Some((_, Ok(host))) => Some(host),
            Some((text, Err(reason))) => {
                let kind = PolicyErrorKind::NameInvalid { given: text.to_owned(), reason };
                let problem = PolicyError::new("backendHost", kind).into();
                let name = self.policy().name().map(str::to_owned);
                return self.unusable(&Problems::new(name, problem, Vec::new()), None);
            }
        };
        if chain.len() > MAX_CHAIN_TEXT {
            let kind = RejectionKind::BudgetExceeded { limit: format!("{MAX_CHAIN_TEXT} bytes of text") };
            return self.refused_chain(host.as_ref(), &kind);
        }
        match read_chain(chain, source) {
            Ok(chain) => self.report(&chain, host.as_ref()),
            Err(error) => {
                let name = self.policy().name().map(str::to_owned);
                self.unusable(&Problems::new(name, error.into(), Vec::new()), host.as_ref())
            }
        }
    }

    /// A text that holds no chain which could be judged.
    fn refused_chain(&self, host: Option<&BackendHost>, kind: &RejectionKind) -> Report {
        let mut report = self.blank_report(host);
        report.set_step(Step::new(StepName::Policy, Outcome::Pass));
        report.set_step(Step::failed(StepName::Chain, kind.code()).with("reason", kind.to_string()));
        report.fail(Verdict::Rejected, kind.code(), kind.to_string(), kind.code().hint());
        report
    }

    /// A report in which nothing but the policy step has happened: live checks fill the rest.
    pub fn blank_report(&self, backend_host: Option<&BackendHost>) -> Report {
        let now = self.runtime.now();
        let mut report = self.verifier.blank_report(backend_host, now);
        report.warnings.extend(self.identity_warnings(now));
        report
    }

    /// The warnings about the policy: what is odd, and what ends soon.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let prepared = runtime.prepare(&policy)?;
    /// assert!(prepared.warnings().is_empty());
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn warnings(&self) -> Vec<Warning> {
        let now = self.runtime.now();
        let mut warnings = self.verifier.warnings(seconds(now));
        warnings.extend(self.identity_warnings(now));
        warnings
    }

    /// The report of a policy that takes the backend host as its name, when none is given.
    fn nameless(&self, backend_host: Option<&BackendHost>) -> Option<Report> {
        use crate::danger::PeerDanger;
        let policy = self.policy();
        let needs_names = matches!(policy.danger().peer, PeerDanger::None);
        if !needs_names || !self.verifier.reference_names(backend_host).is_empty() {
            return None;
        }
        let path = "spec.serverName";
        let problem =
            Problem::from(PolicyError::new(path, PolicyErrorKind::NameMissing)).with_origin(policy.origin(path));
        let problems = Problems::new(policy.name().map(str::to_owned), problem, Vec::new());
        Some(self.unusable(&problems, backend_host))
    }

    fn unusable(&self, problems: &Problems, backend_host: Option<&BackendHost>) -> Report {
        let now = self.runtime.now();
        let mut report = Report::unusable(problems, text_time(now));
        report.policy = self.verifier.blank_report(backend_host, now).policy;
        report
    }

    pub(crate) fn identity_warnings(&self, now: UnixTime) -> Vec<Warning> {
        let spec = self.policy().identity();
        let source = spec.map(|spec| spec.certificate.source()).unwrap_or_default();
        self.identity().map(|identity| identity.warnings(&source, seconds(now))).unwrap_or_default()
    }

    pub(crate) fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    pub(crate) fn client_config(&self) -> &Arc<ClientConfig> {
        self.shared.client_config()
    }

    /// The runtime's, narrowed by the policy.
    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        self.shared.provider()
    }
}

impl core::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prepared")
            .field("policy", self.policy())
            .field("fingerprint", &text::digest(self.fingerprint()))
            .finish_non_exhaustive()
    }
}

/// The certificates of a text.
fn read_chain(text: &[u8], source: &str) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let parse = |reason| MaterialError::new("chain", source, MaterialErrorKind::ChainParse { reason });
    let blocks = encoding::blocks(text).map_err(|error| error.of(parse))?;
    let mut chain = Vec::new();
    for block in blocks {
        match block.label.as_str() {
            "CERTIFICATE" => chain.push(CertificateDer::from(block.der.to_vec())),
            label @ (encoding::CERTIFICATES | "TRUSTED CERTIFICATE") => {
                let (reason, conversion) = encoding::misplaced(label, "a chain");
                return Err(parse(reason).at_block(block.index, block.line).convertible(conversion));
            }
            _ => {}
        }
    }
    if chain.is_empty() && !text.trim_ascii().is_empty() {
        return Err(parse("it holds no CERTIFICATE block".to_owned()));
    }
    Ok(chain)
}

impl Runtime {
    /// Reads and checks the policy's material, and makes everything that connections need. Equal content gives the same
    /// fingerprint and the same verifier and resolver in memory, so sessions stay usable (R9).
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let prepared = runtime.prepare(&policy)?;
    /// assert_eq!(prepared.policy().server_name(), policy.server_name());
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Problems`]: every problem of the material, 1xx and 2xx.
    pub fn prepare(&self, policy: &UpstreamTlsPolicy) -> Result<Arc<Prepared>, Problems> {
        self.prepare_of(policy, Files::AsNeeded)
    }

    /// Prepares each of `policies`. It gives as many results, in their order, and a fault in one does not affect
    /// another (R4).
    /// A bundle that several policies name, the same file or the same `Arc` of a text, is read and parsed once.
    pub fn prepare_all<'a>(
        &self,
        policies: impl IntoIterator<Item = &'a UpstreamTlsPolicy>,
    ) -> Vec<Result<Arc<Prepared>, Problems>> {
        let batch = Batch::default();
        policies.into_iter().map(|policy| self.prepare_of(policy, Files::OfBatch(&batch))).collect()
    }

    /// As [`Runtime::prepare`], with the choice of where the content of files comes from.
    pub(crate) fn prepare_of(&self, policy: &UpstreamTlsPolicy, files: Files<'_>) -> Result<Arc<Prepared>, Problems> {
        prepare(self, policy, files)
    }
}

/// Where the content of a policy's files comes from.
#[derive(Clone, Copy)]
pub(crate) enum Files<'a> {
    /// They are read where they are needed.
    AsNeeded,
    /// They are as they were read there.
    AsRead(&'a FileSet),
    /// They are read where they are needed, but for the bundles, which are those of the batch.
    OfBatch(&'a Batch),
}

fn prepare(runtime: &Runtime, policy: &UpstreamTlsPolicy, files: Files<'_>) -> Result<Arc<Prepared>, Problems> {
    let mut loader = Loader::new(runtime, policy, files);
    let bundles = loader.bundles();
    let platform = match policy.trust().system {
        SystemTrust::Platform => loader.keep(runtime.platform()),
        SystemTrust::Mozilla | SystemTrust::Native | SystemTrust::Off => None,
    };
    let system = match &platform {
        Some(platform) => platform.roots().cloned(),
        None => loader.keep(runtime.system_roots(policy.trust().system)).flatten(),
    };
    let mut crls = loader.crls();
    // In an order of their own, each once (L4, L5).
    crls.sort_by_key(|list| list.sha256());
    crls.dedup_by_key(|list| list.sha256());
    let identity = policy.identity().and_then(|spec| loader.identity(spec));
    let provider = loader.provider();
    loader.finish()?;
    let trust = runtime.trust(bundles, system);
    let template = template(runtime, policy, &provider)?;
    let fingerprint = fingerprint(policy, &trust, platform.as_deref(), &crls, identity.as_deref(), &provider);
    check_signatures(&trust, &crls, provider.signature_verification_algorithms.all);
    let crls = (!crls.is_empty()).then(|| Arc::new(crls));
    let verifier = Verifier { crls, fingerprint, platform, policy: policy.clone(), provider, trust };
    let verifier = Arc::new(verifier);
    let make = || Ok::<_, Infallible>(SharedConfig::new(template, Arc::clone(&verifier), identity));
    let Ok(shared) = runtime.generations().get_or_make(fingerprint, make);
    let verifier = shared.verifier_for(verifier);
    Ok(Arc::new(Prepared { runtime: runtime.clone(), shared, verifier }))
}

/// What rustls accepts of the provider and the versions: what cannot be configured fails here, and not with a connection.
fn template(
    runtime: &Runtime,
    policy: &UpstreamTlsPolicy,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ConfigTemplate>, Problems> {
    let mut key = CanonicalDigest::new("uptls configuration v1");
    key.list(policy.cipher_suites());
    key.list(policy.groups());
    key.text(&format!("{:?}", policy.versions()));
    let make = || ConfigTemplate::new(Arc::new(RustlsClock(runtime.clone())), Arc::clone(provider), policy.versions());
    runtime.templates().get_or_make(key.finish(), make).map_err(|error| {
        let kind = PolicyErrorKind::Invalid { given: error.to_string(), wanted: "accepted by the provider".to_owned() };
        Problems::from(Problem::from(PolicyError::new("spec", kind)))
    })
}

/// Large lists are checked by the keys that are known now, and not in the first handshake that asks them.
fn check_signatures(
    trust: &TrustStore,
    crls: &[Arc<RevocationList>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) {
    for list in crls.iter().filter(|list| list.is_large()) {
        let signers = trust.bundle_entries().filter_map(|facts| CertificateView::parse(facts.der()?).ok());
        for signer in signers.filter(|signer| canonical_name(signer.subject_raw()) == list.issuer()) {
            // What comes of it is remembered.
            let _ = list.check_signature(algorithms, signer.spki());
        }
    }
}

/// R9: the policy, the content of every anchor, CRL and identity, and the provider.
fn fingerprint(
    policy: &UpstreamTlsPolicy,
    trust: &TrustStore,
    platform: Option<&PlatformTrust>,
    crls: &[Arc<RevocationList>],
    identity: Option<&ClientIdentity>,
    provider: &CryptoProvider,
) -> [u8; 32] {
    let CryptoProvider {
        cipher_suites,
        kx_groups,
        signature_verification_algorithms,
        secure_random: _,
        key_provider: _,
    } = provider;
    let mut digest = CanonicalDigest::new("uptls fingerprint v1");
    policy.write(&mut digest);
    digest.bytes(&trust.digest_of(policy));
    digest.optional(platform.map(|platform| platform.load().to_be_bytes()).as_ref().map(|load| &load[..]));
    digest.set(crls.iter().map(|crl| crl.sha256()));
    digest.optional(identity.map(ClientIdentity::digest).as_ref().map(|digest| &digest[..]));
    digest.list(cipher_suites.iter().map(|suite| u16::from(suite.suite()).to_be_bytes()));
    digest.list(kx_groups.iter().map(|group| u16::from(group.name()).to_be_bytes()));
    digest.list(signature_verification_algorithms.supported_schemes().iter().map(|s| u16::from(*s).to_be_bytes()));
    digest.finish()
}

/// The runtime's clock for rustls.
struct RustlsClock(Runtime);

impl core::fmt::Debug for RustlsClock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RustlsClock")
    }
}

impl rustls::time_provider::TimeProvider for RustlsClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0.now())
    }
}

fn text_time(now: UnixTime) -> String {
    crate::time::rfc3339(seconds(now))
}

/// V1, with room for the text that tools print around certificates.
const MAX_CHAIN_TEXT: usize = 1 << 20;
