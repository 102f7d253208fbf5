//! What observers are told of connections. The structures grow: read their fields, do not build them.

use core::time::Duration;

use serde::Serialize;

use super::document::{number, seconds, shown};
use crate::error::Code;
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::policy::TlsVersion;

/// Which connection it is about.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionFacts<'a> {
    /// The policy's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The backend host, as the caller gave it.
    #[serde(serialize_with = "shown")]
    pub host: &'a BackendHost,
    /// The network address of the peer, if it is known: `10.0.0.7:8443`. It is no identity (N1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<&'a str>,
    /// The generation that the connection was begun with; 0 if there was none yet.
    #[serde(serialize_with = "number")]
    pub generation: Generation,
}

/// A handshake started.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct HandshakeStarted<'a> {
    /// Whose.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
}

/// A connection was opened.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionOpened<'a> {
    /// Which.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
    /// How long the dial took, with the look-up of a name; `None` if the caller made the transport.
    #[serde(rename = "dial_seconds", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub dial: Option<Duration>,
    /// How long the handshake took, from the first bytes of ours to the verdict.
    #[serde(rename = "handshake_seconds", serialize_with = "seconds")]
    pub handshake: Duration,
    /// Whether a session was resumed (H6).
    pub resumed: bool,
    /// The version.
    #[serde(serialize_with = "shown")]
    pub version: TlsVersion,
    /// The IANA name of the cipher suite.
    pub cipher: &'a str,
    /// The IANA name of the key exchange group; `None` for a resumed TLS 1.2 session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'a str>,
    /// The application protocol, if one was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<&'a str>,
}

/// A connection failed.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionFailed<'a> {
    /// Which.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
    /// Why.
    pub code: Code,
    /// How long the dial took, if there was one.
    #[serde(rename = "dial_seconds", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub dial: Option<Duration>,
    /// How long the handshake took; `None` if it had not started: no policy, or no transport.
    #[serde(rename = "handshake_seconds", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Duration>,
}

/// A handshake was dropped before it ended.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionAbandoned<'a> {
    /// Which.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
}

/// The shadow of an audit would have refused a connection that was opened (R14).
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ShadowRefused<'a> {
    /// Which.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
    /// Why the shadow would have refused it.
    pub code: Code,
    /// The name of the shadow's policy, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<&'a str>,
    /// The generation of the shadow.
    #[serde(serialize_with = "number")]
    pub shadow_generation: Generation,
}

/// The policy of now would refuse the peer of a connection that is open (R11).
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionCondemned<'a> {
    /// The policy's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The backend host.
    #[serde(serialize_with = "shown")]
    pub host: &'a BackendHost,
    /// The generation that refuses it; not the one that it was begun with.
    #[serde(serialize_with = "number")]
    pub generation: Generation,
    /// Its number ([`OpenConnection::id`](crate::OpenConnection::id)).
    pub id: u64,
    /// Why.
    pub code: Code,
}

/// A connection that was opened is gone.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct ConnectionClosed<'a> {
    /// Which.
    #[serde(flatten)]
    pub connection: ConnectionFacts<'a>,
    /// The code that ended it; `truncated` if the peer's data ended without a close_notify (H8). `None`: it was closed, or
    /// given to tokio-rustls, which tells of nothing afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How long it was open.
    #[serde(rename = "open_seconds", serialize_with = "seconds")]
    pub open: Duration,
}
