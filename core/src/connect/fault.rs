//! What an error of the system means: one table from errno to a code, for every face.

use std::io::{self, ErrorKind};

use crate::error::{ConnectError, LocalStep, Refusal, Shortage};

/// How far a connection had come when the system reported an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage<'a> {
    /// The socket, and its way to the peer. Also a handshake to which the peer has said nothing: a socket that does not
    /// block may still be connecting.
    Reaching {
        /// Where to: the address, or the backend host where the address is not known.
        target: &'a str,
        /// How long was waited.
        waited: &'a str,
    },
    /// The peer has been heard: the handshake, or data.
    Reached,
}

/// Who must act, by what the system says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    /// The peer's host ended it: a reset, a broken pipe. Also an error of the caller's transport without a number of
    /// the system.
    Ended,
    /// This side lacks something. Nothing is known of the peer.
    Lacking(Shortage),
    /// The peer's host refused it.
    Refused,
    /// The system, or the caller's timer, gave up waiting.
    TimedOut,
    /// The network has no way to the peer.
    Unreachable,
}

/// The one mapping. What is not known to come from the peer or the network is our own.
pub(crate) fn meaning(error: &io::Error, stage: Stage<'_>) -> ConnectError {
    let reason = error.to_string();
    match (cause(error), stage) {
        (Cause::Lacking(lacks), Stage::Reaching { target, .. }) => {
            ConnectError::LocalResources { lacks, reason, step: LocalStep::Reach(target.to_owned()) }
        }
        (Cause::Lacking(lacks), Stage::Reached) => {
            ConnectError::LocalResources { lacks, reason, step: LocalStep::GoOn }
        }
        (Cause::Refused, Stage::Reaching { target, .. }) => {
            ConnectError::TcpRefused { address: target.to_owned(), reason, refusal: Refusal::ByPeer }
        }
        (Cause::Unreachable, Stage::Reaching { target, .. }) => {
            ConnectError::TcpRefused { address: target.to_owned(), reason, refusal: Refusal::NoRoute }
        }
        (Cause::TimedOut, Stage::Reaching { target, waited }) => {
            ConnectError::TcpTimeout { address: target.to_owned(), after: waited.to_owned() }
        }
        (Cause::Refused | Cause::TimedOut | Cause::Unreachable, Stage::Reached) => {
            ConnectError::ConnectionLost { reason }
        }
        (Cause::Ended, stage) => ConnectError::PeerReset { heard: matches!(stage, Stage::Reached), reason },
    }
}

/// The same for a socket that is being dialled: what ends it there is a refusal.
pub(crate) fn undialled(error: &io::Error, address: &str, waited: &str) -> ConnectError {
    match meaning(error, Stage::Reaching { target: address, waited }) {
        ConnectError::PeerReset { reason, .. } => {
            ConnectError::TcpRefused { address: address.to_owned(), reason, refusal: Refusal::ByPeer }
        }
        other => other,
    }
}

/// What this side lacks, if that is certain.
pub(crate) fn shortage(error: &io::Error) -> Option<Shortage> {
    match cause(error) {
        Cause::Lacking(Shortage::Other) => None,
        Cause::Lacking(lacks) => Some(lacks),
        _ => None,
    }
}

/// Whether the transport is only not ready yet, or its timer of the deadline ran out. ETIMEDOUT of the kernel is neither:
/// the connection is dead (on Windows the timer of a socket gives the same number, and cannot be told from it).
pub(crate) fn is_temporary(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::WouldBlock => true,
        ErrorKind::TimedOut => error.raw_os_error().is_none() || cfg!(windows),
        _ => false,
    }
}

fn cause(error: &io::Error) -> Cause {
    match error.kind() {
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => Cause::Lacking(Shortage::Ports),
        ErrorKind::ConnectionRefused => Cause::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkDown | ErrorKind::NetworkUnreachable => Cause::Unreachable,
        ErrorKind::OutOfMemory => Cause::Lacking(Shortage::Memory),
        ErrorKind::PermissionDenied => Cause::Lacking(Shortage::Permission),
        ErrorKind::TimedOut => Cause::TimedOut,
        ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof
        | ErrorKind::WriteZero => Cause::Ended,
        _ => error.raw_os_error().map_or(Cause::Ended, by_number),
    }
}

/// What the standard library has no kind for.
fn by_number(number: i32) -> Cause {
    let row = NUMBERS.iter().find(|(known, _)| *known == number);
    row.map_or(Cause::Lacking(Shortage::Other), |(_, cause)| *cause)
}

