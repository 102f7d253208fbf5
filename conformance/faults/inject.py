"""strace as the hand that makes system calls fail. It also meets calls that are made without libc."""

import os
import re
import signal
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from calls import CALLS, Fault
from programs import Program
from verdicts import Outcome

_CALL = re.compile(r"^(\d+)\s+(\w+)\(")


def why_not() -> str | None:
    """Why nothing can be injected here; None if it can."""
    probe = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=getppid", "-e", "inject=getppid:error=EPERM", "true"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return "strace is not installed"
    except subprocess.TimeoutExpired:
        return "strace does not end"
    return None if done.returncode == 0 else f"strace cannot trace: {done.stderr.strip()[:120]}"


def command(program: Program, log: Path, calls: str, *inject: str) -> list[str]:
    """The command line of a run."""
    injections = [part for injection in inject for part in ("-e", injection)]
    trace = ["-e", f"trace={calls},openat,newfstatat", "-e", "signal=none"]
    return ["strace", "-f", "-qq", "-o", str(log), *trace, *injections, *program.argv]


def run(program: Program, folder: Path, calls: str, *inject: str) -> Outcome:
    """Runs a program in a folder of its own; one that hangs is killed with all that it started."""
    with tempfile.TemporaryDirectory(dir=folder) as own, tempfile.TemporaryDirectory(dir=folder) as logs:
        place = Path(own)
        program.prepare(place)
        # Elsewhere: a program that watches its folder would be woken by each line of the log, and make the next one.
        log = Path(logs) / "strace.log"
        return _run(program, place, log, command(program, log, calls, *inject))


def _run(program: Program, place: Path, log: Path, argv: list[str]) -> Outcome:
    process = subprocess.Popen(
        argv,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=program.seconds)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        # Its own session: the group holds no process of another program.
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        code = None
    outcome = Outcome(code, out, err, log.read_text(errors="replace") if log.exists() else "")
    # While what it left is there.
    return Outcome(code, out, err, outcome.log, program.read(outcome, place))


def reached(log: str, marker: str, calls: frozenset[str], most: int) -> list[tuple[str, int]]:
    """Which n-th calls a run makes once main has begun: those of its first thread after it, and those of all others."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    found: dict[tuple[str, int], None] = {}
    begun, first = False, None
    taken: dict[tuple[str, str], int] = defaultdict(int)
    for line in log.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        thread, call = match.groups()
        first = first or thread
        seen[thread, call] += 1
        after, begun = begun, begun or marker in line
        if after and call in calls and call in CALLS and taken[thread, call] < most:
            taken[thread, call] += 1
            found[call, seen[thread, call]] = None
    return list(found)


def faults(log: str, program: Program, most: int, effects: frozenset[str] | None = None) -> list[Fault]:
    """What is injected into a program whose run without a fault left this log."""
    calls = reached(log, program.marker, program.calls, most)
    return [
        Fault(call, effect, nth)
        for call, nth in calls
        for effect in CALLS[call]
        if effects is None or effect in effects
    ]
