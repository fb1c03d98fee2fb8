"""Worked cases of lot relief: which lots a sale takes, what they realise, what is left."""

from decimal import Decimal

from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.relief import Occasion, pick_lots
from portfolios.ledger.types import ZERO, Book, EventKind, Lot, LotEvent, LotPick, Relief, Term
from portfolios.ledger.worked_cases.reading import Actual, Fields, day_in, money, money_in, shares, term_code, text_in

SECURITY = "XYZ"
_METHODS = {"LT_FIRST": Relief.LONG_FIRST, "LONG_FIRST": Relief.LONG_FIRST}


def method_named(name: str) -> Relief:
    """
    Return the relief method that a case names.

    :raises BadInput: there is none of that name
    """
    try:
        return _METHODS.get(name) or Relief(name.lower())
    except ValueError:
        raise BadInput(f"there is no relief method {name!r}") from None


def lot_relief(given: Fields) -> Actual:
    """Sell by the method or the picks of the case."""
    lots = [_lot(fields) for fields in given["lots"]]
    book = apply_events(Book(lots={lot.key: lot for lot in lots}), [_sale(given, lots)])
    sold = book.dispositions
    by_term = {
        term: sum((one.gain_usd or ZERO for one in sold if one.term is term), ZERO) for term in (Term.SHORT, Term.LONG)
    }
    totals = {
        "basis": money(sum((one.cost_usd or ZERO for one in sold), ZERO)),
        "gain": money(by_term[Term.SHORT] + by_term[Term.LONG]),
        "gain_st": money(by_term[Term.SHORT]),
        "gain_lt": money(by_term[Term.LONG]),
    }
    rates = given.get("rates")
    if rates:
        tax = by_term[Term.SHORT] * money_in(rates, "st") + by_term[Term.LONG] * money_in(rates, "lt")
        totals["tax"] = money(tax)
    return {
        "relieved": [
            {
                "lot": one.lot_key,
                "shares": shares(one.units),
                "basis": money(one.cost_usd),
                "proceeds": money(one.proceeds_usd),
                "gain": money(one.gain_usd),
                "term": term_code(one.term),
            }
            for one in sold
        ],
        "remaining": [
            {"lot": lot.key, "shares": shares(lot.units), "basis": money(lot.cost_usd)}
            for lot in (book.lots[each.key] for each in lots if each.key in book.lots)
        ],
        "totals": totals,
    }


def _lot(fields: Fields) -> Lot:
    return Lot(
        key=text_in(fields, "id"),
        security=SECURITY,
        units=money_in(fields, "shares"),
        cost_usd=money_in(fields, "basis"),
        acquired_on=day_in(fields, "acquired"),
        holding_on=day_in(fields, "holding_date") if fields.get("holding_date") else None,
    )


def _sale(given: Fields, lots: list[Lot]) -> LotEvent:
    sale = given["sale"]
    units, amount, sold_on = money_in(sale, "shares"), money_in(sale, "amount"), day_in(sale, "date")
    picks = tuple(
        LotPick(key=text_in(pick, "lot"), units=money_in(pick, "shares")) for pick in given.get("picks") or ()
    )
    method = None if picks else method_named(text_in(given, "method"))
    if method is Relief.MIN_TAX:
        picks, method = _least_tax(given, lots, units=units, price=amount / units), None
    return LotEvent(
        kind=EventKind.SELL,
        ref="S",
        traded_on=sold_on,
        security=SECURITY,
        units=units,
        amount_usd=amount,
        picks=picks,
        method=method,
    )


def _least_tax(given: Fields, lots: list[Lot], *, units: Decimal, price: Decimal) -> tuple[LotPick, ...]:
    rates = given.get("rates") or {}
    occasion = Occasion(
        sold_on=day_in(given["sale"], "date"),
        price_usd=price,
        short_frac=money_in(rates, "st"),
        long_frac=money_in(rates, "lt"),
    )
    return pick_lots(lots, units=units, method=Relief.MIN_TAX, occasion=occasion)
