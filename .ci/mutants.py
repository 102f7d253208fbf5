"""Mutation: changes one thing in the code that decides, and demands that a test fails.

`make mutants` tries all of them, `make mutants SHARD=3/40` one part that is spread over all files. The cheapest tests
come first, and only what survives them meets the dearer ones. A survivor fails the command unless `.ci/mutants.txt` has
it, with the reason why no test can tell; so does an entry there that is no mutant any more.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzzing
from steps import ROOT, TARGET, tool

PLACE = TARGET / "mutants"
REVIEWED = ROOT / ".ci" / "mutants.txt"
VERSION = "27.1.0"
SECONDS = 300
"""For so long the tests of one mutant may run; one that hangs is found."""


@dataclass(frozen=True)
class Stage:
    """Some tests, which are run one binary after the other until one fails."""

    packages: tuple[str, ...]
    tests: tuple[str, ...]
    features: tuple[str, ...] = ()
    lib: bool = True

    def words(self) -> list[str]:
        """For cargo test."""
        tests = [part for test in self.tests for part in ("--test", test)]
        features = ["--features", ",".join(self.features)] if self.features else []
        return [*(["--lib"] if self.lib else []), *tests, *features]


@dataclass(frozen=True)
class Suite:
    """Files, and what tells their mutants."""

    name: str
    files: tuple[str, ...]
    stages: tuple[Stage, ...]


CORE = ("uptls/aws-lc-rs", "uptls/watch")
VERDICTS = Stage(
    ("uptls",),
    (
        "bundles",
        "chain_limits",
        "native_roots",
        "native_roots_issue",
        "path_order",
        "peer_texts",
        "spiffe",
        "verified_chain",
    ),
    CORE,
)
VECTORS = Stage(("uptls-conformance",), ("vectors_rust", "name_constraints", "laws"), lib=False)
SESSIONS = Stage(
    ("uptls",),
    (
        "session_bounds",
        "session_counts",
        "session_publications",
        "session_resumption",
        "session_rotation",
        "fingerprint",
    ),
    CORE,
)
ROTATION = Stage(
    ("uptls",),
    (
        "rotate_authors",
        "rotate_batch",
        "rotate_events",
        "rotate_faces",
        "rotate_files",
        "rotate_model",
        "rotate_prepared",
        "rotate_unread",
        "rotate_watch",
        "rotate_withdrawn",
        "fingerprint",
        "logs",
    ),
    CORE,
)
SUITES = (
    Suite("names", ("core/src/name.rs", "core/src/name/*.rs"), (VERDICTS, VECTORS)),
    Suite("verify", ("core/src/verify/*.rs",), (VERDICTS, VECTORS)),
    Suite("trust", ("core/src/trust/*.rs", "core/src/trust/crl/*.rs"), (VERDICTS, VECTORS)),
    Suite("session", ("core/src/session.rs", "core/src/session/*.rs"), (SESSIONS,)),
    Suite("rotate", ("core/src/rotate/*.rs", "core/src/rotate/*/*.rs"), (ROTATION,)),
    Suite(
        "merge",
        ("manifest/src/kubernetes/precedence.rs", "manifest/src/kubernetes/resolve/*.rs"),
        (
            Stage(("uptls-manifest",), ("all",)),
            Stage(("uptls-conformance",), ("manifests_suite", "gateway_conformance", "laws"), lib=False),
        ),
    ),
    Suite(
        "boundary",
        ("ffi/src/boundary.rs", "ffi/src/exclusive.rs", "ffi/src/handle.rs"),
        (Stage(("uptls-ffi",), ("nulls", "live", "c_program")),),
    ),
)


def environment() -> dict[str, str]:
    # The copies of the tree share what they depend on; symbols would be linked again for each mutant.
    folder = str(PLACE / "target")
    return {**os.environ, "CARGO_TARGET_DIR": folder, "CARGO_PROFILE_DEV_DEBUG": "none", "UPTLS_LAWS": "2000"}


def mutate(suite: Suite, shard: str) -> Path:
    """Runs cargo-mutants with the tests of the first stage; the folder of what it found."""
    out = PLACE / suite.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    first = suite.stages[0]
    command = [
        tool("cargo-mutants", VERSION),
        "mutants",
        "--no-shuffle",
        "--colors=never",
        # The lints of the workspace do not concern mutants.
        "--cap-lints=true",
        f"--timeout={SECONDS}",
        f"--output={out}",
        *(f"--file={file}" for file in suite.files),
        *(part for package in first.packages for part in ("--test-package", package)),
        *(f"--cargo-test-arg={word}" for word in first.words()),
        *([f"--shard={shard}", "--sharding=round-robin"] if shard else []),
    ]
    code = subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
    # Some survived, or hung.
    if code not in {0, 2, 3}:
        raise SystemExit(f"cargo-mutants failed with {code} in {suite.name}")
    return out / "mutants.out"


def passes(tree: Path, stage: Stage) -> bool:
    """Whether the tests of a stage pass in a copy of the tree."""
    packages = [part for package in stage.packages for part in ("-p", package)]
    command = ["cargo", "test", "--quiet", *packages, *stage.words()]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment(), capture_output=True, timeout=SECONDS + 600, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def survives(out: Path, outcome: dict[str, Any], stages: tuple[Stage, ...]) -> bool:
    """Whether a mutant that cargo-mutants could not tell survives the dearer tests, too."""
    tree = fuzzing.copy_tree(PLACE / "tree")
    # In place of the second name, cargo-mutants says what the mutant does.
    before, _, *rest = (out / outcome["diff_path"]).read_text().splitlines(keepends=True)
    diff = out / "mutant.diff"
    diff.write_text("".join([before, before.replace("---", "+++", 1), *rest]))
    apply = ["git", "apply", "-p0", str(diff)]
    subprocess.run(apply, cwd=tree, env=fuzzing.alone(tree), check=True)
    try:
        return all(passes(tree, stage) for stage in stages)
    finally:
        subprocess.run([*apply, "--reverse"], cwd=tree, env=fuzzing.alone(tree), check=True)


@dataclass
class Found:
    """How the mutants of a suite fared."""

    suite: str
    tried: int
    unviable: int
    survivors: list[str]
    seconds: float


def attempt(suite: Suite, shard: str) -> Found:
    """All stages: those behind the first for its survivors alone."""
    began = time.monotonic()
    out = mutate(suite, shard)
    outcomes = json.loads((out / "outcomes.json").read_text())["outcomes"]
    tried = [outcome for outcome in outcomes if outcome["scenario"] != "Baseline"]
    missed = [outcome for outcome in tried if outcome["summary"] == "MissedMutant"]
    dearer = suite.stages[1:]
    if missed and not all(passes(fuzzing.copy_tree(PLACE / "tree"), stage) for stage in dearer):
        raise SystemExit(f"the tests of {suite.name} fail without a mutant")
    survivors = [name_of(outcome) for outcome in missed if survives(out, outcome, dearer)]
    unviable = sum(outcome["summary"] == "Unviable" for outcome in tried)
    return Found(suite.name, len(tried), unviable, survivors, time.monotonic() - began)


def name_of(outcome: dict[str, Any]) -> str:
    return str(outcome["scenario"]["Mutant"]["name"])


def plain(name: str) -> str:
    """The mutant without line and column, which other changes move."""
    return re.sub(r"^([^:]+):\d+:\d+: ", r"\1: ", name)


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


def known() -> set[str]:
    """All mutants that there are."""
    files = [f"--file={file}" for suite in SUITES for file in suite.files]
    command = [tool("cargo-mutants", VERSION), "mutants", "--list", "--json", *files]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    return {plain(mutant["name"]) for mutant in json.loads(listed)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(suite.name for suite in SUITES)}; all without any")
    parser.add_argument("--shard", default="", help="k/n: the k-th of n parts, each of which has mutants of all files")
    options = parser.parse_args()
    reasons, all_names = reviewed(), known()
    stale = sorted(set(reasons) - all_names)
    chosen = [suite for suite in SUITES if not options.suites or suite.name in options.suites]
    results = [attempt(suite, options.shard) for suite in chosen]
    print("\n| suite | tried | do not compile | survive, reviewed | survive | seconds for each |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    unknown = []
    for found in results:
        new = [name for name in found.survivors if plain(name) not in reasons]
        unknown += new
        each = found.seconds / max(found.tried, 1)
        old = len(found.survivors) - len(new)
        print(f"| {found.suite} | {found.tried} | {found.unviable} | {old} | {len(new)} | {each:.0f} |")
    for name in unknown:
        print(f"  FAILED: no test tells {name}")
    for name in stale:
        print(f"  FAILED: {REVIEWED.name} has a mutant that is none: {name}")
    print(f"mutants: {sum(found.tried for found in results)} of {len(all_names)} tried", flush=True)
    return 1 if unknown or stale else 0


if __name__ == "__main__":
    sys.exit(main())
