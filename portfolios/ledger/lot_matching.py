"""Pair the lots of a book with the lots that a custodian states, and say how each must change to agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.gains import split_lot
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import CENT, ZERO, Lot, LotPick

UNIT_TOLERANCE = Decimal("0.0005")  # custodians round to three or four places


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """How a lot must change: `lot_key` "" opens `lot`; without `lot` the named one goes away."""

    lot_key: str
    lot: Lot | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The day of the statement, whether it is the account's first, and whether basis matters for its taxes."""

    as_of: date
    is_first: bool
    is_taxable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    both: tuple[tuple[Lot, StatedLot], ...]
    only_held: tuple[Lot, ...]
    only_stated: tuple[StatedLot, ...]


_Rule = Callable[[Lot, StatedLot], bool]
_RULES: tuple[_Rule, ...] = (
    lambda lot, stated: bool(stated.ref) and stated.ref == lot.key,
    lambda lot, stated: _is_same_day(lot, stated) and _is_same_units(lot, stated) and _is_same_cost(lot, stated),
    lambda lot, stated: _is_same_day(lot, stated) and _is_same_units(lot, stated),
    lambda lot, stated: _is_same_day(lot, stated) and _is_same_unit_cost(lot, stated),
    lambda lot, stated: _is_same_day(lot, stated),  # noqa: PLW0108  the function stands below
    lambda lot, stated: stated.acquired_on is None and _is_same_units(lot, stated),
    lambda lot, stated: stated.acquired_on is None,
)


def match_lots(held: Sequence[Lot], stated: Sequence[StatedLot], *, setting: Setting) -> tuple[LotChange, ...]:
    """
    Say what makes the held lots of one security the stated ones, nothing where they agree.

    What a statement does not know (a basis, a date, a flag) does not erase what the book knows.
    """
    pairs = _pair(held, stated)
    changes = [change for lot, row in pairs.both if (change := _change(lot, row))]
    changes += [
        LotChange(
            lot_key=lot.key, lot=None, reason=f"the custodian no longer states {_words(lot.units)} of {lot.acquired_on}"
        )
        for lot in pairs.only_held
    ]
    used = {lot.key for lot in held}
    for row in pairs.only_stated:
        opened = _opened(row, used, setting)
        used.add(opened.key)
        reason = (
            f"the custodian states {_words(row.units)} of {row.acquired_on or 'an unknown date'} that nothing explains"
        )
        changes.append(LotChange(lot_key="", lot=opened, reason=reason))
    return tuple(changes)


def adjust_units(held: Sequence[Lot], units: Decimal, *, security: str, setting: Setting) -> tuple[LotChange, ...]:
    """
    Say what makes the held lots of one security add up to the stated units, where no lots are stated.

    Missing units are taken from the earliest lots; additional ones have neither basis nor date that is known.
    """
    difference = units - sum((lot.units for lot in held), ZERO)
    if abs(difference) <= UNIT_TOLERANCE:
        return ()
    if difference > 0:
        row = StatedLot(
            security=security,
            units=difference,
            cost_usd=None,
            acquired_on=None,
            is_wash_acquisition=not setting.is_first,  # unexplained units may well have been bought
        )
        opened = _opened(row, {lot.key for lot in held}, setting)
        return (
            LotChange(lot_key="", lot=opened, reason=f"the custodian states {_words(difference)} more, basis unknown"),
        )
    return _reduced(held, -difference)


def picks_shown(held: Sequence[Lot], stated: Sequence[StatedLot], *, units: Decimal) -> tuple[LotPick, ...]:
    """Return the lots that a sale of so many units took, as the stated lots show it; empty where they do not."""
    pairs = _pair(held, stated)
    picks = [(lot, lot.units - row.units) for lot, row in pairs.both]
    picks += [(lot, lot.units) for lot in pairs.only_held]
    if any(taken < 0 for _, taken in picks) or sum((taken for _, taken in picks), ZERO) != units:
        return ()
    return tuple(LotPick(key=lot.key, units=taken) for lot, taken in picks if taken > 0)


def _reduced(held: Sequence[Lot], missing: Decimal) -> tuple[LotChange, ...]:
    changes = []
    for lot in sorted(held, key=lambda lot: (lot.acquired_on, lot.key)):
        if missing <= 0:
            break
        taken = min(missing, lot.units)
        missing -= taken
        reason = f"the custodian states {_words(taken)} less; the earliest lots were reduced"
        changes.append(LotChange(lot_key=lot.key, lot=split_lot(lot, taken).left, reason=reason))
    return tuple(changes)


def _pair(held: Sequence[Lot], stated: Sequence[StatedLot]) -> _Pairs:
    """Pair greedily, the surest rule first."""
    if not held or not stated:
        return _Pairs(both=(), only_held=tuple(held), only_stated=tuple(stated))
    lots, rows = list(held), list(stated)
    both: list[tuple[Lot, StatedLot]] = []
    for rule in _RULES:
        for row in tuple(rows):
            lot = next((lot for lot in lots if rule(lot, row)), None)
            if lot is not None:
                both.append((lot, row))
                lots.remove(lot)
                rows.remove(row)
    return _Pairs(both=tuple(both), only_held=tuple(lots), only_stated=tuple(rows))


