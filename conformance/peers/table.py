"""Clients against servers, with a policy: the right peer, mutual TLS, and how a client says that a peer is refused.

    python table.py [--bless] [CLIENT ...]

`make peers` runs it with the packages of python/requirements-peers.txt. conformance/ledgers/peers-clients.txt has the
outcome of each test of each client; a difference fails. docs/python.md shows it as a table. The clients of
python/tests/test_clients.py are not here: the gate has those.
"""

import argparse
import contextlib
import json
import logging
import shutil
import sys
import tempfile
import warnings
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ledger
import scripts
import servers
import stores
import web
from scripts import Script, Scripted
from servers import Material, Place

import uptls
from loopback import Authority, Leaf, document

LEDGER = ledger.ROOT / "conformance/ledgers/peers-clients.txt"
DOCUMENT = ledger.ROOT / "docs/python.md"
BEGIN, END = "<!-- peers: generated -->\n", "<!-- peers: end -->\n"
STANDARD = "-"
"""The package of what the standard library has."""

Real = Callable[[Material], contextlib.AbstractContextManager[Place]]


@dataclass(frozen=True)
class Client:
    """One client: what it meets, and how it is told of a policy."""

    name: str
    package: str
    fetch: Callable[..., None]
    peer: Script | Real
    answer: bytes = b"hello"
    media: str = "text/plain"
    additions: str = "refuse"
    strip: Script | None = None
    """What denies TLS in the clear, where `peer` is a real server with a change to TLS."""

    @property
    def server(self) -> str:
        """What it meets, for the table."""
        return "a script" if isinstance(self.peer, Script) else SERVERS[self.peer]


SERVERS = {
    servers.redis: "Redis",
    servers.mariadb: "MariaDB",
    servers.postgres: "PostgreSQL",
    servers.mosquitto: "mosquitto",
}


def _json(**answer: str) -> bytes:
    return json.dumps(answer).encode()


JSON = "application/json"
XML = xmlrpc.client.dumps(("hello",), methodresponse=True).encode()
BUILD = dict.fromkeys(
    ("major", "minor", "buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "platform"), "x"
)

CLIENTS = (
    Client("xmlrpc.client", STANDARD, web.xmlrpc_client, scripts.WEB, XML, "text/xml"),
    Client("smtplib, SMTP_SSL", STANDARD, web.smtp_tls, scripts.SMTPS),
    Client("smtplib, starttls", STANDARD, web.smtp_starttls, scripts.SMTP),
    Client("imaplib, IMAP4_SSL", STANDARD, web.imap_tls, scripts.IMAPS),
    Client("imaplib, starttls", STANDARD, web.imap_starttls, scripts.IMAP),
    Client("poplib, POP3_SSL", STANDARD, web.pop_tls, scripts.POPS),
    Client("poplib, stls", STANDARD, web.pop_stls, scripts.POP),
    Client("ftplib, prot_p", STANDARD, web.ftp_protected, scripts.FTP),
    Client("aioftp", "aioftp", web.aioftp_client, scripts.FTPS),
    Client("aiosmtplib, start_tls", "aiosmtplib", web.aiosmtplib_starttls, scripts.SMTP),
    Client("httpcore", "httpcore", web.httpcore_pool, scripts.WEB),
    Client("httplib2", "httplib2", web.httplib2_http, scripts.WEB),
    Client("tornado, AsyncHTTPClient", "tornado", web.tornado_client, scripts.WEB),
    Client("tornado, TCPClient", "tornado", web.tornado_stream, scripts.WEB),
    Client("websocket-client", "websocket-client", web.websocket_client, scripts.WEB),
    Client(
        "elasticsearch",
        "elasticsearch",
        web.elasticsearch_client,
        scripts.WEB,
        _json(say="hello"),
        "application/vnd.elasticsearch+json;compatible-with=9",
        "ignore",
    ),
    Client("opensearch-py", "opensearch-py", web.opensearch_client, scripts.WEB, _json(say="hello"), JSON),
    Client(
        "boto3", "boto3", web.boto3_client, scripts.WEB, _json(QueueUrl="hello"), "application/x-amz-json-1.0", "ignore"
    ),
    Client("kubernetes", "kubernetes", web.kubernetes_client, scripts.WEB, _json(**BUILD, gitVersion="hello"), JSON),
    Client("redis", "redis", stores.redis_client, servers.redis),
    Client("PyMySQL", "PyMySQL", stores.pymysql_client, servers.mariadb, strip=scripts.MYSQL_WITHOUT),
    Client("aiomysql", "aiomysql", stores.aiomysql_client, servers.mariadb, strip=scripts.MYSQL_WITHOUT),
    Client("asyncpg", "asyncpg", stores.asyncpg_client, servers.postgres, strip=scripts.POSTGRES_WITHOUT),
    Client("pymongo", "pymongo", stores.pymongo_client, scripts.MONGO),
    Client("paho-mqtt", "paho-mqtt", stores.paho_client, servers.mosquitto),
    Client("nats-py", "nats-py", stores.nats_client, scripts.NATS),
    Client("ldap3", "ldap3", stores.ldap3_client, scripts.LDAPS, additions="ignore"),
    Client("aiokafka", "aiokafka", stores.aiokafka_client, scripts.FIRST_OCTETS),
    Client("kafka-python", "kafka-python", stores.kafka_client, scripts.FIRST_OCTETS),
    Client("pika", "pika", stores.pika_client, scripts.FIRST_OCTETS),
    Client("aio-pika", "aio-pika", stores.aio_pika_client, scripts.FIRST_OCTETS),
)


@dataclass(frozen=True)
class Pki:
    """Who is trusted, who is not, and what the servers and the client show."""

    folder: Path
    ca: Authority
    other: Authority
    leaf: Leaf
    identity: Leaf


def pki(folder: Path) -> Pki:
    """Made anew for a run."""
    # Servers with users of their own read it.
    folder.chmod(0o755)
    ca, other = Authority(folder), Authority(folder, "Other CA")
    return Pki(folder, ca, other, ca.issue(web.HOST), ca.issue("client.test"))


def code_of(error: BaseException) -> str | None:
    """The code in an exception, or in what it was made of."""
    seen: list[object] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        # A copy that a client made of the text has no report, and its code is `internal`.
        if isinstance(one, uptls.UptlsError) and one.code != "internal":
            return one.code
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, *one.args, *getattr(one, "exceptions", ())]
            waiting += [getattr(one, "reason", None), *getattr(one, "errors", ())]
    return None


