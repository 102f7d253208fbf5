"""The README's Python program prints the report of docs/report.md."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_prints_the_report() -> None:
    """The same bytes as from Rust, whose test generates docs/report.md."""
    command = [sys.executable, str(ROOT / "examples" / "python" / "refused.py")]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert '"code": "name_mismatch"' in printed
    assert f"```json\n{printed}```\n" in (ROOT / "docs" / "report.md").read_text()
