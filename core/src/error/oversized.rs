//! Which limit a peer's bytes exceed (H10), and what to change about each.

use core::fmt;

/// The limit that a peer exceeded. An honest peer comes nowhere near these limits. Without them an unverified peer
/// could make this side hold any amount of memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Oversized {
    /// A handshake message of more than 65,535 bytes, its record headers included, after the handshake: session tickets.
    AfterHandshake,
    /// The same before the ServerHello was complete. A peer that speaks TLS 1.2 may have its certificates in it.
    FirstAnswer,
    /// The same between ServerHello and the end of the handshake. Of the messages that come there, only the certificates and
    /// the CA names of a CertificateRequest can be so large.
    Handshake,
    /// A record with more than 16,384 bytes of content (RFC 8446 section 5.1).
    Record,
}

impl Oversized {
    /// The one thing to change.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::AfterHandshake => "have the peer send fewer session tickets, one or two for each connection",
            Self::FirstAnswer => {
                "no ServerHello is so large: check that a TLS server answers on this port and that nothing on the way changes its \
                 bytes; a peer that speaks TLS 1.2 may also have too many certificates: have it send its leaf and intermediates alone"
            }
            Self::Handshake => {
                "have the peer send its leaf and intermediates alone; if it asks for a client certificate, have it name fewer CAs"
            }
            Self::Record => {
                "no TLS peer sends such a record: look for a middlebox that changes the bytes, or upgrade the peer"
            }
        }
    }
}

impl fmt::Display for Oversized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterHandshake => "a message of more than 65535 bytes after the handshake",
            Self::FirstAnswer => "more than 65535 bytes before its ServerHello was complete",
            Self::Handshake => "a handshake message of more than 65535 bytes after its ServerHello",
            Self::Record => "a record of more than 16384 bytes",
        })
    }
}
