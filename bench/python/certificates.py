"""A CA, its certificate for localhost, and the context of each side that trusts it."""

import ssl
import sys
from pathlib import Path
from typing import Any

import rtls

import uptls

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python/tests"))

from loopback import Authority, Leaf


def made(folder: Path) -> tuple[Path, Leaf]:
    """The CA's file and the leaf."""
    folder.mkdir(parents=True)
    authority = Authority(folder)
    return authority.file, authority.issue("localhost")


def context(side: str, ca: Path) -> Any:
    """What a client is given."""
    if side == "uptls":
        return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.from_file(ca)).ssl_context()
    return {"ssl": ssl, "rtls": rtls}[side].create_default_context(cafile=str(ca))
