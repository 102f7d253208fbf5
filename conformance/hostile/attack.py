"""Another TLS stack as attacker: every face of uptls meets every hostile server of `serve.py`.

Each must end with the code that the attack calls for, without a panic, a hang or much memory; the same server without
its attack is accepted. Prints a row for each attack: the codes, and what the face paid that paid most. Run it with a
Python that has uptls and tlslite-ng: `target/venv/bin/python conformance/hostile/attack.py`, as the gate does.
"""

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from faces import LIMIT, Face, Meeting, Runner, build_c, faces
from planted_clients import missed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PATIENT, QUICK = 20, 1
"""Deadlines of the policies in seconds: for attacks that the client ends, and for those that its deadline ends."""
_POLICY = """apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {{name: hostile}}
spec:
  handshakeTimeout: {seconds}s
  trust: {{bundles: [{{file: ca.pem}}]}}
  identity: {{certificate: {{file: one.pem}}, key: {{file: one.key}}}}
"""


@dataclass(frozen=True)
class Server:
    """What `serve.py` says of one of its servers."""

    title: str
    twin: str
    codes: list[str]
    late: bool
    port: int


@dataclass
class Servers:
    """The process of the servers, and what became of their connections."""

    folder: Path
    host: str = ""
    servers: list[Server] = field(default_factory=list)
    _ends: dict[str, queue.Queue[dict[str, object]]] = field(default_factory=lambda: defaultdict(queue.Queue))

    def start(self) -> None:
        """Starts the process, which ends with this one: its input ends then."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "conformance" / "faults"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, str(HERE / "serve.py"), str(self.folder)]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise SystemExit("the hostile servers did not start")
        said = json.loads(first)
        self.host, self.servers = said["host"], [Server(**server) for server in said["servers"]]
        threading.Thread(target=self._listen, args=(process.stdout,), daemon=True).start()

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            said = json.loads(line)
            self._ends[said["title"]].put(said)

    def end(self, server: Server) -> dict[str, object]:
        """What became of the last connection to a server."""
        return self._ends[server.title].get(timeout=LIMIT)


@dataclass(frozen=True)
class Row:
    """How the faces fared with one server."""

    server: Server
    meetings: dict[str, Meeting]
    complaints: list[str]


def judge(meeting: Meeting, codes: list[str], twin: Meeting | None) -> list[str]:
    """What is wrong with how a client fared; `twin` is how it fared with the honest server."""
    said = "accepted" if meeting.is_accepted else meeting.code or "no code"
    claims = [
        (meeting.returncode is not None, f"hung for {meeting.elapsed:.0f} s"),
        (not meeting.panicked, f"panicked, or died: {meeting.returncode}"),
        (said in (codes or ["accepted"]), f"{said} instead of {codes or 'accepted'}: {meeting.output.strip()[:200]!r}"),
    ]
    if twin is not None:
        grown, paid = meeting.kilobytes - twin.kilobytes, meeting.seconds - twin.seconds
        claims += [
            (grown <= MOST_KILOBYTES, f"{grown} KiB more than with the honest server"),
            (paid <= MOST_SECONDS, f"{paid:.1f} s of processor more than with the honest server"),
        ]
    return [complaint for holds, complaint in claims if not holds]


MOST_KILOBYTES, MOST_SECONDS = 8 << 10, 2.0
"""How much more than the honest server an attack may cost a client that was built for debugging. rustls buffers 64 KiB
of handshake, and a chain has 64 KiB at most; an allocator keeps more than it is asked for."""


def attempt(servers: Servers, server: Server, clients: list[Face], twins: dict[str, dict[str, Meeting]]) -> Row:
    """All faces against one server, one after the other: so it is known whose connection ended."""
    policy = servers.folder / ("quick.yaml" if server.late else "patient.yaml")
    meetings, complaints = {}, []
    for face in clients:
        meeting = Runner(servers.folder).run(face.argv(policy, servers.host, server.port))
        end = servers.end(server)
        found = judge(meeting, server.codes, twins.get(server.twin, {}).get(face.name))
        if not end["struck"]:
            found.append(f"the server never attacked: {end['error']}")
        meetings[face.name] = meeting
        complaints += [f"{server.title}: {face.name}: {complaint}" for complaint in found]
    return Row(server, meetings, complaints)


def show(rows: list[Row], twins: dict[str, dict[str, Meeting]]) -> None:
    """The table."""
    print(f"{'server':<62} {'verdict':<20} {'processor':>9} {'elapsed':>8} {'memory':>12}  of")
    for row in rows:
        twin = twins.get(row.server.twin, row.meetings)
        grown = {name: meeting.kilobytes - twin[name].kilobytes for name, meeting in row.meetings.items()}
        most = max(grown, key=lambda name: grown[name])
        paid = max(meeting.seconds for meeting in row.meetings.values())
        elapsed = max(meeting.elapsed for meeting in row.meetings.values())
        figures = f"{paid:>7.2f} s {elapsed:>6.2f} s {grown[most]:>+8} KiB  {most}"
        said = {meeting.code or "accepted" for meeting in row.meetings.values()}
        print(f"{row.server.title:<62} {', '.join(sorted(said)):<20} {figures}")


def prepare(folder: Path) -> None:
    """An empty folder with the policies; `serve.py` makes the certificates."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, seconds in (("patient", PATIENT), ("quick", QUICK)):
        (folder / f"{name}.yaml").write_text(_POLICY.format(seconds=seconds))
    build_c(TARGET, ROOT, folder)


def main() -> int:
    """Runs the attacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="servers whose title holds this text, and their twins")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="how many servers at once")
    options = parser.parse_args()
    folder = TARGET / "hostile"
    prepare(folder)
    if problems := missed(Runner(folder), judge):
        print("\n".join(f"  FAILED: the judge itself: {problem}" for problem in problems))
        return 1
    servers = Servers(folder)
    servers.start()
    clients = faces(TARGET, ROOT, sys.executable, folder)
    honest = [server for server in servers.servers if server.title == server.twin]
    chosen = [server for server in servers.servers if server not in honest and options.only in server.title]
    with ThreadPoolExecutor(options.jobs) as pool:
        firsts = list(pool.map(lambda server: attempt(servers, server, clients, {}), honest))
        twins = {row.server.title: row.meetings for row in firsts if not row.complaints}
        rows = firsts + list(pool.map(lambda server: attempt(servers, server, clients, twins), chosen))
    show(rows, twins)
    complaints = [complaint for row in rows for complaint in row.complaints]
    complaints += [f"{row.server.title}: its twin was not accepted" for row in rows if row.server.twin not in twins]
    for complaint in complaints:
        print(f"  FAILED: {complaint}")
    met = sum(len(row.meetings) for row in rows)
    print(f"hostile: {met} met, {len(complaints)} defects", flush=True)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
