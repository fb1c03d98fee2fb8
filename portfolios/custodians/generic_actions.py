"""
The generic file of corporate actions: one row an action, one more for each further security that it delivers.

Rows of the same symbol, kind and day belong together; what a later one repeats has to agree with the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from portfolios.custodians.base import CorporateActionRow, FileKind, ParsedFile
from portfolios.custodians.cells import FaultLog, RowReader
from portfolios.ledger.corporate_actions.check import check_terms
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery

CUSTODIAN = "generic"
ACTION_KINDS: Final = tuple(kind.value for kind in ActionKind)
OPTIONAL_COLUMNS: Final = (
    "ratio delivered units_per_unit delivered_price basis_share delivered_fraction_price cash_per_unit price taxable"
    " pays_fractions fraction_price buy_children note"
)
# Kinds whose ratio is the action: without it nobody knows what happens.
_NEED_RATIO: Final = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND})
_TAKE_DELIVERY: Final = frozenset(
    {
        ActionKind.CLASS_DIVIDEND,
        ActionKind.SPIN_OFF,
        ActionKind.STOCK_MERGER,
        ActionKind.MIXED_MERGER,
        ActionKind.SYMBOL_CHANGE,
        ActionKind.OTHER,
    }
)
_MAX_RATIO: Final = Decimal(10_000)
_MAX_PRICE_USD: Final = Decimal(10) ** 7
_MAX_NOTE: Final = 400
_OF_DELIVERY: Final = ("units_per_unit", "delivered_price", "basis_share", "delivered_fraction_price")
_OF_ACTION: Final = ("ratio", "cash_per_unit", "price", "taxable", "pays_fractions", "fraction_price", "buy_children")


@dataclass(slots=True)
class _Found:
    """An action while its rows are read: the first row, what it says, and what is delivered so far."""

    row: RowReader
    kind: ActionKind
    symbol: str
    effective_on: date
    deliveries: list[Delivery] = field(default_factory=list)
    readers: list[RowReader] = field(default_factory=list)


def read_corporate_actions(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read announced corporate actions; an action with a faulty row is left out whole."""
    del log
    found: dict[tuple[str, str, date], _Found] = {}
    for row in rows:
        symbol, said, day = row.symbol("symbol"), row.need_text("kind").lower(), row.need_date("effective")
        if said and said not in ACTION_KINDS:
            row.fail(f"“{said[:40]}” is not one of {', '.join(ACTION_KINDS)}.", "kind")
        if not row.is_good:
            continue
        kind = ActionKind(said)
        known = found.get((symbol, said, day))
        action = known or _Found(row=row, kind=kind, symbol=symbol, effective_on=day)
        found[symbol, said, day] = action
        action.readers.append(row)
        if known is not None:
            _check_same(action, row)
        _read_delivery(action, row)
    actions = [made for action in found.values() if (made := _made(action)) is not None]
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.CORPORATE_ACTIONS, corporate_actions=tuple(actions))


def _check_same(action: _Found, row: RowReader) -> None:
    """A further row of an action delivers one more security, and contradicts nothing."""
    if not row.text("delivered"):
        row.fail(f"{action.symbol} {_words(action.kind)} of that day stands in row {action.row.number} already.")
    for column in (*_OF_ACTION, "note"):
        said, first = row.text(column), action.row.text(column)
        if said and said != first:
            row.fail(f"The {column} is {said} here and {first or 'empty'} in row {action.row.number}.", column)


def _read_delivery(action: _Found, row: RowReader) -> None:
    if not row.text("delivered"):
        for column in _OF_DELIVERY:
            if row.text(column):
                row.fail(f"The {column} needs the symbol that is delivered.", column)
        return
    symbol = row.symbol("delivered")
    _check_delivered(action, row, symbol)
    units = _within(row, "units_per_unit", most=_MAX_RATIO)
    if units is None and action.kind is ActionKind.SYMBOL_CHANGE:
        units = Decimal(1)
    elif units is None and not row.text("units_per_unit"):
        row.fail("The units_per_unit of the delivered security are missing.", "units_per_unit")
    basis = row.maybe_number("basis_share")
    if basis is not None and not 0 <= basis <= 1:
        row.fail(f"The basis_share {basis} lies outside 0 to 1.", "basis_share")
    price = _within(row, "delivered_price", most=_MAX_PRICE_USD)
    fraction = _within(row, "delivered_fraction_price", most=_MAX_PRICE_USD)
    if row.is_good and units is not None:
        made = Delivery(
            security=symbol, units_per_unit=units, price_usd=price, basis_frac=basis, fraction_price_usd=fraction
        )
        action.deliveries.append(made)


