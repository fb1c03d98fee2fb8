"""Worked cases of the year's tax: netting, carryforwards, tax of a list, the ladder of a loss, the six-month rule."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portfolios.ledger.fund_losses import six_month_loss
from portfolios.ledger.ladder import Rung, loss_ladder
from portfolios.ledger.tax import Gains, TaxRates, carryover_by_worksheet
from portfolios.ledger.tax_schemes import (
    Assessment,
    MarginalScheme,
    OtherIncome,
    ScheduleScheme,
    Scheme,
    all_in_rates,
)
from portfolios.ledger.tax_tables import federal_table
from portfolios.ledger.trade_tax import ListedTrade, attribute_tax, tax_of_list
from portfolios.ledger.types import ZERO, Term

D = Decimal
_FILE = json.loads((Path(__file__).parent / "tax_cases.json").read_text())
_TOLERANCE = D(_FILE["tolerance"]["money"])
_TERMS = {"ST": Term.SHORT, "LT": Term.LONG}
_Fields = Mapping[str, Any]


def _pair(given: _Fields, short: str = "st", long: str = "lt") -> Gains:
    return Gains(short_usd=D(given[short]), long_usd=D(given[long]))


def _limit(status: str) -> Decimal:
    return federal_table(2025, status).loss_limit_usd


def _nothing(status: str) -> MarginalScheme:
    rates = TaxRates(short_frac=ZERO, long_frac=ZERO, ordinary_frac=ZERO, ordinary_offset_usd=_limit(status))
    return MarginalScheme(rates=rates)


def _netted(year: Assessment) -> dict[str, Any]:
    netting = year.netting
    return {
        "net_st": netting.net.short_usd,
        "net_lt": netting.net.long_usd,
        "taxable_st": netting.taxable.short_usd,
        "taxable_lt": netting.taxable.long_usd,
        "ordinary_deduction": netting.ordinary_deduction_usd,
        "st_carryover": year.carried.short_usd,
        "lt_carryover": year.carried.long_usd,
    }


def _netting(given: _Fields) -> _Fields:
    return _netted(
        _nothing(given["filing_status"]).assess(
            realized=_pair(given, "st_realized", "lt_realized"),
            carried_in=_pair(given, "st_carryforward_in", "lt_carryforward_in"),
        )
    )


def _multi_year(given: _Fields) -> _Fields:
    carried, years = _pair(given["opening"]), []
    for row in given["years"]:
        year = _nothing(given["filing_status"]).assess(realized=_pair(row), carried_in=carried)
        years.append(_netted(year) | {"year": row["year"]})
        carried = year.carried
    return {"years": years}


def _worksheet(given: _Fields) -> _Fields:
    carried = carryover_by_worksheet(
        taxable_income_usd=D(given["form_1040_line_15"]),
        line_7_usd=D(given["schedule_d_line_7"]),
        line_15_usd=D(given["schedule_d_line_15"]),
        line_21_usd=D(given["schedule_d_line_21"]),
    )
    return {"st_carryover": carried.short_usd, "lt_carryover": carried.long_usd}


def _rates(given: _Fields) -> TaxRates:
    rates, limit = given["rates"], _limit(given["filing_status"])
    if "st" in rates:
        short, long, ordinary = (D(rates[name]) for name in ("st", "lt", "ordinary_offset"))
        return TaxRates(short_frac=short, long_frac=long, ordinary_frac=ordinary, ordinary_offset_usd=limit)
    return all_in_rates(
        federal_ordinary_frac=D(rates["federal_ordinary"]),
        federal_long_frac=D(rates["federal_lt"]),
        niit_frac=D(rates["niit"]),
        state_ordinary_frac=D(rates["state_ordinary"]),
        state_long_frac=D(rates["state_lt"]),
        ordinary_offset_usd=limit,
    )


def _list(given: _Fields, scheme: Scheme) -> _Fields:
    trades = [
        ListedTrade(
            key=str(number),
            term=_TERMS[row["term"]],
            gain_usd=D(row["gain"]),
            disallowed_usd=D(row["wash_disallowed"]),
            tax_status=row["tax_status"],
        )
        for number, row in enumerate(given["trades"])
    ]
    so_far = {"year_to_date": _pair(given["ytd"]), "carried_in": _pair(given["carryforward"])}
    priced = tax_of_list(trades, scheme=scheme, **so_far)
    shares = attribute_tax(trades, scheme=scheme, **so_far)
    assert sum((share.tax_usd for share in shares), ZERO) == priced.cost_usd
    before, after = priced.before, priced.after
    return {
        "tax_before": before.tax_usd,
        "tax_after": after.tax_usd,
        "tax_cost": priced.cost_usd,
        "st_carryover_before": before.carried.short_usd,
        "lt_carryover_before": before.carried.long_usd,
        "st_carryover_after": after.carried.short_usd,
        "lt_carryover_after": after.carried.long_usd,
        "federal_income_tax_before": before.income_tax_usd,
        "federal_income_tax_after": after.income_tax_usd,
        "federal_income_tax_change": after.income_tax_usd - before.income_tax_usd,
        "niit_change": after.niit_usd - before.niit_usd,
    }


def _marginal(given: _Fields) -> _Fields:
    return _list(given, MarginalScheme(rates=_rates(given)))


def _schedule(given: _Fields) -> _Fields:
    income = OtherIncome(
        wages_usd=D(given["wages"]),
        interest_usd=D(given["taxable_interest"]),
        qualified_dividends_usd=D(given["qualified_dividends"]),
        deduction_usd=D(given["deduction"]),
    )
    return _list(given, ScheduleScheme(table=federal_table(given["tax_year"], given["filing_status"]), income=income))


def _ladder(given: _Fields) -> _Fields:
    ladder = loss_ladder(
        term=_TERMS[given["loss"]["term"]],
        amount_usd=D(given["loss"]["amount"]),
        rates=_rates(given),
        year_to_date=_pair(given["ytd"]),
        carried_in=_pair(given["carryforward"]),
    )
    return {
        "st_gains": ladder.amount_usd(Rung.SHORT_GAINS),
        "lt_gains": ladder.amount_usd(Rung.LONG_GAINS),
        "ordinary": ladder.amount_usd(Rung.ORDINARY),
        "deferred": ladder.amount_usd(Rung.CARRIED),
        "current_value": ladder.current_value_usd,
    }


def _six_month(given: _Fields) -> _Fields:
    loss = six_month_loss(
        held_from_on=date.fromisoformat(given["acquired"]),
        sold_on=date.fromisoformat(given["sold"]),
        gain_usd=D(given["amount"]) - D(given["basis"]),
        exempt_interest_usd=D(given.get("exempt_interest_dividends", 0)),
        capital_gain_distributions_usd=D(given.get("capital_gain_distributions", 0)),
    )
    return {
        "loss_disallowed": loss.disallowed_usd,
        "lt_gain": loss.long_usd,
        "st_gain": loss.short_usd,
        "six_month_rule_applies": loss.applies,
    }


_RUNNERS: dict[tuple[str, str | None], Callable[[_Fields], _Fields]] = {
    ("netting", None): _netting,
    ("carryforward", "multi_year"): _multi_year,
    ("carryforward", "worksheet"): _worksheet,
    ("tax_estimate", "marginal_rates"): _marginal,
    ("tax_estimate", "federal_schedule"): _schedule,
    ("tax_estimate", "loss_ladder"): _ladder,
    ("basis", "ric_six_month"): _six_month,
}


def _kind(case: _Fields) -> tuple[str, str | None]:
    return case["category"], case["input"].get("kind") or case["input"].get("mode")


_CASES = [case for case in _FILE["cases"] if _kind(case) in _RUNNERS]


def _differences(actual: Any, expected: Any, path: str) -> list[str]:
    if isinstance(expected, dict):
        return [line for key in expected for line in _differences(actual[key], expected[key], f"{path}.{key}")]
    if isinstance(expected, list):
        assert len(actual) == len(expected), path
        pairs = enumerate(zip(actual, expected, strict=True))
        return [line for number, (one, two) in pairs for line in _differences(one, two, f"{path}[{number}]")]
    is_same = abs(actual - D(expected)) < _TOLERANCE if isinstance(actual, Decimal) else actual == expected
    return [] if is_same else [f"{path}: {actual} instead of {expected}"]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["id"])
def test_a_worked_case_comes_out_as_computed_by_hand(case: _Fields) -> None:
    actual = _RUNNERS[_kind(case)](case["input"])

    assert _differences(actual, case["expected"], case["id"]) == []


def test_every_case_of_these_kinds_is_run() -> None:
    assert len(_CASES) == 9 + 6 + 16 + 2
