//! The escape hatch: a `rustls::ClientConfig` for libraries that want one, and the material itself for exporters to other
//! TLS stacks.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ProtocolVersion, SupportedCipherSuite};
use zeroize::Zeroizing;

use crate::certificate::CertificateView;
use crate::connect::{report, setup};
use crate::error::{
    ConnectError, Error, MaterialError, MaterialErrorKind, Misuse, PolicyError, PolicyErrorKind, Problem, Problems,
};
use crate::identity::{IdentitySource, KEY_PATH, KeySource, trim_passphrase};
use crate::material;
use crate::name::BackendHost;
use crate::policy::{
    AlpnSelection, IdentitySpec, Material, SecretMaterial, ServerNameRule, TlsVersion, UpstreamTlsPolicy, resolve,
    scheme_name,
};
use crate::prepare::Prepared;
use crate::report::Report;
use crate::time::seconds;
use crate::trust::RevocationList;

/// The policy as a `rustls::ClientConfig`, for libraries that take nothing else.
///
/// It has this library's verifier, which judges the peer exactly as elsewhere and refuses it with the right alert (H5).
///
/// What is lost, against [`Connector`](crate::Connector):
///
/// - **The deadline** (H4): set the library's own.
/// - **The ALPN requirement** (H3): where the policy requires a protocol and the peer selects none, the connection is made.
///   The protocols are offered as the policy lists them, never narrowed.
/// - **Resumption** (H6): such a config never resumes.
/// - **The server name** of the policy, where it is neither `auto` nor what the library passes as `ServerName`, which must be
///   the backend host: another SNI is sent. The verdict does not change.
/// - **The reason**: errors are rustls's, and [`Error::find_in`](crate::Error::find_in) finds nothing behind them.
///   [`Prepared::report`] tells it of a chain.
/// - **I4, I5**: an expired identity is sent, and a peer that refuses it is an alert like any other.
/// - **Evidence**, and the [`PoolKey`](crate::PoolKey).
/// - **Rotation** (R1, R3): a config is one generation for ever. Make a new one, and a new client with a new pool, after
///   each change of [`Connector::generation`](crate::Connector::generation).
///
/// # reqwest
/// reqwest 0.13 takes the config by value, and must be built on the same rustls: another one is an error of `build`, not of
/// the compiler. With its feature `rustls-no-provider` it brings no provider of its own.
///
/// ```text
/// reqwest::Client::builder()
///     .tls_backend_preconfigured(rustls::ClientConfig::clone(&uptls::interop::client_config(&prepared)))
///     .https_only(true) // never plaintext, not by a redirect either
///     .no_proxy() // the environment names none
///     .connect_timeout(policy.handshake_timeout())
/// ```
///
/// A redirect leads to another host: its name is judged if the policy's names are `auto`, and the certificate of the
/// policy's own names is wanted of it otherwise. `examples/rust/reqwest_get.rs` is a whole program.
pub fn client_config(prepared: &Prepared) -> Arc<rustls::ClientConfig> {
    Arc::clone(prepared.client_config())
}

/// The server name that a handshake with `host` by another TLS stack sends (N2), as rule `serverName` of the policy has it;
/// `None`: it sends none. It is no name to verify: [`Prepared::verify`] has those.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// let prepared = runtime.prepare(&policy)?;
/// let host = uptls::BackendHost::parse("10.0.0.7")?;
/// assert_eq!(uptls::interop::server_name(&prepared, &host).as_deref(), Some("payments.internal"));
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn server_name(prepared: &Prepared, host: &BackendHost) -> Option<String> {
    match (prepared.policy().server_name(), host) {
        (ServerNameRule::Dns(name), _) | (ServerNameRule::Auto, BackendHost::Dns(name)) => Some(name.to_string()),
        (ServerNameRule::Auto, BackendHost::Ip(_)) | (ServerNameRule::None, _) => None,
    }
}

/// What another TLS stack negotiated with a peer.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "the caller writes it, and must say all of it")]
pub struct Negotiated<'a> {
    /// The application protocol that the peer selected, if any.
    pub alpn: Option<&'a str>,
    /// The number of the cipher suite.
    pub cipher_suite: u16,
    /// The number of the protocol version: 0x0304 for TLS 1.3.
    pub version: u16,
}

