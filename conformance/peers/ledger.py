"""A file with the expected outcome of each test: a line is the name of a test, two spaces, and the outcome.

An outcome that begins with `fails` has its reason after another two spaces. Without one, it is not accepted.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read(path: Path) -> dict[str, str]:
    """Outcomes by test."""
    return {test: outcome for test, (outcome, _) in _lines(path).items()}


def _lines(path: Path) -> dict[str, tuple[str, str]]:
    """Outcome and reason by test."""
    lines = path.read_text().splitlines() if path.exists() else []
    parts = [line.split("  ", 2) for line in lines if line and not line.startswith("#")]
    return {test: (outcome, *(reason or [""])) for test, outcome, *reason in parts}


def settle(path: Path, found: dict[str, str], *, bless: bool, whole: bool) -> int:
    """Compares what was found with the file, or writes it. Gives the exit code. `whole`: no test may be missing."""
    wanted = _lines(path)
    if bless:
        reasons = {test: reason for test, (_, reason) in wanted.items()}
        write(path, found if whole else {**read(path), **found}, reasons)
        return 0
    complaints = [
        f"{test}: {found.get(test, 'was not run')}; the ledger says: {wanted.get(test, ('nothing', ''))[0]}"
        for test in ({**wanted, **found} if whole else found)
        if wanted.get(test, ("", ""))[0] != found.get(test)
    ]
    complaints += [
        f"{test}: the ledger has no reason"
        for test, (outcome, reason) in wanted.items()
        if outcome.startswith("fails") and not reason
    ]
    for complaint in complaints:
        print(f"DIFFERS: {complaint}")
    print(f"{path.name}: {len(found)} tests, {len(complaints)} differ", flush=True)
    return 1 if complaints else 0


def write(path: Path, outcomes: dict[str, str], reasons: dict[str, str]) -> None:
    """Keeps the comments at the head, and the reasons of tests that fail as before."""
    head = [line for line in path.read_text().splitlines() if line.startswith("#")] if path.exists() else []
    lines = []
    for test, outcome in outcomes.items():
        reason = reasons.get(test, "") if outcome.startswith("fails") else ""
        lines.append("  ".join(part for part in (test, outcome, reason) if part))
    path.write_text("\n".join([*head, *lines]) + "\n")
