"""The programs into which faults are injected: how each is run, what it says, and what it leaves."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from calls import FILES, RECEIVES, SENDS, SOCKETS, WATCHES, WRITES
from fixtures import HOST
from verdicts import Kind, Outcome, Result

NETWORK = frozenset(SOCKETS | SENDS | RECEIVES)


@dataclass(frozen=True)
class Tools:
    """What was built."""

    command: Path
    get: Path
    epoll: Path
    python: Path | None
    here: Path


@dataclass(frozen=True)
class Program:
    """One program with one expected result."""

    name: str
    argv: list[str]
    """Its working folder is one of the run's own."""
    marker: str
    """What the log of strace holds once main has begun: the name of the first file that it opens."""
    read: Callable[[Outcome, Path], Result]
    calls: frozenset[str]
    prepare: Callable[[Path], None] = field(default=lambda _: None)
    seconds: float = 30.0
    """After which a run hangs. Deadlines of the policies are 2 s."""


def of_json(outcome: Outcome, _: Path) -> Result:
    """`uptls check --json`."""
    try:
        report = json.loads(outcome.stdout)["results"][0]
    except (json.JSONDecodeError, LookupError, TypeError):
        return Result(accepted=False)
    return Result(report["verdict"] == "accepted" and outcome.returncode == 0, report.get("code"))


def of_lines(outcome: Outcome, _: Path) -> Result:
    """`code: message` on a line of its own: C's examples and the scripts here."""
    accepted = outcome.returncode == 0
    found = re.search(
        r"^([a-z]+(?:_[a-z]+)+|misuse|panic|internal|truncated): ", outcome.stderr + outcome.stdout, re.MULTILINE
    )
    leaked = Kind.LEAK if "leaked" in outcome.stdout.split() else None
    return Result(accepted, found[1] if found and not accepted else None, leaked)


def _public(kind: str, pem: str) -> bytes:
    arguments = ["pkey", "-pubout"] if kind == "key" else ["x509", "-noout", "-pubkey"]
    return subprocess.run(["openssl", *arguments], input=pem.encode(), capture_output=True, check=False).stdout


def _texts(folder: Path) -> list[str]:
    """What a reader of the folder finds, by its names: what only links lead to is not looked for elsewhere."""
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith("..")]
        found += [_plain((Path(place) / name).read_text(errors="replace")) for name in files]
    return found


def _plain(text: str) -> str:
    """JSON as a reader of PEM sees it: ends of lines are ends of lines, and a key in Base64 is a key."""
    key = re.search(r'"inline_bytes":"([A-Za-z0-9+/=]+)"', text)
    decoded = base64.b64decode(key[1]).decode(errors="replace") if key else ""
    return text.replace("\\n", "\n") + decoded


