"""The fault rig: makes each system call of the command, C and Python fail once, and looks at what is said then.

`make faults` runs all of it, the gate a part (`--small`). It exits with 1 where a run crashed, hung, accepted what the
policy refuses, leaked, left a mixed output, or blamed the peer or the caller for what this side lacks. Each of these is
printed with the command line that repeats it.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import inject
from calls import Fault
from fixtures import Server, make_files
from programs import Program, Tools, interpreter, programs, said_of
from selftest import missed
from verdicts import Kind, Outcome, Result, classify

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

SMALL_PROGRAMS = (
    "command check, accepted",
    "command check, refused",
    "C get, accepted",
    "C epoll, refused",
    "python connect, accepted",
    "python connect by name",
    "asyncio connect, accepted",
    "export over an older one",
    "python watch",
)
SMALL_EFFECTS = frozenset(
    {"EMFILE", "ENOBUFS", "EADDRNOTAVAIL", "ENOSPC", "ETIMEDOUT", "EAGAIN", "ECONNREFUSED", "EIO", "=0"}
)
SMALL_CALLS = frozenset(
    {"socket", "connect", "sendto", "writev", "recvfrom", "openat", "clone3"}
    | {"write", "fsync", "mkdir", "rename", "renameat2", "symlink", "symlinkat"}
    | {"inotify_init1", "inotify_add_watch"}
)


@dataclass
class Tally:
    """The runs of one program."""

    program: Program
    kinds: Counter[Kind] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)


def numbers() -> dict[str, int]:
    """All codes, as the page of errors has them."""
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = (line.split("|") for line in page.splitlines() if line.startswith("| ") and line[2:3].isdigit())
    return {row[2].strip(" `"): int(row[1]) for row in rows}


def build(folder: Path) -> Tools:
    """C's examples against the library that was built last, under the names by which the system's linker finds it."""
    for name in ("libuptls.so", "libuptls.so.0.1"):
        (folder / name).symlink_to(TARGET / "debug" / "libuptls_ffi.so")
    made = {}
    for name in ("get", "epoll"):
        made[name] = folder / name
        source = ROOT / "examples" / "c" / f"{name}.c"
        link = ["-I", str(ROOT / "ffi" / "include"), "-L", str(folder), "-luptls", f"-Wl,-rpath,{folder}"]
        subprocess.run(["cc", "-o", str(made[name]), str(source), *link], check=True)
    return Tools(TARGET / "debug" / "uptls", made["get"], made["epoll"], interpreter(TARGET), HERE)


def judge(program: Program, fault: Fault, usual: Result, folder: Path, known: dict[str, int]) -> tuple[Kind, Outcome]:
    """One fault."""
    outcome = inject.run(program, folder, fault.call, fault.injection())
    return classify(fault, outcome, usual, program.marker, known), outcome


def attempt(program: Program, folder: Path, known: dict[str, int], jobs: int, *, small: bool) -> Tally:
    """All faults of one program."""
    tally = Tally(program)
    if small:
        program = replace(program, calls=program.calls & SMALL_CALLS)
    calls = ",".join(sorted(program.calls))
    without = inject.run(program, folder, calls)
    wanted = "refused" not in program.name
    if without.result.accepted != wanted or (not wanted and without.result.code is None):
        tally.defects.append(f"without a fault: {without.returncode}, {without.result}, {said_of(without)}")
        return tally
    most, effects = (2, SMALL_EFFECTS) if small else (12, None)
    todo = inject.faults(without.log, program, most, effects)
    lock = threading.Lock()

    def one(fault: Fault) -> None:
        kind, outcome = judge(program, fault, without.result, folder, known)
        with lock:
            tally.kinds[kind] += 1
            if kind.is_defect:
                again = shlex.join(["strace", "-f", "-e", fault.injection(), *program.argv])
                tally.defects.append(f"{kind.value}: {fault.injection()}: {said_of(outcome)}\n      {again}")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, todo))
    return tally


def show(tallies: list[Tally]) -> int:
    """The table; how many defects there are."""
    columns = [kind for kind in Kind if any(tally.kinds[kind] for tally in tallies)]
    width = max(len(tally.program.name) for tally in tallies)
    print("  ".join(["program".ljust(width), "injected", *(kind.value for kind in columns)]))
    for tally in tallies:
        cells = [str(tally.kinds[kind]).rjust(len(kind.value)) for kind in columns]
        print("  ".join([tally.program.name.ljust(width), str(tally.kinds.total()).rjust(8), *cells]))
    for tally in tallies:
        for defect in tally.defects:
            print(f"  FAILED: {tally.program.name}: {defect}")
    injected, defects = sum(t.kinds.total() for t in tallies), sum(len(t.defects) for t in tallies)
    print(f"faults: {injected} injected, {defects} defects", flush=True)
    return defects


def main() -> int:
    """Runs the rig."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the part that the gate runs")
    parser.add_argument("--only", default="", help="programs whose name holds this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many runs at once")
    parser.add_argument("--serve", action="store_true", help="only serve, so that a run can be repeated")
    parser.add_argument("--port", type=int, default=29443, help="of the server")
    arguments = parser.parse_args()
    if (reason := inject.why_not()) is not None:
        print(f"faults skipped: {reason}")
        return 1 if os.environ.get("UPTLS_REQUIRE_SUITES") == "1" else 0
    folder = TARGET / "faults"
    if not arguments.serve:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make_files(folder)
    known = numbers()
    for problem in [] if arguments.serve else missed(folder, known):
        print(f"  FAILED: the rig itself: {problem}")
        return 1
    server = Server(folder, arguments.port)
    if arguments.serve:
        threading.Event().wait()
    tools = build(folder)
    if tools.python is None:
        print("faults skipped: Python: uptls is not installed in target/venv, run the gate first")
        if os.environ.get("UPTLS_REQUIRE_SUITES") == "1":
            return 1
    chosen = [program for program in programs(tools, folder, server.port) if arguments.only in program.name]
    if arguments.small:
        chosen = [program for program in chosen if program.name in SMALL_PROGRAMS]
    tallies = [attempt(program, folder, known, arguments.jobs, small=arguments.small) for program in chosen]
    return 1 if show(tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
