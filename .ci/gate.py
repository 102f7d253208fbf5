"""The gate: runs every check in every language, shows what it runs, counts the tests of each face."""

import argparse
import os
import platform
import re
import shutil
import sys
import time
import venv
from collections import defaultdict
from pathlib import Path

import fuzzing
import notices
import peers
from steps import ROOT, TARGET, VENV, VISIBLE_SKIP, Tally, cargo_tests, check, python_environment, run, tool

CROWD = TARGET / "venv-crowd"
ATHERIS = TARGET / "venv-fuzz"
FUZZING = ROOT / ".ci" / "fuzzing.py"
HOSTS = ("uptls-host-both", "uptls-host-minimal", "uptls-host-ring")

PYTEST_RESULT = re.compile(r"(\d+) (passed|failed|errors?|skipped)")
FAULT_RESULT = re.compile(r"^faults: (\d+) injected, (\d+) defects$", re.MULTILINE)
HOSTILE_RESULT = re.compile(r"^hostile: (\d+) met, (\d+) defects$", re.MULTILINE)


def lint(tally: Tally) -> None:
    check(tally, "lint", "format", ["cargo", "fmt", "--all", "--check"])
    strict = ["--", "-D", "warnings"]
    check(
        tally,
        "lint",
        "clippy",
        [
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "uptls/hyper,uptls/metrics,uptls/tokio-rustls,uptls/watch",
            *strict,
        ],
    )
    for features in ("", "metrics", "watch", "tokio", "tokio-rustls", "ring,hyper", "ring,aws-lc-rs"):
        name = f"clippy of core with {features or 'no features'}"
        check(
            tally,
            "lint",
            name,
            ["cargo", "clippy", "-p", "uptls", "--features", features, *strict],
        )
    without = ["cargo", "clippy", "-p", "uptls", "--no-default-features", *strict]
    check(tally, "lint", "clippy of core without defaults", without)


def rust(tally: Tally) -> None:
    # The command and the libraries are built first: tests of other crates run them.
    # Python's crate is built by maturin, with an environment of its own; the hosts have features that are theirs alone.
    apart = [f"--exclude={package}" for package in ("uptls-python", *HOSTS)]
    check(tally, "lint", "build", ["cargo", "build", "--workspace", *apart])
    gateway_api = {}
    ok, output = run("fetch the newest Gateway API", [sys.executable, str(ROOT / ".ci" / "gateway_api.py")])
    if ok:
        gateway_api["UPTLS_GATEWAY_API"] = output.strip().splitlines()[-1]
    for face, packages in {
        "rust": [
            "uptls",
            "uptls-manifest",
            "uptls-process",
            "uptls-testkit",
            "uptls-examples",
            "uptls-mutants",
            "uptls-wasm",
        ],
        "command": ["uptls-cli"],
        "c": ["uptls-ffi"],
        "vectors": ["uptls-conformance"],
    }.items():
        selected = [part for package in packages for part in ("-p", package)]
        if face == "rust":
            selected += ["--features", "uptls/aws-lc-rs,uptls/hyper,uptls/metrics,uptls/tokio-rustls,uptls/watch"]
        # Tests print `skipped: why` where they cannot run, so their output must be seen.
        cargo_tests(
            tally,
            face,
            f"tests of {face}",
            # Envoy and Go are faces of their own.
            [*selected, "--no-fail-fast", "--", "--show-output", "--skip", "envoy_gives", "--skip", "golang_"],
            **gateway_api,
        )
    # Each alone: features are united over all that is selected, and nothing may bring a host another provider.
    for host in HOSTS:
        cargo_tests(tally, "rust", f"tests of {host}", ["-p", host])
    # A workspace of its own: pingora brings a hundred crates that nothing else needs. The target folder is shared.
    pingora = ["--manifest-path", str(ROOT / "examples" / "pingora" / "Cargo.toml")]
    cargo_tests(tally, "rust", "tests of the pingora example", pingora, CARGO_TARGET_DIR=str(TARGET))


def mutation(tally: Tally) -> None:
    """Whether `make mutants` finds what is planted in its sample; the list of its mutants is committed."""
    check(tally, "rust", "mutants of the sample", [sys.executable, str(ROOT / ".ci" / "mutants.py"), "sample"])


