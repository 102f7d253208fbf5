//! One policy inside Envoy: made of a document, kept current with its files, asked for verdicts.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use rustls_pki_types::CertificateDer;
use uptls::danger::{DangerPermission, PeerDanger};
use uptls::{
    AlpnSelection, AskedWatch, BackendHost, Code, Connector, ConnectorState, EventKind, FileSource, PolicyError,
    PolicyErrorKind, Prepared, Problem, Problems, Runtime, ServerNameRule, UpstreamTlsPolicy,
};

use crate::config::Config;
use crate::host;

/// The validator of one TLS context of Envoy.
pub(crate) struct Validator {
    connector: Connector,
    /// Whose fingerprint was given to Envoy last: the bytes must stay.
    fenced_by: Mutex<Option<Arc<Prepared>>>,
    /// What keeps the connector in step with its files.
    files: Mutex<AskedWatch>,
    policy: UpstreamTlsPolicy,
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
        let connector = Connector::with_on_invalid(runtime(), &policy, on_invalid)?;
        let files = Mutex::new(AskedWatch::new(FileSource::new(&connector, &policy)));
        Ok(Self { connector, fenced_by: Mutex::default(), files, policy })
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

    /// R2, R3, R5, R6: the files of the policy as a source. A broken file keeps the last good generation, or none with
    /// `failClosed`; one that is gone or forbidden ends the policy until it is back; one that cannot be read for want of
    /// descriptors or memory changes nothing. Who finds another thread at it goes on with what is published: no connection
    /// waits for the files of another.
    fn take_what_changed(&self) {
        let mut files = match self.files.try_lock() {
            Ok(files) => files,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        files.look();
        while let Some(event) = self.connector.next_event() {
            self.tell(&event.kind);
        }
    }

    /// For the log of Envoy. The same reason is one event, however often files are looked at.
    fn tell(&self, what: &EventKind) {
        let because = |reason: &Problems| format!("{}: {reason}", reason.code());
        let (name, error) = (self.name(), host::log_error);
        match what {
            EventKind::Degraded { reason, .. } => {
                error(&format!("{name}: its files as they were still hold; {}", because(reason)));
            }
            EventKind::NotReady { reason, .. } => {
                error(&format!("{name}: no connection until its files are good; {}", because(reason)));
            }
            EventKind::Withdrawn { reason: Some(reason), .. } => {
                error(&format!("{name}: no connection until its files can be read; {}", because(reason)));
            }
            EventKind::Recovered => host::log_warning(&format!("{name}: its files are good again")),
            EventKind::Expiring(certificate) => host::log_warning(&format!("{name}: {certificate}")),
            _ => {}
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
                "a file of the policy is gone or forbidden; Envoy's log tells which",
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
        let hex = prepared.fingerprint().iter().map(|byte| format!("{byte:02x}"));
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
