"""The command inside Python, and the example."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import uptls
from conftest import ROOT

if TYPE_CHECKING:
    from conftest import Case


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("name", "status"), [("accepted", 0), ("refused", 1), ("unusable", 2)])
def test_the_command_gives_the_report(name: str, status: int, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    command: list[str | Path] = [sys.executable, "-m", "uptls", "verify", "--json", "--at", case.at]
    command += ["--policy", case.document.name, "--chain", "chain.pem"]
    command += [] if case.host is None else ["--host", case.host]
    done = run(*command, folder=case.folder)
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout == case.report_json + "\n"


def test_the_program_is_installed(tmp_path: Path) -> None:
    done = run(Path(sys.executable).with_name("uptls"), "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"uptls {uptls.__version__}\n")


def test_usage_is_a_complaint(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "uptls", "nonsense", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nonsense" in done.stderr


def test_the_example(accepted: "Case", refused: "Case", tmp_path: Path) -> None:
    def example(case: "Case", policy: Path) -> subprocess.CompletedProcess[str]:
        program = ROOT / "examples/python/verify.py"
        arguments: list[str | Path] = [policy, case.folder / "chain.pem", "--at", case.at]
        arguments += [] if case.host is None else ["--host", case.host]
        return run(sys.executable, program, *arguments, folder=tmp_path)

    done = example(accepted, accepted.document)
    assert (done.returncode, done.stdout, done.stderr) == (0, "accepted\n", "")
    done = example(refused, refused.document)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rejected: name_mismatch: ")
    assert "\nhint: " in done.stderr
    done = example(accepted, tmp_path / "missing.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("policy: document_unreadable: ")
