"""All worked tax cases through the production ledger, and the command with which anyone can check it."""

import copy
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from portfolios.ledger.worked_cases.run import differences, run_case

_PATH = Path(__file__).parent / "tax_cases.json"
_FILE = json.loads(_PATH.read_text())
_CASES = {case["id"]: case for case in _FILE["cases"]}


def _golden(path: Path, *options: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("golden", str(path), *options, stdout=out, stderr=io.StringIO())
    except SystemExit as left:
        return out.getvalue(), int(str(left.code))
    return out.getvalue(), 0


def _written(tmp_path: Path, data: Mapping[str, Any]) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("name", _CASES)
def test_worked_case_comes_out_as_computed_by_hand(name: str) -> None:
    case = _CASES[name]

    actual = run_case(case, default_policy=_FILE["default_policy"])

    assert differences(case["expected"], actual, tolerance=_FILE["tolerance"]) == []


_MORE = json.loads((Path(__file__).parent / "more_tax_cases.json").read_text())


@pytest.mark.parametrize("case", _MORE["cases"], ids=lambda case: case["title"])
def test_case_that_the_file_does_not_have_comes_out_as_worked_by_hand(case: Mapping[str, Any]) -> None:
    actual = run_case(case, default_policy=_MORE["default_policy"])

    assert differences(case["expected"], actual, tolerance=_MORE["tolerance"]) == []


def test_file_is_whole() -> None:
    assert len(_CASES) == _FILE["case_count"] == 106


def test_result_does_not_depend_on_what_is_expected(tmp_path: Path) -> None:
    bare = copy.deepcopy(_FILE)
    for case in bare["cases"]:
        del case["expected"]

    blind, code = _golden(_written(tmp_path, bare))

    assert code == 0
    assert json.loads(blind) == json.loads(_golden(_PATH)[0])
    assert [result["id"] for result in json.loads(blind)["results"]] == list(_CASES)


def test_check_agrees_with_the_file(tmp_path: Path) -> None:
    assert _golden(_PATH, "--check") == ("106 of 106 cases agree.\n", 0)


@pytest.mark.parametrize(
    ("name", "field"),
    [("WS-P-11", "basis"), ("CA-P-09", "gain"), ("LR-P-02", "basis"), ("WS-P-12", "disallowed")],
)
def test_check_tells_a_difference_of_two_cents_in_a_row(tmp_path: Path, name: str, field: str) -> None:
    case = copy.deepcopy(_CASES[name])
    rows = next(rows for rows in case["expected"].values() if isinstance(rows, list) and field in rows[0])
    rows[0][field] = f"{float(rows[0][field]) + 0.02:.2f}"

    said, code = _golden(_written(tmp_path, {**_FILE, "cases": [case]}), "--check")

    assert code == 1
    assert f".{field}" in said or f"{field}:" in said
    assert "0 of 1 cases agree." in said


def test_check_tells_a_missing_row_and_a_wrong_date(tmp_path: Path) -> None:
    fewer, later = copy.deepcopy(_CASES["WS-P-11"]), copy.deepcopy(_CASES["WS-P-01"])
    fewer["expected"]["open_lots"].pop()
    later["expected"]["open_lots"][0]["holding_date"] = "2025-01-22"

    said, code = _golden(_written(tmp_path, {**_FILE, "cases": [fewer, later]}), "--check")

    assert code == 1
    assert "WS-P-11: open_lots: 2 rows instead of 1" in said
    assert "WS-P-01: open_lots[0].holding_date: 2025-01-21 instead of 2025-01-22" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "astrology"}, "'astrology' are not known"),
        ({"input": {"sold": "2025-01-01"}}, "the case gives no acquired"),
        ({"input": {"acquired": "2024-02-30", "sold": "2025-01-01"}}, "acquired is '2024-02-30', not a date"),
        ({"input": {"acquired": "2025-01-02", "sold": "2025-01-01"}}, "is before acquired"),
        ({"input": {"acquired": "9999-12-31", "sold": "9999-12-31"}}, "not in the schema"),
        ({"input": None}, "no input"),
        (
            {
                "category": "wash_sale",
                "input": {"accounts": [{"id": "A", "owner": "O", "tax_status": "bogus"}], "transactions": []},
            },
            "'bogus' is no tax status",
        ),
        (
            {"category": "tax_estimate", "input": {**_CASES["TE-P-09"]["input"], "tax_year": "soon"}},
            "not in the schema",
        ),
        (
            {
                "category": "tax_estimate",
                "input": {**_CASES["TE-P-15"]["input"], "loss": {"term": "long", "amount": "1"}},
            },
            "term is 'long'",
        ),
    ],
)
def test_faulty_case_says_why_and_the_others_are_computed(
    tmp_path: Path, change: Mapping[str, Any], message: str
) -> None:
    faulty = {**_CASES["HP-P-01"], **change, "id": "FAULTY"}

    said, code = _golden(_written(tmp_path, {**_FILE, "cases": [faulty, _CASES["HP-P-02"]]}))

    first, second = json.loads(said)["results"]
    assert code == 1
    assert message in first["error"] and "actual" not in first
    assert second["actual"]["term"] == "LT"


@pytest.mark.parametrize("content", ["{", "[]", '{"cases": 3}', '{"cases": [1]}'])
def test_file_that_is_no_file_of_cases_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cases.json"
    path.write_text(content)

    with pytest.raises(CommandError) as refused:
        call_command("golden", str(path))

    assert refused.value.returncode == 2
