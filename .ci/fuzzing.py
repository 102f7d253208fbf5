"""The fuzz targets: builds them, runs them for so many inputs or seconds, and shows that they find planted bugs."""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TRIPLE = "x86_64-unknown-linux-gnu"


@dataclass(frozen=True)
class Bounds:
    """How many inputs the gate tries, and how long an input may be."""

    runs: int
    length: int


# All together take about four minutes of one core: what draws whole worlds makes hundreds of inputs in a second, and
# what reads bytes makes thousands.
TARGETS = {
    "chain": Bounds(runs=6_000, length=300),
    "costly_chain": Bounds(runs=4_000, length=1_200),
    "envoy_document": Bounds(runs=100_000, length=8_192),
    "envoy_module": Bounds(runs=3_000, length=600),
    "ffi": Bounds(runs=6_000, length=400),
    "handshake": Bounds(runs=100_000, length=8_192),
    "honest": Bounds(runs=4_000, length=64),
    "manifests": Bounds(runs=60_000, length=8_192),
    "material": Bounds(runs=20_000, length=2_048),
    "merge": Bounds(runs=4_000, length=200),
    "native_document": Bounds(runs=100_000, length=8_192),
    "policy_document": Bounds(runs=4_000, length=64),
    "rotation": Bounds(runs=20_000, length=48),
    "san_match": Bounds(runs=40_000, length=200),
    "session": Bounds(runs=2_000, length=64),
    "tunnel": Bounds(runs=20_000, length=512),
    "verify_chain": Bounds(runs=60_000, length=8_192),
}
# No input may take so many seconds or megabytes; an ordinary one takes a thousandth and a tenth of them.
UNIT_SECONDS = 25
MEGABYTES = 2_048
# A planted bug is found within so many seconds of one core.
FOUND_WITHIN = 300
# The gate tries the same inputs for the same tree; campaigns draw other ones each time.
SEED = 1
# For so many looks, five in a second, a program may live that has said or written what it found.
HANGING = 50
DEADLY = b"ERROR: libFuzzer: deadly signal"


