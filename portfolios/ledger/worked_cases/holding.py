"""Worked cases of holding periods, and of the basis of gifts and inheritances."""

from datetime import date, timedelta
from decimal import Decimal

from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import first_long_on, holding_starts_on, term_of
from portfolios.ledger.types import Book, Disposition, EventKind, Lot, LotEvent, Relief
from portfolios.ledger.worked_cases.reading import Actual, Fields, day, day_in, money, money_in, term_code

_HELD_FROM = {
    "purchase": "acquired",
    "gift_carryover": "donor_acquired",
    "stock_dividend": "original_acquired",
    "spinoff": "original_acquired",
    "wash_replacement": "acquired",
    "inherited": "acquired",
}


def holding_period(given: Fields) -> Actual:
    """Return the term of a sale and the days it turns on; settlement days are ignored."""
    kind = str(given.get("acquisition_kind") or "purchase")
    if kind not in _HELD_FROM:
        raise BadInput(f"acquisition_kind {kind!r} is not known")
    sold_on = day_in(given, "sold")
    held_from = day_in(given, _HELD_FROM[kind]) - timedelta(days=int(money_in(given, "tacked_days", Decimal(0))))
    is_inherited = kind == "inherited"
    if sold_on < day_in(given, "acquired"):
        raise BadInput(f"sold {sold_on} is before acquired {given['acquired']}")
    return {
        "term": term_code(term_of(held_from_on=held_from, sold_on=sold_on, is_inherited=is_inherited)),
        "holding_start": None if is_inherited else day(holding_starts_on(held_from)),
        "first_long_term_date": None if is_inherited else day(first_long_on(held_from)),
        "tax_year": sold_on.year,
    }


def gift(given: Fields) -> Actual:
    """Return the gain of a gift with the donor's basis, or that at the gift, or none between the two."""
    given_on, donor_on = day_in(given, "gift_date"), day_in(given, "donor_acquired")
    donor_usd, value_usd = money_in(given, "donor_basis"), money_in(given, "fmv_at_gift")
    lot = Lot(
        key="G",
        security="GIFT",
        units=Decimal(1),
        cost_usd=donor_usd,
        loss_cost_usd=value_usd if value_usd < donor_usd else None,
        acquired_on=given_on,
        holding_on=donor_on,
        is_wash_acquisition=False,
    )
    sold = _sold(lot, given)
    is_between = lot.loss_cost_usd is not None and sold.gain_usd == 0
    is_loss_of_gift = lot.loss_cost_usd is not None and (sold.gain_usd or Decimal(0)) < 0
    return _basis(sold, None if is_between else given_on if is_loss_of_gift else donor_on, has_term=not is_between)


def inherited(given: Fields) -> Actual:
    """Return the gain of an inheritance: basis of the day of death, long-term whenever sold."""
    lot = Lot(
        key="I",
        security="ESTATE",
        units=Decimal(1),
        cost_usd=money_in(given, "fmv_at_death"),
        acquired_on=day_in(given, "date_of_death"),
        is_inherited=True,
        is_wash_acquisition=False,
    )
    return _basis(_sold(lot, given), None)


def _basis(sold: Disposition, held_from: date | None, *, has_term: bool = True) -> Actual:
    return {
        "gain": money(sold.gain_usd),
        "basis_used": money(sold.cost_usd),
        "holding_date": day(held_from),
        "term": term_code(sold.term) if has_term else None,
    }


def _sold(lot: Lot, given: Fields) -> Disposition:
    """Sell the lot through the ledger."""
    event = LotEvent(
        kind=EventKind.SELL,
        ref="S",
        traded_on=day_in(given, "sold"),
        security=lot.security,
        units=lot.units,
        amount_usd=money_in(given, "amount"),
        method=Relief.FIFO,
    )
    (sold,) = apply_events(Book(lots={lot.key: lot}), [event]).dispositions
    return sold