def interleavings(tally: Tally) -> None:
    """Two threads on one connector under every schedule that shuttle draws. Its locks need a build of their own."""
    flags = f"{os.environ.get('RUSTFLAGS', '')} --cfg shuttle".strip()
    features = ["--features", "uptls/aws-lc-rs", "--test", "all"]
    which = ["rotate::interleavings", "--show-output"]
    environment = {"RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(TARGET / "shuttle")}
    cargo_tests(tally, "rust", "interleavings", ["-p", "uptls", *features, "--", *which], **environment)


def envoy(tally: Tally) -> None:
    """The export and the module against the real Envoy."""
    if not check(tally, "envoy", "build the module", ["cargo", "build", "-p", "uptls-envoy", "-p", "uptls-cli"]):
        return
    cargo_tests(tally, "envoy", "tests of the module", ["-p", "uptls-envoy"])
    ok, output = run("install Envoy", [sys.executable, str(ROOT / ".ci" / "envoy.py")])
    environment = {"UPTLS_ENVOY": output.strip().splitlines()[-1]} if ok else {}
    test = ["-p", "uptls-conformance", "--test", "envoy_differential", "--", "--show-output"]
    cargo_tests(tally, "envoy", "the export against Envoy", test, **environment)


def go(tally: Tally) -> None:
    """The C library from Go."""
    ok, output = run("install Go", [sys.executable, str(ROOT / ".ci" / "go.py")])
    environment = {"UPTLS_GO": output.strip().splitlines()[-1]} if ok else {}
    test = ["-p", "uptls-ffi", "--test", "go", "--", "--show-output"]
    cargo_tests(tally, "go", "tests of go", test, **environment)


def docs(tally: Tally) -> None:
    command = ["cargo", "doc", "--workspace", "--no-deps", "--exclude", "uptls-python"]
    check(tally, "docs", "documentation", command, RUSTDOCFLAGS="-D warnings")
    book(tally)


def book(tally: Tally) -> None:
    """The pages as one book, and every link in it followed."""
    if check(tally, "docs", "book", [tool("mdbook", "0.5.4"), "build", str(ROOT / "docs")]):
        links = [sys.executable, str(ROOT / ".ci" / "book.py"), "check", str(TARGET / "book")]
        check(tally, "docs", "links of the book", links)


def deny(tally: Tally) -> None:
    command = [
        tool("cargo-deny", "0.20.2"),
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]
    check(tally, "lint", "dependencies", command)


def pytests(tally: Tally, name: str, interpreter: str, *arguments: str) -> None:
    ok, output = run(name, [interpreter, "-m", "pytest", "-q", "-rs", *arguments], cwd=ROOT / "python")
    counts = defaultdict(int)
    for number, kind in PYTEST_RESULT.findall(output.strip().splitlines()[-1] if output.strip() else ""):
        counts[kind] += int(number)
    failed = counts["failed"] + counts["error"] + counts["errors"]
    tally.add("python", counts["passed"], failed, counts["skipped"])
    if not ok and not failed:
        tally.step("python", name, False)


def crowd(tally: Tally, wheel: Path) -> None:
    """The table of clients once more, beside everything that replaces or patches parts of a client."""
    interpreter = str(python_environment(CROWD, "requirements-crowd.txt"))
    install = [interpreter, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)]
    if check(tally, "python", "install the wheel beside every client", install):
        pytests(tally, "every client in one environment", interpreter, "tests/test_clients.py", "tests/test_crowd.py")


def python_wheel(tally: Tally) -> Path | None:
    """The wheel of the tests, built and installed in their environment."""
    interpreter = str(python_environment())
    folder = ROOT / "python"
    wheels = TARGET / "wheels-dev"
    shutil.rmtree(wheels, ignore_errors=True)
    notices.main()
    build = [
        interpreter,
        "-m",
        "maturin",
        "build",
        "--profile",
        "dev",
        "--out",
        str(wheels),
    ]
    if not check(tally, "python", "wheel", build, cwd=folder):
        return None
    wheel = next(wheels.glob("*.whl"))
    install = [
        interpreter,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        str(wheel),
    ]
    check(tally, "python", "install the wheel", install)
    return wheel


