//! What every call returns: 0 or a small negative category, and the one mapping from codes to it.

use core::ffi::c_char;

use uptls::{Category, Code};

use crate::boundary;

/// The result of a call: `UPTLS_OK`, what a connection needs to continue (above 0), or a negative `UPTLS_E_...`:
/// `if (status < 0)` is the test for failure. The numbers are stable and coarse: the precise reason is
/// `uptls_error_code`. -12 is reserved.
pub type Status = i32;

/// It worked; for a verification: the peer is accepted.
pub const UPTLS_OK: Status = 0;
/// Nothing happened yet: bytes from the peer are needed first.
pub const UPTLS_WANT_READ: Status = 1;
/// Nothing happened yet: bytes for the peer must go out first.
pub const UPTLS_WANT_WRITE: Status = 2;
/// The peer ended its data properly, with close_notify: nothing is missing.
pub const UPTLS_CLOSED: Status = 3;
/// A `uptls_conn` needs a signature by the key of our own certificate, which is elsewhere: `uptls_conn_signature_wanted`.
pub const UPTLS_WANT_SIGN: Status = 4;
/// The policy, its trust, its identity or the backend host cannot be used (codes 1xx, 2xx).
pub const UPTLS_E_CONFIG: Status = -1;
/// The chain does not lead to a trusted certificate, or breaks a rule (4xx).
pub const UPTLS_E_UNTRUSTED: Status = -2;
/// The certificate is for another name (6xx).
pub const UPTLS_E_NAME: Status = -3;
/// A certificate has expired or is not valid yet.
pub const UPTLS_E_VALIDITY: Status = -4;
/// A certificate is revoked, or no list can tell whether it is (5xx).
pub const UPTLS_E_REVOKED: Status = -5;
/// The peer refused us (8xx).
pub const UPTLS_E_PEER_ALERT: Status = -6;
/// No common parameters, or a violation of the protocol (7xx, 9xx).
pub const UPTLS_E_PROTOCOL: Status = -7;
/// The connection ended without a close_notify.
pub const UPTLS_E_TRUNCATED: Status = -8;
/// The transport failed (3xx).
pub const UPTLS_E_IO: Status = -9;
/// A deadline passed.
pub const UPTLS_E_TIMEOUT: Status = -10;
/// The program called the library wrongly: NULL, text that is not UTF-8, a value that does not exist, the wrong order, two
/// threads in one connection.
pub const UPTLS_E_USAGE: Status = -11;
/// The library caught a panic: a bug of this library. A builder, connection, stream or watch that panicked answers
/// every later call with this status. The program can still free all objects of the call, and no other object is
/// touched.
pub const UPTLS_E_PANIC: Status = -13;
/// The library met a state that should be impossible: a bug of this library.
pub const UPTLS_E_INTERNAL: Status = -14;
/// The caller gave up.
pub const UPTLS_E_CANCELLED: Status = -15;
/// This side lacks descriptors, ports, memory, threads or a permission (`local_resources`). It says nothing of the peer: do
/// not eject it, and do not retry at once.
pub const UPTLS_E_LOCAL: Status = -16;

/// What a call that did not fail gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    Closed,
    Done,
    WantRead,
    WantSign,
    WantWrite,
}

impl Progress {
    /// 0 or more.
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Closed => UPTLS_CLOSED,
            Self::Done => UPTLS_OK,
            Self::WantRead => UPTLS_WANT_READ,
            Self::WantSign => UPTLS_WANT_SIGN,
            Self::WantWrite => UPTLS_WANT_WRITE,
        }
    }
}

impl From<()> for Progress {
    fn from((): ()) -> Self {
        Self::Done
    }
}

/// The category of `code`; never `UPTLS_OK`.
pub(crate) fn of_code(code: Code) -> Status {
    match code {
        Code::CertExpired | Code::CertNotYetValid | Code::IssuerExpired => UPTLS_E_VALIDITY,
        Code::HandshakeTimeout | Code::TcpTimeout => UPTLS_E_TIMEOUT,
        Code::PeerNotTls => UPTLS_E_PROTOCOL,
        Code::Truncated => UPTLS_E_TRUNCATED,
        Code::Cancelled => UPTLS_E_CANCELLED,
        Code::Internal => UPTLS_E_INTERNAL,
        Code::IdentitySignFailed | Code::LocalResources => UPTLS_E_LOCAL,
        Code::Misuse => UPTLS_E_USAGE,
        Code::Panic => UPTLS_E_PANIC,
        _ => of_category(code.category()),
    }
}

