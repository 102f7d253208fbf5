"""Whether the rig finds what it is for: planted defects, each by a real injection, and the twins that are none."""

import sys
from pathlib import Path

import inject
from calls import Fault
from planted import ACTIONS, DEFECTS
from programs import Program, of_lines
from verdicts import Kind, classify

FAULT = Fault("socket", "EMFILE", 1)
FOUND = (*DEFECTS, *ACTIONS)


def missed(folder: Path, known: dict[str, int]) -> list[str]:
    """The planted defects that were taken for something else."""
    script = Path(__file__).with_name("planted.py")
    wrong = []
    for defect in FOUND:
        argv = [sys.executable, "-E", "-B", str(script), defect.value]
        program = Program("planted", argv, "faults-begin", of_lines, frozenset({"socket"}), seconds=10)
        usual = inject.run(program, folder, "socket").result
        if [(fault.call, fault.nth) for fault in inject.faults("", program, 1)]:
            wrong.append("calls were found where none was made")
        outcome = inject.run(program, folder, FAULT.call, FAULT.injection())
        kind = classify(FAULT, outcome, usual, program.marker, known)
        if kind is not defect:
            wrong.append(f"a planted {defect.value!r} is called {kind.value!r}")
        never = inject.run(program, folder, FAULT.call, Fault("socket", "EMFILE", 9).injection())
        if (kind := classify(FAULT, never, usual, program.marker, known)) is not Kind.NOT_REACHED:
            wrong.append(f"a fault that was not reached is called {kind.value!r}")
    return wrong
