//! One policy inside Envoy: made of a document, kept current with its files, asked for verdicts.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls_pki_types::CertificateDer;
use uptls::danger::{DangerPermission, PeerDanger};
use uptls::{
    AlpnSelection, BackendHost, Code, Connector, ConnectorState, PolicyError, PolicyErrorKind, Prepared, Problem,
    Problems, Runtime, ServerNameRule, UpstreamTlsPolicy,
};

use crate::config::Config;
use crate::host;
use crate::watch::Watch;

/// The validator of one TLS context of Envoy.
pub(crate) struct Validator {
    connector: Connector,
    /// Whose fingerprint was given to Envoy last: the octets must stay.
    fenced_by: Mutex<Option<Arc<Prepared>>>,
    policy: UpstreamTlsPolicy,
    /// The last complaint about the files, and what follows from it: each is logged once, and not at every look at them.
    said: Mutex<Option<(&'static str, Problems)>>,
    watch: Mutex<Watch>,
}

impl Validator {
    /// Reads, checks and prepares a configuration; `name` permits or forbids weakenings.
    ///
    /// # Errors
    /// Everything that is wrong, in one line: `CODE: message`.
    pub(crate) fn new(name: &[u8], document: &[u8]) -> Result<Self, String> {
        let permission = match name {
            FORBIDS_DANGER => DangerPermission::Forbidden,
            ALLOWS_DANGER => DangerPermission::Allowed,
            _ => {
                let given = uptls::printable(&String::from_utf8_lossy(name));
                return Err(format!("{}: validator_name is {given}; {NAMES}", Code::PolicyInvalid));
            }
        };
        Self::prepare(permission, document).map_err(|problems| format!("{}: {problems}", problems.code()))
    }

    fn prepare(permission: DangerPermission, text: &[u8]) -> Result<Self, Problems> {
        let Config { document, on_invalid } = Config::read(text)?;
        let draft = uptls_manifest::parse(document, DOCUMENT, None)?;
        let policy = UpstreamTlsPolicy::check(draft, permission)?;
        refuse_what_envoy_must_do(&policy)?;
        // Before the files are read: what changes between is then read again.
        let watch = Mutex::new(Watch::new(&policy));
        let connector = Connector::with_on_invalid(runtime(), &policy, on_invalid)?;
        Ok(Self { connector, fenced_by: Mutex::default(), policy, said: Mutex::default(), watch })
    }

    /// The verdict of [`Prepared::verify`] by the current files. `server_name` is the one that was sent.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], server_name: Option<&str>) -> Judgement {
        self.take_what_changed();
        let Some(prepared) = self.connector.prepared() else { return self.not_ready() };
        let host = server_name.and_then(|name| BackendHost::parse(name).ok());
        if host.is_none() && self.needs_server_name() {
            let detail = "serverName is auto, and Envoy sent no server name: set sni, auto_host_sni or auto_sni";
            return Judgement::refused(Code::NameMissing, detail).by(&prepared);
        }
        match prepared.verify(chain, host.as_ref()) {
            Ok(peer) => Judgement::accepted(peer.matched_name()).by(&prepared),
            Err(rejection) => Judgement::refused(rejection.code(), &rejection.to_string()).by(&prepared),
        }
    }

    /// The fingerprint of the current generation, valid until the next call; null while there is none.
    pub(crate) fn fingerprint(&self) -> Option<*const [u8; 32]> {
        let mut fenced_by = lock(&self.fenced_by);
        *fenced_by = self.connector.prepared();
        fenced_by.as_ref().map(|prepared| core::ptr::from_ref(prepared.fingerprint()))
    }

    /// R2, R3, R5: a broken file keeps the last good generation, or none with `failClosed`; one that cannot be read ends the
    /// policy until it can.
    fn take_what_changed(&self) {
        let mut watch = lock(&self.watch);
        if !watch.has_changed() {
            return;
        }
        let before = self.connector.state();
        match self.connector.update(&self.policy) {
            Ok(_) if before == ConnectorState::Ready => {}
            Ok(_) => {
                *lock(&self.said) = None;
                host::log_warning(&format!("{}: its files are good again", self.name()));
            }
            Err(problems) => {
                // It is tried again although nothing changes: too many open files, say.
                watch.unsettle();
                self.refuse_update(&problems);
            }
        }
    }