fn of_category(category: Category) -> Status {
    match category {
        Category::Chain => UPTLS_E_UNTRUSTED,
        Category::Connect => UPTLS_E_IO,
        Category::Identity | Category::Policy => UPTLS_E_CONFIG,
        Category::Name => UPTLS_E_NAME,
        Category::Negotiation | Category::Protocol => UPTLS_E_PROTOCOL,
        Category::Remote => UPTLS_E_PEER_ALERT,
        Category::Revocation => UPTLS_E_REVOKED,
        // The enum may grow: a failure of an unknown kind is still a failure.
        _ => UPTLS_E_INTERNAL,
    }
}

/// A few words about a status, for logs. Never NULL; valid for ever; not to be freed. For the reason of a failure
/// see `uptls_error_message`.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_status_string(status: Status) -> *const c_char {
    let text = match status {
        UPTLS_OK => c"ok",
        UPTLS_WANT_READ => c"bytes from the peer are needed",
        UPTLS_WANT_WRITE => c"bytes for the peer must go out first",
        UPTLS_CLOSED => c"the peer ended its data",
        UPTLS_WANT_SIGN => c"a signature by the key of our certificate is needed",
        UPTLS_E_CONFIG => c"the policy cannot be used",
        UPTLS_E_UNTRUSTED => c"the chain is not trusted",
        UPTLS_E_NAME => c"the certificate is for another name",
        UPTLS_E_VALIDITY => c"a certificate is outside its validity",
        UPTLS_E_REVOKED => c"a certificate is revoked, or its revocation is unknown",
        UPTLS_E_PEER_ALERT => c"the peer refused us",
        UPTLS_E_PROTOCOL => c"no common parameters, or a protocol violation",
        UPTLS_E_TRUNCATED => c"the connection ended without a close_notify",
        UPTLS_E_IO => c"the transport failed",
        UPTLS_E_TIMEOUT => c"a deadline passed",
        UPTLS_E_USAGE => c"the library was called wrongly",
        UPTLS_E_PANIC => c"a panic was caught",
        UPTLS_E_INTERNAL => c"internal error",
        UPTLS_E_CANCELLED => c"cancelled by the caller",
        UPTLS_E_LOCAL => c"this side lacks what a connection needs",
        _ => c"unknown status",
    };
    boundary::value(c"".as_ptr(), || text.as_ptr())
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use super::*;

    #[test]
    fn every_code_is_a_failure_with_words() {
        for code in Code::ALL {
            let status = of_code(*code);
            assert!((UPTLS_E_LOCAL..UPTLS_OK).contains(&status) && status != -12, "{code}: {status}");
            assert_eq!(status == UPTLS_E_INTERNAL, *code == Code::Internal, "{code}");
            // SAFETY: the result is a static string.
            assert_ne!(unsafe { CStr::from_ptr(uptls_status_string(status)) }, c"unknown status");
        }
    }

    #[test]
    fn categories_are_as_the_header_says() {
        let expected = [
            (Code::TrustMissing, -1),
            (Code::IdentityParse, -1),
            (Code::CertUnknownIssuer, -2),
            (Code::NameMismatch, -3),
            (Code::IssuerExpired, -4),
            (Code::CrlExpired, -5),
            (Code::IdentityRequired, -6),
            (Code::AlpnMismatch, -7),
            (Code::PeerNotTls, -7),
            (Code::Truncated, -8),
            (Code::DnsFailed, -9),
            (Code::HandshakeTimeout, -10),
            (Code::Misuse, -11),
            (Code::Panic, -13),
            (Code::LocalResources, -16),
            (Code::ConnectionLost, -9),
        ];
        for (code, status) in expected {
            assert_eq!(of_code(code), status, "{code}");
        }
    }
}
