"""A peer's certificates: `getpeercert` beside the standard library's, and the path that was verified."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

import uptls
from clients.facade import connected
from clients.servers import Server
from loopback import Authority, Leaf, document
from uptls._native import decode_certificate

KEY = ec.generate_private_key(ec.SECP256R1())


def attribute(oid: x509.ObjectIdentifier, value: str, kind: _ASN1Type | None = None) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value, kind)


def rdn(*attributes: x509.NameAttribute[str]) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName(attributes)


def made(
    *subject: x509.RelativeDistinguishedName,
    names: list[x509.GeneralName] | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
    serial: int = 0x0102AB,
    begin: dt.datetime = dt.datetime(2024, 2, 9, 1, 2, 3, tzinfo=dt.UTC),
) -> bytes:
    """A certificate, PEM."""
    issuer = x509.Name([rdn(attribute(NameOID.COMMON_NAME, "An issuer, O=not its organization"))])
    builder = x509.CertificateBuilder(issuer, x509.Name(subject), KEY.public_key(), serial)
    builder = builder.not_valid_before(begin).not_valid_after(dt.datetime(2060, 11, 30, 23, 59, 59, tzinfo=dt.UTC))
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def theirs(pem: bytes, folder: Path) -> Any:
    """The standard library's own."""
    file = folder / "certificate.pem"
    file.write_bytes(pem)
    return ssl._ssl._test_decode_cert(str(file))  # type: ignore[attr-defined]  # noqa: SLF001


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


COMMON = NameOID.COMMON_NAME
ORGANIZATION = NameOID.ORGANIZATION_NAME
PLAIN = rdn(attribute(COMMON, "plain"))

CASES: dict[str, bytes] = {
    "nothing special": made(PLAIN),
    "no subject": made(names=[x509.DNSName("a.test")]),
    "a CN within an organization": made(
        rdn(attribute(ORGANIZATION, "Foo, CN=bank.example")), rdn(attribute(COMMON, "localhost"))
    ),
    "what RFC 4514 escapes": made(rdn(attribute(COMMON, ' #a+b="c";<d>\\e, ')), rdn(attribute(COMMON, "f\0g\nh"))),
    "an RDN of several attributes": made(
        rdn(attribute(ORGANIZATION, "Foo"), attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "a+b=c")), PLAIN
    ),
    "strings of other types": made(
        rdn(attribute(COMMON, "Grüße 例", _ASN1Type.BMPString)),
        rdn(attribute(COMMON, "Grüße 𠀋", _ASN1Type.UniversalString)),
        rdn(attribute(COMMON, "Grüße 𠀋", _ASN1Type.UTF8String)),
        rdn(attribute(COMMON, "printable", _ASN1Type.PrintableString)),
        rdn(attribute(COMMON, "teletex", _ASN1Type.T61String)),
        rdn(attribute(COMMON, "12345", _ASN1Type.NumericString)),
        rdn(attribute(NameOID.EMAIL_ADDRESS, "a@b.test", _ASN1Type.IA5String)),
    ),
    "every type of attribute": made(
        *(
            rdn(attribute(oid, "DE"))
            for name, oid in sorted(vars(NameOID).items())
            if isinstance(oid, x509.ObjectIdentifier)
        ),
        rdn(attribute(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), "unknown")),
    ),
    "every type of name": made(
        PLAIN,
        names=[
            x509.DNSName("a.test"),
            x509.RFC822Name("x@y.test"),
            uri("spiffe://a/b, DNS:c"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1f")),
            x509.IPAddress(ipaddress.ip_address("::")),
            x509.DirectoryName(x509.Name([rdn(attribute(ORGANIZATION, "a, O=b"), attribute(COMMON, "c")), PLAIN])),
        ],
    ),
    "a hundred names": made(PLAIN, names=[x509.DNSName(f"a{index}.test") for index in range(100)]),
    "where to look further": made(
        PLAIN,
        extensions=(
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri("http://ocsp.test/1")),
                    x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri("http://ocsp.test/2")),
                    x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, uri("http://ca.test/")),
                    x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.DNSName("ca.test")),
                ]
            ),
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint([uri("http://crl.test/1"), uri("http://crl.test/2")], None, None, None),
                    x509.DistributionPoint(None, rdn(attribute(COMMON, "relative")), None, None),
                    x509.DistributionPoint([x509.DirectoryName(x509.Name([PLAIN]))], None, None, None),
                ]
            ),
        ),
    ),
    "a small serial number": made(PLAIN, serial=7),
    "a serial number with a sign byte": made(PLAIN, serial=0xFF00AB),
    "an old beginning": made(PLAIN, begin=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_dictionary_is_that_of_the_standard_library(kind: str, tmp_path: Path) -> None:
    ours = decode_certificate(der(CASES[kind]))
    assert ours == theirs(CASES[kind], tmp_path)
    # What is equal above could still be of a type that others refuse to hash.
    hash((ours["subject"], ours["issuer"], ours.get("subjectAltName")))
    assert ssl.cert_time_to_seconds(ours["notBefore"]) < ssl.cert_time_to_seconds(ours["notAfter"])


def test_an_attribute_never_becomes_two() -> None:
    subject = decode_certificate(der(CASES["a CN within an organization"]))["subject"]
    assert subject == ((("organizationName", "Foo, CN=bank.example"),), (("commonName", "localhost"),))


def test_names_of_types_without_a_text_are_named() -> None:
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x0c\x01a")
    names = decode_certificate(der(made(PLAIN, names=[other, x509.DNSName("a.test")])))["subjectAltName"]
    assert names == (("othername", "<unsupported>"), ("DNS", "a.test"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A string of UTF-8 that is none, in the subject and in the alternative names.
        (b"\x0c\x05plain", b"\x0c\x05pl\xffin"),
        (b"\x82\x06a.test", b"\x82\x06a.te\xff\xff"),
        # An OCTET STRING.
        (b"\x0c\x05plain", b"\x04\x05plain"),
    ],
)
def test_what_is_no_text_is_not_told_in_part(old: bytes, new: bytes) -> None:
    good = der(made(PLAIN, names=[x509.DNSName("a.test")]))
    assert decode_certificate(good)["subject"] == ((("commonName", "plain"),),)
    bad = good.replace(old, new)
    assert bad != good
    with pytest.raises(uptls.PeerVerificationError) as caught:
        decode_certificate(bad)
    assert caught.value.code == "cert_malformed"
    assert "getpeercert(True)" in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"0", b"\x30\x03\x02\x01\x07", der(CASES["nothing special"]) + b"\0"])
