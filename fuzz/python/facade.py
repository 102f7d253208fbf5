"""The Python facade under atheris: whatever it is called with, it gives what it says or an exception that it names.

`python fuzz/python/facade.py -runs=10000 fuzz/corpora/python_facade`, in an environment that has atheris and uptls, as
`.ci/gate.py` makes it. A panic of Rust is no such exception, and ends the run. Only Python is instrumented here: what
the core makes of bytes is the business of the other targets.

The first byte of an input says which call it is; what needs texts has them behind it, between marks (see `parts`).
"""

import json
import logging
import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import atheris

with atheris.instrument_imports(include=["uptls"]):
    import uptls
    from uptls import _native

logging.disable()
T = TypeVar("T")
MARK = b"\n--\n"
RUNTIME = uptls.Runtime(at="2026-11-23T00:00:00Z")


def signpost() -> Callable[[], None]:
    """A function that atheris counts for itself."""

    def passed() -> None:
        return None

    made: Callable[[], None] = atheris.instrument_func(passed)
    return made


# What Rust does is not seen. So each code that comes back is something new to the fuzzer, which keeps its input.
SIGNPOSTS = {code.name: signpost() for code in _native.codes()}


def attempt(call: Callable[..., T], *arguments: Any, **keywords: Any) -> T | None:
    """What the call gives; None for an exception that the facade may raise."""
    try:
        return call(*arguments, **keywords)
    except uptls.UptlsError as error:
        same_after_pickling(error)
        return None
    except (TypeError, ValueError):
        return None


def same_after_pickling(error: uptls.UptlsError) -> None:
    """What another process gets is what was raised here."""
    SIGNPOSTS[error.code]()
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.code) == (str(error), error.code), "an error is not what it was after pickling"


def parts(raw: bytes, count: int) -> list[str | bytes]:
    """The texts between the marks; as str where they are UTF-8, so that both kinds of argument occur."""
    found = [*raw.split(MARK, count - 1), *[b""] * count][:count]
    return [decoded(part) for part in found]


def decoded(raw: bytes) -> str | bytes:
    """As text, if it is UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def document(raw: bytes) -> None:
    """verify_document reports what from_document raises, and a policy judges as its document does."""
    text, chain, host = parts(raw, 3)
    host = host if isinstance(host, str) and host else None
    made = attempt(uptls.verify_document, text, chain, host, runtime=RUNTIME)
    assert made is not None, "a document is judged, whatever it is"
    same_after_json(made)
    raised, policy = None, None
    try:
        policy = uptls.UpstreamTlsPolicy.from_document(text, runtime=RUNTIME)
    except uptls.UptlsError as error:
        raised = error
    if policy is None or raised is not None:
        assert raised is not None, "neither a policy nor an error"
        assert (made.verdict, made.code) == ("error", raised.code), f"{raised.code} raised, and {made.code} reported"
        return
    judged = attempt(policy.verify, chain, host)
    assert judged is None or judged == made, "a policy and its document judge differently"


def same_after_json(made: uptls.Report) -> None:
    """A report is what its JSON says."""
    if made.code in SIGNPOSTS:
        SIGNPOSTS[made.code]()
    again = uptls.Report.from_json(made.to_json())
    assert again == made, "a report is another one after JSON"
    assert hash(again) == hash(made), "equal reports have different hashes"
    assert bool(made) == made.accepted == (made.verdict == "accepted"), "two words for one verdict"
    assert (made.code is None) == made.accepted, "a verdict without its code"
    assert json.loads(made.to_json())["results"] == [made.to_dict()], "the dictionary is not the JSON"


def fields(raw: bytes) -> None:
    """A policy from keywords: what is made says the same of itself when it is explained and copied."""
    data = atheris.FuzzedDataProvider(raw)
    word = lambda: data.ConsumeUnicode(24)  # noqa: E731
    words = lambda: [word() for _ in range(data.ConsumeIntInRange(0, 3))]  # noqa: E731
    drawn = {
        "server_name": word,
        "subject_alt_names": lambda: [name for name in (san(data) for _ in range(2)) if name is not None],
        "alpn": words,
        "alpn_required": data.ConsumeBool,
        "min_version": word,
        "max_version": lambda: "1.3",
        "cipher_suites": words,
        "groups": words,
        "spki_pins": words,
        "resumption": data.ConsumeBool,
        "handshake_timeout": lambda: data.ConsumeFloat() if data.ConsumeBool() else word(),
        "name": word,
        "unknown": word,
    }
    chosen = {name: draw() for name, draw in drawn.items() if data.ConsumeIntInRange(0, 3) == 0}
    policy = attempt(uptls.UpstreamTlsPolicy, ca=bundle(data), runtime=RUNTIME, **chosen)
    if policy is not None:
        assert policy.replace() == policy, "a policy with no other field is another one"
        assert policy.explain().policy.fingerprint == policy.fingerprint, "explained as another policy"
        attempt(policy.verify, data.ConsumeBytes(512), data.ConsumeUnicode(24))


def bundle(data: Any) -> Any:
    """What is trusted, if it can be."""
    kind = data.ConsumeIntInRange(0, 3)
    if kind == 0:
        return uptls.TrustBundle.system("mozilla")
    if kind == 1:
        return attempt(uptls.TrustBundle.pinned_keys, [data.ConsumeUnicode(64)])
    if kind == 2:
        return attempt(uptls.TrustBundle.from_pem, data.ConsumeBytes(512), name=data.ConsumeUnicode(8))
    return [uptls.TrustBundle.system("mozilla", trust_domain="example.test")]


def san(data: Any) -> uptls.San | None:
    """A name, if it is one."""
    makers = (uptls.San.dns, uptls.San.ip, uptls.San.uri, uptls.San.spiffe_trust_domain)
    make, value = data.PickValueInList(list(makers)), data.ConsumeUnicode(32)
    name = attempt(make, value)
    if name is not None:
        assert name == make(value), "one name is not itself"
        assert hash(name) == hash(make(value)), "equal names have different hashes"
    return name


def certificate(raw: bytes) -> None:
    """What the ssl module's getpeercert would say."""
    attempt(_native.decode_certificate, raw)


def report(raw: bytes) -> None:
    """A report of another process."""
    made = attempt(uptls.Report.from_json, decoded(raw))
    if made is not None:
        same_after_json(made)


def conversation(raw: bytes) -> None:
    """Bytes of a peer: no peer is verified, and the error that ends it stays."""
    buffer = uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.system("mozilla"), runtime=RUNTIME).buffer("peer.test")
    for part in raw.split(MARK):
        if buffer.error is None:
            attempt(buffer.receive_data, part)
    assert buffer.peer is None, "a peer without a certificate is proven"
    assert not buffer.handshake_done, "done without a peer"
    attempt(buffer.receive_eof)
    assert buffer.error is not None, "it has ended, and no error says so"
    assert attempt(buffer.read, 1) is None, "data of no verified peer"


CALLS = {b"d": document, b"f": fields, b"c": certificate, b"r": report, b"p": conversation}


def one_input(raw: bytes) -> None:
    """One call."""
    if call := CALLS.get(raw[:1]):
        call(raw[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
