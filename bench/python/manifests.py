"""What many backends of Kubernetes objects cost in Python and C beside Rust, in processor time: ratios of one run.

    python manifests.py target/release/faces 5000

The package under test must be one of a release build. A figure is the least of several rounds. It fails if all
policies take more than twice the time of Rust, or one change more than 2 ms: in Python a change is also an event
and a line of the log.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time

import uptls

CHANGE = "one changed Secret"
MOST, MOST_OF_A_CHANGE = 2.0, 0.002
ROUNDS = 3


def timed(body: Callable[[], object]) -> float:
    began = thread_time()
    body()
    return thread_time() - began


def python(folder: Path, count: int, at: str) -> dict[str, float]:
    """Seconds by scenario, as `faces` has them. An API server's client has its objects as dicts."""
    runtime = uptls.Runtime(at=at)
    text = (folder / "all.yaml").read_bytes()
    each, changes = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("each.jsonl", "changes.jsonl")
    )

    def of_set() -> None:
        found = uptls.ManifestSet.parse(text, runtime=runtime)
        assert sum(bool(found.policy(one.backend, gateway=one.gateway)) for one in found.backends) == count

    store = uptls.ManifestStore(runtime=runtime)

    def of_store() -> None:
        for one in each:
            store.upsert(one)
        changed = store.resolve_changed()
        assert sum(bool(store.policy(one.backend, gateway=one.gateway)) for one in changed) == count

    def change() -> None:
        for one in changes:
            store.upsert(one)
            for policy in store.resolve_changed():
                connector = connectors[policy.backend, policy.gateway]
                store.publish(connector, policy.backend, gateway=policy.gateway)

    seconds = {"a set and all policies": timed(of_set), "a store and all policies": timed(of_store)}
    connectors = {
        (one.backend, one.gateway): uptls.Connector(store.policy(one.backend, gateway=one.gateway))
        for one in store.backends
    }
    seconds[CHANGE] = timed(change) / len(changes)
    return seconds


def least(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


def main(faces: str, count: int) -> int:
    figures: dict[str, list[dict[str, float]]] = {"rust": [], "c": [], "python": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            printed = subprocess.run([faces, str(count), folder], check=True, capture_output=True, text=True).stdout
            found = json.loads(printed)
            at = datetime.fromtimestamp(found["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for face in ("rust", "c"):
                figures[face].append(found[face])
            figures["python"].append(python(Path(folder), count, at))
    rust, *others = (least(rounds) for rounds in figures.values())
    print(f"| {count} backends, ms CPU | Rust | C | Python |")
    print("| --- | --- | --- | --- |")
    good = True
    for name, base in rust.items():
        limit = MOST_OF_A_CHANGE if name == CHANGE else MOST * base
        good = good and all(other[name] <= limit for other in others)
        shown = " | ".join(f"{other[name] * 1e3:.2f} ({other[name] / base:.2f}x)" for other in others)
        print(f"| {name} | {base * 1e3:.2f} | {shown} |")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