class Attempt:
    """One try of a client with a policy: its outcome, in one word."""

    def __init__(
        self, client: Client, made: Pki, *, ca: Authority, name: str = web.HOST, identity: bool = False
    ) -> None:
        fields = [f"serverName: {name}"]
        if identity:
            shown = made.identity
            fields.append(f"identity: {{certificate: {{file: {shown.certificate}}}, key: {{file: {shown.key}}}}}")
        policy = uptls.UpstreamTlsPolicy.from_document(document(ca.file, *fields))
        self.refusals: list[str | None] = []
        connector = uptls.Connector(policy, on_event=lambda event: self.refusals.append(event.code))
        self.context = connector.ssl_context(additions=client.additions)
        self.client = client

    def outcome(self, port: int, user: str, heard: Callable[[], bytes] = bytes) -> str:
        """`works`, or the code: as the exception has it, or the log alone, or `its own error` where there is none."""
        try:
            self.client.fetch(self.context, port, user=user)
        except Exception as error:  # noqa: BLE001
            code = code_of(error)
            if code:
                return code
            if self.refusals:
                return f"{self.refusals[0]} (log)"
            # A server that ends after the first octets of a protocol.
            return "works" if heard() else "its own error"
        return "works"


def scripted(client: Client, script: Script, made: Pki, *, demand: bool, stripped: bool = False) -> Scripted:
    ca = made.ca.file if demand else None
    return Scripted(made.leaf, client_ca=ca, script=script, stripped=stripped, answer=client.answer, media=client.media)


@contextlib.contextmanager
def place(
    client: Client, made: Pki, real: Place | None, *, demand: bool
) -> Iterator[tuple[int, str, Callable[[], bytes]]]:
    """Port, user, and what the server heard."""
    if real:
        yield (real.demanding_port, real.demanding_user, bytes) if demand else (real.port, real.user, bytes)
    else:
        assert isinstance(client.peer, Script)
        with scripted(client, client.peer, made, demand=demand) as server:
            yield server.port, "", lambda: bytes(server.heard)


