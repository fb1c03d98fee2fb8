"""
The turn of the year: closed years are netted, and what they carry opens the next year of every return.

Runs as often as it likes: a close is added only where its figures changed, and a situation of the next year only where
the last one came from a close. What a person stated is never replaced; the page then says that the books differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Firm
from portfolios.ledger.tax import Gains
from portfolios.models.households import Origin, StatedAs, TaxReturn, TaxSituation, TaxYearClose
from portfolios.selectors.tax_years import (
    NOTHING_RECOGNIZED,
    RecognizedYear,
    YearOf,
    is_year_provisional,
    net_situation,
    newest_closes,
    newest_situations,
    recognized_years,
    table_stand_ins,
)
from portfolios.services.households import NewTaxSituation, state_tax_situation
from portfolios.services.tax_rates import StatedAmounts, StatedIncome, StatedSituation, rate_situation

YEARS_BACK: Final = 3
_BATCH: Final = 500
_FIGURES: Final = (
    "short_usd", "long_usd", "carried_in_short_usd", "carried_in_long_usd", "deduction_usd", "carried_short_usd",
    "carried_long_usd", "is_provisional", "unknown_count",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RollCount:
    """How many years were closed or closed anew, and how many situations followed from it."""

    closed: int = 0
    opened: int = 0

    def __add__(self, other: "RollCount") -> "RollCount":
        return RollCount(closed=self.closed + other.closed, opened=self.opened + other.opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """What a batch of returns is rolled from."""

    situations: dict[YearOf, TaxSituation]
    closes: Mapping[YearOf, TaxYearClose]
    recognized: Mapping[YearOf, RecognizedYear]
    stand_ins: Mapping[int, int]
    on: date
    now: datetime


def roll_all_tax_years(*, now: datetime) -> RollCount:
    """Roll the returns of every firm whose books have a business date."""
    count = RollCount()
    for firm in Firm.objects.filter(business_on__isnull=False).order_by("pk"):
        count += roll_tax_years(firm, now=now)
    return count


def roll_tax_years(firm: Firm, *, now: datetime) -> RollCount:
    """Close the last years of a firm's returns and open the year of its business date."""
    if firm.business_on is None:
        return RollCount()
    on, count = firm.business_on, RollCount()
    years = range(on.year - YEARS_BACK, on.year + 1)
    stated = TaxSituation.objects.filter(tax_return__tax_household__firm=firm, year__range=(years.start, on.year - 1))
    ids = sorted(set(stated.values_list("tax_return_id", flat=True)))
    for start in range(0, len(ids), _BATCH):
        count += _roll_batch(
            ids[start : start + _BATCH], years=years, stand_ins=table_stand_ins(firm.pk), on=on, now=now
        )
    return count


@transaction.atomic
def _roll_batch(ids: list[int], *, years: range, stand_ins: Mapping[int, int], on: date, now: datetime) -> RollCount:
    returns = TaxReturn.objects.select_for_update().select_related("tax_household").filter(pk__in=ids).order_by("pk")
    rows = list(returns)
    books = _Books(
        situations=dict(newest_situations(ids, years=years)),
        closes=newest_closes(ids, years=years),
        recognized=recognized_years(ids, years=years, on=on),
        stand_ins=stand_ins,
        on=on,
        now=now,
    )
    count = RollCount()
    for tax_return in rows:
        for year in years[:-1]:
            count += _roll_year(tax_return, year, books)
    return count


def _roll_year(tax_return: TaxReturn, year: int, books: _Books) -> RollCount:
    situation = books.situations.get((tax_return.pk, year))
    if situation is None:
        return RollCount()
    before = books.closes.get((tax_return.pk, year))
    close = _close_of(situation, books)
    is_new = before is None or any(getattr(before, name) != getattr(close, name) for name in _FIGURES)
    if is_new:
        close.save()
        _record_close(tax_return, close, before, now=books.now)
    opened = _open_next(tax_return, situation, close, is_changed=is_new and before is not None, books=books)
    return RollCount(closed=int(is_new), opened=int(opened))


def _close_of(situation: TaxSituation, books: _Books) -> TaxYearClose:
    recognized = books.recognized.get((situation.tax_return_id, situation.year), NOTHING_RECOGNIZED)
    netted = net_situation(situation, recognized)
    return TaxYearClose(
        tax_return_id=situation.tax_return_id,
        year=situation.year,
        short_usd=netted.realized.short_usd,
        long_usd=netted.realized.long_usd,
        carried_in_short_usd=netted.carried_in.short_usd,
        carried_in_long_usd=netted.carried_in.long_usd,
        deduction_usd=netted.netting.ordinary_deduction_usd,
        carried_short_usd=netted.carried.short_usd,
        carried_long_usd=netted.carried.long_usd,
        is_provisional=is_year_provisional(situation.year, on=books.on),
        unknown_count=recognized.unknown_count,
        closed_at=books.now,
    )


