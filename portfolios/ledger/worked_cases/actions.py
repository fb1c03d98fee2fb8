"""Worked cases of corporate actions: the terms of the case, applied lot by lot."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from portfolios.ledger.corporate_actions.effect import LotExchange
from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import lot_term
from portfolios.ledger.types import ZERO, Disposition, DispositionKind, Lot, Relief
from portfolios.ledger.worked_cases.reading import (
    Actual,
    Fields,
    day,
    day_in,
    money,
    money_in,
    shares,
    term_code,
    text_in,
)

_ONE: Final = Decimal(1)
_MERGERS: Final = frozenset({ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER})
_CODES: Final[Mapping[DispositionKind, str]] = {
    DispositionKind.SALE: "SALE",
    DispositionKind.CASH_IN_LIEU: "CASH_IN_LIEU",
    DispositionKind.TAXABLE_EXCHANGE: "TAXABLE_EXCHANGE",
    DispositionKind.EXCESS_RETURN_OF_CAPITAL: "EXCESS_RETURN_OF_CAPITAL",
    DispositionKind.WORTHLESS: "WORTHLESS",
}


def corporate_action(given: Fields) -> Actual:
    """Hold the lots of the case through its action."""
    action = given["action"]
    lots = [_lot(fields) for fields in given["lots"]]
    terms = terms_of(action)
    touched = [lot for lot in lots if lot.security == terms.security]
    effect = apply_action(touched, terms, _holder(action, terms), method=Relief.FIFO, event_ref="A")
    out = [*(lot for lot in lots if lot not in touched), *effect.kept, *effect.opened]
    order = {lot.key: place for place, lot in enumerate(lots)}
    out.sort(key=lambda lot: (order.get(lot.root_key, len(order)), lot.key))
    gained = [
        *_booted(touched, terms, effect.exchanges),
        *(_realized(one, terms) for one in effect.dispositions if one.kind in _CODES),
    ]
    return {
        "lots": [_held(lot, replaced=terms.kind in _MERGERS) for lot in out],
        "realized": [row for row, _ in gained],
        "total_basis_out": money(sum((lot.cost_usd or ZERO for lot in out), ZERO)),
        "total_gain": money(sum((gain for _, gain in gained), ZERO)),
    }


def _lot(fields: Fields) -> Lot:
    return Lot(
        key=text_in(fields, "id"),
        security=text_in(fields, "symbol"),
        units=money_in(fields, "shares"),
        cost_usd=money_in(fields, "basis"),
        acquired_on=day_in(fields, "acquired"),
        holding_on=day_in(fields, "holding_date") if fields.get("holding_date") else None,
    )


def _held(lot: Lot, *, replaced: bool) -> Actual:
    """Write a lot; what took the place of a merged lot goes under that lot's name."""
    return {
        "lot": lot.key.removesuffix(f"/{lot.security}") if replaced else lot.key,
        "symbol": lot.security,
        "shares": shares(lot.units),
        "basis": money(lot.cost_usd),
        "holding_date": day(lot.held_from_on),
    }


def _realized(sold: Disposition, terms: ActionTerms) -> tuple[Actual, Decimal]:
    is_merged = terms.kind in _MERGERS
    row = {
        "lot": sold.root_key.removesuffix(f"/{sold.security}") if is_merged else sold.root_key,
        "kind": _CODES[sold.kind],
        "shares": shares(sold.units),
        "proceeds": money(sold.proceeds_usd),
        "basis": money(sold.cost_usd),
        "gain": money(sold.gain_usd),
        "term": term_code(sold.term),
    }
    return row, sold.gain_usd or ZERO


def _booted(lots: Sequence[Lot], terms: ActionTerms, exchanges: Sequence[LotExchange]) -> list[tuple[Actual, Decimal]]:
    by_key = {lot.key: lot for lot in lots}
    rows = []
    for one in exchanges:
        term = lot_term(by_key[one.lot_key], sold_on=terms.effective_on, gain_usd=one.realised_usd)
        row = {
            "lot": one.lot_key,
            "kind": "BOOT",
            "shares": shares(one.units),
            "cash": money(one.cash_usd),
            "realized": money(one.realised_usd),
            "gain": money(one.recognised_usd),
            "term": term_code(term),
        }
        rows.append((row, one.recognised_usd or ZERO))
    return rows


