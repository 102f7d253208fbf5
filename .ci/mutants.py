"""Mutation: changes one thing in the code that decides, and demands that a test fails.

One build holds all mutants behind a switch, and the environment chooses one for a run (switched.py). Each meets the
tests that come to its place, the cheapest first (trial.py). A survivor fails the command unless `.ci/mutants.txt` has
it, with the reason why no test can tell; so does an entry there that is no mutant any more. `make mutants SHARD=3/40`
tries one part that is spread over all files. A sample, whose mutants have a known fate, is tried first and every time.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass

from steps import ROOT
from switched import PLACE, Build, Mutant, Selection, build, listed
from trial import Test, killed, measured

REVIEWED = ROOT / ".ci" / "mutants.txt"
OUTCOMES = PLACE / "outcomes.json"


@dataclass(frozen=True)
class Suite:
    """Files, and the packages and tests that tell their mutants; the unit tests of the packages are among them."""

    name: str
    files: tuple[str, ...]
    packages: tuple[str, ...]
    tests: tuple[str, ...]
    patience: float = 20
    """For so many seconds of the processor a mutant may go on beyond what its tests take; then it hangs."""


CORE = ("uptls", "uptls-conformance")
# A program of tests, and of core's the folder. Each file of a verdict or a session is told by any of these.
CORE_TESTS = ("all handshake::", "all session::", "all verify::", "laws", "name_constraints", "vectors_rust")
ROTATION = ("all errors::logs::", "all rotate::", "rotate_watch")
SAMPLE = Suite("sample", ("conformance/mutants/sample/src/*.rs",), ("uptls-mutants-sample",), (), patience=2)
SUITES = (
    Suite("names", ("core/src/name.rs", "core/src/name/*.rs"), CORE, CORE_TESTS),
    Suite("verify", ("core/src/verify/*.rs", "core/src/verify/*/*.rs"), CORE, CORE_TESTS),
    Suite("trust", ("core/src/trust/*.rs", "core/src/trust/*/*.rs"), CORE, CORE_TESTS),
    Suite("session", ("core/src/session.rs", "core/src/session/*.rs"), CORE, CORE_TESTS),
    Suite("rotate", ("core/src/rotate/*.rs", "core/src/rotate/*/*.rs"), CORE, CORE_TESTS + ROTATION),
    Suite(
        "merge",
        ("manifest/src/kubernetes/resolve/*.rs",),
        ("uptls-manifest", "uptls-conformance"),
        ("all", "manifests_suite", "gateway_conformance", "laws"),
    ),
    Suite(
        "boundary",
        ("ffi/src/boundary.rs", "ffi/src/exclusive.rs", "ffi/src/handle.rs"),
        ("uptls-ffi",),
        ("nulls", "live", "c_program"),
    ),
)
FEATURES = ("uptls/aws-lc-rs", "uptls/watch")
KINDS = ("killed", "does not compile", "no switch holds it", "survives, reviewed", "survives")
# What becomes of the mutants of the sample, by what their names hold.
PLANTED = {
    " dies": ("killed",),
    " survives": ("survives", "all tests pass"),
    " is_never_reached": ("survives", "no test comes to it"),
    " does_not_compile": ("does not compile",),
    ": replace + with": ("no switch holds it", "constant"),
}


def selection(suites: list[Suite]) -> Selection:
    packages = {package: None for suite in suites for package in suite.packages}
    tests = {test.partition(" ")[0]: None for suite in suites for test in suite.tests}
    return Selection(tuple(packages), tuple(tests), FEATURES if suites != [SAMPLE] else ())


def reviewed() -> dict[str, str]:
    """Mutant and reason: two lines for each, the second indented."""
    entries: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", REVIEWED.read_text()):
        text = [line for line in block.splitlines() if line and not line.startswith("#")]
        if text:
            mutant, *reason = text
            if not reason:
                raise SystemExit(f"{REVIEWED} has no reason for {mutant}")
            entries[mutant] = " ".join(line.strip() for line in reason)
    return entries


def suite_of(mutant: Mutant) -> Suite:
    path = ROOT / mutant.file
    return next(suite for suite in (SAMPLE, *SUITES) if any(path.match(file) for file in suite.files))


def tells(suite: Suite, test: Test) -> bool:
    """Whether a test belongs to a suite."""
    package, _, program = test.program.partition(" ")
    wanted = (entry.partition(" ") for entry in suite.tests)
    named = any(program == name and test.name.startswith(folder) for name, _, folder in wanted)
    return package in suite.packages and (program == "lib" or named)


@dataclass
class Outcome:
    """How a mutant fared."""

    mutant: Mutant
    suite: str
    kind: str
    """One of KINDS."""
    how: str


def attempt(built: Build, tests: list[Test], mutant: Mutant, is_reviewed: bool) -> Outcome:
    suite = suite_of(mutant)
    if mutant in built.unviable:
        return Outcome(mutant, suite.name, "does not compile", "")
    if mutant in built.unswitched:
        return Outcome(mutant, suite.name, "no switch holds it", built.unswitched[mutant])
    reaching = [test for test in tests if mutant.number in test.reached and tells(suite, test)]
    how = killed(mutant, reaching, built.programs, suite.patience)
    if how:
        return Outcome(mutant, suite.name, "killed", how)
    kind = "survives, reviewed" if is_reviewed else "survives"
    return Outcome(mutant, suite.name, kind, "all tests pass" if reaching else "no test comes to it")


def attempts(chosen: list[Mutant], suites: list[Suite]) -> list[Outcome]:
    """Measures the tests without a mutant, and then tries each mutant."""
    reasons = reviewed()
    built = build(chosen, selection(suites))
    began = time.monotonic()
    tests = measured(built.programs, lambda test: any(tells(suite, test) for suite in suites))
    failing = [f"{test.program} {test.name}" for test in tests if not test.passed]
    if failing:
        raise SystemExit("these tests fail without a mutant:\n" + "\n".join(failing))
    print(f"{len(tests)} tests measured in {time.monotonic() - began:.0f} s", flush=True)
    outcomes = []
    for mutant in chosen:
        outcome = attempt(built, tests, mutant, mutant.plain in reasons)
        outcomes.append(outcome)
        if outcome.kind == "survives" and outcome.suite != SAMPLE.name:
            print(f"survives: {mutant.name}: {outcome.how}", flush=True)
    return outcomes


def report(outcomes: list[Outcome], seconds: float) -> None:
    rows: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.suite, Counter())[outcome.kind] += 1
    print("\n| suite | mutants | " + " | ".join(KINDS) + " |")
    print("| --- " + "| ---: " * (len(KINDS) + 1) + "|")
    for suite, counts in rows.items():
        print(f"| {suite} | {counts.total()} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    told = [{"mutant": one.mutant.name, "kind": one.kind, "how": one.how} for one in outcomes]
    OUTCOMES.write_text(json.dumps(told, indent=1))
    print(f"\nmutants: {len(outcomes)} tried in {seconds:.0f} s; {OUTCOMES} says what told each")


def unexpected(outcomes: list[Outcome]) -> list[str]:
    """What was found otherwise in the sample: then nothing that was found can be believed."""
    wrong = []
    for one in outcomes:
        wanted = next(wanted for part, wanted in PLANTED.items() if part in one.mutant.name)
        if (one.kind, one.how)[: len(wanted)] != wanted:
            wrong.append(f"{one.mutant.name}: {one.kind} ({one.how}), and not {' '.join(wanted)}")
    print(f"\nsample: {len(outcomes) - len(wrong)} of {len(outcomes)} mutants fare as they must", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [suite.name for suite in SUITES]
    parser.add_argument("suites", nargs="*", help=f"of {', '.join([*names, SAMPLE.name])}; all without any")
    parser.add_argument("--shard", default="0/1", help="k/n: the k-th of n parts, each with mutants of all files")
    parser.add_argument("--matching", default="", help="a regular expression: only mutants whose name it finds")
    options = parser.parse_args()
    unknown = set(options.suites) - {*names, SAMPLE.name}
    if unknown:
        parser.error(f"no suite is called {', '.join(sorted(unknown))}")
    began = time.monotonic()
    suites = [suite for suite in SUITES if suite.name in (options.suites or names)]
    mutants = listed([file for suite in (SAMPLE, *SUITES) for file in suite.files])
    part, parts = (int(number) for number in options.shard.split("/"))
    chosen = [mutant for mutant in mutants if suite_of(mutant) in suites and re.search(options.matching, mutant.name)]
    sample = [mutant for mutant in mutants if suite_of(mutant) is SAMPLE]
    outcomes = attempts([*sample, *chosen[part::parts]], [SAMPLE, *suites])
    wrong = unexpected([outcome for outcome in outcomes if outcome.suite == SAMPLE.name])
    real = [outcome for outcome in outcomes if outcome.suite != SAMPLE.name]
    if real:
        report(real, time.monotonic() - began)
    known = {mutant.plain for mutant in mutants}
    wrong += [f"no test tells {one.mutant.name}: {one.how}" for one in real if one.kind == "survives"]
    wrong += [f"{REVIEWED.name} has a mutant that is none: {name}" for name in sorted(set(reviewed()) - known)]
    for text in wrong:
        print(f"  FAILED: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
