"""Installs the C library: libuptls.so, libuptls.a, uptls.h, and the files for pkg-config and CMake."""

import argparse
import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PACKAGING = ROOT / "ffi" / "packaging"
HEADER = ROOT / "ffi" / "include" / "uptls.h"
PRINT = "--print=native-static-libs"
NATIVE = re.compile(r"native-static-libs: (.+)")


def build() -> tuple[Path, str]:
    """Builds the library; gives its folder, and the extra libraries that a program with libuptls.a links."""
    command = ["cargo", "rustc", "--release", "--package", "uptls-ffi", "--lib", "--color", "never"]
    return TARGET / "release", native([*command, "--", PRINT])


def native_of_std() -> str:
    """What the standard library needs; that it is enough for all of uptls is for the linker to say."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.rs"
        empty.touch()
        return native(["rustc", "--crate-type", "staticlib", PRINT, "--out-dir", folder, str(empty)])


def native(command: list[str]) -> str:
    """The libraries that rustc names for a static library, each once."""
    ran = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    named = NATIVE.search(ran.stderr)
    if ran.returncode or named is None:
        raise SystemExit(f"{ran.stderr}\n{' '.join(command)} ended with {ran.returncode}")
    # A program without any shared library (-static) has no libgcc_s; the unwinder of libgcc_eh is for all.
    words = named[1].replace("-lgcc_s", "-lgcc_eh -lgcc").split()
    return " ".join(dict.fromkeys(words))


def versioned(built: Path, libraries: str, soname: str) -> Path:
    """The shared library with symbol versions. It is linked again: rustc's own version script permits no other."""
    archive, shared = built / "libuptls_ffi.a", built / "libuptls_versioned.so"
    # Tests install side by side.
    with (built / "libuptls_versioned.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared.exists() and shared.stat().st_mtime_ns > archive.stat().st_mtime_ns):
            relink(archive, shared, libraries, soname)
    return shared


def relink(archive: Path, shared: Path, libraries: str, soname: str) -> None:
    """Whole, or not at all."""
    node = f"UPTLS_{soname.removeprefix('libuptls.so.')}"
    with tempfile.TemporaryDirectory(dir=shared.parent) as folder:
        script, fresh = Path(folder) / "uptls.map", Path(folder) / shared.name
        script.write_text(f"{node} {{ global: uptls_*; local: *; }};\n")
        # A thread that looks up a name may outlive `dlclose`.
        flags = ["--gc-sections", "--as-needed", f"--version-script={script}", f"-soname,{soname}"]
        flags += ["-z,nodelete", "-z,defs", "-z,relro", "-z,now"]
        whole = ["-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive"]
        needed = ["-lgcc_s", *(word for word in libraries.split() if not word.startswith("-lgcc"))]
        command = ["cc", "-shared", "-o", str(fresh), *whole, *(f"-Wl,{flag}" for flag in flags), *needed]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{ran.stderr}\n{' '.join(command)} ended with {ran.returncode}")
        fresh.replace(shared)


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o644)


def link(path: Path, to: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


def install(built: Path, libraries: str, prefix: Path, libdir: Path, destdir: str) -> None:
    """Copies into DESTDIR; what refers to other files does so relative to itself."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    major, minor, _ = version.split(".", 2)
    # Before 1.0 another minor version is another interface.
    soname = f"libuptls.so.{major}.{minor}" if major == "0" else f"libuptls.so.{major}"

    def placed(path: Path) -> Path:
        return Path(destdir + str(path)) if destdir else path

    folder = placed(libdir)
    folder.mkdir(parents=True, exist_ok=True)
    shared = f"libuptls.so.{version}"
    library, archive = versioned(built, libraries, soname), built / "libuptls_ffi.a"
    for name, source, mode in [(shared, library, 0o755), ("libuptls.a", archive, 0o644)]:
        # A program that runs keeps the file that it has.
        (folder / name).unlink(missing_ok=True)
        shutil.copyfile(source, folder / name)
        (folder / name).chmod(mode)
    link(folder / soname, shared)
    link(folder / "libuptls.so", soname)
    write(placed(prefix) / "include" / "uptls.h", HEADER.read_text())
    share = placed(prefix) / "share" / "uptls"
    write(share / "uptls-api.json", (PACKAGING / "uptls-api.json").read_text())
    write(share / "valgrind.supp", (PACKAGING / "valgrind.supp").read_text())

    values = {
        "VERSION": version,
        "MAJOR": major,
        "MINOR": minor,
        "SONAME": soname,
        "NATIVE": libraries,
        "NATIVE_LIST": ";".join(libraries.split()),
        "POINTER": str(struct.calcsize("P")),
    }
    for place in ("pkgconfig/uptls.pc", "cmake/uptls/uptls-config.cmake", "cmake/uptls/uptls-config-version.cmake"):
        path = libdir / place
        text = (PACKAGING / f"{path.name}.in").read_text()
        for name, value in {**values, "PREFIX": os.path.relpath(prefix, path.parent)}.items():
            text = text.replace(f"@{name}@", value)
        write(placed(path), text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, default=Path("/usr/local"))
    parser.add_argument("--libdir", type=Path, help="PREFIX/lib unless given")
    parser.add_argument("--destdir", default="", help="a folder that stands for the root, for packages")
    parser.add_argument("--built", type=Path, help="a folder with the libraries, instead of a build for release")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        raise SystemExit("make install knows Linux alone: elsewhere use cargo-c, as in `cargo cinstall -p uptls-ffi`")
    prefix = arguments.prefix
    libdir = arguments.libdir or prefix / "lib"
    if not (prefix.is_absolute() and libdir.is_absolute()):
        raise SystemExit(f"PREFIX is {prefix} and LIBDIR is {libdir}: both must be absolute paths")
    built, libraries = (arguments.built, native_of_std()) if arguments.built else build()
    install(built, libraries, prefix, libdir, arguments.destdir)
    print(f"installed libuptls in {arguments.destdir}{libdir} and uptls.h in {arguments.destdir}{prefix}/include")


if __name__ == "__main__":
    main()
