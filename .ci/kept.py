"""Outcomes of mutants: each is written as soon as it is known, and later runs go on from there while it counts."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import fuzzing
from steps import ROOT
from switched import DRAWN, PLACE, Mutant

OUTCOMES = PLACE / "outcomes.jsonl"


@dataclass(frozen=True)
class Outcome:
    """How a mutant fared."""

    mutant: str
    suite: str
    kind: str
    """One of KINDS."""
    how: str


@dataclass(frozen=True)
class Line:
    """An outcome, and what it was found for."""

    outcome: Outcome
    file: str
    """Digest of the file of the mutant."""
    tree: str
    """Digest of all that can decide the outcome."""


def digest(paths: Iterable[Path], *words: str) -> str:
    found = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        content = (ROOT / path).read_bytes()
        found.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def decides(path: Path) -> bool:
    """Whether a file can decide what becomes of a mutant: pages and reasons cannot."""
    return (ROOT / path).is_file() and path.suffix != ".md" and path != Path(".ci/mutants.txt")


class Kept:
    """Outcomes under target/. All count while the tree is the same.

    With `kills` those that a new test cannot change count while the file of the mutant is the same.
    """

    def __init__(self, kills: bool) -> None:
        self.kills = kills
        self.tree = digest(filter(decides, fuzzing.tree_files()), str(DRAWN))
        self.files: dict[str, str] = {}
        self.lines: dict[str, Line] = {}
        for text in OUTCOMES.read_text().splitlines() if OUTCOMES.exists() else []:
            try:
                told = json.loads(text)
            except ValueError:
                # A run was cut while it wrote this.
                continue
            line = Line(Outcome(**told.pop("outcome")), **told)
            self.lines[line.outcome.mutant] = line

    def file(self, mutant: Mutant) -> str:
        if mutant.file not in self.files:
            self.files[mutant.file] = digest([Path(mutant.file)])
        return self.files[mutant.file]

    def get(self, mutant: Mutant) -> Outcome | None:
        """The outcome of an earlier run, if it counts."""
        # The file as it is now: while mutants are tried, an editor may change it.
        file = self.file(mutant)
        line = self.lines.get(mutant.name)
        if line is None:
            return None
        stays = self.kills and line.outcome.kind in {"killed", "does not compile"} and line.file == file
        return line.outcome if stays or line.tree == self.tree else None

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        line = self.lines[mutant.name] = Line(outcome, self.file(mutant), self.tree)
        with OUTCOMES.open("a") as sink:
            sink.write(json.dumps(asdict(line)) + "\n")
