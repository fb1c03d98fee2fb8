"""The schemas in docs/ are what the engine's types say; `manage.py write_schemas` writes them."""

import json
from pathlib import Path

import pytest

from rebalancing.engine.case import canonical_json, case_schema
from rebalancing.engine.outcome import outcome_schema
from tests import cases as c

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(
    ("name", "schema"), [("case.schema.json", case_schema()), ("outcome.schema.json", outcome_schema())]
)
def test_the_written_schema_is_that_of_the_types(name: str, schema: dict[str, object]) -> None:
    assert json.loads((DOCS / name).read_text()) == json.loads(json.dumps(schema))


def test_the_schema_of_a_case_takes_a_shared_part_in_the_place_of_either() -> None:
    properties = json.loads(json.dumps(case_schema()))["$defs"]["Case"]["properties"]

    for name in ("securities", "risk_model"):
        assert {"$ref": "#/$defs/SharedPart"} in properties[name]["anyOf"]


def test_every_field_that_a_case_writes_is_in_its_schema() -> None:
    case = c.case((c.security("AAPL", 200),), (c.account(cash=100, target={"AAPL": 1.0}),))
    written = json.loads(canonical_json(case))
    definitions = json.loads(json.dumps(case_schema()))["$defs"]

    assert set(written) == set(definitions["Case"]["properties"])
    assert set(written["accounts"][0]) == set(definitions["Account"]["properties"])
    assert "raise" in definitions["CashNeeds"]["properties"]
    assert "for" in definitions["Substitute"]["properties"]
