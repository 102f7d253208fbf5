"""A copy of the tree with all mutants of its files behind a switch, built once: `conformance/mutants` writes it."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fuzzing
from steps import ROOT, TARGET, tool

PLACE = TARGET / "mutants"
TREE = PLACE / "tree"
VERSION = "27.1.0"
ROUNDS = 30
"""So often mutants that do not compile are taken out; each round tells the compiler's next pass what is left."""

DRAWN = {"UPTLS_LAWS": "2000", "UPTLS_MODEL_SEQUENCES": "1000"}
"""What is drawn at random is drawn less often: a survivor would meet all of it."""


@dataclass(frozen=True)
class Mutant:
    """One change, as cargo-mutants lists it; the number is that of the switch."""

    number: int
    listed: dict[str, Any] = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return str(self.listed["name"])

    @property
    def file(self) -> str:
        return str(self.listed["file"])

    @property
    def plain(self) -> str:
        """The name without line and column, which other changes move."""
        return re.sub(r"^([^:]+):\d+:\d+: ", r"\1: ", self.name)


@dataclass
class Build:
    """The programs that hold the mutants, and which mutants those are."""

    programs: dict[str, "Program"]
    switched: set[Mutant]
    unviable: set[Mutant]
    """Those that do not compile."""
    unswitched: dict[Mutant, str]
    """Those that no switch can hold, with the reason."""


@dataclass(frozen=True)
class Program:
    """A program of tests."""

    path: Path
    folder: Path
    """The one of its package: tests begin there."""


@dataclass(frozen=True)
class Selection:
    """What is built, for cargo."""

    packages: tuple[str, ...]
    tests: tuple[str, ...]
    features: tuple[str, ...]

    def words(self) -> list[str]:
        words = ["--lib", *(part for package in self.packages for part in ("--package", package))]
        words += [part for test in self.tests for part in ("--test", test)]
        return [*words, "--features", ",".join(self.features)] if self.features else words


def environment() -> dict[str, str]:
    # What runs the tests may have been told to bless, or where to find what only some suites need.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UPTLS_")}
    folder = str(PLACE / "target")
    return {**kept, "CARGO_TARGET_DIR": folder, "CARGO_PROFILE_DEV_DEBUG": "none", **DRAWN}


def listed(files: list[str]) -> list[Mutant]:
    """All mutants of some files; a pattern that no file matches is an error."""
    for pattern in files:
        if not any(ROOT.glob(pattern)):
            raise SystemExit(f"no file is called {pattern}")
    command = [tool("cargo-mutants", VERSION), "mutants", "--list", "--json", *(f"--file={file}" for file in files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return read(done.stdout)


def read(text: str) -> list[Mutant]:
    """What cargo-mutants lists."""
    # What stands in for a feature is no part of a build that has it.
    present = [found for found in json.loads(text) if not found["file"].endswith("_absent.rs")]
    return [Mutant(number, found) for number, found in enumerate(present, start=1)]


def written(mutants: list[Mutant]) -> str:
    """A list that `read` takes: one line for each mutant, with all that is used here."""
    fields = ("name", "file", "genre", "span", "replacement")
    lines = [json.dumps({field: mutant.listed[field] for field in fields}) for mutant in mutants]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def rewritten(mutants: list[Mutant]) -> dict[Mutant, dict[str, Any]]:
    """Writes the copy of the tree with these mutants; says of each where it stands, or why it does not."""
    fuzzing.copy_tree(TREE)
    told = [
        {"id": mutant.number, **{key: mutant.listed[key] for key in ("file", "genre", "span", "replacement")}}
        for mutant in mutants
    ]
    command = ["cargo", "run", "--quiet", "--locked", "--package", "uptls-mutants", "--", str(TREE)]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(told), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"cannot put mutants into {TREE}:\n{done.stderr}")
    numbers = {mutant.number: mutant for mutant in mutants}
    return {numbers[answer["id"]]: answer for answer in json.loads(done.stdout)}


def cargo(words: list[str]) -> tuple[bool, list[dict[str, Any]]]:
    """Runs cargo in the copy; its messages."""
    command = ["cargo", *words, "--message-format=json"]
    done = subprocess.run(command, cwd=TREE, env=environment(), capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 and not any(errors(messages)):
        raise SystemExit(done.stderr[-4_000:])
    return done.returncode == 0, messages


def errors(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    compiled = [message["message"] for message in messages if message["reason"] == "compiler-message"]
    return [error for error in compiled if error["level"].startswith("error") and error["spans"]]


def blamed(error: dict[str, Any], places: dict[Mutant, dict[str, Any]]) -> set[Mutant]:
    """The mutants that an error is about: it points at their code, or at least at their switch."""
    for is_primary in (True, False):
        for kind in ("alternative", "whole"):
            found: list[tuple[int, Mutant]] = []
            for span in error["spans"]:
                if span["is_primary"] != is_primary:
                    continue
                for mutant, place in places.items():
                    where = place["switched"][kind]
                    inside = where["start"] <= span["byte_start"] and span["byte_end"] <= where["end"]
                    if inside and span["file_name"].endswith(place["file"]):
                        found.append((where["end"] - where["start"], mutant))
            if found:
                innermost = min(size for size, _ in found)
                return {mutant for size, mutant in found if size == innermost}
    return set()


def build(mutants: list[Mutant], selection: Selection) -> Build:
    """Puts all that compile behind the switch, and builds the tests."""
    unviable: set[Mutant] = set()
    for _ in range(ROUNDS):
        places = rewritten([mutant for mutant in mutants if mutant not in unviable])
        switched = {mutant: place for mutant, place in places.items() if place["switched"]}
        ok, messages = cargo(["test", "--no-run", *selection.words()])
        if ok:
            break
        found = errors(messages)
        worse = set().union(*(blamed(error, switched) for error in found))
        if not worse:
            raise SystemExit("without a mutant to blame:\n" + "\n".join(error["rendered"] for error in found))
        print(f"{len(worse)} mutants do not compile", flush=True)
        unviable |= worse
    else:
        raise SystemExit(f"mutants do not compile after {ROUNDS} rounds")
    unswitched = {mutant: place["unswitched"] for mutant, place in places.items() if place["unswitched"]}
    # A chain of `let` cannot have `||`.
    unviable |= {mutant for mutant, reason in unswitched.items() if reason == "let_chain"}
    unswitched = {mutant: reason for mutant, reason in unswitched.items() if mutant not in unviable}
    return Build(programs(messages), set(switched), unviable, unswitched)


def programs(messages: list[dict[str, Any]]) -> dict[str, Program]:
    """The programs of tests that cargo built, each by package and name."""
    found = {}
    for message in messages:
        if message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
            folder = Path(message["manifest_path"]).parent
            # Where the folder has the name of the package, only the version stands behind the mark.
            place, _, tail = message["package_id"].rpartition("#")
            package = tail.partition("@")[0] if "@" in tail else Path(place).name
            test = message["target"]["name"] if message["target"]["kind"] == ["test"] else "lib"
            found[f"{package} {test}"] = Program(Path(message["executable"]), folder)
    return dict(sorted(found.items()))
