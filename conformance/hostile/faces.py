"""The clients that meet the hostile servers: how each is started, what it says, and what it costs."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LIMIT = 60.0
"""Seconds after which a client hangs. The longest deadline of a policy is 20 s."""
_CODE = re.compile(r"^([a-z]+(?:_[a-z]+)+|misuse|panic|internal|truncated): ", re.MULTILINE)


@dataclass(frozen=True)
class Face:
    """One client."""

    name: str
    argv: Callable[[Path, str, int], list[str]]
    """By policy, host and port."""


@dataclass(frozen=True)
class Meeting:
    """How one client fared."""

    returncode: int | None
    """None if it had to be killed, negative by a signal."""
    output: str
    seconds: float
    """Of the processor."""
    elapsed: float
    """Of the wall."""
    kilobytes: int
    """The most memory that it had."""

    @property
    def code(self) -> str | None:
        """The code that it says; None where it accepted."""
        found = _CODE.search(self.output)
        return found[1] if found and self.returncode != 0 else None

    @property
    def is_accepted(self) -> bool:
        """Whether it had the whole answer."""
        return self.returncode == 0

    @property
    def panicked(self) -> bool:
        """Whether Rust panicked, or the process died of a signal."""
        return self.code == "panic" or "panicked at" in self.output or (self.returncode or 0) < 0


def faces(target: Path, root: Path, python: str, built: Path) -> list[Face]:
    """All of them, where Cargo, and `build_c`, left their programs."""
    debug, once = target / "debug", root / "conformance" / "faults"

    def rust(name: str) -> Face:
        return Face(
            name, lambda policy, host, port: [str(debug / name), str(policy), f"{host}:{port}", f"127.0.0.1:{port}"]
        )

    def script(name: str, *arguments: str) -> Callable[[Path, str, int], list[str]]:
        run = [python, "-E", "-B", str(once / name), *arguments]
        return lambda policy, host, port: [*run, str(policy), host, str(port), "127.0.0.1"]

    return [
        rust("blocking_get"),
        rust("tokio_get"),
        Face("sans_io", lambda policy, host, port: [str(debug / "sans_io"), str(policy), host, f"127.0.0.1:{port}"]),
        Face("C get", lambda policy, host, port: [str(built / "get"), str(policy), host, str(port), "127.0.0.1"]),
        Face(
            "C epoll", lambda policy, host, port: [str(built / "epoll"), str(policy), host, "127.0.0.1", str(port), "1"]
        ),
        Face("Python connect", script("python_once.py", "connect")),
        Face("asyncio", script("asyncio_once.py")),
    ]


def build_c(target: Path, root: Path, folder: Path) -> None:
    """C's examples against the library that was built last, under the names by which the system's linker finds it."""
    for name in ("libuptls.so", "libuptls.so.0.1"):
        (folder / name).symlink_to(target / "debug" / "libuptls_ffi.so")
    link = ["-I", str(root / "ffi" / "include"), "-L", str(folder), "-luptls", f"-Wl,-rpath,{folder}"]
    for name in ("get", "epoll"):
        compiler = ["cc", "-o", str(folder / name), str(root / "examples" / "c" / f"{name}.c")]
        subprocess.run([*compiler, *link], check=True)
    subprocess.run(["cc", "-o", str(folder / "cost"), str(HERE / "cost.c")], check=True)


@dataclass(frozen=True)
class Runner:
    """Runs clients by `cost.c`, which `build_c` left in a folder."""

    folder: Path

    def run(self, argv: list[str], limit: float = LIMIT) -> Meeting:
        """Runs a client to its end, and asks the kernel what it cost."""
        with tempfile.TemporaryFile() as sink, tempfile.NamedTemporaryFile("r", dir=self.folder) as costs:
            began = time.monotonic()
            process = subprocess.Popen(
                [str(self.folder / "cost"), costs.name, *argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                # Its own session: the group holds no process of another program.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            elapsed = time.monotonic() - began
            sink.seek(0)
            output = sink.read().decode(errors="replace")
            code, microseconds, kilobytes = (int(word) for word in costs.read().split() or (HUNG, 0, 0))
        return Meeting(None if code == HUNG else code, output, microseconds / 1e6, elapsed, kilobytes)


HERE = Path(__file__).resolve().parent
HUNG = 1000
"""No status of a process."""
