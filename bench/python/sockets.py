"""What a client costs over real sockets, against nginx: uptls beside the module ssl and rtls, in one interleaved run.

    python sockets.py target/bench/python-sockets.json

Times are processor time of the client's thread: of `wrap_socket` for handshakes, with the system calls that it makes,
and of a whole download for asyncio. A round does the same with each side, and a ratio is the median of the ratios of
single rounds.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from time import thread_time
from typing import Any

import certificates
from run import SIDES, head, measure, report

BULK = 64 << 20
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_SETTINGS = """daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {leaf.certificate}; ssl_certificate_key {leaf.key}; root {folder};
  server {{ listen 127.0.0.1:{full} ssl; ssl_session_tickets off; ssl_session_cache off; }}
  server {{ listen 127.0.0.1:{resumed} ssl; ssl_session_tickets on; }}
}}
"""


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in listeners]


@contextlib.contextmanager
def nginx(folder: Path, settings: str, port: int) -> Iterator[None]:
    """Runs it in the folder until the end."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "install nginx"
    (folder / "nginx.conf").write_text(settings)
    process = subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


class Clients:
    """A context of each side, and its session where the caller keeps that."""

    def __init__(self, ca: Path, full: int, resumed: int) -> None:
        self._contexts = {side: certificates.context(side, ca) for side in SIDES}
        self._ports = {"full": full, "resumed": resumed}
        self._sessions: dict[str, Any] = {}

    def full(self, side: str, times: int) -> float:
        """Full handshakes."""
        return sum(self._handshake(side, "full") for _ in range(times))

    def resumed(self, side: str, times: int) -> float:
        """Resumed ones; the first makes the session."""
        self._handshake(side, "resumed")
        return sum(self._handshake(side, "resumed", must_resume=True) for _ in range(times))

    def _handshake(self, side: str, kind: str, *, must_resume: bool = False) -> float:
        options = {"session": self._sessions.get(side)} if side == "ssl" and kind == "resumed" else {}
        plain = socket.create_connection(("127.0.0.1", self._ports[kind]))
        # As http.client and asyncio do: without it the last flight waits for an acknowledgement, on all sides.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = thread_time()
        tls = self._contexts[side].wrap_socket(plain, server_hostname="localhost", **options)
        spent = thread_time() - began
        with tls:
            tls.sendall(_REQUEST)
            # Tickets come with the first data.
            while tls.recv(65536):
                pass
            if side == "ssl" and kind == "resumed":
                self._sessions[side] = tls.session
            if must_resume:
                assert tls.session_reused, side
        return spent

    def bulk(self, side: str, times: int) -> float:
        """Downloads with asyncio's streams."""

        async def download() -> float:
            streams = await asyncio.open_connection("localhost", self._ports["full"], ssl=self._contexts[side])
            reader, writer = streams
            writer.write(_REQUEST.replace(b"/ ", b"/bulk "))
            began, count = thread_time(), 0
            while count < BULK:
                raw = await reader.read(1 << 20)
                assert raw, "the download ended early"
                count += len(raw)
            spent = thread_time() - began
            writer.transport.abort()
            return spent

        return sum(asyncio.run(download()) for _ in range(times))


def main(output: str) -> None:
    """Measures, prints and writes."""
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca, leaf = certificates.made(folder / "pki")
        (folder / "index.html").write_text("hello")
        (folder / "bulk").write_bytes(bytes(BULK))
        full, resumed = _ports(2)
        with nginx(folder, _SETTINGS.format(leaf=leaf, folder=folder, full=full, resumed=resumed), resumed):
            clients = Clients(ca, full, resumed)
            scenarios = {
                "full handshake": (clients.full, 40, {"ssl": 2.0, "rtls": 1.0}),
                # rtls resumes nothing.
                "resumed handshake": (clients.resumed, 40, {"ssl": 3.0}),
                "asyncio, 64 MiB": (clients.bulk, 1, {"ssl": 1.5}),
            }
            head()
            for title, (work, times, goals) in scenarios.items():
                seconds = measure(work, times, SIDES[:2] if title.startswith("resumed") else SIDES)
                rows[title] = report(title, seconds, times, goals)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
