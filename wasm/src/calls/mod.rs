//! The calls in JSON: what a request may say, and what it is answered.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uptls::danger::DangerPermission;
use uptls::{Envelope, Prepared, Resumption, Runtime, TlsVersion, Warning, interop};

use crate::bytes::Bytes;
use crate::failure::Failure;
use crate::manifests::{self, BackendSource, ManifestCall};
use crate::session::{self, Held, Session};

/// A call and its time, unix seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    at: u64,
    call: Call,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Call {
    /// What a policy trusts, sends and accepts: `uptls.description/v1`.
    Describe { handle: u32 },
    /// Kubernetes objects, by themselves.
    Manifests(ManifestCall),
    /// What a TLS stack must be configured with for one backend host.
    Offer { handle: u32, host: String },
    /// Makes a policy ready.
    Prepare { source: Source, permission: Permission },
    /// Forgets a policy.
    Release { handle: u32 },
    /// Judges the text of a chain: `uptls.report/v1`.
    Report { handle: u32, chain: Bytes, host: Option<String> },
    /// The same with a document that is used once; what is wrong with the document is in the report.
    VerifyDocument { source: DocumentSource, permission: Permission, chain: Bytes, host: Option<String> },
}

/// Where a policy comes from.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Backend(BackendSource),
    Document(DocumentSource),
}

/// A native document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentSource {
    text: Bytes,
    /// What errors call it.
    name: String,
    /// The folder that relative files are in.
    base: Option<String>,
}

impl DocumentSource {
    fn base(&self) -> Option<&Path> {
        self.base.as_deref().map(Path::new)
    }
}

/// Whether a policy may weaken verification.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Permission {
    Allow,
    #[default]
    Forbid,
}

impl From<Permission> for DangerPermission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Allow => Self::Allowed,
            Permission::Forbid => Self::Forbidden,
        }
    }
}

/// Answers one request.
pub(crate) fn answer(request: &[u8]) -> Result<String, Failure> {
    let request: Request = serde_json::from_slice(request)
        .map_err(|error| Failure::Misuse(format!("the request is not understood: {error}")))?;
    session::at(request.at, |session| run(session, request.call))
}

fn run(session: &mut Session, call: Call) -> Result<String, Failure> {
    match call {
        Call::Describe { handle } => {
            let held = session.policies.get(handle)?;
            let mut description = held.prepared.describe();
            description.warnings.extend_from_slice(&held.warnings);
            Ok(Envelope::new("uptls.description/v1", vec![description]).to_json())
        }
        Call::Manifests(call) => manifests::run(session, call),
        Call::Offer { handle, host } => offer(&session.policies.get(handle)?.prepared, &host),
        Call::Prepare { source, permission } => {
            let held = prepare(&session.runtime, source, permission.into())?;
            keep(session, held)
        }
        Call::Release { handle } => {
            session.policies.remove(handle);
            Ok("{}".to_owned())
        }
        Call::Report { handle, chain, host } => {
            let report = session.policies.get(handle)?.report_pem(&chain.0, host.as_deref());
            Ok(Envelope::reports(vec![report]).to_json())
        }
        Call::VerifyDocument { source, permission, chain, host } => {
            let (base, permission) = (source.base(), permission.into());
            let (text, name) = (&source.text.0, &source.name);
            let report = uptls_manifest::verify_document(
                &session.runtime,
                text,
                name,
                base,
                permission,
                &chain.0,
                host.as_deref(),
            );
            Ok(Envelope::reports(vec![report]).to_json())
        }
    }
}

fn prepare(runtime: &Runtime, source: Source, permission: DangerPermission) -> Result<Held, Failure> {
    let held = match source {
        Source::Backend(source) => source.prepare(runtime, permission)?,
        Source::Document(source) => {
            let prepared = uptls_manifest::prepare(runtime, &source.text.0, &source.name, source.base(), permission);
            prepared.map(|prepared| Held { prepared, warnings: Vec::new() })
        }
    };
    held.map_err(|problems| Failure::unusable(&problems, runtime))
}

/// A prepared policy, as the host gets it.
#[derive(Serialize)]
struct PreparedFacts<'a> {
    handle: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    fingerprint: String,
    /// Our own chain, leaf first.
    identity: Vec<Bytes>,
    warnings: Vec<Warning>,
}

/// Keeps a policy, and tells the host of it.
pub(crate) fn keep(session: &mut Session, held: Held) -> Result<String, Failure> {
    let (prepared, mut warnings) = (Arc::clone(&held.prepared), held.prepared.warnings());
    warnings.extend_from_slice(&held.warnings);
    let handle = session.policies.insert(held)?;
    let identity = interop::identity_chain(&prepared).map(|der| Bytes(der.to_vec().into())).collect();
    let fingerprint = prepared.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let fingerprint = format!("sha256:{fingerprint}");
    Ok(json(&PreparedFacts { handle, name: prepared.policy().name(), fingerprint, identity, warnings }))
}

/// What a ClientHello says, by the numbers of IANA.
#[derive(Serialize)]
struct Offer {
    /// The server name that is sent, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    min_version: u16,
    max_version: u16,
    cipher_suites: Vec<u16>,
    groups: Vec<u16>,
    alpn: Vec<String>,
    resumption: bool,
    handshake_timeout_ms: u64,
}

fn offer(prepared: &Prepared, host: &str) -> Result<String, Failure> {
    let host = session::backend_host(host)?;
    let (policy, client) = (prepared.policy(), interop::client_config(prepared));
    let provider = client.crypto_provider();
    let number = |version: TlsVersion| match version {
        TlsVersion::V1_2 => Ok(0x0303),
        TlsVersion::V1_3 => Ok(0x0304),
        other => Err(Failure::Misuse(format!("this module has no number for TLS {other}"))),
    };
    Ok(json(&Offer {
        server_name: interop::server_name(prepared, &host),
        min_version: number(policy.versions().min)?,
        max_version: number(policy.versions().max)?,
        cipher_suites: provider.cipher_suites.iter().map(|suite| suite.suite().into()).collect(),
        groups: provider.kx_groups.iter().map(|group| group.name().into()).collect(),
        alpn: policy.alpn().protocols.clone(),
        resumption: policy.resumption() == Resumption::Enabled,
        handshake_timeout_ms: policy.handshake_timeout().as_millis().try_into().unwrap_or(u64::MAX),
    }))
}

/// The text of a value whose serialisation cannot fail: no map in it has a key that is not text.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