def python(tally: Tally) -> None:
    wheel = python_wheel(tally)
    if wheel is None:
        return
    interpreter, folder = str(VENV / "bin" / "python"), ROOT / "python"
    # The wheel alone, where there is nothing else: the README's program.
    empty = TARGET / "venv-empty"
    venv.create(empty, with_pip=True, clear=True)
    alone = str(empty / "bin" / "python")
    bare = [alone, "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
    check(tally, "python", "install the wheel alone", bare)
    check(tally, "python", "the README's program", [alone, "-I", str(ROOT / "examples/python/refused.py")])
    pytests(tally, "tests of python", interpreter, "tests")
    crowd(tally, wheel)
    places = [
        ".",
        "../.ci",
        "../fuzz",
        "../examples/python",
        "../bench/python",
        "../conformance/faults",
        "../conformance/hostile",
        "../conformance/peers",
    ]
    check(
        tally,
        "python",
        "ruff",
        [interpreter, "-m", "ruff", "check", *places],
        cwd=folder,
    )
    check(
        tally,
        "python",
        "ruff format",
        [interpreter, "-m", "ruff", "format", "--check", *places],
        cwd=folder,
    )
    check(tally, "python", "mypy", [interpreter, "-m", "mypy"], cwd=folder)
    check(
        tally,
        "python",
        "stubtest",
        [interpreter, "-m", "mypy.stubtest", "uptls._native"],
        cwd=folder,
    )


def faults(tally: Tally, *, small: bool) -> None:
    """System calls that fail: what the command, C and Python say then. Python's wheel is that of its own face."""
    if not check(tally, "faults", "build for faults", ["cargo", "build", "-p", "uptls-cli", "-p", "uptls-ffi"]):
        return
    rig = [sys.executable, str(ROOT / "conformance/faults/rig.py"), *(["--small"] if small else [])]
    ok, output = run("faults", rig)
    counts = FAULT_RESULT.search(output)
    injected, defects = (int(count) for count in counts.groups()) if counts else (0, 0)
    tally.add("faults", injected - min(injected, defects), defects, len(VISIBLE_SKIP.findall(output)))
    if not ok and not defects:
        tally.step("faults", "faults", ok=False)


def hostile(tally: Tally) -> None:
    """Another TLS stack as attacker of all faces. Python's wheel is that of its own face."""
    packages = ["-p", "uptls-examples", "-p", "uptls-ffi"]
    if not check(tally, "hostile", "build for hostile servers", ["cargo", "build", *packages]):
        return
    rig = [str(VENV / "bin" / "python"), str(ROOT / "conformance/hostile/attack.py")]
    ok, output = run("hostile servers", rig)
    counts = HOSTILE_RESULT.search(output)
    met, defects = (int(count) for count in counts.groups()) if counts else (0, 0)
    tally.add("hostile", met - min(met, defects), defects)
    if not ok and not defects:
        tally.step("hostile", "hostile servers", ok=False)


def all_peers(tally: Tally) -> None:
    """What the gate leaves out, with a wheel of now."""
    wheel = python_wheel(tally)
    if wheel is not None:
        peers.peers(tally, wheel)


def all_hostile(tally: Tally) -> None:
    """The same with a wheel of now."""
    python_wheel(tally)
    hostile(tally)


def all_faults(tally: Tally) -> None:
    """All that the rig can do, with a wheel of now."""
    python_wheel(tally)
    faults(tally, small=False)


def fuzz(tally: Tally) -> None:
    """Each fuzz target for a bounded number of inputs, from the committed corpora."""
    check(tally, "fuzz", "format of the fuzz targets", ["cargo", "fmt", "--check"], cwd=ROOT / "fuzz")
    if not check(tally, "fuzz", "build the fuzz targets", [sys.executable, str(FUZZING), "run", "--build"]):
        return
    began = time.monotonic()
    for target in fuzzing.TARGETS:
        check(tally, "fuzz", f"fuzz {target}", [sys.executable, str(FUZZING), "run", target])
    facade(tally)
    print(f"\n== fuzz: {len(fuzzing.TARGETS) + 1} targets ran in {time.monotonic() - began:.0f} s", flush=True)


def facade(tally: Tally) -> None:
    """The Python facade under atheris, with the wheel that was built last."""
    wheel = next((TARGET / "wheels-dev").glob("*.whl"), None) or python_wheel(tally)
    if wheel is None:
        return
    interpreter = str(python_environment(ATHERIS, "requirements-fuzz.txt"))
    install = [interpreter, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)]
    if not check(tally, "fuzz", "install the wheel beside atheris", install):
        return
    found = TARGET / "fuzz-corpus" / "python_facade"
    found.mkdir(parents=True, exist_ok=True)
    finds = TARGET / "fuzz-finds"
    finds.mkdir(parents=True, exist_ok=True)
    limits = [
        "-runs=10000",
        f"-seed={fuzzing.SEED}",
        "-max_len=4096",
        "-len_control=0",
        "-keep_seed=1",
        "-verbosity=0",
        f"-timeout={fuzzing.UNIT_SECONDS}",
    ]
    places = [str(found), str(ROOT / "fuzz/corpora/python_facade")]
    words = [f"-dict={ROOT / 'fuzz/dictionaries/native_document.dict'}", f"-artifact_prefix={finds}/python_facade-"]
    script = str(ROOT / "fuzz/python/facade.py")
    check(tally, "fuzz", "fuzz python_facade", [interpreter, script, *places, *limits, *words])


