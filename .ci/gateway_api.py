"""Fetches the newest Gateway API that is tested under target/gateway-api, as Go modules, and prints that path."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import go
from pinned import ROOT, TARGET, install

# A line for each module: path, version and hash, as in go.sum.
SUMS = ROOT / ".ci" / "gateway-api.sum"
FOLDER = TARGET / "gateway-api"


def fetch() -> Path:
    """The folder with a link for each module, named by the last part of its path; fetched unless it is there."""
    stamp = FOLDER / "modules.sum"
    if stamp.exists() and stamp.read_bytes() == SUMS.read_bytes():
        return FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = install("go", "command", go.FIND)
    for line in SUMS.read_text().splitlines():
        module, version, wanted = line.split()
        link(module.rsplit("/", 1)[1], download(command, module, version, wanted))
    stamp.write_bytes(SUMS.read_bytes())
    return FOLDER


def download(command: Path, module: str, version: str, wanted: str) -> Path:
    """Where the module is; it is refused if it has another hash."""
    environment = {
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(FOLDER / "modules"),
        # The hash is pinned here, so that no checksum server need be asked for it.
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
    }
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [str(command), "mod", "download", "-json", f"{module}@{version}"],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    found = json.loads(ran.stdout or "{}")
    if ran.returncode or found.get("Sum") != wanted:
        raise SystemExit(f"{module}@{version}: wanted {wanted}, got {found.get('Sum')} {found.get('Error', '')}")
    return Path(found["Dir"])


def link(name: str, to: Path) -> None:
    place = FOLDER / name
    place.unlink(missing_ok=True)
    place.symlink_to(to)


if __name__ == "__main__":
    print(fetch())
