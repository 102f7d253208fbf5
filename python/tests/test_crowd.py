"""What stands in the way of other clients: packages that replace or patch parts of them. Run where all are installed.

The gate runs this file, and the table of clients, in the environment of requirements-crowd.txt as well. In that of the
other tests there is no such package, and each test says so by what it expects.
"""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from clients.servers import Server
from conftest import ROOT
from loopback import Authority
from test_clients import INSTALLED

_PIN = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)$", re.MULTILINE)
_FILES = ("requirements-peers.txt", "requirements-crowd.txt")
CROWD = [pin for name in _FILES for pin in _PIN.findall((ROOT / "python" / name).read_text())]
IS_CROWD = "urllib3-future" in INSTALLED
PATCHES = {
    "nothing": "",
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "truststore": "import truststore; truststore.inject_into_ssl()",
    "pyopenssl": "import urllib3.contrib.pyopenssl as patch; patch.inject_into_urllib3()",
}
"""What programs do to the module ssl before they import anything else."""

# Each fetches `url` into `body`.
CLIENTS = {
    "urllib.request": "import urllib.request; body = urllib.request.urlopen(url, context=context(), timeout=30).read()",
    "urllib3": "import urllib3; body = urllib3.PoolManager(ssl_context=context()).request('GET', url, retries=0).data",
    "requests": "import uptls.requests; body = uptls.requests.session(policy).get(url, timeout=30).content",
    "connect": "with policy.connect('localhost', port) as stream: body = exchange_now(stream)",
}
if IS_CROWD:
    # It has no other way for a context: what is no path and no text is nothing to its `verify`.
    CLIENTS["niquests"] = (
        "import niquests, niquests.adapters\n"
        "    class Adapter(niquests.adapters.HTTPAdapter):\n"
        "        def init_poolmanager(self, *a, **k): return super().init_poolmanager(*a, ssl_context=context(), **k)\n"
        "    session = niquests.Session()\n"
        "    session.mount('https://', Adapter()); body = session.get(url, timeout=30).content"
    )
PROGRAM = """
import sys, warnings
warnings.simplefilter('ignore')
{patch}
import logging; logging.disable()
import uptls
port, url = int(sys.argv[1]), 'https://localhost:' + sys.argv[1] + '/'
policy = uptls.UpstreamTlsPolicy.from_file(sys.argv[2])
context = policy.ssl_context
def exchange_now(stream):
    stream.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
    return stream.recv(65536)[-5:]
try:
    {client}
except ImportError:
    raise
except Exception:
    print('refused')
else:
    print(body.decode())
"""


def outcome(patch: str, client: str, server: Server, policy: Path, system: Path) -> str:
    """`hello` or `refused`: what a program prints whose environment trusts `system`, and that is given `policy`."""
    text = PROGRAM.format(patch=PATCHES[patch], client=CLIENTS[client])
    environment = {**os.environ, "SSL_CERT_FILE": str(system), "REQUESTS_CA_BUNDLE": str(system)}
    done = subprocess.run(
        [sys.executable, "-c", text, str(server.port), str(policy)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_crowd_is_here() -> None:
    """Each, in the version of the file; or, in the environment of the other tests, none of those that replace."""
    assert len(CROWD) > 40
    if IS_CROWD:
        assert {name: version(name) for name, _ in CROWD} == dict(CROWD)
    else:
        assert not INSTALLED & {"urllib3-future", "niquests", "gevent", "eventlet", "truststore"}


def policy_file(folder: Path, ca: Authority) -> Path:
    path = folder / "policy.yaml"
    path.write_text(
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: crowd}\n"
        f"spec: {{trust: {{bundles: [{{file: {ca.file}}}]}}, serverName: localhost}}\n"
    )
    return path


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("patch", PATCHES if IS_CROWD else ["nothing"])
def test_nobody_goes_around_a_policy(
    patch: str, client: str, ca: Authority, other_ca: Authority, tmp_path: Path
) -> None:
    """A peer that the system trusts and the policy does not is refused, whatever was patched and replaced."""
    with Server(other_ca.issue("localhost")) as server:
        assert outcome(patch, client, server, policy_file(tmp_path, ca), other_ca.file) == "refused"
        assert server.bytes == 0


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("patch", PATCHES if IS_CROWD else ["nothing"])
def test_a_good_peer_beside_the_crowd(
    patch: str, client: str, ca: Authority, other_ca: Authority, tmp_path: Path
) -> None:
    """The twin: what works there, and what the documentation says is refused even so."""
    with Server(ca.issue("localhost")) as server:
        got = outcome(patch, client, server, policy_file(tmp_path, ca), other_ca.file)
    assert got == ("hello" if works(patch, client) else "refused")


def works(patch: str, client: str) -> bool:
    """What docs/python.md says."""
    if client == "connect":
        return True
    if client == "niquests" or (client in {"urllib3", "requests"} and IS_CROWD):
        return False
    return patch in PATCHES