def _check_delivered(action: _Found, row: RowReader, symbol: str) -> None:
    if action.kind not in _TAKE_DELIVERY:
        row.fail(f"A {_words(action.kind)} delivers no other security.", "delivered")
    if symbol == action.symbol:
        row.fail(f"{symbol} cannot deliver itself.", "delivered")
    if symbol in (each.security for each in action.deliveries):
        row.fail(f"{symbol} is delivered by an earlier row of this action already.", "delivered")


def _within(row: RowReader, column: str, *, most: Decimal) -> Decimal | None:
    """Read a number above 0 and plausible."""
    number = row.maybe_number(column)
    if number is not None and not 0 < number <= most:
        row.fail(f"The {column} {number} is not above 0 or not plausible.", column)
        return None
    return number


def _made(action: _Found) -> CorporateActionRow | None:
    row, kind = action.row, action.kind
    ratio = _within(row, "ratio", most=_MAX_RATIO)
    _check_ratio(row, kind, ratio)
    cash = row.maybe_number("cash_per_unit")
    if cash is not None and not 0 <= cash <= _MAX_PRICE_USD:
        row.fail(f"The cash_per_unit {cash} is negative or not plausible.", "cash_per_unit")
    price = row.maybe_number("price")
    if price is not None and not 0 <= price <= _MAX_PRICE_USD:
        row.fail(f"The price {price} is negative or not plausible.", "price")
    fraction = _within(row, "fraction_price", most=_MAX_PRICE_USD)
    note = row.text("note")
    if len(note) > _MAX_NOTE:
        row.fail(f"The note has {len(note)} characters; the limit is {_MAX_NOTE}.", "note")
    is_taxable = row.yes_no("taxable", default=False)
    pays_fractions = row.yes_no("pays_fractions", default=fraction is not None)
    buy_children = row.yes_no("buy_children", default=True)
    _check_basis(action)
    if not all(reader.is_good for reader in action.readers):
        return None
    terms = ActionTerms(
        kind=kind,
        key="",
        security=action.symbol,
        effective_on=action.effective_on,
        ratio=ratio,
        delivered=tuple(action.deliveries),
        price_usd=price,
        cash_per_unit_usd=cash or Decimal(0),
        is_taxable=is_taxable,
        pays_fractions=pays_fractions,
        fraction_price_usd=fraction,
    )
    for missing in check_terms(terms):  # it may follow: the action is announced all the same
        row.log.note(f"Before it can be confirmed: {missing}", row=row.number)
    return CorporateActionRow(row=row.number, terms=terms, note=note, buy_children=buy_children)


def _check_ratio(row: RowReader, kind: ActionKind, ratio: Decimal | None) -> None:
    if ratio is None:
        if kind in _NEED_RATIO and not row.text("ratio"):
            row.fail(f"A {_words(kind)} needs its ratio.", "ratio")
        return
    if kind is ActionKind.REVERSE_SPLIT and ratio >= 1:
        row.fail(f"A reverse split gives fewer new units than old: {ratio} is not below 1.", "ratio")
    elif kind in (ActionKind.SPLIT, ActionKind.STOCK_DIVIDEND) and ratio <= 1:
        row.fail(f"A {_words(kind)} gives more new units than old: {ratio} is not above 1.", "ratio")


def _check_basis(action: _Found) -> None:
    total = sum((each.basis_frac or Decimal(0) for each in action.deliveries), Decimal(0))
    if total > 1:
        action.row.fail(f"The basis_share of what is delivered sums to {total}, more than 1.", "basis_share")


def _words(kind: ActionKind) -> str:
    return kind.value.replace("_", " ")