/// Judges what another TLS stack negotiated with `host`, beside [`Prepared::verify`] of the peer's chain: whether the policy
/// offers the version and the suite, whether a protocol was selected where one is required (H3), and whether our identity is
/// valid now (I4). Call it for resumed handshakes too.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// use uptls::interop::{Negotiated, check_negotiated};
///
/// let prepared = runtime.prepare(&policy)?;
/// let host = uptls::BackendHost::parse("payments.internal")?;
/// let negotiated = Negotiated { alpn: None, cipher_suite: 0x1301, version: 0x0304 };
/// assert!(check_negotiated(&prepared, &host, &negotiated).is_ok());
/// // A stack that was configured for TLS 1.0 as well.
/// assert!(check_negotiated(&prepared, &host, &Negotiated { version: 0x0301, ..negotiated }).is_err());
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The report of the connection: `alpn_mismatch`, `identity_expired` or `identity_not_yet_valid`, or `misuse` where the stack
/// was not configured as the policy says.
pub fn check_negotiated(
    prepared: &Prepared,
    host: &BackendHost,
    negotiated: &Negotiated<'_>,
) -> Result<(), Box<Report>> {
    let checked = setup::check_identity(prepared, seconds(prepared.runtime().now()))
        .and_then(|()| check_offered(prepared, negotiated))
        .and_then(|()| check_protocol(prepared, negotiated.alpn));
    checked.map_err(|error| {
        let mut report = report::failed(prepared, host, &error);
        report.backend_host = Some(host.to_string());
        Box::new(report)
    })
}

fn check_offered(prepared: &Prepared, negotiated: &Negotiated<'_>) -> Result<(), Error> {
    let Negotiated { alpn: _, cipher_suite, version } = *negotiated;
    let offered = prepared.provider().cipher_suites.iter().find(|suite| u16::from(suite.suite()) == cipher_suite);
    let versions = prepared.policy().versions();
    let is_offered = |suite: &&SupportedCipherSuite| {
        let own = suite.version().version;
        let known = if own == ProtocolVersion::TLSv1_3 { TlsVersion::V1_3 } else { TlsVersion::V1_2 };
        u16::from(own) == version && versions.contains(known)
    };
    match offered.filter(is_offered) {
        Some(_) => Ok(()),
        None => Err(Misuse::new(format!(
            "the version {version:#06x} with the cipher suite {cipher_suite:#06x} was negotiated, which the policy does not \
             offer: do not change the TLS configuration that was made of it"
        ))
        .into()),
    }
}

fn check_protocol(prepared: &Prepared, selected: Option<&str>) -> Result<(), Error> {
    let alpn = prepared.policy().alpn();
    let is_fine = match selected {
        None => alpn.selection != AlpnSelection::Required,
        Some(selected) => alpn.protocols.iter().any(|offered| offered == selected),
    };
    if is_fine {
        return Ok(());
    }
    Err(ConnectError::AlpnMismatch { offered: alpn.protocols.clone(), selected: selected.map(str::to_owned) }.into())
}

/// The signature schemes that every handshake of a prepared policy offers, and no others are accepted (H9, V7): IANA names, in
/// our order, or the number in hexadecimal (`0x0123`) of a scheme that has no name here. They are those that the runtime's
/// provider verifies; versions are not looked at. An exporter that writes another list accepts other peers.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// let schemes = uptls::interop::signature_schemes(&*runtime.prepare(&policy)?);
/// assert!(schemes.iter().any(|scheme| scheme == "ecdsa_secp256r1_sha256"), "{schemes:?}");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn signature_schemes(prepared: &Prepared) -> Vec<String> {
    prepared.verifier().algorithms().supported_schemes().into_iter().map(scheme_name).collect()
}

/// A certificate that a policy trusts, for other TLS stacks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TrustedCertificate<'a> {
    /// The certificate.
    pub der: &'a [u8],
    /// Unix seconds.
    pub not_after: i64,
    /// At the runtime's clock.
    pub phase: Phase,
    /// What it may do.
    pub trusted_as: TrustedAs,
}

