"""Which system calls fail, in which ways, and what may be said of each: by the errno, and never by the program."""

from dataclasses import dataclass

OWN = frozenset(
    {
        "EACCES",
        "EADDRNOTAVAIL",
        "EAFNOSUPPORT",
        "EINVAL",
        "EIO",
        "EMFILE",
        "ENFILE",
        "ENOBUFS",
        "ENOMEM",
        "ENOTCONN",
        "EPERM",
    }
)
"""What says nothing of the peer."""
PASSING = frozenset({"EAGAIN", "EINTR"})
"""What is over at the next call."""
ENDED = frozenset({"ECONNABORTED", "ECONNRESET", "EPIPE"})
"""What the peer's host says."""
LOST = frozenset({"ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"})
"""What the network says, or an address that does not answer."""
END = "=0"
"""The call gives 0: an end, or nothing written."""

FILES = {
    "openat": "EIO EMFILE ENFILE ENOMEM EACCES ENOENT EINTR ESTALE",
    "read": f"EIO EINTR ENOMEM {END}",
    "pread64": "EIO",
    "statx": "EIO EACCES ENOENT ENOMEM",
    "newfstatat": "EIO EACCES",
    "readlink": "EIO",
    "getdents64": "EIO",
}
WRITES = {
    "write": "EIO ENOSPC EINTR EDQUOT",
    "mkdir": "EACCES ENOSPC EROFS EIO",
    "fsync": "EIO ENOSPC EINTR",
    "rename": "ENOSPC EACCES EROFS EIO",
    "renameat2": "ENOSPC EACCES EROFS EIO ENOSYS",
    "symlink": "ENOSPC EIO",
    "symlinkat": "ENOSPC EIO",
    "unlink": "EIO EACCES",
    "unlinkat": "EIO EACCES",
    "fchmod": "EPERM EIO",
    "chmod": "EPERM",
    "flock": "EIO EINTR",
}
WATCHES = {
    "inotify_init1": "EMFILE ENOMEM ENOSYS",
    "inotify_add_watch": "ENOSPC ENOENT EACCES ENOMEM",
    "inotify_rm_watch": "EINVAL",
    "epoll_create1": "EMFILE ENOMEM",
    "eventfd2": "EMFILE",
    "timerfd_create": "EMFILE ENOMEM",
}
SOCKETS = {
    "socket": "EMFILE ENFILE ENOMEM ENOBUFS EACCES EAFNOSUPPORT",
    # No EINTR: a signal interrupts the wait, and the connection goes on; strace would interrupt what never began.
    "connect": "ECONNREFUSED EHOSTUNREACH ENETUNREACH ETIMEDOUT EADDRNOTAVAIL EACCES EPERM ENOMEM",
    "setsockopt": "EINVAL ENOMEM",
    "getsockopt": "EINVAL ENOBUFS",
    "getpeername": "ENOTCONN",
    "getsockname": "EINVAL",
    "ioctl": "EIO",
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "clone": "EAGAIN ENOMEM",
    "clone3": "EAGAIN ENOMEM",
}
SENDS = dict.fromkeys(
    ("sendto", "writev", "sendmsg"), "ECONNRESET EPIPE EINTR EAGAIN EIO ENOBUFS ENOMEM EHOSTUNREACH ETIMEDOUT"
)
RECEIVES = dict.fromkeys(("recvfrom", "recvmsg"), f"ECONNRESET EINTR EAGAIN EIO ENOMEM EHOSTUNREACH ETIMEDOUT {END}")
THREADS = frozenset({"clone", "clone3"})
# Left out: mmap, brk, mprotect, sigaltstack and getrandom. Without memory or randomness Rust, and AWS-LC below it, end
# the process, and no error can be asked for.
CALLS: dict[str, tuple[str, ...]] = {
    name: tuple(effects.split())
    for group in (FILES, WRITES, WATCHES, SOCKETS, SENDS, RECEIVES)
    for name, effects in group.items()
}

_MATERIAL = range(100, 300)


@dataclass(frozen=True)
class Fault:
    """The n-th call of each thread fails."""

    call: str
    effect: str
    nth: int

    def injection(self) -> str:
        """As strace wants it."""
        what = f"retval={self.effect[1:]}" if self.effect.startswith("=") else f"error={self.effect}"
        return f"inject={self.call}:{what}:when={self.nth}"


_BY_EFFECT: dict[str, frozenset[str]] = {
    **dict.fromkeys(OWN, frozenset({"local_resources"})),
    **dict.fromkeys(PASSING, frozenset()),
    **dict.fromkeys(LOST, frozenset({"connection_lost", "tcp_refused"})),
    **dict.fromkeys(ENDED, frozenset({"peer_reset"})),
    "ETIMEDOUT": frozenset({"connection_lost", "tcp_timeout"}),
    END: frozenset({"peer_closed", "truncated"}),
}


def allowed(fault: Fault, numbers: dict[str, int]) -> frozenset[str]:
    """The codes that may be given for a fault; `numbers` are those of all codes."""
    if fault.call in FILES | WRITES | WATCHES:
        return frozenset(code for code, number in numbers.items() if number in _MATERIAL) | {"local_resources"}
    if fault.call in THREADS:
        return frozenset({"local_resources"})
    codes = _BY_EFFECT[fault.effect]
    # A pipe breaks where the peer is gone.
    return codes | {"peer_closed"} if fault.call in SENDS and fault.effect in ENDED else codes
