"""Programs of examples/python, docs/python.md and the wheel's description: against a good server, and another one."""

import json
import re
import shutil
import socket
import subprocess
import sys
import warnings
from concurrent import futures
from pathlib import Path
from typing import Any, Self

import grpc
import pytest

from clients.servers import SMALL, Server, http, websocket
from conftest import ROOT
from loopback import Authority, Leaf, document

EXAMPLES = ROOT / "examples/python"
PAGES = [ROOT / "docs/python.md", ROOT / "python/README.md"]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", "".join(map(Path.read_text, PAGES)), re.MULTILINE | re.DOTALL)
POLICY, MANIFESTS = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/python.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def policy(ca: Authority, tmp_path: Path) -> Path:
    """A policy document that wants backend.test, with a CA file of its own."""
    shutil.copy(ca.file, tmp_path / "ca.pem")
    path = tmp_path / "policy.yaml"
    path.write_text(document(Path("ca.pem"), "serverName: backend.test"))
    return path


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["requests_get.py", "httpx_get.py", "aiohttp_get.py", "asyncio_get.py"])
def test_an_example(name: str, policy: Path, ca: Authority, other_ca: Authority) -> None:
    def against(leaf: Leaf) -> subprocess.CompletedProcess[str]:
        with Server(leaf) as server:
            where = ["localhost", str(server.port), "127.0.0.1"]
            return run(name, policy, *(where if name == "asyncio_get.py" else [f"https://localhost:{server.port}/"]))

    good = against(ca.issue("backend.test"))
    assert (good.returncode, good.stderr) == (0, "")
    assert SMALL.decode() in good.stdout
    for leaf, word in ((other_ca.issue("backend.test"), "trusted"), (ca.issue("other.test"), "other.test")):
        bad = against(leaf)
        assert (bad.returncode, bad.stdout) == (1, "")
        assert "refused: " in bad.stderr
        assert word in bad.stderr
    policy.write_text("nonsense")
    assert against(ca.issue("backend.test")).returncode == 2


def replace(path: Path, *parts: Path) -> None:
    """All at once, as Kubernetes does."""
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(part.read_bytes() for part in parts))
    new.rename(path)


@pytest.mark.parametrize("overlap", [True, False])
def test_rotation_drops_no_request(policy: Path, ca: Authority, other_ca: Authority, overlap: bool) -> None:
    bundle = policy.parent / "ca.pem"
    # A session that is resumed would need no certificate at all.
    policy.write_text(policy.read_text() + "  resumption: false\n")
    with Server(ca.issue("backend.test")) as server:
        url = f"https://localhost:{server.port}/"
        command: list[str | Path] = [sys.executable, EXAMPLES / "rotation.py", policy, url, "100"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stdout
            assert program.stderr
            while not server.connections:
                assert program.poll() is None
            if overlap:
                replace(bundle, ca.file, other_ca.file)
                assert program.stdout.readline().startswith("updated: generation 2")
            renewed = other_ca.issue("backend.test")
            server.use(renewed)
            if overlap:
                replace(bundle, other_ca.file)
                assert program.stdout.readline().startswith("updated: generation 3")
            rest, complaints = program.stdout.read(), program.stderr.read()
    if overlap:
        assert (program.returncode, rest) == (0, "100 of 100 requests were answered\n")
    else:
        assert program.returncode == 1
        assert "refused: " in complaints


# The programs of the documentation.


class Grpc:
    """A server of gRPC without a method: for who only connects."""

    def __init__(self, leaf: Leaf, ca: Authority) -> None:
        pair = (leaf.key.read_bytes(), leaf.certificate.read_bytes())
        credentials = grpc.ssl_server_credentials([pair], ca.pem, require_client_auth=True)
        self._server = grpc.server(futures.ThreadPoolExecutor(1))
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


def server_of(block: str, leaf: Leaf, ca: Authority) -> Any:
    if "uptls.grpc" in block:
        return Grpc(leaf, ca)
    speak = websocket if "websockets" in block else http
    return Server(leaf, client_ca=ca.file, alpn=("h2", "http/1.1"), speak=speak)


@pytest.fixture
def files(ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, in the current folder."""
    identity = ca.issue("client.test")
    shutil.copy(ca.file, tmp_path / "ca.pem")
    shutil.copy(identity.certificate, tmp_path / "tls.crt")
    shutil.copy(identity.key, tmp_path / "tls.key")
    (tmp_path / "policy.yaml").write_text(POLICY)
    material = (
        ("ConfigMap", "ca", {"ca.crt": ca.file}),
        ("Secret", "client", {"tls.crt": identity.certificate, "tls.key": identity.key}),
    )
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "payments.yaml").write_text(MANIFESTS)
    for kind, name, places in material:
        content = {key: place.read_text() for key, place in places.items()}
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}}
        manifest["data" if kind == "ConfigMap" else "stringData"] = content
        (tmp_path / "manifests" / f"{name}.json").write_text(json.dumps(manifest))
    monkeypatch.chdir(tmp_path)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def execute(block: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a program whose backend is at that port."""

    def getaddrinfo(host: Any, _: Any, *__: Any, **___: Any) -> Any:
        assert host in {"payments.internal", b"payments.internal"}
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    if "uptls.grpc" in block:
        # It resolves names by itself; the policy's server name is what counts.
        block = block.replace('"payments.internal:443"', f'"127.0.0.1:{port}"')
    # A connection that is dialled by the core goes to an address.
    given = f'connection("payments.internal", {port}, connect_to="127.0.0.1",'
    block = block.replace('connection("payments.internal", 443,', given)
    block = block.replace('.connect("payments.internal", 443,', given.replace("connection", ".connect"))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(block, "docs/python.md", "exec"), {"__name__": "__main__"})  # noqa: S102


@pytest.mark.parametrize("block", BLOCKS, ids=[str(number) for number in range(len(BLOCKS))])
def test_a_program_of_the_documentation(
    block: str, files: Path, ca: Authority, other_ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = ca.issue("payments.internal"), other_ca.issue("payments.internal")
    shutil.copy(good.certificate, files / "seen.pem")
    with server_of(block, good, ca) as server:
        execute(block, server.port, monkeypatch)
    shutil.copy(bad.certificate, files / "seen.pem")
    with server_of(block, bad, ca) as server, pytest.raises((Exception, SystemExit)) as caught:
        execute(block, server.port, monkeypatch)
    assert not isinstance(caught.value, AssertionError | NameError | ImportError)
    assert server.bytes == 0


def test_every_client_has_a_program() -> None:
    names = ("urllib", "requests", "urllib3", "httpx", "aiohttp", "asyncio", "trio", "websockets", "grpc")
    assert all(any(name in block for block in BLOCKS) for name in names)
