"""Mutation: changes one thing in the code that decides, and demands that a test fails.

One build holds all mutants behind a switch, and the environment chooses one for a run (switched.py). Each meets the
tests that come to its place, the cheapest first (trial.py). A survivor fails the command unless `.ci/mutants.txt` has
it, with the reason why no test can tell; so does an entry there that is no mutant any more. `make mutants SHARD=3/40`
tries one part that is spread over all files. A sample, whose mutants have a known fate, is tried first and every time.

Each outcome is written at once (kept.py). A run that was cut goes on from there; after a change of anything but pages
and reasons all mutants are tried anew. `--keep-kills`, for those who only add tests, tries the survivors anew, and of
the others only the mutants of changed files.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from kept import OUTCOMES, Kept, Outcome
from steps import ROOT
from switched import Build, Mutant, Selection, build, listed, read, written
from trial import Test, killed, measured

REVIEWED = ROOT / ".ci" / "mutants.txt"
SAMPLE_LIST = ROOT / "conformance" / "mutants" / "sample" / "mutants.json"
"""What cargo-mutants lists for the sample, so that the gate can try the sample without that tool."""


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
# Only callgrind sees what an order of the work costs, and only connections ask for the report of a peer afterwards.
JUDGEMENT = ("all connect::connect_reports::", "work_bound")
ROTATION = ("all errors::logs::", "all rotate::", "rotate_watch")
SAMPLE = Suite("sample", ("conformance/mutants/sample/src/*.rs",), ("uptls-mutants-sample",), (), patience=2)
SUITES = (
    Suite("names", ("core/src/name/*.rs",), CORE, CORE_TESTS),
    Suite("verify", ("core/src/verify/*.rs", "core/src/verify/*/*.rs"), CORE, CORE_TESTS + JUDGEMENT),
    Suite("trust", ("core/src/trust/*.rs", "core/src/trust/*/*.rs"), CORE, CORE_TESTS),
    Suite("session", ("core/src/session/*.rs",), CORE, CORE_TESTS),
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


def attempt(built: Build, tests: list[Test], mutant: Mutant) -> Outcome:
    suite = suite_of(mutant)
    if mutant in built.unviable:
        return Outcome(mutant.name, suite.name, "does not compile", "")
    if mutant in built.unswitched:
        return Outcome(mutant.name, suite.name, "no switch holds it", built.unswitched[mutant])
    reaching = [test for test in tests if mutant.number in test.reached and tells(suite, test)]
    how = killed(mutant, reaching, built.programs, suite.patience)
    if how:
        return Outcome(mutant.name, suite.name, "killed", how)
    return Outcome(mutant.name, suite.name, "survives", "all tests pass" if reaching else "no test comes to it")


@dataclass
class Trial:
    """A build with the tests that judge its mutants."""

    built: Build
    tests: list[Test]
    workers: int

    def outcomes(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, Outcome]]:
        """Tries mutants, as many at once as there are workers; the outcomes come as they are found."""
        pool = ThreadPoolExecutor(self.workers)
        trials = {pool.submit(attempt, self.built, self.tests, mutant): mutant for mutant in mutants}
        try:
            for trial in as_completed(trials):
                yield trials[trial], trial.result()
        finally:
            pool.shutdown(cancel_futures=True)


def prepared(chosen: list[Mutant], suites: list[Suite], workers: int) -> Trial:
    """Builds what holds some mutants, and measures the tests without a mutant."""
    built = build(chosen, selection(suites))
    began = time.monotonic()
    tests = measured(built.programs, lambda test: any(tells(suite, test) for suite in suites), workers)
    failing = [f"{test.program} {test.name}" for test in tests if not test.passed]
    if failing:
        raise SystemExit("these tests fail without a mutant:\n" + "\n".join(failing))
    print(f"{len(tests)} tests measured in {time.monotonic() - began:.0f} s", flush=True)
    return Trial(built, tests, workers)


def found(left: list[Mutant], trial: Trial, kept: Kept) -> None:
    """Tries mutants, and keeps what becomes of each."""
    began = time.monotonic()
    for done, (mutant, outcome) in enumerate(trial.outcomes(left), start=1):
        kept.add(mutant, outcome)
        if outcome.kind == "survives":
            print(f"survives: {outcome.mutant}: {outcome.how}", flush=True)
        if done % 100 == 0:
            print(f"{done} of {len(left)} after {time.monotonic() - began:.0f} s", flush=True)


def reported(outcomes: list[tuple[Mutant, Outcome]], seconds: float) -> list[str]:
    """Prints the table; returns what no test tells and the list does not have."""
    reasons = reviewed()
    rows: dict[str, Counter[str]] = {}
    wrong = []
    for mutant, one in outcomes:
        is_reviewed = one.kind == "survives" and mutant.plain in reasons
        rows.setdefault(one.suite, Counter())["survives, reviewed" if is_reviewed else one.kind] += 1
        if one.kind == "survives" and not is_reviewed:
            wrong.append(f"no test tells {one.mutant}: {one.how}")
    print("\n| suite | mutants | " + " | ".join(KINDS) + " |")
    print("| --- " + "| ---: " * (len(KINDS) + 1) + "|")
    for suite, counts in rows.items():
        print(f"| {suite} | {counts.total()} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    print(f"\nmutants: {len(outcomes)}, in {seconds:.0f} s; {OUTCOMES} says what told each")
    return wrong


def unexpected(outcomes: list[Outcome]) -> list[str]:
    """What was found otherwise in the sample: then nothing that was found can be believed."""
    wrong = []
    for one in outcomes:
        wanted = next(wanted for part, wanted in PLANTED.items() if part in one.mutant)
        if (one.kind, one.how)[: len(wanted)] != wanted:
            wrong.append(f"{one.mutant}: {one.kind} ({one.how}), and not {' '.join(wanted)}")
    print(f"\nsample: {len(outcomes) - len(wrong)} of {len(outcomes)} mutants fare as they must", flush=True)
    return wrong


def all_mutants(suites: list[Suite]) -> list[Mutant]:
    """All mutants of all files; for the sample alone, those of its committed list."""
    blessing = os.environ.get("UPTLS_BLESS") == "1"
    if not suites and not blessing:
        return read(SAMPLE_LIST.read_text())
    mutants = listed([file for suite in (SAMPLE, *SUITES) for file in suite.files])
    text = written([mutant for mutant in mutants if suite_of(mutant) is SAMPLE])
    if blessing:
        SAMPLE_LIST.write_text(text)
    elif text != SAMPLE_LIST.read_text():
        raise SystemExit(f"{SAMPLE_LIST} is not what cargo-mutants lists; `UPTLS_BLESS=1 make mutants SUITES=sample`")
    return mutants


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [suite.name for suite in SUITES]
    parser.add_argument("suites", nargs="*", help=f"of {', '.join([*names, SAMPLE.name])}; all without any")
    parser.add_argument("--shard", default="0/1", help="k/n: the k-th of n parts, each with mutants of all files")
    parser.add_argument("--matching", default="", help="a regular expression: only mutants whose name it finds")
    parser.add_argument("--workers", type=int, default=2, help="so many mutants are tried at once; 2 without it")
    parser.add_argument("--keep-kills", action="store_true", help="of files that have not changed, try survivors alone")
    options = parser.parse_args()
    unknown = set(options.suites) - {*names, SAMPLE.name}
    if unknown:
        parser.error(f"no suite is called {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = arguments()
    began = time.monotonic()
    suites = [suite for suite in SUITES if suite.name in options.suites or not options.suites]
    mutants = all_mutants(suites)
    part, parts = (int(number) for number in options.shard.split("/"))
    matching = [mutant for mutant in mutants if re.search(options.matching, mutant.name)]
    chosen = [mutant for mutant in matching if suite_of(mutant) in suites][part::parts]
    sample = [mutant for mutant in mutants if suite_of(mutant) is SAMPLE]
    kept = Kept(kills=options.keep_kills)
    left = [mutant for mutant in chosen if kept.get(mutant) is None]
    print(f"{len(chosen)} mutants, {len(chosen) - len(left)} of them known from earlier runs", flush=True)
    trial = prepared([*sample, *left], [SAMPLE, *suites], options.workers)
    wrong = unexpected([outcome for _, outcome in trial.outcomes(sample)])
    if not wrong and suites:
        found(left, trial, kept)
        outcomes = [(mutant, outcome) for mutant in chosen if (outcome := kept.get(mutant))]
        wrong = reported(outcomes, time.monotonic() - began)
        known = {mutant.plain for mutant in mutants}
        wrong += [f"{REVIEWED.name} has a mutant that is none: {name}" for name in sorted(set(reviewed()) - known)]
    for text in wrong:
        print(f"  FAILED: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