def outcomes(client: Client, made: Pki, real: Place | None) -> dict[str, str]:
    """Of each test."""
    right = {"ca": made.ca}
    attempts: dict[str, tuple[dict[str, Any], bool]] = {
        "right peer": (right, False),
        "client certificate": ({**right, "identity": True}, True),
        "no certificate": (right, True),
        "another CA": ({"ca": made.other}, False),
        "another name": ({**right, "name": "other.test"}, False),
    }
    found = {}
    for test, (options, demand) in attempts.items():
        with place(client, made, real, demand=demand) as (port, user, heard):
            found[test] = Attempt(client, made, **options).outcome(port, user, heard)
    if found["no certificate"] != "works":
        # Over TLS 1.3 the refusal comes after the handshake: what a client makes of it is a matter of time.
        found["no certificate"] = "refused"
    found["server without TLS"] = stripped(client, made)
    return found


def stripped(client: Client, made: Pki) -> str:
    """Outcome at a server that says it has no TLS: whatever comes then must be no more than a ClientHello."""
    script = client.strip or (client.peer if isinstance(client.peer, Script) else scripts.WEB)
    with scripted(client, script, made, demand=False, stripped=True) as server:
        said = Attempt(client, made, ca=made.ca).outcome(server.port, "user")
    in_the_clear = said == "works" or (server.heard and not server.heard.startswith(b"\x16\x03"))
    return "continues in the clear" if in_the_clear else said


def rows(chosen: list[Client]) -> Iterator[tuple[Client, dict[str, str]]]:
    """All clients of a server in a row, so that it starts once."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        made = pki(Path(name))
        started: dict[Real, Place] = {}
        for client in chosen:
            real = None
            if not isinstance(client.peer, Script):
                if client.peer not in started:
                    started[client.peer] = stack.enter_context(client.peer(material(made, SERVERS[client.peer])))
                real = started[client.peer]
            yield client, outcomes(client, made, real)


def material(made: Pki, name: str) -> Material:
    """Copies in a folder of its own: the server may own it."""
    folder = made.folder / name
    folder.mkdir()
    leaf = Leaf(folder / "leaf.pem", folder / "leaf.key")
    shutil.copy(made.leaf.certificate, leaf.certificate)
    shutil.copy(made.leaf.key, leaf.key)
    leaf.key.chmod(0o600)
    return Material(folder, leaf, made.ca.file)


def release(client: Client) -> str:
    """Its version."""
    return client.package if client.package == STANDARD else version(client.package)


def table(found: dict[str, str]) -> str:
    """The ledger as the document shows it."""
    shown = ("right peer", "client certificate", "no certificate", "another CA", "another name", "server without TLS")
    lines = [f"| client | version | server | {' | '.join(shown)} |\n", f"|{' --- |' * (3 + len(shown))}\n"]
    for client in CLIENTS:
        cells = [found[f"{client.name}: {test}"] for test in shown]
        lines.append(
            f"| {client.name} | {found[f'{client.name}: version']} | {client.server} | {' | '.join(cells)} |\n"
        )
    return "".join(lines)


WANTED = {
    "right peer": ("works",),
    "client certificate": ("works",),
    "no certificate": ("refused",),
    "another CA": ("cert_unknown_issuer", "cert_unknown_issuer (log)"),
    "another name": ("name_mismatch", "name_mismatch (log)"),
}
"""What no ledger may change. How a client takes a server without TLS is the client's."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bless", action="store_true", help="write the ledger and the document anew")
    parser.add_argument("clients", nargs="*")
    arguments = parser.parse_args()
    logging.disable()
    warnings.simplefilter("ignore")
    chosen = [one for one in CLIENTS if not arguments.clients or one.name in arguments.clients]
    found = {}
    code = 0
    for client, row in rows(chosen):
        for test in (test for test, wanted in WANTED.items() if row[test] not in wanted):
            print(f"WRONG: {client.name}: {test}: {row[test]}")
            code = 1
        print(f"{client.name:26} {', '.join(f'{test}: {outcome}' for test, outcome in row.items())}", flush=True)
        found |= {f"{client.name}: version": release(client)}
        found |= {f"{client.name}: {test}": outcome for test, outcome in row.items()}
    code |= ledger.settle(LEDGER, found, bless=arguments.bless, whole=chosen == list(CLIENTS))
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    wanted = table(ledger.read(LEDGER))
    if arguments.bless:
        DOCUMENT.write_text(before + BEGIN + wanted + END + after)
    elif shown != wanted:
        print(f"DIFFERS: the table of {DOCUMENT.name} from the ledger: run it with --bless, and look at what changed")
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
