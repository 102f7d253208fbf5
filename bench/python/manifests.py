"""What many backends of Kubernetes objects cost in Python and C beside Rust, in processor time: ratios of one run.

    python manifests.py target/release/faces 5000

The package under test must be one of a release build. It fails if a scenario takes more than twice the time of Rust.
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

MOST = 2.0


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
    seconds["one changed Secret"] = timed(change) / len(changes)
    return seconds


def main(faces: str, count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run([faces, str(count), folder], check=True, capture_output=True, text=True).stdout
        figures = json.loads(printed)
        at = datetime.fromtimestamp(figures["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        python(Path(folder), count, at)  # warms up
        figures["python"] = python(Path(folder), count, at)
    rust, worst = figures["rust"], 0.0
    print(f"| {count} backends, ms CPU | Rust | C | Python |")
    print("| --- | --- | --- | --- |")
    for name, base in rust.items():
        others = [figures[face][name] for face in ("c", "python")]
        worst = max(worst, *(other / base for other in others))
        shown = " | ".join(f"{other * 1e3:.2f} ({other / base:.2f}x)" for other in others)
        print(f"| {name} | {base * 1e3:.2f} | {shown} |")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