def wheel() -> int:
    """The release wheel. On Linux zig links it against glibc 2.17, of 2012."""
    place = TARGET / "venv-release"
    interpreter = str(python_environment(place, "requirements-release.txt"))
    notices.main()
    command = [interpreter, "-m", "maturin", "build", "--release", "--out", str(TARGET / "wheels")]
    if sys.platform == "linux":
        command += ["--zig", "--target", f"{platform.machine()}-unknown-linux-gnu", "--compatibility", "manylinux_2_17"]
    # maturin asks the first Python of the path for zig.
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ok, _ = run("wheel", command, cwd=ROOT / "python", PATH=path)
    return 0 if ok else 1


def bench() -> int:
    """The release wheel beside the standard library and rtls: target/bench/python.json."""
    if wheel():
        return 1
    interpreter = str(python_environment())
    newest = max((TARGET / "wheels").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    place = TARGET / "bench-python"
    shutil.rmtree(place, ignore_errors=True)
    # Before the wheel of the tests, which stays as it is.
    ok, _ = run(
        "release wheel",
        [interpreter, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(newest)],
    )
    scripts = {
        "bench of Python": ["run.py", str(TARGET / "bench/python.json")],
        "bench of Python over sockets": ["sockets.py", str(TARGET / "bench/python-sockets.json")],
        "bench of manifests": ["manifests.py", str(TARGET / "release/faces"), "5000"],
    }
    for what, (script, *arguments) in scripts.items():
        command = [interpreter, str(ROOT / "bench/python" / script), *arguments]
        ok = ok and run(what, command, PYTHONPATH=str(place))[0]
    return 0 if ok else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = ("bench", "book", "check", "conformance", "faults", "fuzz", "go", "hostile", "interleavings", "test")
    commands += ("peers", "wheel")
    parser.add_argument("what", choices=commands)
    arguments = parser.parse_args()
    tally = Tally()
    if arguments.what == "wheel":
        return wheel()
    if arguments.what == "bench":
        return bench()
    if arguments.what == "fuzz":
        fuzz(tally)
        return tally.report()
    alone = {
        "book": book,
        "conformance": envoy,
        "faults": all_faults,
        "go": go,
        "hostile": all_hostile,
        "interleavings": interleavings,
        "peers": all_peers,
    }
    if arguments.what in alone:
        alone[arguments.what](tally)
        return tally.report()
    lint(tally)
    if arguments.what == "check":
        cargo_tests(
            tally,
            "rust",
            "unit tests",
            ["-p", "uptls", "-p", "uptls-manifest", "--lib"],
        )
        return tally.report()
    envoy(tally)
    rust(tally)
    mutation(tally)
    interleavings(tally)
    go(tally)
    docs(tally)
    python(tally)
    faults(tally, small=True)
    hostile(tally)
    fuzz(tally)
    deny(tally)
    return tally.report()


if __name__ == "__main__":
    sys.exit(main())
