"""Certificates for the servers of these tests, made afresh in a folder."""

import datetime
import ipaddress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Name = x509.DNSName | x509.IPAddress | x509.UniformResourceIdentifier


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        """The certificate, DER."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Authority:
    """A CA with a key of its own, that writes what it issues into a folder."""

    folder: Path
    name: str

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _certificate(self) -> x509.Certificate:
        usage = _usage(key_cert_sign=True)
        builder = _builder(self._subject(self.name), self._subject(self.name), self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    @cached_property
    def file(self) -> Path:
        """The CA's certificate."""
        path = self.folder / f"{self.name.replace(' ', '-')}.pem"
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def issue(self, *names: str, days: int = 30) -> Leaf:
        """A certificate for hosts, addresses and URIs; with negative days one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self._subject(names[0]), self._certificate.subject, key.public_key(), days)
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        for extension in (
            x509.SubjectAlternativeName([_name(name) for name in names]),
            purposes,
            _usage(key_cert_sign=False),
            x509.BasicConstraints(ca=False, path_length=None),
        ):
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        stem = f"{self.name}-{certificate.serial_number}".replace(" ", "-")
        leaf = Leaf(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        leaf.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        leaf.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return leaf

    @staticmethod
    def _subject(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 30
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    begin = now - datetime.timedelta(days=60)
    return builder.not_valid_before(begin).not_valid_after(now + datetime.timedelta(days=days))


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> Name:
    if ":/" in text:
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
