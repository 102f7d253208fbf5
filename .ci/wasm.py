"""Builds uptls-wasm and puts it where the Go module embeds it, unless the one that is there is of these sources.

The target comes from rustup. Without rustup, have a toolchain with the standard library of wasm32-wasip1, such as
Debian's packages rustc-web, cargo-web, rust-web-src, lld and wasi-libc.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODULE = ROOT / "go" / "internal" / "module" / "uptls.wasm"
DIGEST = MODULE.with_suffix(".wasm.sources")
TRIPLE = "wasm32-wasip1"
SOURCES = ("core", "manifest", "process", "wasm")
# No growth unnoticed. The aim is 2,000,000 bytes, and 800,000 gzipped.
MOST = 3_400_000
MOST_GZIPPED = 1_060_000


def digest() -> str:
    """The digest of everything that the module is built of."""
    files = [ROOT / "Cargo.toml", ROOT / "Cargo.lock"]
    for name in SOURCES:
        files += [ROOT / name / "Cargo.toml", *(ROOT / name / "src").rglob("*")]
    running = hashlib.sha256()
    for path in sorted(file for file in files if file.is_file()):
        content = path.read_bytes()
        running.update(f"{path.relative_to(ROOT)}\n{len(content)}\n".encode())
        running.update(content)
    return running.hexdigest() + "\n"


def build() -> None:
    if shutil.which("rustup"):
        subprocess.run(["rustup", "target", "add", TRIPLE], cwd=ROOT, check=True)
    command = ["cargo", "build", "--profile", "wasm", "--target", TRIPLE, "--package", "uptls-wasm"]
    subprocess.run(command, cwd=ROOT, check=True)
    shutil.copyfile(TARGET / TRIPLE / "wasm" / "uptls_wasm.wasm", MODULE)
    DIGEST.write_text(digest())


def main() -> None:
    current = MODULE.exists() and DIGEST.exists() and DIGEST.read_text() == digest()
    if not current:
        build()
    content = MODULE.read_bytes()
    gzipped = len(gzip.compress(content, 9, mtime=0))
    print(f"{MODULE.relative_to(ROOT)}: {len(content)} bytes, {gzipped} gzipped")
    if len(content) > MOST or gzipped > MOST_GZIPPED:
        sys.exit(f"the module may have {MOST} bytes, and {MOST_GZIPPED} gzipped")


if __name__ == "__main__":
    main()
