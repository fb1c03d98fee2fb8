"""
Worked cases of holding periods, netting, carryforwards, lot relief, basis of gifts and inheritances, safe dates and
marginal tax, through the production ledger.

The other cases of the file (wash-sale matching, corporate actions, the six-month rule of funds, federal schedules, loss
ladders) are about what the ledger does not do yet.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portfolios.ledger.booking import apply_events
from portfolios.ledger.gains import first_long_on, holding_starts_on, term_of
from portfolios.ledger.relief import Occasion, pick_lots
from portfolios.ledger.tax import (
    Gains,
    TaxRates,
    YearNetting,
    carryover_by_worksheet,
    net_year,
    net_years,
    ordinary_offset_limit_usd,
    year_tax_usd,
)
from portfolios.ledger.types import Book, Disposition, EventKind, Lot, LotEvent, LotPick, Relief, Term
from portfolios.ledger.wash_sales import safe_to_buy_on, safe_to_sell_on, window_of_sale

_FILE = json.loads((Path(__file__).parent / "tax_cases.json").read_text())
_MONEY = Decimal(_FILE["tolerance"]["money"])
_METHODS = {"LT_FIRST": Relief.LONG_FIRST}

_Fields = Mapping[str, Any]


def _dec(value: str | int) -> Decimal:
    return Decimal(value)


def _day(value: str) -> date:
    return date.fromisoformat(value)


def _term(term: Term) -> str:
    return "LT" if term is Term.LONG else "ST"


def _holding_period(given: _Fields) -> _Fields:
    kind = given.get("acquisition_kind", "purchase")
    acquired = _day(given["acquired"])
    held_from = _day(given.get("donor_acquired") or given.get("original_acquired") or given["acquired"])
    held_from -= timedelta(days=int(given.get("tacked_days", 0)))
    is_inherited = kind == "inherited"
    sold = _day(given["sold"])
    term = term_of(held_from_on=acquired if is_inherited else held_from, sold_on=sold, is_inherited=is_inherited)
    return {
        "term": _term(term),
        "holding_start": None if is_inherited else holding_starts_on(held_from).isoformat(),
        "first_long_term_date": None if is_inherited else first_long_on(held_from).isoformat(),
        "tax_year": sold.year,
    }


def _netted(year: YearNetting) -> dict[str, Any]:
    return {
        "net_st": year.net.short_usd,
        "net_lt": year.net.long_usd,
        "taxable_st": year.taxable.short_usd,
        "taxable_lt": year.taxable.long_usd,
        "ordinary_deduction": year.ordinary_deduction_usd,
        "st_carryover": year.carried.short_usd,
        "lt_carryover": year.carried.long_usd,
    }


def _netting(given: _Fields) -> _Fields:
    return _netted(
        net_year(
            realized=Gains(short_usd=_dec(given["st_realized"]), long_usd=_dec(given["lt_realized"])),
            carried_in=Gains(short_usd=_dec(given["st_carryforward_in"]), long_usd=_dec(given["lt_carryforward_in"])),
            offset_limit_usd=ordinary_offset_limit_usd(given["filing_status"]),
        )
    )


def _multi_year(given: _Fields) -> _Fields:
    years = net_years(
        [Gains(short_usd=_dec(y["st"]), long_usd=_dec(y["lt"])) for y in given["years"]],
        carried_in=Gains(short_usd=_dec(given["opening"]["st"]), long_usd=_dec(given["opening"]["lt"])),
        offset_limit_usd=ordinary_offset_limit_usd(given["filing_status"]),
    )
    return {"years": [_netted(y) | {"year": g["year"]} for y, g in zip(years, given["years"], strict=True)]}


def _worksheet(given: _Fields) -> _Fields:
    carried = carryover_by_worksheet(
        taxable_income_usd=_dec(given["form_1040_line_15"]),
        line_7_usd=_dec(given["schedule_d_line_7"]),
        line_15_usd=_dec(given["schedule_d_line_15"]),
        line_21_usd=_dec(given["schedule_d_line_21"]),
    )
    return {"st_carryover": carried.short_usd, "lt_carryover": carried.long_usd}


def _relieved(sold: Disposition) -> _Fields:
    return {
        "lot": sold.lot_key,
        "shares": sold.units,
        "basis": sold.cost_usd,
        "proceeds": sold.proceeds_usd,
        "gain": sold.gain_usd,
        "term": _term(sold.term),
    }


def _lot_relief(given: _Fields) -> _Fields:
    lots = [
        Lot(
            key=g["id"],
            security="XYZ",
            units=_dec(g["shares"]),
            cost_usd=_dec(g["basis"]),
            acquired_on=_day(g["acquired"]),
        )
        for g in given["lots"]
    ]
    sale, rates = given["sale"], given.get("rates", {})
    units, amount, sold_on = _dec(sale["shares"]), _dec(sale["amount"]), _day(sale["date"])
    picks: tuple[LotPick, ...] = tuple(LotPick(key=p["lot"], units=_dec(p["shares"])) for p in given.get("picks", ()))
    method = None if picks else _METHODS.get(given["method"]) or Relief(given["method"].lower())
    if method is Relief.MIN_TAX:
        occasion = Occasion(
            sold_on=sold_on, price_usd=amount / units, short_frac=_dec(rates["st"]), long_frac=_dec(rates["lt"])
        )
        picks, method = pick_lots(lots, units=units, method=method, occasion=occasion), None
    event = LotEvent(
        kind=EventKind.SELL,
        ref="S",
        traded_on=sold_on,
        security="XYZ",
        units=units,
        amount_usd=amount,
        picks=picks,
        method=method,
    )
    book = apply_events(Book(lots={lot.key: lot for lot in lots}), [event])
    by_term = {
        term: sum((d.gain_usd or Decimal(0) for d in book.dispositions if d.term is term), Decimal(0)) for term in Term
    }
    totals = {
        "basis": sum((d.cost_usd or Decimal(0) for d in book.dispositions), Decimal(0)),
        "gain": by_term[Term.SHORT] + by_term[Term.LONG],
        "gain_st": by_term[Term.SHORT],
        "gain_lt": by_term[Term.LONG],
    }
    if rates:
        totals["tax"] = by_term[Term.SHORT] * _dec(rates["st"]) + by_term[Term.LONG] * _dec(rates["lt"])
    remaining = [{"lot": lot.key, "shares": lot.units, "basis": lot.cost_usd} for lot in book.lots.values()]
    return {"relieved": [_relieved(d) for d in book.dispositions], "remaining": remaining, "totals": totals}


def _basis(given: _Fields) -> _Fields:
    if given["kind"] == "gift":
        lot = Lot(
            key="G", security="XYZ", units=Decimal(1), cost_usd=_dec(given["donor_basis"]),
            loss_cost_usd=_dec(given["fmv_at_gift"]), acquired_on=_day(given["gift_date"]),
            holding_on=_day(given["donor_acquired"]), is_wash_acquisition=False,
        )  # fmt: skip
    else:
        lot = Lot(
            key="I", security="XYZ", units=Decimal(1), cost_usd=_dec(given["fmv_at_death"]),
            acquired_on=_day(given["date_of_death"]), is_inherited=True, is_wash_acquisition=False,
        )  # fmt: skip
    event = LotEvent(
        kind=EventKind.SELL, ref="S", traded_on=_day(given["sold"]), security="XYZ", units=Decimal(1),
        amount_usd=_dec(given["amount"]), method=Relief.FIFO,
    )  # fmt: skip
    (sold,) = apply_events(Book(lots={lot.key: lot}), [event]).dispositions
    held_from = sold.acquired_on if sold.gain_usd and sold.gain_usd < 0 else sold.holding_on
    return {
        "gain": sold.gain_usd,
        "basis_used": sold.cost_usd,
        "term": _term(sold.term),
        "holding_date": held_from.isoformat() if held_from else None,
    }


def _safe_dates(given: _Fields) -> _Fields:
    if "last_purchase_date" in given:
        return {"first_safe_loss_sale_date": safe_to_sell_on(_day(given["last_purchase_date"])).isoformat()}
    sold_on = _day(given["loss_sale_date"])
    first, last = window_of_sale(sold_on)
    return {
        "window_first_day": first.isoformat(),
        "window_last_day": last.isoformat(),
        "first_safe_purchase_date": safe_to_buy_on(sold_on).isoformat(),
    }


def _all_in_rates(rates: _Fields, *, offset_limit_usd: Decimal) -> TaxRates:
    if "st" in rates:
        short, long, ordinary = (_dec(rates[key]) for key in ("st", "lt", "ordinary_offset"))
    else:
        ordinary = _dec(rates["federal_ordinary"]) + _dec(rates["state_ordinary"])
        short = ordinary + _dec(rates["niit"])
        long = _dec(rates["federal_lt"]) + _dec(rates["niit"]) + _dec(rates["state_lt"])
    return TaxRates(short_frac=short, long_frac=long, ordinary_frac=ordinary, ordinary_offset_usd=offset_limit_usd)


def _marginal_rates(given: _Fields) -> _Fields:
    limit = ordinary_offset_limit_usd(given["filing_status"])
    rates = _all_in_rates(given["rates"], offset_limit_usd=limit)
    before = Gains(short_usd=_dec(given["ytd"]["st"]), long_usd=_dec(given["ytd"]["lt"]))
    carried = Gains(short_usd=_dec(given["carryforward"]["st"]), long_usd=_dec(given["carryforward"]["lt"]))
    after = before
    for trade in given["trades"]:
        if trade["tax_status"] == "taxable":
            gain = _dec(trade["gain"]) + _dec(trade["wash_disallowed"])
            after += Gains(short_usd=gain) if trade["term"] == "ST" else Gains(long_usd=gain)
    taxes = [year_tax_usd(realized - carried, rates=rates) for realized in (before, after)]
    carries = [
        net_year(realized=realized, carried_in=carried, offset_limit_usd=limit).carried for realized in (before, after)
    ]
    return {
        "tax_before": taxes[0],
        "tax_after": taxes[1],
        "tax_cost": taxes[1] - taxes[0],
        "st_carryover_before": carries[0].short_usd,
        "lt_carryover_before": carries[0].long_usd,
        "st_carryover_after": carries[1].short_usd,
        "lt_carryover_after": carries[1].long_usd,
    }


_RUNNERS: dict[tuple[str, str | None], Callable[[_Fields], _Fields]] = {
    ("holding_period", None): _holding_period,
    ("netting", None): _netting,
    ("carryforward", "multi_year"): _multi_year,
    ("carryforward", "worksheet"): _worksheet,
    ("lot_relief", None): _lot_relief,
    ("basis", "gift"): _basis,
    ("basis", "inherited"): _basis,
    ("wash_sale", "safe_dates"): _safe_dates,
    ("tax_estimate", "marginal_rates"): _marginal_rates,
}


def _kind(case: _Fields) -> tuple[str, str | None]:
    return case["category"], case["input"].get("kind") or case["input"].get("mode")


_COVERED = [case for case in _FILE["cases"] if _kind(case) in _RUNNERS]


def _assert_agrees(actual: Any, expected: Any, path: str) -> None:
    if isinstance(expected, dict):
        for key, value in expected.items():
            _assert_agrees(actual[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), path
        for number, (left, right) in enumerate(zip(actual, expected, strict=True)):
            _assert_agrees(left, right, f"{path}[{number}]")
    elif isinstance(actual, Decimal):
        assert abs(actual - Decimal(expected)) < _MONEY, f"{path}: {actual} instead of {expected}"
    else:
        assert actual == expected, path


@pytest.mark.parametrize("case", _COVERED, ids=lambda case: case["id"])
def test_worked_case_comes_out_as_computed_by_hand(case: _Fields) -> None:
    expected = case["expected"]
    if expected.get("gain") == "0.00" and case["category"] == "basis":  # no gain has no term
        expected = {key: value for key, value in expected.items() if key not in ("term", "holding_date")}

    actual = _RUNNERS[_kind(case)](case["input"])

    _assert_agrees(actual, expected, case["id"])


def test_every_case_of_the_covered_kinds_is_run() -> None:
    assert len(_COVERED) == 12 + 9 + 6 + 11 + 4 + 2 + 8