def _is_same_day(lot: Lot, stated: StatedLot) -> bool:
    return stated.acquired_on == lot.acquired_on


def _is_same_units(lot: Lot, stated: StatedLot) -> bool:
    return abs(stated.units - lot.units) <= UNIT_TOLERANCE


def _is_same_cost(lot: Lot, stated: StatedLot) -> bool:
    if stated.cost_usd is None or lot.cost_usd is None:
        return stated.cost_usd is lot.cost_usd
    return abs(stated.cost_usd - lot.cost_usd) < CENT


def _is_same_unit_cost(lot: Lot, stated: StatedLot) -> bool:
    if stated.cost_usd is None or lot.cost_usd is None:
        return False
    return abs(stated.cost_usd / stated.units - lot.cost_usd / lot.units) < CENT


def _change(lot: Lot, stated: StatedLot) -> LotChange | None:
    is_restated = stated.cost_usd is not None and not _is_same_cost(lot, stated)
    agreed = replace(
        lot,
        units=lot.units if _is_same_units(lot, stated) else stated.units,
        cost_usd=stated.cost_usd if is_restated else lot.cost_usd,
        loss_cost_usd=_agreed_loss_cost(lot, stated),
        wash_adjustment_usd=stated.wash_adjustment_usd or lot.wash_adjustment_usd,
        acquired_on=stated.acquired_on or lot.acquired_on,
        holding_on=stated.holding_on or lot.holding_on,
        is_inherited=lot.is_inherited or stated.is_inherited,
        is_gift=lot.is_gift or stated.is_gift,
        is_wash_acquisition=(
            lot.is_wash_acquisition if stated.is_wash_acquisition is None else stated.is_wash_acquisition
        ),
        is_wash_consumed=lot.is_wash_consumed or stated.is_wash_consumed,
    )
    if agreed == lot:
        return None
    if agreed.units != lot.units and not is_restated:
        agreed = _rescaled(agreed, from_units=lot.units)
    return LotChange(lot_key=lot.key, lot=agreed, reason=_difference(lot, agreed))


def _agreed_loss_cost(lot: Lot, stated: StatedLot) -> Decimal | None:
    if lot.cost_usd is None and stated.cost_usd is None:
        return None
    return lot.loss_cost_usd if stated.loss_cost_usd is None else stated.loss_cost_usd


def _rescaled(lot: Lot, *, from_units: Decimal) -> Lot:
    """Leave a lot whose units changed, but whose basis is not stated, with the basis of the units that remain."""
    if lot.units >= from_units:
        return replace(lot, cost_usd=None, loss_cost_usd=None)  # additional units at an unknown price
    return split_lot(replace(lot, units=from_units), lot.units).taken


def _difference(before: Lot, after: Lot) -> str:
    said = []
    if before.units != after.units:
        said.append(f"units {_words(before.units)} are {_words(after.units)}")
    if before.cost_usd != after.cost_usd:
        said.append(f"basis {_dollars(before.cost_usd)} is {_dollars(after.cost_usd)}")
    if before.acquired_on != after.acquired_on:
        said.append(f"acquired {before.acquired_on} is {after.acquired_on}")
    return "the custodian states that " + (", ".join(said) or "holding period or flags differ")


def _words(units: Decimal) -> str:
    return f"{units.normalize():f} units"


def _dollars(amount_usd: Decimal | None) -> str:
    return "unknown" if amount_usd is None else f"${amount_usd:,.2f}"


def _opened(row: StatedLot, used: set[str], setting: Setting) -> Lot:
    """
    Open a stated lot.

    Without a trade date neither term nor window is known: in a taxable account its basis then counts as unknown, but
    for what was inherited, which is long-term whenever sold.
    """
    is_dated = row.acquired_on is not None or row.is_inherited
    acquired_on = row.acquired_on or setting.as_of
    root = f"{row.security}-{acquired_on:%Y%m%d}"
    cost = row.cost_usd if is_dated or not setting.is_taxable else None
    return Lot(
        key=row.ref if row.ref and row.ref not in used else _free_key(root, used, setting),
        root_key=root,
        security=row.security,
        units=row.units,
        cost_usd=cost,
        acquired_on=acquired_on,
        holding_on=row.holding_on,
        loss_cost_usd=None if cost is None else row.loss_cost_usd,
        wash_adjustment_usd=row.wash_adjustment_usd,
        is_inherited=row.is_inherited,
        is_gift=row.is_gift,
        is_wash_acquisition=is_dated if row.is_wash_acquisition is None else row.is_wash_acquisition,
        is_wash_consumed=row.is_wash_consumed,
    )


def _free_key(root: str, used: set[str], setting: Setting) -> str:
    stem = root if setting.is_first else f"{root}-{setting.as_of:%Y%m%d}"
    number = 1
    while f"{stem}-{number}" in used:
        number += 1
    return f"{stem}-{number}"
