"""Certificates and servers on the loopback interface: TLS of the standard library, a thread for each connection."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "backend.test"
LIMIT = 60.0
"""Seconds after which a server gives up, so that a test ends at all."""


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A CA that writes what it issues into a folder."""

    folder: Path
    name: str = "Test CA"

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Its key."""
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def pem(self) -> bytes:
        """Its certificate."""
        builder = _builder(self.name, self.name, self.key.public_key(), 3650)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_signs_certificates(), critical=True)
        own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = builder.add_extension(own, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @cached_property
    def file(self) -> Path:
        """Its certificate in a file."""
        path = self.folder / f"{self.name}.pem"
        path.write_bytes(self.pem)
        return path

    def issue(self, *names: str, days: int = 365, purpose: x509.ObjectIdentifier | None = None) -> Leaf:
        """A certificate for names, addresses and URIs; with negative days one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(names[0] if names else "nobody", self.name, key.public_key(), days)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
            )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        purposes = [purpose] if purpose else [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        stem = self.folder / f"{certificate.serial_number}"
        leaf = Leaf(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        leaf.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        leaf.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return leaf


def _signs_certificates() -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    unused = dict.fromkeys((*others, "decipher_only", "digital_signature"), False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **unused)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(_dn(issuer), _dn(subject), key, x509.random_serial_number())
    begin = now - dt.timedelta(days=60)
    return builder.not_valid_before(begin).not_valid_after(now + dt.timedelta(days=days))


def _dn(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(text: str) -> x509.GeneralName:
    if ":/" in text:
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


Serve = Callable[[ssl.SSLSocket], None]


def echo(tls: ssl.SSLSocket) -> None:
    """Gives back what comes, and ends properly when the client does."""
    while raw := tls.recv(65536):
        tls.sendall(raw)
    with contextlib.suppress(OSError):
        tls.unwrap()


def truncate(tls: ssl.SSLSocket) -> None:
    """Answers, and closes the transport without a close_notify."""
    tls.sendall(b"not all")


def close(tls: ssl.SSLSocket) -> None:
    """Answers, and ends properly."""
    tls.sendall(b"all of it")
    with contextlib.suppress(OSError):
        tls.unwrap()


@dataclass
class Server:
    """A TLS server."""

    leaf: Leaf
    serve: Serve = echo
    alpn: tuple[str, ...] = ()
    client_ca: Path | None = None
    version: ssl.TLSVersion | None = None
    failures: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._context = self._tls()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                # Not that of an SSLSocket, which is in use by its thread.
                socket.socket.shutdown(end, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf.certificate, self.leaf.key)
        context.sni_callback = lambda _tls, name, _context: self.names.append(name)
        if self.alpn:
            context.set_alpn_protocols(self.alpn)
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        if self.version:
            context.minimum_version = context.maximum_version = self.version
        return context

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(LIMIT)
            self._open.append(client)
            self._start(lambda client=client: self._connection(client))  # type: ignore[misc]

    def _connection(self, client: socket.socket) -> None:
        with client:
            try:
                with self._context.wrap_socket(client, server_side=True) as tls:
                    self._open.append(tls)
                    self.serve(tls)
            except OSError as error:
                self.failures.append(str(error))


def document(ca: Path, *fields: str) -> str:
    """A policy document that trusts a file."""
    spec = "".join(f"  {field}\n" for field in fields)
    head = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec:\n"
    return f"{head}  trust: {{bundles: [{{file: {str(ca)!r}}}]}}\n{spec}"
