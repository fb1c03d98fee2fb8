"""A household that contradicts itself, or the securities of its case, is refused with the path of what is wrong."""

import json

import pytest

from rebalancing.engine.case import canonical_json, parse_case
from rebalancing.engine.types import BadCase
from tests import cases as c

MARKET = (c.security("VTI", 250), c.security("BND", 72, "bonds"))
PLAIN = c.case(
    MARKET, (c.account(cash=1000, target={"CASH": 1.0}), c.account("IRA", status="deferred", cash=500, target={}))
)
UNIFIED: dict[str, c.Wired] = {"mode": "unified", "target": {"VTI": 0.6, "BND": 0.4}}


def told(**household: c.Wired) -> list[str]:
    plain = json.loads(canonical_json(PLAIN))
    plain["household"] = {**UNIFIED, **household}
    if plain["household"]["mode"] == "guardrail":
        plain["accounts"][1]["target"] = {"CASH": 1.0}
    try:
        parse_case(json.dumps(plain).encode())
    except BadCase as refused:
        return [str(fault) for fault in refused.faults]
    return []


@pytest.mark.parametrize(
    "household",
    [
        pytest.param({}, id="unified"),
        pytest.param({"mode": "guardrail", "target": {}}, id="guardrail without a target"),
        pytest.param({"class_limits": {"bonds": [0.2, 0.5], "us_large": [0.5, 0.8]}}, id="limits that leave room"),
        pytest.param({"class_limits": {"gold": [0.0, 0.1]}}, id="the most of a class that nobody holds"),
        pytest.param({"location": [{"tax_status": "taxable", "asset_class": "bonds"}]}, id="a location"),
    ],
)
def test_a_household_that_makes_sense_has_no_fault(household: dict[str, c.Wired]) -> None:
    assert told(**household) == []


@pytest.mark.parametrize(
    ("household", "fault"),
    [
        ({"target": {}}, "household.target: is missing: a unified household follows one target"),
        ({"target": {"VTI": 0.6}}, "household.target: weights must sum to 1, sum to 0.600000"),
        ({"target": {"VTI": 0.6, "GLD": 0.4}}, "household.target.GLD: is not among the securities"),
        ({"tracking_preference": 11}, "household.tracking_preference: must be between 1 and 10, is 11"),
        ({"transfer_cost_bps": -1}, "household.transfer_cost_bps: must be >= 0"),
        (
            {"location": [{"tax_status": "taxable", "asset_class": "corporate_bonds"}]},
            "household.location[0].asset_class: corporate_bonds is the asset class of no security of the case",
        ),
        (
            {"location": [{"tax_status": "exempt", "asset_class": "bonds"}] * 2},
            "household.location[1]: bars bonds in exempt accounts once more",
        ),
        (
            {"class_limits": {"gold": [0.1, 0.2]}},
            "household.class_limits.gold: no security is of this class, so that it cannot hold at least 0.1",
        ),
        (
            {"class_limits": {"bonds": [0.6, 0.7], "us_large": [0.5, 0.8]}},
            "household.class_limits: the least weights add up to 1.1, more than 1",
        ),
        (
            {"class_limits": {"bonds": [0.0, 0.3], "us_large": [0.0, 0.5], "cash": [0.0, 0.1]}},
            "household.class_limits: the most of every class adds up to 0.9, less than 1",
        ),
        (
            {"class_limits": {"bonds": [0.6, 0.5]}},
            "household.class_limits.bonds: must be [min, max] with 0 <= min <= max <= 1, is [0.6, 0.5]",
        ),
    ],
)
def test_a_contradictory_household_is_named_with_its_path(household: dict[str, c.Wired], fault: str) -> None:
    assert told(**household) == [fault]