def _holder(action: Fields, terms: ActionTerms) -> HolderTerms:
    paid = action.get("cash_in_lieu") or {}
    in_lieu_of = terms.delivered[0].security if terms.delivered else terms.security
    return HolderTerms(
        fraction_cash_usd=((in_lieu_of, money_in(paid, "amount")),) if paid.get("amount") is not None else (),
        tendered_units=money_in(action, "shares") if action.get("shares") is not None else None,
    )


def terms_of(action: Fields) -> ActionTerms:
    """
    Return the terms that a case's `action` states.

    :raises BadInput: a kind that is not known, or a term that is missing
    """
    code = text_in(action, "type")
    if code not in _KINDS:
        raise BadInput(f"there is no corporate action {code!r}")
    kind, fill = _KINDS[code]
    paid = action.get("cash_in_lieu") or {}
    common = {
        "kind": kind,
        "key": "A",
        "security": text_in(action, "symbol"),
        "effective_on": day_in(action, "date"),
        "is_taxable": bool(action.get("taxable", False)),
        "pays_fractions": bool(paid),
        "fraction_price_usd": money_in(paid, "price") if paid.get("price") is not None else None,
    }
    return ActionTerms(**{**common, **fill(action)})


def _split(action: Fields) -> Actual:
    return {"ratio": money_in(action, "ratio")}


def _stock_dividend(action: Fields) -> Actual:
    ratio = money_in(action, "ratio") if action.get("rate") is None else _ONE + money_in(action, "rate")
    return {"ratio": ratio, "price_usd": _maybe(action, "parent_fmv", "fmv")}


def _child(action: Fields) -> Actual:
    children = action.get("children") or (action,)
    return {"delivered": tuple(_delivery(child) for child in children), "price_usd": _maybe(action, "parent_fmv")}


def _delivery(child: Fields) -> Delivery:
    return Delivery(
        security=text_in(child, "child_symbol"),
        units_per_unit=money_in(child, "ratio"),
        price_usd=_maybe(child, "child_fmv"),
        basis_frac=_maybe(child, "child_allocation"),
    )


def _for_stock(action: Fields) -> Actual:
    got = Delivery(
        security=text_in(action, "new_symbol"),
        units_per_unit=money_in(action, "ratio", _ONE),
        price_usd=_maybe(action, "new_fmv"),
    )
    return {"delivered": (got,), "cash_per_unit_usd": money_in(action, "cash_per_share", ZERO)}


def _for_cash(action: Fields) -> Actual:
    name = next(
        (each for each in ("cash_per_share", "per_share", "price") if action.get(each) is not None), "cash_per_share"
    )
    return {"cash_per_unit_usd": money_in(action, name)}


def _nothing(_: Fields) -> Actual:
    return {}


def _maybe(action: Fields, *names: str) -> Decimal | None:
    return next((money_in(action, name) for name in names if action.get(name) is not None), None)


_KINDS: Final[Mapping[str, tuple[ActionKind, Callable[[Fields], Actual]]]] = {
    "SPLIT": (ActionKind.SPLIT, _split),
    "REVERSE_SPLIT": (ActionKind.REVERSE_SPLIT, _split),
    "STOCK_DIVIDEND": (ActionKind.STOCK_DIVIDEND, _stock_dividend),
    "STOCK_DIVIDEND_DIFFERENT_CLASS": (ActionKind.CLASS_DIVIDEND, _child),
    "SPINOFF": (ActionKind.SPIN_OFF, _child),
    "STOCK_MERGER": (ActionKind.STOCK_MERGER, _for_stock),
    "CASH_AND_STOCK_MERGER": (ActionKind.MIXED_MERGER, _for_stock),
    "CASH_MERGER": (ActionKind.CASH_MERGER, _for_cash),
    "TENDER": (ActionKind.TENDER, _for_cash),
    "RETURN_OF_CAPITAL": (ActionKind.RETURN_OF_CAPITAL, _for_cash),
    "SYMBOL_CHANGE": (ActionKind.SYMBOL_CHANGE, _for_stock),
    "WORTHLESS": (ActionKind.WORTHLESS, _nothing),
}
