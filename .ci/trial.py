"""Runs tests against one mutant after the other: those tests alone that come to its place, the cheapest first."""

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from switched import PLACE, Mutant, Program, environment

IDLE = 30
"""For so many seconds a program may do nearly nothing, though it could: then it waits for what never comes."""
STARVED = 1.0
"""A test that waited for so many seconds may have failed by its own deadline, as other programs had the processor."""
MEGABYTES = 4_096
"""So much memory the programs of a run may have together."""
ROUND = 0.5
"""The tests of the first round take so many seconds; each further round takes four times as many."""


@dataclass
class Test:
    """One test, what it costs without a mutant, and the mutants whose place it comes to."""

    program: str
    name: str
    seconds: float = 0.0
    passed: bool = False
    reached: set[int] = field(default_factory=set)


@dataclass
class Ran:
    passed: bool
    seconds: float
    """Of the processor."""
    waited: float
    """Seconds of the clock beyond these."""
    why: str
    """How it failed."""


def ran(program: Program, tests: list[str], seconds: float, **variables: str) -> Ran:
    """Runs some tests of a program within so many seconds of the processor; what hangs is ended, with its children."""
    began = time.monotonic()
    process = subprocess.Popen(
        [str(program.path), "--exact", *tests],
        cwd=program.folder,
        env={**environment(), "CARGO_MANIFEST_DIR": str(program.folder), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    whole = int(seconds) + 1
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (whole, whole + 5))
    resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
    has_ended = ends(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # The time of this one alone: others run beside it.
    _, status, usage = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    spent = usage.ru_utime + usage.ru_stime
    waited = time.monotonic() - began - spent
    if not has_ended:
        return Ran(False, spent, 0, "waits for ever, or takes all memory")
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Ran(False, spent, 0, "hangs")
    return Ran(code == 0, spent, waited, "fails" if code > 0 else f"dies by signal {-code}")


def judged(program: Program, tests: list[str], seconds: float, **variables: str) -> Ran:
    """Runs some tests, and once more if they fail after a wait: a failure that the machine made does not come again."""
    found = ran(program, tests, seconds, **variables)
    if not found.passed and found.waited > STARVED:
        return ran(program, tests, seconds, **variables)
    return found


def ends(leader: int) -> bool:
    """Waits until a program ends, unless nearly always nothing in its session can run, or it takes all memory."""
    looks, busy, since, pause = 0, 0, time.monotonic(), 0.01
    while os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
        if pause < 0.5:
            continue
        is_busy, megabytes = session(leader)
        if megabytes > MEGABYTES:
            return False
        looks, busy = looks + 1, busy + is_busy
        if busy * 5 > looks:
            looks, busy, since = 0, 0, time.monotonic()
        elif time.monotonic() - since > IDLE:
            return False
    return True


def session(leader: int) -> tuple[bool, int]:
    """Whether a thread of a session runs, or would if the processor were free, and the megabytes of its processes."""
    is_busy, pages = False, 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "stat").read_text().rpartition(")")[2].split()
            if int(words[3]) != leader:
                continue
            pages += int(words[21])
            threads = [stat.read_text() for stat in process.glob("task/*/stat")]
            is_busy |= any(text.rpartition(")")[2].split()[0] in "RD" for text in threads)
    return is_busy, pages * resource.getpagesize() >> 20


def tests_of(name: str, program: Program) -> list[Test]:
    """The tests that a program has; ignored ones are none."""

    def names(*words: str) -> set[str]:
        command = [str(program.path), "--list", "--format=terse", *words]
        done = subprocess.run(
            command, cwd=program.folder, env=environment(), capture_output=True, text=True, check=True
        )
        return {line.removesuffix(": test") for line in done.stdout.splitlines() if line.endswith(": test")}

    return [Test(name, test) for test in sorted(names() - names("--ignored"))]


def measured(programs: dict[str, Program], wanted: Callable[[Test], bool], workers: int) -> list[Test]:
    """Runs each wanted test alone, without a mutant: what it costs, and what it reaches."""
    tests = [test for name, program in programs.items() for test in tests_of(name, program) if wanted(test)]

    def measure(test: Test) -> None:
        with tempfile.NamedTemporaryFile("r", dir=PLACE, prefix="reached-") as reached:
            # A test may go on as another user.
            Path(reached.name).chmod(0o666)
            found = judged(programs[test.program], [test.name], 1_200, UPTLS_MUTANTS_REACHED=reached.name)
            test.seconds, test.passed = found.seconds, found.passed
            test.reached = {int(number) for number in reached.read().split()}

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(measure, tests))
    return tests


def rounds(tests: Iterable[Test]) -> list[list[Test]]:
    """The tests by what they cost, in rounds that take longer and longer."""
    found: list[list[Test]] = [[]]
    budget = ROUND
    for test in sorted(tests, key=lambda test: test.seconds):
        if found[-1] and sum(one.seconds for one in found[-1]) + test.seconds > budget:
            found.append([])
            budget *= 4
        found[-1].append(test)
    return found


def killed(mutant: Mutant, tests: list[Test], programs: dict[str, Program], patience: float) -> str:
    """What tells the mutant, or nothing. Tests may take `patience` seconds, and ten times what they take without it."""
    for together in rounds(test for test in tests if mutant.number in test.reached):
        by_program: dict[str, list[Test]] = defaultdict(list)
        for test in together:
            by_program[test.program].append(test)
        for name, some in by_program.items():
            bound = patience + 10 * sum(test.seconds for test in some)
            found = judged(programs[name], [test.name for test in some], bound, UPTLS_MUTANT=str(mutant.number))
            if not found.passed:
                return f"{name} {found.why}"
    return ""