def build(tree: Path = ROOT, sanitize: bool = False) -> Path:
    """Builds all targets of a tree and returns the program. Trees share what they depend on."""
    folder = TARGET / ("fuzz-sanitized" if sanitize else "fuzz")
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(folder),
        # It is the same for all trees: another wrapper would be another build.
        "RUSTC_WRAPPER": str(ROOT / "fuzz" / "instrument.py"),
    }
    if sanitize:
        # The runtime of the sanitizer comes with the stable toolchain, and its flag does not.
        environment |= {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": "-Zsanitizer=address"}
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--target", TRIPLE]
    subprocess.run(command, cwd=tree / "fuzz", env=environment, check=True)
    return folder / TRIPLE / "release" / "uptls-fuzz"


def arguments(target: str, corpus: Path, limits: list[str], seconds: int = UNIT_SECONDS) -> list[str]:
    """What libFuzzer is told; the committed corpus is read and never written. No input may take so many seconds."""
    dictionary = ROOT / "fuzz" / "dictionaries" / f"{target}.dict"
    return [
        str(corpus),
        str(ROOT / "fuzz" / "corpora" / target),
        *limits,
        f"-max_len={TARGETS[target].length}",
        "-len_control=0",
        f"-timeout={seconds}",
        f"-rss_limit_mb={MEGABYTES}",
        "-verbosity=1",
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
    ]


def environment(target: str) -> dict[str, str]:
    # A leak is found by the end of the program, long after its input.
    return {**os.environ, "UPTLS_FUZZ_TARGET": target, "ASAN_OPTIONS": "detect_leaks=0", "RUST_BACKTRACE": "0"}


def campaign(program: Path, target: str, limits: list[str]) -> bool:
    """Runs a target; what it finds stays under target/, and so does its corpus."""
    corpus = TARGET / "fuzz-corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    finds = TARGET / "fuzz-finds"
    finds.mkdir(parents=True, exist_ok=True)
    command = [str(program), *arguments(target, corpus, limits), f"-artifact_prefix={finds}/{target}-"]
    print(f"\n== fuzz {target}: {' '.join(limits)}", flush=True)
    process = subprocess.run(
        command, env=environment(target), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = process.stdout.decode(errors="replace")
    lines = output.splitlines()
    if process.returncode != 0:
        print(output[-8_000:])
        print(f"== fuzz {target}: FAILED; the input is in {finds}", flush=True)
        return False
    telling = [line for line in lines if "cov:" in line or line.startswith("Done")]
    print("\n".join(telling[-2:]), flush=True)
    return True


# --- planted bugs


@dataclass
class Found:
    """How a planted bug was found, or not."""

    name: str
    target: str
    kind: str
    seconds: float
    units: int
    how: str
    is_found: bool


def tree_files() -> set[Path]:
    """The files of the tree as it stands, relative to it: what git knows, and what it would not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return {Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name}


def copy_tree(tree: Path = TARGET / "fuzz-check" / "tree") -> Path:
    """The tree as it stands, beside the build: files that are equal keep their times, so that little is built again."""
    wanted = tree_files()
    for known in [path for path in tree.rglob("*") if path.is_file()] if tree.exists() else []:
        if known.relative_to(tree) not in wanted:
            known.unlink()
    for name in sorted(wanted):
        source, copy = ROOT / name, tree / name
        if not source.is_file() or (copy.is_file() and copy.read_bytes() == source.read_bytes()):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)
    return tree


def alone(tree: Path) -> dict[str, str]:
    """For git, which would otherwise take the copy for a folder of this repository, and change nothing in it."""
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}


def planted(names: list[str]) -> list[Path]:
    patches = sorted((ROOT / "fuzz" / "planted").glob("*.patch"))
    return [patch for patch in patches if not names or patch.stem in names]


def header(patch: Path, field: str) -> str:
    found = re.search(rf"^{field}: (.*)$", patch.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"{patch} has no line `{field}: `")
    return found[1]


def hunt(program: Path, target: str) -> tuple[float, int, str, bool]:
    """Runs a target from the committed corpus until it finds something; the time is that of the processor."""
    place = TARGET / "fuzz-check" / "hunt"
    shutil.rmtree(place, ignore_errors=True)
    (place / "corpus").mkdir(parents=True)
    limits = [f"-max_total_time={FOUND_WITHIN * 20}", "-seed=1", "-print_final_stats=1"]
    # A bug is found by an oracle, never by a clock: on a busy machine any input may take long.
    limited = arguments(target, place / "corpus", limits, seconds=FOUND_WITHIN * 20)
    command = [str(program), *limited, f"-artifact_prefix={place}/"]

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (FOUND_WITHIN, FOUND_WITHIN + 5))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    log = place / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            env=environment(target),
            stdout=sink,
            stderr=subprocess.STDOUT,
            preexec_fn=bounded,  # noqa: PLW1509
        )
        # What ends inside of malloc hangs there, before or after its input is written.
        hanging = 0
        while process.poll() is None and hanging < HANGING:
            time.sleep(0.2)
            hanging += int(any(place.glob("crash-*")) or DEADLY in log.read_bytes())
        process.kill()
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = log.read_text(errors="replace")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    counts = [int(count) for count in re.findall(r"^#(\d+)", output, re.MULTILINE)]
    inputs = [path for path in place.iterdir() if path.is_file() and path.name.startswith(("crash-", "oom-"))]
    return seconds, max(counts, default=0), reason(output), bool(inputs) or DEADLY.decode() in output


def reason(output: str) -> str:
    """The first words of what the target says."""
    panic = re.search(r"panicked at ([^\n]*):\n([^\n]*)", output)
    if panic:
        return f"{panic[1].rsplit('/', 1)[-1]} {panic[2]}"[:90]
    error = re.search(r"(ERROR: libFuzzer: [^\n]*|SUMMARY: [^\n]*)", output)
    return error[1][:90] if error else "nothing"


def clean(program: Path, targets: set[str]) -> bool:
    """The negative twin: without a planted bug nothing is found in the committed corpora."""
    ok = True
    for target in sorted(targets):
        empty = TARGET / "fuzz-check" / "empty"
        shutil.rmtree(empty, ignore_errors=True)
        empty.mkdir(parents=True)
        command = [str(program), *arguments(target, empty, ["-runs=0"]), f"-artifact_prefix={empty}/"]
        process = subprocess.run(command, env=environment(target), capture_output=True, check=False)
        if process.returncode != 0:
            print(
                f"{target} finds something without a planted bug:\n{process.stderr.decode(errors='replace')[-3_000:]}"
            )
            ok = False
    return ok


def find_planted(names: list[str]) -> int:
    """Applies each planted bug in a copy of the tree, and runs its target from the committed corpus."""
    patches = planted(names)
    tree = copy_tree()
    if not clean(build(tree), {header(patch, "target") for patch in patches}):
        return 1
    results = []
    for patch in patches:
        target, kind = header(patch, "target"), header(patch, "kind")
        print(f"\n== planted {patch.stem}: {kind}; target {target}", flush=True)
        apply = ["git", "apply", str(patch)]
        applied = subprocess.run(apply, cwd=tree, env=alone(tree), check=False)
        if applied.returncode != 0:
            results.append(Found(patch.stem, target, kind, 0, 0, "does not apply: make it anew", False))
            continue
        began = time.monotonic()
        try:
            # Another build would put another program there.
            program = Path(shutil.copy(build(tree), TARGET / "fuzz-check" / "program"))
            built = time.monotonic() - began
            seconds, units, how, is_found = hunt(program, target)
        except subprocess.CalledProcessError:
            seconds, units, how, is_found, built = 0, 0, "does not compile: make it anew", False, 0
        finally:
            subprocess.run([*apply, "--reverse"], cwd=tree, env=alone(tree), check=True)
        results.append(Found(patch.stem, target, kind, seconds, units, how, is_found))
        word = "found" if is_found else "NOT FOUND"
        print(f"{word} after {seconds:.1f} s, {units} units: {how} (built in {built:.0f} s)", flush=True)
    return table(results)


def table(results: list[Found]) -> int:
    print("\n| planted bug | target | what it is | seconds of one core | units | found by |")
    print("| --- | --- | --- | ---: | ---: | --- |")
    for one in results:
        seconds = f"{one.seconds:.1f}" if one.is_found else f"not within {FOUND_WITHIN}"
        print(f"| {one.name} | {one.target} | {one.kind} | {seconds} | {one.units} | {one.how.replace('|', '/')} |")
    found = sum(one.is_found for one in results)
    print(f"\n{found} of {len(results)} planted bugs found", flush=True)
    return 0 if results and found == len(results) else 1


# --- what targets reach


@dataclass
class Reach:
    """What a target did with the inputs of the gate."""

    target: str
    units: int
    seconds: float
    """Of the processor."""
    instrumented: int
    from_corpus: int
    edges: int
    features: int


def reach(program: Path, target: str) -> Reach:
    """Runs a target as the gate does, from the committed corpus alone."""
    empty = TARGET / "fuzz-reach"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir(parents=True)
    limits = [f"-runs={TARGETS[target].runs}", f"-seed={SEED}", "-print_final_stats=1"]
    command = [str(program), *arguments(target, empty, limits), f"-artifact_prefix={empty}/"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(command, env=environment(target), capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = process.stderr.decode(errors="replace")
    if process.returncode != 0:
        raise SystemExit(f"{target} finds something:\n{output[-3_000:]}")

    def figures(pattern: str) -> list[int]:
        return [int(figure) for figure in re.findall(pattern, output)]

    covered, features = figures(r"\bcov: (\d+)"), figures(r"\bft: (\d+)")
    return Reach(
        target,
        figures(r"stat::number_of_executed_units:\s*(\d+)")[0],
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        figures(r"\((\d+) inline 8-bit counters\)")[0],
        figures(r"INITED cov: (\d+)")[0],
        covered[-1],
        features[-1],
    )


def print_reach(targets: list[str]) -> int:
    """The table of README.md."""
    program = build()
    print("\n| target | units | units in a second | edges from the corpus | edges | features |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    rows = []
    for target in targets:
        row = reach(program, target)
        rows.append(row)
        rate = row.units / max(row.seconds, 0.01)
        print(f"| {target} | {row.units} | {rate:.0f} | {row.from_corpus} | {row.edges} | {row.features} |", flush=True)
    total = sum(row.seconds for row in rows)
    print(f"\n{total:.0f} seconds of one core; {rows[0].instrumented} edges are instrumented", flush=True)
    return 0


def minimise(program: Path, target: str) -> None:
    """Puts the least inputs that reach all that the found ones reach into the committed corpus."""
    committed, found = ROOT / "fuzz" / "corpora" / target, TARGET / "fuzz-corpus" / target
    least = TARGET / "fuzz-least" / target
    shutil.rmtree(least, ignore_errors=True)
    least.mkdir(parents=True)
    command = [str(program), "-merge=1", f"-max_len={TARGETS[target].length}", str(least), str(committed)]
    if found.is_dir():
        command.append(str(found))
    subprocess.run(command, env=environment(target), check=True, capture_output=True)
    for path in least.iterdir():
        shutil.copyfile(path, committed / path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "check", "minimise", "table"))
    parser.add_argument("names", nargs="*", help="targets, or for `check` planted bugs; all without any")
    parser.add_argument("--build", action="store_true", help="build the targets and run none")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is drawn, without --seconds: %(default)s")
    parser.add_argument("--seconds", type=int, help="for how long each target runs, with AddressSanitizer")
    options = parser.parse_args()
    if options.what == "check":
        return find_planted(options.names)
    chosen = options.names or list(TARGETS)
    if options.what == "table":
        return print_reach(chosen)
    program = build(sanitize=options.seconds is not None)
    if options.build:
        return 0
    if options.what == "minimise":
        for target in chosen:
            minimise(program, target)
        return 0
    limits = [f"-max_total_time={options.seconds}"] if options.seconds else None
    drawn = f"-seed={options.seed}"
    ok = [campaign(program, target, limits or [f"-runs={TARGETS[target].runs}", drawn]) for target in chosen]
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
