"""What the programs meet: certificates of two CAs, policies, and a server that wants a certificate of its clients."""

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

HOST = "backend.test"

_POLICY = """apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {{name: {name}}}
spec:
  handshakeTimeout: 2s
  trust: {{bundles: [{{file: {ca}}}]}}
  identity: {{certificate: {{file: {identity}.pem}}, key: {{file: {identity}.key}}}}
"""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _authority(folder: Path, name: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(
        folder, "req", "-x509", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *usage
    )


def _leaf(folder: Path, name: str, authority: str, purpose: str, san: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(folder, "req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    extensions = f"extendedKeyUsage={purpose}\nsubjectAltName={san}\nkeyUsage=digitalSignature\n"
    (folder / f"{name}.ext").write_text(extensions)
    issuer = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial")
    _openssl(
        folder,
        "x509",
        "-req",
        "-in",
        f"{name}.csr",
        *issuer,
        "-days",
        "10",
        "-extfile",
        f"{name}.ext",
        "-out",
        f"{name}.pem",
    )


def make_files(folder: Path) -> None:
    """Certificates, keys and policies."""
    for name in ("ca", "other", "clients"):
        _authority(folder, name)
    _leaf(folder, "server", "ca", "serverAuth", f"DNS:{HOST}")
    for name in ("one", "two"):
        _leaf(folder, name, "clients", "clientAuth", f"URI:spiffe://t/{name}")
    (folder / "both.pem").write_text((folder / "ca.pem").read_text() + (folder / "other.pem").read_text())
    (folder / "good.yaml").write_text(_POLICY.format(name="good", ca="ca.pem", identity="one"))
    (folder / "next.yaml").write_text(_POLICY.format(name="good", ca="ca.pem", identity="two"))
    (folder / "bad.yaml").write_text(_POLICY.format(name="bad", ca="other.pem", identity="one"))


class Server:
    """One request, one answer and a proper end for each connection, on a thread of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._context.load_verify_locations(folder / "clients.pem")
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            raw, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(raw,), daemon=True).start()

    def _answer(self, raw: socket.socket) -> None:
        raw.settimeout(30)
        with contextlib.suppress(OSError), raw, self._context.wrap_socket(raw, server_side=True) as stream:
            if stream.recv(4096):
                stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n")
            stream.unwrap()
