"""What became of a run into which a fault was injected: harmless, an error with a fitting code, or a defect."""

import enum
import re
from dataclasses import dataclass

from calls import Fault, allowed


class Kind(enum.Enum):
    """How a run ended."""

    AS_WITHOUT = "as without"
    CODED = "coded error"
    LOADER = "before main"
    NOT_REACHED = "not reached"
    UNSETTLED = "unsettled"
    BLAMED = "wrong code"
    CRASH = "crash"
    HANG = "hang"
    LEAK = "leak"
    MIXED = "mixed output"
    PANIC = "panic"
    UNCODED = "no code"
    WRONG_ACCEPT = "wrong accept"
    WRONG_VERDICT = "wrong verdict"

    @property
    def is_defect(self) -> bool:
        """Whether the run must not end so."""
        return self not in {Kind.AS_WITHOUT, Kind.CODED, Kind.LOADER, Kind.NOT_REACHED, Kind.UNSETTLED}


@dataclass(frozen=True)
class Result:
    """What a program says: that the peer is accepted, or with which code it is not."""

    accepted: bool
    code: str | None = None
    defect: Kind | None = None
    """What was found wrong with what it left: a leak, a pair that does not belong together."""


@dataclass(frozen=True)
class Outcome:
    """What a run left: no return code for one that had to be killed."""

    returncode: int | None
    stdout: str
    stderr: str
    log: str
    result: Result = Result(accepted=False)
    """What the program said, and left."""


VERDICTS = range(400, 700)
"""The numbers of verdicts on the peer: no fault of this side is one."""


def is_before_main(log: str, marker: str) -> bool:
    """Whether every fault hit before the program's own first file was opened: the loader's, the interpreter's."""
    begun = log.find(marker)
    return begun < 0 or log.rfind("INJECTED") < begun


def classify(fault: Fault, outcome: Outcome, usual: Result, marker: str, numbers: dict[str, int]) -> Kind:
    """How a run ended, of which `usual` is the result without a fault."""
    if outcome.result.accepted and not usual.accepted:
        return Kind.WRONG_ACCEPT
    if outcome.returncode is None:
        return Kind.HANG
    if "INJECTED" not in outcome.log:
        return Kind.NOT_REACHED
    if is_before_main(outcome.log, marker):
        return Kind.LOADER
    if outcome.result.code is None and "unsettled: generation 1, ready" in outcome.stdout and repeats(outcome.log):
        # R6: what cannot be read says nothing, as long as it lasts.
        return Kind.UNSETTLED
    return broken(outcome) or judged(outcome.result, usual, allowed(fault, numbers), numbers)


def broken(outcome: Outcome) -> Kind | None:
    """What is wrong whatever the program says."""
    if outcome.result.code == "panic" or re.search(r"\bpanicked at\b", outcome.stdout + outcome.stderr):
        return Kind.PANIC
    if outcome.returncode is None or not 0 <= outcome.returncode < 128:
        return Kind.CRASH
    return outcome.result.defect


def repeats(log: str) -> bool:
    """Whether the fault was made again and again: strace counts by thread, and each look at files has its own."""
    return log.count("INJECTED") > 1


def judged(result: Result, usual: Result, fitting: frozenset[str], numbers: dict[str, int]) -> Kind:
    """What the program says, by the codes that fit."""
    if result.accepted or result == usual:
        return Kind.AS_WITHOUT
    if result.code is None:
        return Kind.UNCODED
    if result.code in fitting:
        return Kind.CODED
    return Kind.WRONG_VERDICT if numbers.get(result.code) in VERDICTS else Kind.BLAMED
