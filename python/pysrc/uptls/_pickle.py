"""The calls that pickles name: they have paths, and read the files again where the pickle is loaded."""

from typing import Any, Literal

from uptls._native import ClientIdentity, Revocation, TrustBundle, UpstreamTlsPolicy

_Depth = Literal["chain", "leaf"] | None
_Unknown = Literal["allow", "deny"] | None


def identity(certificate: str, key: str, passphrase_file: str | None) -> ClientIdentity:
    """A client identity in files."""
    return ClientIdentity.from_files(certificate, key, passphrase_file=passphrase_file)


def revocation(crls: list[str], depth: _Depth, unknown: _Unknown) -> Revocation:
    """Revocation lists in files."""
    return Revocation(crls, depth=depth, unknown=unknown)


def trust(form: str, value: str, trust_domain: str) -> TrustBundle:
    """Certificates that vouch for a SPIFFE trust domain."""
    made: TrustBundle = getattr(TrustBundle, form)(value, trust_domain=trust_domain)
    return made


def policy(maker: str | None, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> UpstreamTlsPolicy:
    """A policy by the call that made it: of a static method, or of the class itself."""
    make = UpstreamTlsPolicy if maker is None else getattr(UpstreamTlsPolicy, maker)
    made: UpstreamTlsPolicy = make(*arguments, **keywords)
    return made


def replaced(original: UpstreamTlsPolicy, changes: dict[str, Any]) -> UpstreamTlsPolicy:
    """A policy with other fields."""
    return original.replace(**changes)
