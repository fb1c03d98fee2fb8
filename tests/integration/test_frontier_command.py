"""`manage.py frontier`: curves, plans over years and prices of preferences, as tables and as JSON."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from rebalancing.engine.case import canonical_json
from rebalancing.engine.preferences import price_preferences
from rebalancing.engine.types import Case
from tests import cases as c

MARKET = (c.security("AAA", 100), c.security("BBB", 50, "bonds"), c.security("CCC", 20))
NEVER_SELL = {"verb": "never_sell", "security": "AAA"}
LOTS = ("L1 AAA 80 @ 20 2019-01-02", "L2 BBB 40 @ 55 2025-09-01")
TARGET = {"AAA": 0.4, "BBB": 0.4, "CCC": 0.15, "CASH": 0.05}


def a_case(*constraints: c.Wired) -> Case:
    held = c.account(cash=500, lots=tuple(map(c.lot, LOTS)), target=TARGET, constraints=constraints)
    return c.case(MARKET, (held,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "case.json"
    file.write_bytes(canonical_json(a_case()))
    return file


def frontier(*words: object) -> tuple[int, list[str], list[str]]:
    """Run the command: its exit code, and what it said on either stream."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("frontier", *map(str, words), stdout=out, stderr=err)
    except SystemExit as stop:
        code = int(str(stop.code))
    return code, out.getvalue().splitlines(), err.getvalue().splitlines()


@pytest.mark.parametrize("over", ["tracking", "budget"])
def test_a_curve_has_a_line_a_point_and_one_for_the_case_as_it_stands(path: Path, over: str) -> None:
    code, lines, _ = frontier(path, "--over", over, "--points", 4)

    assert (code, len(lines)) == (0, 1 + 4 + 1)
    assert lines[-1].strip().startswith("as it stands")


def test_a_plan_over_years_has_a_line_for_each_year_that_trades(path: Path) -> None:
    code, lines, _ = frontier(path, "--years", 3)

    assert code == 0
    assert [line.split()[0] for line in lines] == ["year", "2026", "2027", "2028"]


def test_preferences_are_priced_as_the_engine_prices_them(path: Path) -> None:
    path.write_bytes(canonical_json(a_case(NEVER_SELL)))

    code, lines, _ = frontier(path, "--preferences")
    _, told, _ = frontier(path, "--preferences", "--json")

    (price,) = price_preferences(a_case(NEVER_SELL))
    assert price.usd > 0
    assert code == 0
    assert lines[1].split() == ["never_sell", "security", "AAA", "A1", f"{price.usd:,.2f}", f"{price.bps:.2f}"]
    assert json.loads(told[0])[0]["usd"] == price.usd


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (None, ("--points", 1), "--points: must be between 2 and 200, is 1"),
        (b"{", (), "case.json"),
        (None, ("--years", 0), "years"),
    ],
)
def test_what_cannot_be_traced_is_named_and_ends_with_two(
    path: Path, content: bytes | None, words: tuple[object, ...], said: str
) -> None:
    if content is not None:
        path.write_bytes(content)

    code, lines, faults = frontier(path, *words)

    assert (code, lines) == (2, [])
    assert said in faults[0]
