"""The worked cases of corporate actions, through the production ledger, field by field."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portfolios.ledger.worked_cases.actions import corporate_action

_FILE = json.loads((Path(__file__).parent / "tax_cases.json").read_text())
_CASES = [case for case in _FILE["cases"] if case["category"] == "corporate_action"]
_NUMBERS = {"shares", "basis", "proceeds", "gain", "cash", "realized", "total_basis_out", "total_gain"}


def _exact(fields: Any) -> Any:
    """Read amounts as numbers, so that 10 and 10.00 are the same; everything else stays text."""
    if isinstance(fields, list):
        return [_exact(each) for each in fields]
    if isinstance(fields, dict):
        return {name: _amount(name, value) for name, value in fields.items()}
    return fields


def _amount(name: str, value: Any) -> Any:
    return Decimal(value) if name in _NUMBERS and isinstance(value, str) else _exact(value)


def test_there_are_fifteen_cases() -> None:
    assert len(_CASES) == 15


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["id"])
def test_the_ledger_reaches_what_the_case_expects(case: dict[str, Any]) -> None:
    assert _exact(corporate_action(case["input"])) == _exact(case["expected"])
