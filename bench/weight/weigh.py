"""Crates and bytes of a minimal HTTPS client: by uptls, beside hyper without TLS and hyper-rustls.

python3 bench/weight/weigh.py [--crates]: the table of docs/rust.md; with --crates without sizes or a build.
"""

import argparse
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLACE = ROOT / "target" / "weight"

PLAIN = """
http-body-util = "0.1"
hyper = { version = "1", features = ["client", "http1", "http2"] }
hyper-util = { version = "0.1", features = ["client-legacy", "http1", "http2", "tokio"] }
tokio = { version = "1", features = ["macros", "net", "rt"] }
"""
RUSTLS = 'rustls = { version = "0.23", default-features = false, features = ["aws-lc-rs", "std", "tls12"] }\n'
HYPER_RUSTLS = (
    RUSTLS + 'hyper-rustls = { version = "0.27", default-features = false, '
    'features = ["aws-lc-rs", "http1", "http2", "tls12"] }\n'
)
UPTLS = f'uptls = {{ path = "{ROOT / "core"}", FEATURES }}\n'
PROGRAMS = {
    "hyper, no TLS": ("plain.rs", PLAIN),
    "hyper-rustls": ("hyper_rustls.rs", PLAIN + HYPER_RUSTLS),
    "uptls, no default features": (
        "uptls.rs",
        PLAIN + UPTLS.replace("FEATURES", 'default-features = false, features = ["aws-lc-rs", "hyper"]'),
    ),
    "uptls": ("uptls.rs", PLAIN + UPTLS.replace("FEATURES", 'features = ["aws-lc-rs", "hyper"]')),
    "rustls alone": (None, RUSTLS),
    "uptls alone, no default features": (
        None,
        RUSTLS + UPTLS.replace("FEATURES", 'default-features = false, features = ["aws-lc-rs"]'),
    ),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crates", action="store_true", help="no sizes")
    only_crates = parser.parse_args().crates
    print("| client | crates | bytes, stripped |\n| --- | --- | --- |")
    for name, (source, dependencies) in PROGRAMS.items():
        package = written(name, source, dependencies)
        size = "-" if only_crates or source is None else f"{size_of(package):,}"
        print(f"| {name} | {crates(package)} | {size} |", flush=True)


def written(name: str, source: str | None, dependencies: str) -> Path:
    """A package of its own, with the versions of the workspace's lock file."""
    package = PLACE / name.replace(", ", "-").replace(" ", "-")
    (package / "src").mkdir(parents=True, exist_ok=True)
    profile = "\n[profile.release]\nstrip = true\n[workspace]\n"
    head = '[package]\nname = "client"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n'
    (package / "Cargo.toml").write_text(f"{head}{dependencies}{profile}")
    (package / "src/main.rs").write_text((HERE / source).read_text() if source else "fn main() {}\n")
    shutil.copy(ROOT / "Cargo.lock", package / "Cargo.lock")
    return package


def crates(package: Path) -> int:
    """What is linked, without the client itself: neither build dependencies nor macros, each crate once."""
    command = ["cargo", "tree", "--prefix", "none", "--edges", "normal,no-proc-macro", "--no-dedupe", "--format", "{p}"]
    tree = subprocess.run(command, cwd=package, check=True, capture_output=True, text=True).stdout
    return len({" ".join(line.split()[:2]) for line in tree.splitlines() if line}) - 1


def size_of(package: Path) -> int:
    """Of the program, built with the release profile and stripped."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(PLACE / "target")}
    subprocess.run(["cargo", "build", "--quiet", "--release"], cwd=package, check=True, env=environment)
    return (PLACE / "target/release/client").stat().st_size


if __name__ == "__main__":
    main()