def test_what_is_no_certificate_is_refused(raw: bytes) -> None:
    with pytest.raises(uptls.PeerVerificationError):
        decode_certificate(raw)


# The path.


def with_strangers(leaf: Leaf, folder: Path, *pems: bytes) -> Leaf:
    """The same leaf, by a server that sends more than it must."""
    chain = folder / "chain.pem"
    chain.write_bytes(leaf.certificate.read_bytes() + b"".join(pems))
    return Leaf(chain, leaf.key)


def test_the_verified_chain_has_the_anchor_and_no_stranger(ca: Authority, other_ca: Authority, tmp_path: Path) -> None:
    policy = uptls.UpstreamTlsPolicy.from_document(document(ca.file))
    leaf = ca.issue("localhost")
    own, stranger = der(leaf.certificate.read_bytes()), der(other_ca.pem)
    with Server(with_strangers(leaf, tmp_path, other_ca.pem)) as server:
        for resumed in (False, True):
            with connected(server, policy.ssl_context()) as tls:
                ours: Any = tls
                assert ours.get_verified_chain() == ours.peer.verified_chain == [own, der(ca.pem)]
                assert ours.get_unverified_chain() == ours.peer.chain == [own, stranger]
                # The ticket of TLS 1.3 comes with the first answer.
                tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert tls.recv(1)
                if resumed:
                    assert tls.session_reused


def test_a_path_that_is_not_known_is_never_guessed(ca: Authority) -> None:
    head = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec:\n"
    text = f"{head}  danger: {{acceptAnyCertificate: {{reason: a test}}}}\n"
    policy = uptls.UpstreamTlsPolicy.from_document(text, allow_danger=True)
    with Server(ca.issue("localhost")) as server, connected(server, policy.ssl_context()) as tls:
        ours: Any = tls
        assert ours.peer.verified_chain is None
        with pytest.raises(uptls.MisuseError, match="get_unverified_chain"):
            ours.get_verified_chain()
        assert len(ours.get_unverified_chain()) == 1


def test_there_is_no_chain_before_the_handshake(ca: Authority) -> None:
    context = uptls.UpstreamTlsPolicy.from_document(document(ca.file)).ssl_context()
    tls: Any = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    assert tls.get_verified_chain() == tls.get_unverified_chain() == []
