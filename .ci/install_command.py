"""Installs the command: uptls, its man pages, and its completions for bash, zsh and fish."""

import argparse
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
COMPLETIONS = {
    "bash": "bash-completion/completions/uptls",
    "fish": "fish/vendor_completions.d/uptls.fish",
    "zsh": "zsh/site-functions/_uptls",
}


def install(built: Path, prefix: Path) -> None:
    """Copies the command, and has it write what it says of itself."""
    command = prefix / "bin" / "uptls"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.unlink(missing_ok=True)
    shutil.copyfile(built, command)
    command.chmod(0o755)
    pages = prefix / "share" / "man" / "man1"
    pages.mkdir(parents=True, exist_ok=True)
    subprocess.run([command, "man", pages], check=True)
    for shell, name in COMPLETIONS.items():
        path = prefix / "share" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(subprocess.run([command, "completions", shell], check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, default=Path("/usr/local"))
    parser.add_argument("--destdir", default="", help="a folder that stands for the root, for packages")
    parser.add_argument("--built", type=Path, help="the command, instead of a build for release")
    arguments = parser.parse_args()
    if not arguments.prefix.is_absolute():
        raise SystemExit(f"PREFIX is {arguments.prefix}: it must be an absolute path")
    built = arguments.built
    if built is None:
        subprocess.run(["cargo", "build", "--release", "--package", "uptls-cli"], cwd=ROOT, check=True)
        built = TARGET / "release" / "uptls"
    prefix = Path(arguments.destdir + str(arguments.prefix)) if arguments.destdir else arguments.prefix
    install(built, prefix)
    print(f"installed uptls in {prefix}/bin, with man pages and completions")


if __name__ == "__main__":
    main()
