"""Writes the licence texts of all that is linked into Python's wheel: python/licenses/THIRD-PARTY.txt."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from steps import ROOT

PLACE = ROOT / "python" / "licenses" / "THIRD-PARTY.txt"
NAMES = ("COPYING", "COPYRIGHT", "LICENCE", "LICENSE", "NOTICE", "UNLICENSE")
"""How a file with a licence begins."""
INNER = ("aws-lc",)
"""Folders of a crate with code of a third party."""


def linked() -> list[dict[str, Any]]:
    """The packages that the extension is made of, without our own."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", str(ROOT / "Cargo.toml")]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == "uptls-python"]
    seen: set[str] = set()
    while waiting:
        if (key := waiting.pop()) in seen:
            continue
        seen.add(key)
        # What only builds is not in the wheel.
        waiting += [one["pkg"] for one in nodes[key]["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])]
    found = [packages[key] for key in seen if packages[key]["source"]]
    libraries = [one for one in found if not any("proc-macro" in target["kind"] for target in one["targets"])]
    return sorted(libraries, key=lambda one: str(one["name"]))


def texts(package: dict[str, Any]) -> list[str]:
    """The licence texts of a package."""
    folder = Path(package["manifest_path"]).parent
    folders = [folder, *(folder / inner for inner in INNER if (folder / inner).is_dir())]
    files = [path for one in folders for path in sorted(one.iterdir()) if path.is_file()]
    return [path.read_text(errors="replace").strip() for path in files if path.name.upper().startswith(NAMES)]


def main() -> None:
    """Each text once, under the names of the packages that it is for."""
    owners: dict[str, list[str]] = defaultdict(list)
    summary = ["What is linked into this package, and its licence.", ""]
    for package in linked():
        name = f"{package['name']} {package['version']}"
        summary.append(f"{name}: {package['license'] or 'see its text below'}")
        for text in texts(package):
            owners[text].append(name)
    parts = ["\n".join(summary)]
    for text, names in sorted(owners.items(), key=lambda one: one[1]):
        parts.append(f"{'=' * 80}\n{', '.join(names)}\n\n{text}")
    PLACE.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
