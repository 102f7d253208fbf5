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
from conftest import cannot_run
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


def forking(
    text: str, server: Server, ca: Authority, ignored: str = "ignore::DeprecationWarning"
) -> tuple[int, str, str]:
    """Status and output of a program that forks beside threads, which is what is tested with it."""
    command = [sys.executable, "-W", ignored, *program(text, server.port, ca.file)[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


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
    assert forking(text, server, ca) == (0, "b'parent' True\n", "")


STREAM = "stream = connect()\n"
SOCKET = """
import socket
plain = socket.create_connection(('127.0.0.1', port))
stream = policy.ssl_context().wrap_socket(plain, server_hostname=HOST)
"""
CHILD = """
def refused(call):
    try:
        call()
    except uptls.MisuseError as error:
        return 'another process' in str(error)
    return False
"""


@pytest.mark.parametrize("make", [STREAM, SOCKET], ids=["stream", "socket"])
@pytest.mark.parametrize("another", ["fork", "namespace"])
def test_a_connection_stays_with_its_process(server: Server, ca: Authority, make: str, another: str) -> None:
    """The child says and takes nothing, also with the number of its parent; the parent's connection goes on (L10)."""
    text = f"""
{CHILD}
import ctypes, socket
NEWPID = 0x20000000
def unshare():
    if {another!r} == 'fork':
        return True
    return ctypes.CDLL(None).unshare(NEWPID) == 0 or ctypes.CDLL(None).unshare(0x10000000 | NEWPID) == 0
def ended(child):
    assert os.waitpid(child, 0)[1] == 0
if not unshare():
    print('skipped')
    sys.exit()
# In the namespace it is number 1, and so is the first process of the next one.
first = os.fork()
if first:
    ended(first)
    sys.exit()
{make}
stream.sendall(b'before'); assert stream.recv(100) == b'before'
assert unshare()
child = os.fork()
if not child:
    status = 1
    try:
        assert {another!r} == 'fork' or os.getpid() == 1, os.getpid()
        calls = [
            lambda: stream.sendall(b'the child'), lambda: stream.send(b'x'), lambda: stream.recv(1),
            lambda: stream.recv_into(bytearray(1)), lambda: stream.pending(), lambda: stream.shutdown(socket.SHUT_RD),
            lambda: stream.shutdown(socket.SHUT_RDWR), lambda: stream.shutdown(socket.SHUT_WR),
            lambda: stream.makefile('rb').read(1), lambda: stream.peer,
        ]
        for number, call in enumerate(calls):
            assert refused(call), number
        repr(stream)
        {make.replace("stream", "own").strip().replace(chr(10), chr(10) + "        ")}
        own.sendall(b'own'); assert own.recv(100) == b'own'
        grandchild = os.fork()
        if not grandchild:
            os._exit(0 if refused(lambda: own.sendall(b'x')) and refused(lambda: stream.sendall(b'x')) else 1)
        ended(grandchild)
        stream.close()
        own.sendall(b'again'); assert own.recv(100) == b'again'
        own.close()
        status = 0
    finally:
        import traceback; traceback.print_exc() if status else None
        os._exit(status)
ended(child)
stream.sendall(b'after')
print(stream.recv(100))
stream.close()
"""
    done = forking(text, server, ca)
    if done[1] == "skipped\n":
        cannot_run("no PID namespace may be made")
    assert done == (0, "b'after'\n", "")


def test_what_waits_in_a_stream_is_not_sent_by_a_child(server: Server, ca: Authority) -> None:
    """Encrypted data that the socket has not taken, and a lock that another thread holds: neither is the child's."""
    text = f"""
{CHILD}
stream = connect()
stream._outgoing = memoryview(stream._buffer.data_to_send() + b'left over')
stream._sock.sendall(b'')
held = [stream._reading, stream._writing]
for lock in held:
    lock.acquire()
child = os.fork()
if not child:
    calls = [lambda: stream.sendall(b'x'), lambda: stream.recv(1), lambda: stream.send(b'')]
    calls.append(lambda: stream.makefile('wb'))
    well = all(map(refused, calls))
    stream.close()
    os._exit(0 if well and stream.fileno() == -1 else 1)
assert os.waitpid(child, 0)[1] == 0
for lock in held:
    lock.release()
stream._outgoing = memoryview(b'')
stream.sendall(b'parent')
print(stream.recv(100))
"""
    assert forking(text, server, ca, "ignore") == (0, "b'parent'\n", "")


def test_a_buffer_in_a_pool_of_processes(server: Server, ca: Authority) -> None:
    """What `multiprocessing` forks; a handshake under way, and one that has not begun, are no child's either."""
    text = f"""
{CHILD}
import multiprocessing
buffer = policy.buffer(HOST)
def work(connection):
    calls = [
        lambda: buffer.data_to_send(), lambda: buffer.receive_data(b'x'), lambda: buffer.receive_eof(), buffer.expire,
        lambda: buffer.write(b'x'), lambda: buffer.read(1), buffer.close_notify, buffer.report,
        lambda: buffer.receive_error('x'), lambda: buffer.wants_write, lambda: buffer.peer, lambda: buffer.error,
    ]
    connection.send([refused(call) for call in calls] + [repr(buffer), policy.buffer(HOST).wants_write])
ours, theirs = multiprocessing.Pipe()
process = multiprocessing.get_context('fork').Process(target=work, args=(theirs,))
process.start()
answer = ours.recv()
process.join()
assert all(answer[:12]) and len(answer) == 14, answer
print(answer[12], answer[13], process.exitcode)
print(buffer.wants_write, len(buffer.data_to_send()) > 100)
"""
    wanted = f"<Buffer {HOST} of another process> True 0\nTrue True\n"
    assert run(text, server, ca) == wanted


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
