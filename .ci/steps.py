"""What steps of the gate are made of: commands that are shown, counts by face, tools of a fixed version."""

import os
import re
import subprocess
import sys
import time
import venv
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
VENV = TARGET / "venv"
TOOLS = TARGET / "tools"
REQUIRED = os.environ.get("UPTLS_REQUIRE_SUITES") == "1"

CARGO_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
VISIBLE_SKIP = re.compile(r"^.*\bskipped: .*$", re.MULTILINE)


class Tally:
    """Counts of passed, failed and skipped tests, by face."""

    def __init__(self) -> None:
        self.faces: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.broken: list[str] = []

    def add(self, face: str, passed: int = 0, failed: int = 0, skipped: int = 0) -> None:
        for index, count in enumerate((passed, failed, skipped)):
            self.faces[face][index] += count

    def step(self, face: str, name: str, ok: bool) -> None:
        """A check that counts as one test."""
        self.add(face, passed=int(ok), failed=int(not ok))
        if not ok:
            self.broken.append(name)

    def report(self) -> int:
        print()
        for face, (passed, failed, skipped) in self.faces.items():
            print(f"  {face:<14} {passed:>5} passed {failed:>4} failed {skipped:>4} skipped")
        for name in self.broken:
            print(f"  FAILED: {name}")
        passed, failed, skipped = (sum(face[i] for face in self.faces.values()) for i in range(3))
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed or (REQUIRED and skipped) else 0


def run(name: str, command: list[str], cwd: Path = ROOT, **env: str) -> tuple[bool, str]:
    """Runs a command, passes its output on as it comes, and returns whether it succeeded, and the output."""
    began = time.monotonic()
    print(f"\n== {name}: {' '.join(map(str, command))}", flush=True)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        sys.stdout.write(line)
        sys.stdout.flush()
    ok = process.wait() == 0
    print(
        f"== {name}: {'ok' if ok else 'FAILED'} after {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return ok, "".join(lines)


def check(tally: Tally, face: str, name: str, command: list[str], **kwargs: object) -> bool:
    ok, _ = run(name, command, **kwargs)  # type: ignore[arg-type]
    tally.step(face, name, ok)
    return ok


def cargo_tests(tally: Tally, face: str, name: str, arguments: list[str], **env: str) -> None:
    """Tests of cargo; a test that cannot run says `skipped: why`, and is counted as such."""
    ok, output = run(name, ["cargo", "test", *arguments], RUST_BACKTRACE="0", **env)
    results = CARGO_RESULT.findall(output)
    passed, failed, ignored = (sum(int(result[i]) for result in results) for i in range(3))
    skips = VISIBLE_SKIP.findall(output)
    tally.add(face, passed - min(passed, len(skips)), failed, ignored + len(skips))
    if not ok and not failed:
        tally.step(face, name, False)


def tool(name: str, version: str) -> str:
    """A cargo tool of a fixed version, installed under target/tools unless it is there."""
    marker = TOOLS / f".{name}-{version}"
    if not marker.exists():
        ok, _ = run(
            f"install {name}",
            # Built once and run once: a build without optimization is the shorter of the two.
            ["cargo", "install", "--locked", "--debug", "--root", str(TOOLS), f"{name}@{version}"],
        )
        if not ok:
            raise SystemExit(f"cannot install {name}")
        marker.touch()
    return str(TOOLS / "bin" / name)


def python_environment(place: Path = VENV, name: str = "requirements-dev.txt") -> Path:
    """A virtual environment with what is pinned in a file of python/: made once, and anew when the file changes."""
    requirements = ROOT / "python" / name
    stamp = place / "requirements.txt"
    interpreter = place / "bin" / "python"
    wanted = pinned(requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(place, with_pip=True, clear=True)
        ok, _ = run(
            "Python tools",
            [
                str(interpreter),
                "-m",
                "pip",
                "install",
                "--quiet",
                "-r",
                str(requirements),
            ],
        )
        if not ok:
            raise SystemExit("cannot install the Python tools")
        stamp.write_text(wanted)
    return interpreter


def pinned(requirements: Path) -> str:
    """A file of requirements, with the files that it includes by `-r` in their place."""
    lines = requirements.read_text().splitlines(keepends=True)
    parts = [pinned(requirements.parent / line[3:].strip()) if line.startswith("-r ") else line for line in lines]
    return "".join(parts)