    fn refuse_update(&self, problems: &Problems) {
        let is_gone =
            problems.iter().any(|problem| matches!(problem.code(), Code::TrustUnreadable | Code::CrlUnreadable));
        if is_gone {
            self.connector.withdraw();
            return self.complain("no connection until its files can be read", problems);
        }
        match self.connector.prepared() {
            Some(_) => self.complain("its files as they were still hold", problems),
            None => self.complain("no connection until its files are good", problems),
        }
    }

    /// R10: once, until something else is wrong or nothing. The texts alone may differ in the time of day.
    fn complain(&self, consequence: &'static str, problems: &Problems) {
        let mut said = lock(&self.said);
        let is_known =
            said.as_ref().is_some_and(|(known, reason)| *known == consequence && reason.is_same_as(problems));
        if !is_known {
            host::log_error(&format!("{}: {consequence}; {}: {problems}", self.name(), problems.code()));
            *said = Some((consequence, problems.clone()));
        }
    }

    fn name(&self) -> String {
        uptls::printable(self.policy.name().unwrap_or("a policy without a name"))
    }

    fn needs_server_name(&self) -> bool {
        *self.policy.server_name() == ServerNameRule::Auto
            && self.policy.subject_alt_names().is_empty()
            && self.policy.danger().peer == PeerDanger::None
    }

    fn not_ready(&self) -> Judgement {
        match self.connector.state() {
            ConnectorState::Withdrawn { .. } => Judgement::refused(
                Code::PolicyWithdrawn,
                "the files of the policy cannot be read; Envoy's log tells why",
            ),
            _ => Judgement::refused(
                Code::PolicyNotReady,
                "the files of the policy cannot be used; Envoy's log tells why",
            ),
        }
    }
}

/// A verdict, with all that Envoy is told of it.
pub(crate) struct Judgement {
    pub(crate) fingerprint: Option<String>,
    pub(crate) matched_name: Option<String>,
    /// The code, and `CODE: message`.
    pub(crate) refusal: Option<(Code, String)>,
}

impl Judgement {
    fn accepted(matched_name: Option<&str>) -> Self {
        Self { fingerprint: None, matched_name: matched_name.map(str::to_owned), refusal: None }
    }

    pub(crate) fn refused(code: Code, message: &str) -> Self {
        // It goes into logs and headers.
        let message = message.get(..message.floor_char_boundary(MAX_MESSAGE)).unwrap_or_default();
        Self { fingerprint: None, matched_name: None, refusal: Some((code, format!("{code}: {message}"))) }
    }

    fn by(mut self, prepared: &Prepared) -> Self {
        let hex = prepared.fingerprint().iter().map(|octet| format!("{octet:02x}"));
        self.fingerprint = Some(format!("sha256:{}", hex.collect::<String>()));
        self
    }
}

/// What would otherwise be left out in silence: Envoy authenticates itself, and goes on when no protocol is selected.
fn refuse_what_envoy_must_do(policy: &UpstreamTlsPolicy) -> Result<(), Problems> {
    let invalid = |path: &str, given: &str, wanted: &str| {
        let kind = PolicyErrorKind::Invalid { given: given.to_owned(), wanted: wanted.to_owned() };
        Err(Problems::new(policy.name().map(str::to_owned), Problem::from(PolicyError::new(path, kind)), Vec::new()))
    };
    if policy.identity().is_some() {
        return invalid(
            "spec.identity",
            "a client identity",
            "sent by the module: put it into Envoy's tls_certificates",
        );
    }
    if policy.alpn().selection == AlpnSelection::Required {
        return invalid("spec.alpn.required", "true", "enforced by Envoy, which goes on without a protocol (H3)");
    }
    Ok(())
}

/// One for the process: a bundle that 200 clusters name is held once (T8).
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(uptls::aws_lc_rs::provider()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names of validators.
const FORBIDS_DANGER: &[u8] = b"uptls";
const ALLOWS_DANGER: &[u8] = b"uptls-allow-danger";
const NAMES: &str = "it must be uptls, or uptls-allow-danger for policies that weaken verification";
/// How errors call the document.
const DOCUMENT: &str = "validator_config";
const MAX_MESSAGE: usize = 1024;