/// Where a certificate stands in its life.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Phase {
    /// It is valid.
    Valid,
    /// It will be.
    NotYetValid,
    /// It was.
    Expired,
}

/// What a trusted certificate may do (T3, T5), and whether other libraries would agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrustedAs {
    /// It may issue.
    Issuer,
    /// It is trusted as itself, and its key usage tells every reader that it signs no certificates.
    Itself,
    /// It is trusted as itself, and has no key usage that would keep another TLS stack from taking it for an issuer.
    ItselfUnrestricted,
    /// It neither may issue nor can be a server's certificate.
    Nothing,
}

impl TrustedAs {
    fn of(view: &CertificateView<'_>, is_issuer: bool) -> Self {
        let is_server = view.is_v3() && view.extended_key_usage().is_none_or(|usage| usage.server_auth);
        match (is_issuer, is_server, view.key_usage()) {
            (true, ..) => Self::Issuer,
            (false, false, _) => Self::Nothing,
            (false, true, Some(usage)) if !usage.cert_sign => Self::Itself,
            (false, true, _) => Self::ItselfUnrestricted,
        }
    }
}

/// The certificates that a prepared policy trusts: the usable entries of its bundles, then the platform's root files.
/// The compiled-in roots are not among them, since only their names and keys are kept; neither are the roots of the
/// platform's own verifier.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// let prepared = runtime.prepare(&policy)?;
/// let trusted = uptls::interop::trusted_certificates(&prepared);
/// assert_eq!(trusted.len(), 1);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn trusted_certificates(prepared: &Prepared) -> Vec<TrustedCertificate<'_>> {
    let trust = &prepared.verifier().trust;
    let entries = trust.bundle_entries().filter_map(|facts| Some((facts.der()?, facts.entry()?.anchor().is_some())));
    let roots = trust.system().into_iter().flat_map(|system| system.entries()).map(|entry| (entry.der(), true));
    let now = seconds(prepared.runtime().now());
    let describe = |(der, is_issuer)| {
        let view = CertificateView::parse(der).ok()?;
        let phase = match now {
            now if now < view.not_before() => Phase::NotYetValid,
            now if now > view.not_after() => Phase::Expired,
            _ => Phase::Valid,
        };
        let trusted_as = TrustedAs::of(&view, is_issuer);
        Some(TrustedCertificate { der, not_after: view.not_after(), phase, trusted_as })
    };
    entries.chain(roots).filter_map(describe).collect()
}

/// The revocation lists (DER) that a prepared policy names, read again.
///
/// # Errors
/// `crl_unreadable` or `crl_parse` for a file that has changed for the worse since.
pub fn revocation_lists(prepared: &Prepared) -> Result<Vec<Vec<u8>>, Problems> {
    let mut lists = Vec::new();
    let named = prepared.policy().revocation().map(|spec| spec.crls.as_slice()).unwrap_or_default();
    for (index, material) in named.iter().enumerate() {
        let (path, source) = (format!("spec.revocation.crls[{index}]"), material.source());
        let kind = |reason| MaterialErrorKind::CrlUnreadable { reason };
        let unreadable = |failure| MaterialError::unreadable(&path, &source, failure, kind);
        let bytes = material::read(prepared.runtime(), material).map_err(unreadable).map_err(Problem::from)?;
        lists.extend(RevocationList::split(&path, &source, &bytes).map_err(Problem::from)?);
    }
    Ok(lists)
}

/// The chain (DER, leaf first) of a prepared policy's identity; empty without one.
pub fn identity_chain(prepared: &Prepared) -> impl Iterator<Item = &[u8]> {
    prepared.identity().into_iter().flat_map(|identity| identity.certified_key().cert.iter().map(|der| &**der))
}

/// The files that hold an identity.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct IdentityFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The passphrase of an encrypted key, perhaps with a line end behind it.
    pub passphrase: Option<PathBuf>,
}

/// The files of a policy's identity, if the policy has one and all of it is in files.
pub fn identity_files(policy: &UpstreamTlsPolicy) -> Option<IdentityFiles> {
    let IdentitySpec { certificate, key, passphrase } = policy.identity()?;
    let (Material::File { base, path }, Some(key)) = (certificate, secret_file(key)) else { return None };
    let passphrase = match passphrase {
        None => None,
        Some(secret) => Some(secret_file(secret)?),
    };
    Some(IdentityFiles { certificate: resolve(base.as_deref(), path), key, passphrase })
}

