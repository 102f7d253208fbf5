"""Threads, garbage collection, forks, signals and the end of the interpreter. Each ends by itself or is a deadlock."""

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import uptls
from loopback import HOST, Authority, Leaf, Server

FOLDER = Path(__file__).parent


@pytest.fixture
def server(leaf: Leaf) -> Iterator[Server]:
    with Server(leaf) as server:
        yield server


def program(text: str, *arguments: object) -> list[str]:
    """A program that has `policy`, `port` and what the tests have."""
    head = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n"
        "import gc, os, signal, threading, time, uptls\n"
        "from loopback import HOST\n"
        "port = int(sys.argv[1])\n"
        "policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(sys.argv[2]))\n"
        "connect = lambda: policy.connect(HOST, port, connect_to='127.0.0.1')\n"
    )
    return [sys.executable, "-c", head + text, *map(str, arguments)]


def run(text: str, server: Server, ca: Authority) -> str:
    done = subprocess.run(program(text, server.port, ca.file), capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_64_threads_and_the_garbage_collector(server: Server, policy: uptls.UpstreamTlsPolicy) -> None:
    # It is about deadlocks; a busy machine may take its time.
    policy = policy.replace(handshake_timeout="300s")
    connector = uptls.Connector(policy)
    stop = threading.Event()

    def collect() -> None:
        # All threads wait for a collection: without a pause there would be little else.
        while not stop.wait(0.005):
            gc.collect()

    def work(number: int) -> bool:
        data = bytes([number]) * 50_000
        with connector.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
            stream.sendall(data)
            got = bytearray()
            while len(got) < len(data):
                got += stream.recv(65536)
            connector.update(policy)
            return got == data and connector.is_current(stream.peer) and bool(policy.verify(b"") is not None)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        with ThreadPoolExecutor(64) as pool:
            assert all(pool.map(work, range(128)))
    finally:
        stop.set()
        collector.join()


def test_64_threads_in_one_stream(server: Server, policy: uptls.UpstreamTlsPolicy) -> None:
    with policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream:
        got = 0

        def read() -> None:
            nonlocal got
            while got < 64 * 10_000:
                got += len(stream.recv(4096))

        reader = threading.Thread(target=read)
        reader.start()
        with ThreadPoolExecutor(64) as pool:
            list(pool.map(lambda number: stream.sendall(bytes([number]) * 10_000), range(64)))
        reader.join()
        assert got == 64 * 10_000


def test_a_child_makes_its_own_connections(server: Server, ca: Authority) -> None:
    text = """
connector = uptls.Connector(policy)
watch = connector.watch()
stream = connector.connect(HOST, port, connect_to='127.0.0.1')
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        assert watch.state == 'closed', watch.state
        watch.close()
        with connector.connect(HOST, port, connect_to='127.0.0.1') as own:
            own.sendall(b'child %d' % number)
            assert own.recv(100) == b'child %d' % number
        with connector.watch() as mine:
            assert mine.state != 'closed'
        del watch
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
stream.sendall(b'parent')
print(stream.recv(100), watch.state != 'closed')
watch.close()
stream.close()
"""
    done = subprocess.run(
        # A fork beside threads is what is tested here.
        [sys.executable, "-W", "ignore::DeprecationWarning", *program(text, server.port, ca.file)[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'parent' True\n", "")


def test_the_interpreter_ends_with_everything_open(server: Server, ca: Authority) -> None:
    text = """
connector = uptls.Connector(policy, on_event=print)
streams = [connector.connect(HOST, port, connect_to='127.0.0.1') for _ in range(4)]
watch = connector.watch()
buffer = policy.buffer(HOST)
keep = sys.modules['uptls'].kept = [streams, watch, buffer, connector]
print('done')
sys.stdout.flush()
import warnings; warnings.simplefilter('ignore')
"""
    assert run(text, server, ca) == "done\n"


def test_the_interpreter_ends_while_threads_are_inside(server: Server, ca: Authority) -> None:
    text = """
import logging; logging.disable()
def work():
    while True:
        with connect() as stream:
            stream.sendall(b'x' * 100_000)
            stream.recv(100_000)
def silent():
    connect().recv(1)
def judge():
    while True:
        policy.verify(b'')
for target in [work] * 4 + [silent] * 4 + [judge] * 4:
    threading.Thread(target=target, daemon=True).start()
time.sleep(0.3)
import warnings; warnings.simplefilter('ignore')
print('done')
"""
    assert run(text, server, ca) == "done\n"


def test_an_exception_ends_a_program_with_a_watch(server: Server, ca: Authority) -> None:
    text = "watch = uptls.Connector(policy).watch()\nsys.exit(7)\n"
    done = subprocess.run(program(text, server.port, ca.file), capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (7, b"")


@pytest.mark.parametrize(
    "call",
    [
        "connect().recv(1)",
        "connect().makefile('rb').read()",
        "connect().sendall(bytes(1 << 30))",
        "uptls.connect(HOST, silent, policy=policy, connect_to='127.0.0.1', timeout=100)",
        "uptls.check(policy, HOST, silent, connect_to='127.0.0.1', timeout=100)",
    ],
)
def test_ctrl_c_ends_a_call_that_blocks(leaf: Leaf, ca: Authority, call: str) -> None:
    stop = threading.Event()
    text = f"""
import socket, warnings
warnings.simplefilter('ignore')
listener = socket.create_server(('127.0.0.1', 0))
silent = listener.getsockname()[1]
signal.signal(signal.SIGINT, signal.default_int_handler)
print('ready', flush=True)
try:
    {call}
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""
    with Server(leaf, lambda _: print(stop.wait(60))) as server:
        process = subprocess.Popen(
            program(text, server.port, ca.file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # A signal before the call blocks ends it, too; one in the middle is what is wanted.
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        stop.set()
    assert (process.returncode, out, errors) == (0, "interrupted\n", "")


def test_a_thread_that_waits_does_not_hold_the_gil(leaf: Leaf, policy: uptls.UpstreamTlsPolicy) -> None:
    """A reader waits, and another thread of the same stream writes what wakes it."""
    with (
        Server(leaf) as server,
        policy.connect(HOST, server.port, connect_to="127.0.0.1") as stream,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(stream.recv, 10)
        while not stream._reading.locked():  # noqa: SLF001
            time.sleep(0.001)
        stream.sendall(b"wake up")
        assert waiting.result() == b"wake up"


def test_the_package_starts_nothing() -> None:
    text = "import threading, uptls, os; print(threading.active_count(), len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "1 1\n"
