"""Policies and reports."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import uptls

if TYPE_CHECKING:
    from conftest import Case

ut: Any = uptls  # for calls that a type checker would refuse

NO_FILES = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {system: mozilla}, serverName: backend.test}\n"


def test_an_accepted_chain(accepted: "Case") -> None:
    report = accepted.policy().verify(accepted.chain, accepted.host)
    assert report
    assert report.accepted
    assert report.verdict == "accepted"
    assert (report.code, report.number, report.category) == (None, None, None)
    assert (report.message, report.hint, report.exit_code) == (None, None, 0)
    assert report.at == accepted.at
    assert set(report.expected) & set(report.presented)
    assert repr(report) == "<Report accepted>"


def test_a_refused_chain_is_false(refused: "Case") -> None:
    report = refused.policy().verify(refused.chain, refused.host)
    assert not report
    assert not report.accepted
    assert report.verdict == "rejected"
    assert (report.code, report.number, report.category, report.exit_code) == ("name_mismatch", 601, "name", 1)
    assert report.message
    assert report.hint
    assert report.expected
    assert not set(report.expected) & set(report.presented)
    assert repr(report) == "<Report rejected name_mismatch>"


def test_a_document_that_does_not_parse(unusable: "Case") -> None:
    report = uptls.verify_document(unusable.document.read_bytes(), unusable.chain, runtime=unusable.runtime())
    assert not report
    assert (report.verdict, report.code, report.exit_code) == ("error", "document_parse", 2)


def test_a_report_as_dictionary_is_its_json(refused: "Case") -> None:
    report = refused.policy().verify(refused.chain)
    assert json.loads(report.to_json()) == {"schema": "uptls.report/v1", "results": [report.to_dict()]}


def test_str_bytes_and_bytearray_are_the_same(accepted: "Case") -> None:
    document, chain = accepted.document.read_text(), accepted.chain.decode()
    reports = {
        uptls.UpstreamTlsPolicy.from_document(kind(document), base=accepted.folder, runtime=accepted.runtime())
        .verify(kind(chain), accepted.host)
        .to_json()
        for kind in (str, str.encode, lambda text: bytearray(text, "utf-8"))
    }
    assert len(reports) == 1
    assert '"verdict": "accepted"' in reports.pop()


def test_paths_may_be_str_or_pathlike(accepted: "Case") -> None:
    class Wrapped:
        def __init__(self, path: Path) -> None:
            self.path = path

        def __fspath__(self) -> str:
            return str(self.path)

    load = uptls.UpstreamTlsPolicy
    runtime, text = accepted.runtime(), accepted.document.read_text()
    policies = [
        load.from_file(accepted.document, runtime=runtime),
        load.from_file(str(accepted.document), runtime=runtime),
        load.from_file(Wrapped(accepted.document), runtime=runtime),
        load.from_document(text, base=accepted.folder, runtime=runtime),
        load.from_document(text, base=str(accepted.folder), runtime=runtime),
    ]
    assert len({policy.fingerprint for policy in policies}) == 1
    assert policies[0].fingerprint.startswith("sha256:")


def test_a_policy_names_itself(accepted: "Case") -> None:
    policy = accepted.policy()
    assert policy.name == accepted.folder.name
    assert repr(policy) == f'<UpstreamTlsPolicy "{policy.name}" {policy.fingerprint}>'
    assert uptls.UpstreamTlsPolicy.from_document(NO_FILES).name is None


def test_the_clock_stands_where_it_is_set(accepted: "Case") -> None:
    assert uptls.Runtime(at="2026-11-23T01:00:00+01:00").now() == "2026-11-23T00:00:00Z"
    assert uptls.Runtime(at="2026-11-23T00:00:00.9Z").now() == "2026-11-23T00:00:00Z"
    assert uptls.Runtime().now() > "2026"
    far = uptls.UpstreamTlsPolicy.from_document(NO_FILES, runtime=uptls.Runtime("2500-01-01T00:00:00Z"))
    assert far.verify(accepted.chain).at == "2500-01-01T00:00:00Z"


def test_one_policy_serves_several_threads(accepted: "Case") -> None:
    policy = accepted.policy()
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: policy.verify(accepted.chain, accepted.host).to_json(), range(32)))
    assert set(reports) == {accepted.report_json}


@pytest.mark.parametrize(("call", "ran"), [("load()", "True"), ("sum(range(9))", "False")])
def test_other_threads_run_while_a_policy_is_loaded(call: str, ran: str, tmp_path: Path) -> None:
    # Threads do not take turns here: another one runs only where the GIL is given up, as adding numbers never does.
    program = """
import sys, threading, uptls
call, path = sys.argv[1:]
load = lambda: uptls.UpstreamTlsPolicy.from_file(path)
begun, ran = threading.Event(), []
def other():
    begun.wait()
    ran.append(True)
sys.setswitchinterval(1000)
threading.Thread(target=other).start()
begun.set()
for _ in range(2000):
    eval(call)
    if ran:
        break
print(bool(ran))
"""
    path = tmp_path / "policy.yaml"
    path.write_text(NO_FILES)
    command = [sys.executable, "-c", program, call, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ran


@pytest.mark.parametrize(
    "call",
    [
        lambda policy: policy.verify(None),
        lambda policy: policy.verify(memoryview(b"")),
        lambda policy: policy.verify(b"", b"backend.test"),
        lambda policy: policy.verify(),
        lambda _: ut.UpstreamTlsPolicy(),
        lambda _: ut.UpstreamTlsPolicy.from_document(7),
        lambda _: ut.UpstreamTlsPolicy.from_document(NO_FILES, "name"),
        lambda _: ut.UpstreamTlsPolicy.from_document(NO_FILES, name=b"name"),
        lambda _: ut.UpstreamTlsPolicy.from_document(NO_FILES, base=7),
        lambda _: ut.UpstreamTlsPolicy.from_document(NO_FILES, allow_danger=1),
        lambda _: ut.UpstreamTlsPolicy.from_document(NO_FILES, runtime="2026-11-23T00:00:00Z"),
        lambda _: ut.UpstreamTlsPolicy.from_file(None),
        lambda _: ut.UpstreamTlsPolicy.from_file(b"policy.yaml"),
        lambda _: ut.Runtime(0),
        lambda _: ut.verify_document(NO_FILES),
    ],
)
def test_a_wrong_type_is_a_type_error(call: Any) -> None:
    with pytest.raises(TypeError):
        call(uptls.UpstreamTlsPolicy.from_document(NO_FILES))


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        uptls.UpstreamTlsPolicy.from_document("\ud800")
    with pytest.raises(uptls.PolicyError, match="UTF-8"):
        uptls.UpstreamTlsPolicy.from_document(b"\xff")


def test_nothing_can_be_changed(accepted: "Case") -> None:
    policy: Any = accepted.policy()
    report: Any = policy.verify(accepted.chain, accepted.host)
    for thing, name in ((policy, "name"), (report, "accepted"), (report, "verdict")):
        with pytest.raises(AttributeError):
            setattr(thing, name, None)
    with pytest.raises(AttributeError):
        report.anything = None