def of_export(outcome: Outcome, folder: Path) -> Result:
    """Each key in the folder belongs to a certificate there, whatever the command said of itself."""
    leaves, keys = set(), set()
    for text in _texts(folder / "out"):
        leaf = re.search(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
        key = re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", text, re.DOTALL)
        leaves |= {_public("leaf", leaf[0])} if leaf else set()
        keys |= {_public("key", key[0])} if key else set()
    if not keys or not keys <= leaves:
        return Result(accepted=False, defect=Kind.MIXED)
    # The command's own words for a file that cannot be written have no code.
    code = "trust_unreadable" if outcome.returncode in {2, 5} and outcome.stderr.strip() else None
    return Result(outcome.returncode == 0, code)


def _check(tools: Tools, files: Path, policy: str, port: int) -> list[str]:
    target = [f"{HOST}:{port}", "--connect-to", "127.0.0.1", "--timeout", "2s", "--json"]
    return [str(tools.command), "check", "--policy", str(files / policy), *target]


def programs(tools: Tools, files: Path, port: int) -> list[Program]:
    """All that can be run with `tools`; `files` holds what `fixtures` made."""
    made = [*_connecting(tools, files, port), _export(tools, files)]
    return made + (_of_python(tools, files, port, tools.python) if tools.python else [])


def _connecting(tools: Tools, files: Path, port: int) -> list[Program]:
    made = []
    for verdict, policy in (("accepted", "good.yaml"), ("refused", "bad.yaml")):
        get = [str(tools.get), str(files / policy), HOST, str(port), "127.0.0.1"]
        epoll = [str(tools.epoll), str(files / policy), HOST, "127.0.0.1", str(port), "1"]
        check = _check(tools, files, policy, port)
        calls = NETWORK | frozenset(FILES)
        # The sockets of epoll.c are its own.
        own = calls - {"socket", "connect", "setsockopt", "getsockopt"}
        made += [
            Program(f"command check, {verdict}", check, policy, of_json, calls),
            Program(f"C get, {verdict}", get, policy, of_lines, calls),
            Program(f"C epoll, {verdict}", epoll, policy, of_lines, own),
        ]
    return made


def _of_python(tools: Tools, files: Path, port: int, python: Path) -> list[Program]:
    run = [str(python), "-E", "-B"]

    def script(name: str, *arguments: str, policy: str = "good.yaml", to: str = "127.0.0.1") -> list[str]:
        return [*run, str(tools.here / name), *arguments, str(files / policy), HOST, str(port), to]

    once, loop = "python_once.py", "asyncio_once.py"
    # An event loop that asks a thread for addresses is woken by a send of its own, which is not ours to mend.
    made = [
        Program(name, argv, "faults-begin", of_lines, calls)
        for name, argv, calls in (
            ("python connect, accepted", script(once, "connect"), NETWORK),
            ("python connect, refused", script(once, "connect", policy="bad.yaml"), NETWORK),
            ("python connect by name", script(once, "connect", to="localhost"), NETWORK),
            ("python check", script(once, "check"), NETWORK),
            ("asyncio connect, accepted", script(loop), NETWORK),
            ("asyncio connect, refused", script(loop, policy="bad.yaml"), NETWORK),
            ("asyncio connect by name", script(loop, to="localhost"), frozenset(SOCKETS)),
        )
    ]
    copied = ("good.yaml", "ca.pem", "one.pem", "one.key")

    def prepare(folder: Path) -> None:
        for name in copied:
            shutil.copy(files / name, folder / name)
        shutil.copy(files / "both.pem", folder / "next.pem")

    watch = [*run, str(tools.here / "watch_once.py"), "good.yaml", "ca.pem", "next.pem"]
    watching = frozenset(FILES | WATCHES)
    return [
        *made,
        Program("python watch", watch, "faults-begin", of_lines, watching, prepare, seconds=60.0),
    ]


def _export(tools: Tools, files: Path) -> Program:
    argv = [str(tools.command), "export", "envoy", "--host", HOST, "--policy", "policy.yaml", "--sds", "out"]

    def prepare(folder: Path) -> None:
        for name in ("ca.pem", "one.pem", "one.key", "two.pem", "two.key"):
            shutil.copy(files / name, folder / name)
        # One policy is one path: its next export replaces what this one wrote.
        shutil.copy(files / "good.yaml", folder / "policy.yaml")
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)
        shutil.copy(files / "next.yaml", folder / "policy.yaml")

    return Program("export over an older one", argv, "policy.yaml", of_export, frozenset(FILES | WRITES), prepare)


def interpreter(folder: Path) -> Path | None:
    """The Python of the gate that has uptls installed; None if there is none."""
    python = folder / "venv" / "bin" / "python"
    probe = [str(python), "-c", "import uptls"]
    if python.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return python
    return None


def said_of(outcome: Outcome) -> str:
    """One line for a report: of JSON the message."""
    lines = [line.strip() for line in (outcome.stderr + "\n" + outcome.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith('"message"')] or lines
    return f"{outcome.result.code or 'no code'}: {telling[0][:160] if telling else '(nothing)'}"