def _record_close(tax_return: TaxReturn, close: TaxYearClose, before: TaxYearClose | None, *, now: datetime) -> None:
    household = tax_return.tax_household
    audit.record(
        "tax_year.closed" if before is None else "tax_year.closed_again",
        actor=None,
        subject=close,
        firm_id=household.firm_id,
        household_id=household.household_id,
        data={"tax_return_id": tax_return.pk, "year": close.year}
        | {name: getattr(close, name) for name in _FIGURES}
        | ({} if before is None else {"before": {name: getattr(before, name) for name in _FIGURES}}),
        now=now,
    )


def _open_next(
    tax_return: TaxReturn, past: TaxSituation, close: TaxYearClose, *, is_changed: bool, books: _Books
) -> bool:
    """Add the next year's situation where there is none, or where the last one came from a close that changed."""
    key = (tax_return.pk, close.year + 1)
    newest = books.situations.get(key)
    if newest is not None and (newest.origin == Origin.PERSON or _agrees(newest, close)):
        return False
    new = _next_situation(past, close, books) if newest is None else _again(newest, close)
    reason = f"Carried from {close.year}"
    if newest is not None:
        reason = f"{close.year} changed after it was closed" if is_changed else f"{close.year} closed anew"
        if not close.is_provisional and newest.is_provisional:
            reason = f"{close.year} is final: the 30 days after it are loaded"
    if close.unknown_count:
        reason += f"; {close.unknown_count} of its sales have no known basis and are not counted"
    books.situations[key] = state_tax_situation(tax_return, replace(new, reason=reason), actor=None, now=books.now)
    return True


def _agrees(newest: TaxSituation, close: TaxYearClose) -> bool:
    carried = Gains(short_usd=close.carried_short_usd, long_usd=close.carried_long_usd)
    opened = Gains(short_usd=newest.carryforward_short_usd, long_usd=newest.carryforward_long_usd)
    return opened == carried and newest.is_provisional == close.is_provisional


def _again(newest: TaxSituation, close: TaxYearClose) -> NewTaxSituation:
    values = {name: getattr(newest, name) for name in NewTaxSituation.__dataclass_fields__}
    return NewTaxSituation(**(values | _carried(close)))


def _carried(close: TaxYearClose) -> dict[str, Any]:
    return {
        "carryforward_short_usd": close.carried_short_usd,
        "carryforward_long_usd": close.carried_long_usd,
        "origin": Origin.YEAR_END,
        "is_provisional": close.is_provisional,
    }


def _next_situation(past: TaxSituation, close: TaxYearClose, books: _Books) -> NewTaxSituation:
    """Take over the rates, or derive them from the same income by the new year's table where there is one."""
    values = {name: getattr(past, name) for name in NewTaxSituation.__dataclass_fields__}
    fresh: dict[str, Any] = {
        "year": close.year + 1,
        "outside_short_usd": Decimal(0),
        "outside_long_usd": Decimal(0),
        "distributions_usd": Decimal(0),
    }
    if past.stated_as == StatedAs.INCOME:
        fresh |= _rates_of_next(past, books)
    return NewTaxSituation(**(values | fresh | _carried(close)))


def _rates_of_next(past: TaxSituation, books: _Books) -> dict[str, Any]:
    said = StatedIncome(
        ordinary_usd=past.ordinary_income_usd or Decimal(0),
        preferred_usd=past.preferred_income_usd,
        modified_usd=past.modified_income_usd,
        state_ordinary_frac=past.state_ordinary_frac if past.is_state_stated else None,
        state_long_frac=past.state_long_frac if past.is_state_stated else None,
    )
    stated = StatedSituation(
        year=past.year + 1,
        filing_status=past.filing_status,
        state=past.state,
        said=said,
        amounts=StatedAmounts(),
        reason="",
    )
    try:
        new = rate_situation(stated, stand_ins=books.stand_ins).new
    except Invalid:  # no table of the new year yet: the rates of the past one stand, and `table_year` says so
        return {}
    names: Iterable[str] = (
        "table_year", "federal_ordinary_frac", "federal_long_frac", "niit_frac", "state_ordinary_frac",
        "state_short_frac", "state_long_frac", "state_offset_frac",
    )  # fmt: skip
    return {name: getattr(new, name) for name in names}
