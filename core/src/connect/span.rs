//! The span of a handshake, for tracing: `tls.client.handshake`, target `uptls`, level DEBUG. It costs nothing unless a
//! subscriber wants it. The names of its fields are those of OpenTelemetry's semantic conventions where it has one.

use tracing::Span;
use tracing::field::Empty;

use super::evidence::Evidence;
use crate::error::Code;
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::prepare::Prepared;

/// It begins when a connection is begun, inside of the caller's span.
pub(super) fn begin(prepared: &Prepared, host: &BackendHost, generation: Generation) -> Span {
    tracing::debug_span!(
        target: "uptls",
        "tls.client.handshake",
        otel.kind = "client",
        server.address = %host,
        tls.protocol.version = Empty,
        tls.cipher = Empty,
        tls.curve = Empty,
        tls.next_protocol = Empty,
        tls.resumed = Empty,
        tls.established = Empty,
        "error.type" = Empty,
        uptls.policy = prepared.policy().name(),
        uptls.generation = generation.number(),
    )
}

/// Ends it: the peer is verified.
pub(super) fn complete(span: Span, evidence: &Evidence) {
    if span.is_disabled() {
        return;
    }
    span.record("tls.protocol.version", evidence.version.as_str());
    span.record("tls.cipher", evidence.cipher_suite.as_str());
    for (field, value) in [("tls.curve", &evidence.group), ("tls.next_protocol", &evidence.alpn)] {
        if let Some(value) = value {
            span.record(field, value.as_str());
        }
    }
    span.record("tls.resumed", evidence.resumed);
    span.record("tls.established", true);
}

/// Ends it: there is no connection. A span that ended before is none.
pub(super) fn fail(span: Span, code: Code) {
    if span.is_disabled() {
        return;
    }
    span.record("tls.established", false);
    span.record("error.type", code.as_str());
}