#[cfg(unix)]
const NUMBERS: &[(i32, Cause)] = {
    use rustix::io::Errno;
    &[
        (Errno::AFNOSUPPORT.raw_os_error(), Cause::Lacking(Shortage::Family)),
        (Errno::PROTONOSUPPORT.raw_os_error(), Cause::Lacking(Shortage::Family)),
        (Errno::MFILE.raw_os_error(), Cause::Lacking(Shortage::Descriptors)),
        (Errno::NFILE.raw_os_error(), Cause::Lacking(Shortage::SystemDescriptors)),
        (Errno::NOBUFS.raw_os_error(), Cause::Lacking(Shortage::Memory)),
        (Errno::HOSTDOWN.raw_os_error(), Cause::Unreachable),
        // The peer's host, or one on the way, said so by ICMP.
        (Errno::NOPROTOOPT.raw_os_error(), Cause::Refused),
        (Errno::PROTO.raw_os_error(), Cause::Refused),
    ]
};
#[cfg(windows)]
const NUMBERS: &[(i32, Cause)] = &[
    // WSAEMFILE, WSAENOBUFS, WSAEAFNOSUPPORT, WSAEPROTONOSUPPORT, WSAEHOSTDOWN.
    (10024, Cause::Lacking(Shortage::Descriptors)),
    (10055, Cause::Lacking(Shortage::Memory)),
    (10047, Cause::Lacking(Shortage::Family)),
    (10043, Cause::Lacking(Shortage::Family)),
    (10064, Cause::Unreachable),
];
#[cfg(not(any(unix, windows)))]
const NUMBERS: &[(i32, Cause)] = &[];

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::error::Code;

    fn codes(errno: Errno) -> (Code, Code, Code) {
        let error = io::Error::from(errno);
        let reaching = Stage::Reaching { target: "192.0.2.1:443", waited: "1s" };
        let dialled = undialled(&error, "192.0.2.1:443", "1s").code();
        (dialled, meaning(&error, reaching).code(), meaning(&error, Stage::Reached).code())
    }

    /// Dialling; a handshake to which nothing was said; a peer that was heard.
    #[test]
    fn each_errno_has_one_meaning_for_each_stage() {
        use Code::{ConnectionLost, LocalResources, PeerReset, TcpRefused, TcpTimeout};
        const LOCAL: (Code, Code, Code) = (LocalResources, LocalResources, LocalResources);
        const LOST: (Code, Code, Code) = (TcpRefused, TcpRefused, ConnectionLost);
        const RESET: (Code, Code, Code) = (TcpRefused, PeerReset, PeerReset);
        let table = [
            (Errno::ACCESS, LOCAL),
            (Errno::ADDRNOTAVAIL, LOCAL),
            (Errno::AFNOSUPPORT, LOCAL),
            (Errno::BADF, LOCAL),
            (Errno::INVAL, LOCAL),
            (Errno::IO, LOCAL),
            (Errno::MFILE, LOCAL),
            (Errno::NFILE, LOCAL),
            (Errno::NOBUFS, LOCAL),
            (Errno::NOMEM, LOCAL),
            (Errno::PERM, LOCAL),
            (Errno::CONNREFUSED, LOST),
            (Errno::HOSTDOWN, LOST),
            (Errno::HOSTUNREACH, LOST),
            (Errno::NETDOWN, LOST),
            (Errno::NETUNREACH, LOST),
            (Errno::TIMEDOUT, (TcpTimeout, TcpTimeout, ConnectionLost)),
            (Errno::CONNABORTED, RESET),
            (Errno::CONNRESET, RESET),
            (Errno::NOTCONN, RESET),
            (Errno::PIPE, RESET),
        ];
        for (errno, wanted) in table {
            assert_eq!(codes(errno), wanted, "{errno}");
        }
    }

    #[test]
    fn a_hint_names_what_is_short() {
        let hints = [
            (Errno::MFILE, "ulimit -n"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::ADDRNOTAVAIL, "ports"),
            (Errno::NOMEM, "memory"),
            (Errno::ACCESS, "permit"),
            (Errno::AFNOSUPPORT, "family"),
            (Errno::IO, "not the peer"),
        ];
        for (errno, word) in hints {
            let lacks = shortage(&errno.into()).unwrap_or(Shortage::Other);
            let error = ConnectError::LocalResources { lacks, reason: errno.to_string(), step: LocalStep::GoOn };
            assert!(error.hint().contains(word), "{errno}: {}", error.hint());
        }
        let threadless = ConnectError::threadless(&Errno::AGAIN.into(), "resolve a name");
        assert!(threadless.hint().contains("pids"), "{}", threadless.hint());
        // The twin: what the network says is no shortage.
        assert_eq!(shortage(&Errno::NETUNREACH.into()), None);
        let unreachable = undialled(&Errno::NETUNREACH.into(), "192.0.2.1:443", "1s");
        assert!(unreachable.hint().contains("route"), "{}", unreachable.hint());
        let refused = undialled(&Errno::CONNREFUSED.into(), "192.0.2.1:443", "1s");
        assert!(refused.hint().contains("listens"), "{}", refused.hint());
    }

    #[test]
    fn the_kernels_timeout_is_not_the_timer_of_a_socket() {
        assert!(!is_temporary(&Errno::TIMEDOUT.into()));
        assert!(is_temporary(&Errno::AGAIN.into()));
        assert!(is_temporary(&ErrorKind::TimedOut.into()));
    }

    /// A transport of the caller's that fails in words of its own says nothing of our resources.
    #[test]
    fn other_words_end_the_connection() {
        let error = io::Error::other("cable cut");
        assert_eq!(meaning(&error, Stage::Reached).code(), Code::PeerReset);
        assert_eq!(meaning(&error, Stage::Reaching { target: "x", waited: "1s" }).code(), Code::PeerReset);
    }
}
