//! Verified TLS connections to upstreams: policy in, verified connection out.
//!
//! ```text
//!  PolicyDraft                what was written
//!      |  UpstreamTlsPolicy::check        Problems (path, line)
//!      v
//!  UpstreamTlsPolicy          checked, frozen
//!      |  Runtime::prepare                Problems (source, block, line)
//!      v
//!  Prepared                   material loaded, has a fingerprint
//!      |  Connector           one snapshot for each connection; Connector::bind for those of a pool
//!      v
//!  VerifiedStream + Evidence      or      a coded Error
//!
//!  offline: Prepared::verify / report, the same steps -> Report
//! ```
//!
//! A [`Connector`] works over blocking transports ([`Connector::handshake`]) and bytes in, bytes out ([`sans_io`]); the
//! features `tokio` and `hyper` add asynchronous streams, a connector service for HTTP clients and a pool, `tokio-rustls` the
//! stream of that crate, `watch` events of the file system for a [`FileSource`]. No feature picks a
//! cryptography provider for the caller: `aws-lc-rs` and `ring` only offer theirs.
//!
//! A [`Runtime`] tells its [`Observer`]s of connections and policies (R12); [`Metrics`] counts them for Prometheus, and the
//! feature `metrics` does through that crate. Each handshake is a span of `tracing`: `tls.client.handshake`, target `uptls`,
//! level DEBUG. Its fields are `server.address` (the backend host), `uptls.policy`, `uptls.generation`, and at its end
//! `tls.established`, then `tls.protocol.version`, `tls.cipher`, `tls.curve`, `tls.next_protocol` and `tls.resumed`, or
//! `error.type`, the [`Code`]. Log lines, one for each change (R10), have the same target, and levels from INFO on.
//!
//! Rule numbers in the documentation (T3, N6, H6) are those of `docs/semantics.md`.
#![forbid(unsafe_code)]

mod certificate;
mod connect;
mod describe;
mod digest;
mod encoding;
mod error;
mod facts;
mod failure_log;
mod fix;
mod generation;
mod handshake;
mod identity;
#[doc(hidden)]
pub mod input;
mod intern;
mod material;
mod metrics;
mod name;
mod observe;
#[doc(hidden)]
pub mod panic;
mod pem;
mod policy;
mod prepare;
mod report;
mod rotate;
mod runtime;
mod session;
mod shared_config;
mod sync;
mod text;
mod time;
mod trust;
mod verify;
mod warning;

#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
pub mod danger;
#[cfg(feature = "hyper")]
pub mod hyper_client;
pub mod interop;
#[cfg(feature = "ring")]
pub mod ring;
#[cfg(feature = "tokio")]
pub mod tokio_client;
#[cfg(feature = "watch")]
pub mod watch;

/// The rustls whose types stand in this crate's interface: a provider for [`Runtime::builder`], [`interop`].
pub use rustls;
/// The types of certificates and times in this crate's interface: [`Clock::now`], [`Prepared::verify`].
pub use rustls_pki_types;

pub use connect::{
    Address, BoundConnector, CheckOptions, CheckThen, ConnectOptions, Dialer, DialledSocket, Evidence, Fed,
    IdentityUse, PoolKey, SignatureWanted, TcpOptions, Transport, VerifiedStream, sans_io,
};
pub use describe::{
    AcceptsDescription, AnchorDescription, Description, Inspection, SendsDescription, SystemDescription,
    TrustDescription,
};
pub use error::{
    Alert, AlertMoment, AlgorithmFault, ByPath, Category, Code, ConnectError, Conversion, Error, KnownPeer,
    ListDistrust, LocalStep, MaterialError, MaterialErrorKind, Misuse, Origin, Outcome, Oversized, PolicyError,
    PolicyErrorKind, Problem, Problems, Refusal, Rejection, RejectionKind, Severity, Shortage, Step, StepName,
    UnusableIdentity,
};
pub use facts::{CertificateFacts, TlsFacts};
pub use failure_log::FailureLog;
pub use fix::{Fix, PatchOperation};
pub use generation::Generation;
pub use identity::{ClientIdentity, ExternalKey, ExternalSigner, Secret, check_identity};
#[doc(hidden)]
pub use metrics::Metric;
pub use metrics::Metrics;
#[cfg(feature = "metrics")]
pub use metrics::MetricsFacade;
pub use name::{BackendHost, DnsName, NameError, SpiffeId, SpiffePrefix, TrustDomain, UriName};
pub use observe::{
    CertificateExpiring, ConnectionAbandoned, ConnectionClosed, ConnectionCondemned, ConnectionFacts, ConnectionFailed,
    ConnectionOpened, ConnectorChanged, GenerationPublished, HandshakeStarted, Observation, ObservationQueue, Observer,
    PolicyNews, PolicyRecovered, PolicyWithdrawn, ShadowRefused, Standing, Terms, UpdateRefused,
};
pub use policy::{
    Alpn, AlpnDraft, AlpnSelection, BundleSpec, DangerDraft, IdentityDraft, IdentitySpec, Material, MaterialDraft,
    PolicyBuilder, PolicyDraft, PolicySpec, ReasonDraft, Resumption, RevocationDepth, RevocationDraft, RevocationSpec,
    SanDraft, SanMatcher, SecretDraft, ServerNameRule, SpiffeDraft, SystemTrust, SystemTrustDraft, TlsVersion,
    TolerationDraft, TrustDraft, TrustSpec, UnknownRevocation, UpstreamTlsPolicy, Versions, VersionsDraft,
    WildcardName,
};
pub use prepare::Prepared;
pub use report::{Envelope, PolicyFacts, ProblemFacts, Report, Verdict};
#[doc(hidden)]
pub use rotate::watched_directories;
#[cfg(unix)]
pub use rotate::{AskedWatch, DispatchedWatch};
pub use rotate::{
    AuditReport, AuditSample, Connector, ConnectorState, DrainPlan, Event, EventFacts, EventKind, ExpiringCertificate,
    ExpiringFacts, ExpiryMark, FileSource, OnInvalid, OpenConnection, PollOutcome, Polled, Reconsidered,
    RefusedConnection, Registry, Synced, Watch, WatchState, WatchedFiles, WatchedSource,
};
pub use runtime::{Runtime, RuntimeBuilder};
pub use session::HeldSessions;
pub use text::printable;
pub use time::{Clock, FixedClock, SystemClock};
pub use trust::{NativeRoots, check_trust_bundle};
pub use verify::{CertificateSummary, VerifiedPeer, Verifier};
pub use warning::{Warning, WarningCode};
