"""All hostile servers in one process, each on a port of its own; says on its output what became of each connection."""

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from breaches import breaches
from fixtures import HOST, make_files
from floods import floods
from lies import lies
from peer import TLS12, TLS13, Attack, Identity, meet


def honest() -> list[Attack]:
    """The twins."""
    return [
        Attack("honest", None, TLS12),
        Attack("honest", None, TLS13),
        Attack("honest with a retry", None, TLS13, retries=True),
        Attack("honest that asks for a certificate", None, TLS12, asks=True),
        Attack("honest that asks for a certificate", None, TLS13, asks=True),
    ]


def attacks() -> list[Attack]:
    """All servers, the twins first."""
    return [*honest(), *floods(), *lies(), *breaches()]


class Output:
    """Lines of JSON from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, **fields: Any) -> None:
        """One line."""
        with self._lock:
            print(json.dumps(fields), flush=True)


def _serve(listener: socket.socket, attack: Attack, identity: Identity, output: Output) -> None:
    def one(sock: socket.socket) -> None:
        with sock:
            struck, error = meet(sock, attack, identity)
        output.say(title=attack.title, struck=struck, error=error)

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=one, args=(sock,), daemon=True).start()


def main() -> None:
    """Serves until the input ends."""
    folder = Path(sys.argv[1])
    make_files(folder)
    identity = Identity.of(folder / "server.pem", folder / "server.key")
    output, servers = Output(), []
    for attack in attacks():
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        port = listener.getsockname()[1]
        servers.append(
            {"title": attack.title, "twin": attack.twin, "codes": attack.codes, "late": attack.late, "port": port}
        )
        threading.Thread(target=_serve, args=(listener, attack, identity, output), daemon=True).start()
    output.say(host=HOST, servers=servers)
    sys.stdin.read()


if __name__ == "__main__":
    main()