fn secret_file(secret: &SecretMaterial) -> Option<PathBuf> {
    match secret {
        SecretMaterial::File { base, path } => Some(resolve(base.as_deref(), path)),
        SecretMaterial::External(_) | SecretMaterial::Inline(_) => None,
    }
}

/// A private key as it was given, for another TLS stack. It has no `Debug`, and is zeroized when dropped (I6).
#[non_exhaustive]
pub struct PrivateKey {
    /// PEM.
    pub key: Zeroizing<Vec<u8>>,
    /// The passphrase of an encrypted key, without a line end.
    pub passphrase: Option<Zeroizing<Vec<u8>>>,
}

/// The private key of a prepared policy's identity, read again; `None` without one. Only this function lets a key leave
/// the library. It is for a program that gives the key to another TLS stack, in a file that only its owner may read.
///
/// # Errors
/// `identity_unreadable`; `identity_key_mismatch`, or what is wrong with the key, where its file has been replaced since the
/// policy was prepared: the key of one state is never given beside the chain of another (R1). Prepare the policy again.
pub fn private_key(prepared: &Prepared) -> Result<Option<PrivateKey>, Problems> {
    let Some(IdentitySpec { certificate: _, key, passphrase }) = prepared.policy().identity() else { return Ok(None) };
    if let SecretMaterial::External(_) = key {
        let change = "use an identity whose key this process can read, or connect by uptls itself";
        let feature = "the key of the identity is external, and never leaves the place where it is".to_owned();
        let kind = PolicyErrorKind::NotExportable { change, feature, rule: "I7" };
        let problem = Problem::Policy(PolicyError::new(KEY_PATH, kind));
        return Err(Problems::new(prepared.policy().name().map(str::to_owned), problem, Vec::new()));
    }
    let read = |secret: &SecretMaterial| {
        let kind = |reason| MaterialErrorKind::IdentityUnreadable { reason };
        let unreadable = |failure| Problem::from(MaterialError::unreadable(KEY_PATH, secret.source(), failure, kind));
        material::read_secret(prepared.runtime(), secret).map_err(unreadable)
    };
    let passphrase = passphrase.as_ref().map(read).transpose()?.map(trim_passphrase);
    let private = PrivateKey { key: read(key)?, passphrase };
    if let Some(identity) = prepared.identity() {
        let key_source = key.source();
        let source = IdentitySource {
            certificate: &[],
            certificate_source: "",
            key: KeySource::Bytes(&private.key),
            key_source: &key_source,
            passphrase: private.passphrase.as_ref().map(|passphrase| passphrase.as_slice()),
        };
        identity.check_key(&source, prepared.runtime().provider()).map_err(Problem::from)?;
    }
    Ok(Some(private))
}

/// Every file that a policy reads, by the path that is opened: bundles, revocation lists, and the identity's chain, key
/// and passphrase. A program that writes files must not overwrite these. The system's root files are not among them.
///
/// ```
#[doc = include_str!("../doc/policy.txt")]
/// let files = uptls::interop::files(&policy);
/// assert_eq!(files, [std::path::Path::new("../examples/refused/ca.pem")]);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn files(policy: &UpstreamTlsPolicy) -> Vec<PathBuf> {
    let public = |material: &Material| match material {
        Material::File { base, path } => Some(resolve(base.as_deref(), path)),
        Material::Inline { .. } => None,
    };
    let lists = policy.revocation().map(|revocation| revocation.crls.as_slice()).unwrap_or_default();
    let mut files: Vec<PathBuf> = policy.trust().bundles.iter().filter_map(|bundle| public(&bundle.material)).collect();
    files.extend(lists.iter().filter_map(public));
    if let Some(IdentitySpec { certificate, key, passphrase }) = policy.identity() {
        files.extend(public(certificate));
        files.extend(secret_file(key));
        files.extend(passphrase.as_ref().and_then(secret_file));
    }
    files
}
