"""The cross-language vectors in Python: every report byte for byte that of Rust."""

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import uptls
from conftest import ROOT

if TYPE_CHECKING:
    from conftest import Case


@pytest.fixture(scope="session")
def schema() -> jsonschema.protocols.Validator:
    """The committed JSON Schema of reports."""
    schema: dict[str, Any] = json.loads((ROOT / "testdata/schemas/report.v1.json").read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    return validator(schema)


def test_a_vector_gives_its_report(case: "Case", schema: jsonschema.protocols.Validator) -> None:
    report = uptls.verify_document(
        case.document.read_bytes(),
        case.chain,
        case.host,
        name=case.document.name,
        base=case.folder,
        allow_danger=case.allow_danger,
        runtime=case.runtime(),
    )
    assert report.to_json() == case.report_json
    schema.validate(json.loads(report.to_json()))


def test_a_policy_gives_the_same_report(case: "Case") -> None:
    assert judged(case) == case.report_json


def judged(case: "Case") -> str:
    """The report by way of a policy object, or of its exception."""
    try:
        policy = case.policy()
    except uptls.PolicyError as error:
        return error.report_json
    return policy.verify(case.chain, case.host).to_json()
