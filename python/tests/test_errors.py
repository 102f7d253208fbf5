"""Exceptions."""

import json
import pickle
from typing import TYPE_CHECKING

import pytest

import uptls
from conftest import cannot_run
from uptls import _native

if TYPE_CHECKING:
    from conftest import Case


def test_a_policy_error_says_everything(unusable: "Case") -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        unusable.policy()
    error = caught.value
    assert (error.code, error.number) == ("document_parse", 119)
    assert str(error)
    assert error.hint
    assert error.report_json == unusable.report_json


def test_every_problem_is_in_the_report() -> None:
    text = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {}, versions: {min: '1.3', max: '1.2'}}\n"
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_document(text, name="two.yaml")
    errors = json.loads(caught.value.report_json)["results"][0]["errors"]
    assert len(errors) > 1
    assert {error["document"] for error in errors} == {"two.yaml"}


def test_a_file_that_cannot_be_read_is_a_policy_error() -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_file("/nonexistent/policy.yaml")
    assert "/nonexistent/policy.yaml" in caught.value.report_json


def test_a_weakening_needs_permission() -> None:
    text = (
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\n"
        "spec: {trust: {system: mozilla}, serverName: a.test, danger: {acceptAnyName: {reason: a test}}}\n"
    )
    with pytest.raises(uptls.PolicyError) as caught:
        uptls.UpstreamTlsPolicy.from_document(text)
    assert caught.value.code == "danger_forbidden"
    policy = uptls.UpstreamTlsPolicy.from_document(text, allow_danger=True)
    warnings = policy.verify(b"").to_dict()["warnings"]
    assert "danger_active" in {warning["code"] for warning in warnings}


def test_a_time_that_is_none_is_misuse() -> None:
    for at in ("", "yesterday", "2026-11-23", "1969-12-31T23:59:59Z"):
        with pytest.raises(uptls.MisuseError) as caught:
            uptls.Runtime(at=at)
        assert (caught.value.code, caught.value.number) == ("misuse", 906)
        assert json.loads(caught.value.report_json)["results"][0]["verdict"] == "error"


def test_a_panic_is_an_exception(capfd: pytest.CaptureFixture[str]) -> None:
    panic = getattr(_native, "_panic", None)
    if panic is None:
        cannot_run("only debug builds can panic at will")
    with pytest.raises(uptls.UptlsError) as caught:
        panic("on purpose")
    assert (caught.value.code, caught.value.number) == ("panic", 905)
    assert str(caught.value) == "a panic was caught: on purpose"
    assert type(caught.value) is uptls.UptlsError
    assert "on purpose" in capfd.readouterr().err


def test_the_family_tree() -> None:
    assert issubclass(uptls.UptlsError, Exception)
    assert issubclass(uptls.PolicyError, uptls.UptlsError)
    assert issubclass(uptls.PolicyError, ValueError)
    assert issubclass(uptls.MisuseError, uptls.UptlsError)
    assert uptls.PolicyError.__module__ == "uptls"


def test_an_exception_survives_pickling(unusable: "Case") -> None:
    with pytest.raises(uptls.PolicyError) as caught:
        unusable.policy()
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert type(copy) is uptls.PolicyError
    assert str(copy) == str(caught.value)
    # Only what `Connector.refuse` takes stays in the process that raised it.
    assert vars(copy) == {name: value for name, value in vars(caught.value).items() if name != "_problems"}
