"""What a refusal says of an issuer that nobody knows: an intermediate that was not sent, or another root."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

import uptls

HOST = "pay.test"
MISSING, UNKNOWN = "cert_missing_intermediate", "cert_unknown_issuer"
KEY = ec.generate_private_key(ec.SECP256R1())


def name(common: str, organization: str = "Corp") -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


ROOT, SIBLING = name("Corp Root 1"), name("Corp Root 2")


def issued(subject: x509.Name, issuer: x509.Name, *extensions: x509.ExtensionType) -> bytes:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(issuer, subject, KEY.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(30))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


CA = x509.BasicConstraints(ca=True, path_length=None)
SAN = x509.SubjectAlternativeName([x509.DNSName(HOST)])
LOCATION = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.test/")
        )
    ]
)


def below(issuer: x509.Name) -> x509.AuthorityKeyIdentifier:
    """Names the issuer's issuer."""
    return x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(issuer)], 7)


@pytest.mark.parametrize(
    ("issuer", "extensions", "code"),
    [
        # Nothing tells what the issuer is.
        (SIBLING, (), UNKNOWN),
        (name("Other Root", "Other"), (), UNKNOWN),
        # The certificate tells: below a trusted one, below another one, a root.
        (SIBLING, (below(ROOT),), MISSING),
        (SIBLING, (below(name("Corp Root 3")),), UNKNOWN),
        (SIBLING, (below(SIBLING),), UNKNOWN),
        (name("Other", "Other"), (below(ROOT),), MISSING),
        # It says where the issuer can be fetched; one that is a root is still none that is missing.
        (SIBLING, (LOCATION,), MISSING),
        (SIBLING, (LOCATION, below(SIBLING)), UNKNOWN),
    ],
)
def test_an_intermediate_is_missing_where_the_certificate_tells_so(
    issuer: x509.Name, extensions: tuple[x509.ExtensionType, ...], code: str
) -> None:
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(issued(ROOT, ROOT, CA), name="ca"), server_name=HOST)
    report = policy.verify(issued(name("leaf"), issuer, SAN, *extensions))
    assert report.code == code


def test_another_root_of_the_organization_has_both_remedies() -> None:
    trusted, sibling = issued(ROOT, ROOT, CA), issued(SIBLING, SIBLING, CA)
    leaf = issued(name("leaf"), SIBLING, SAN)
    policy = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(trusted, name="ca"), server_name=HOST)
    alone, sent = policy.verify(leaf), policy.verify(leaf + sibling)
    assert alone.code == sent.code == UNKNOWN
    assert "was not sent" in (alone.message or "")
    assert "was not sent" not in (sent.message or "")
    hint = alone.hint or ""
    assert hint.index("trust.bundles") < hint.index("after its own certificate")
    # Both work when they are followed.
    both = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_pem(trusted + sibling, name="ca"), server_name=HOST)
    assert both.verify(leaf).accepted
    assert policy.verify(leaf + issued(SIBLING, ROOT, CA)).accepted
