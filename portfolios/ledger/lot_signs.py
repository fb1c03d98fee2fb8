"""What stated lots show without saying so: which lots a sale took, and that a split happened."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.basis_views import known_cost
from portfolios.ledger.comparison import UNIT_TOLERANCE, LotFacts
from portfolios.ledger.families import stem_of
from portfolios.ledger.lot_pairs import is_same_cost, pair_lots
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import ZERO, Lot, LotPick


def picks_shown(held: Sequence[Lot], stated: Sequence[StatedLot], *, units: Decimal) -> tuple[LotPick, ...]:
    """Return the lots that a sale of so many units took, as the stated lots show it; empty where they do not."""
    found = pair_lots(_families(held), stated, facts=LotFacts())
    picks = [
        (pair.lots[0], pair.lots[0].units - sum((row.units for row in pair.rows), ZERO))
        for pair in found.pairs
        if len(pair.lots) == 1
    ]
    picks += [(lot, lot.units) for lot in found.only_held]
    if any(taken < 0 for _, taken in picks) or sum((taken for _, taken in picks), ZERO) != units:
        return ()
    return tuple(LotPick(key=lot.key, units=taken) for lot, taken in picks if taken > 0)


def ratio_shown(held: Sequence[Lot], stated: Sequence[StatedLot]) -> Decimal | None:
    """Return new units for one old where every lot has so many times its units and its old basis: a split's mark."""
    ours, theirs = _families(held), list(stated)
    if not ours or len(ours) != len(theirs):
        return None
    by_age = (sorted(ours, key=lambda lot: (lot.acquired_on, lot.units)), _by_age(theirs))
    pairs = list(zip(*by_age, strict=True))
    ratio = pairs[0][1].units / pairs[0][0].units
    is_whole = ratio == ratio.to_integral_value() or (1 / ratio) == (1 / ratio).to_integral_value()
    is_split = all(
        row.acquired_on == lot.acquired_on
        and abs(row.units - lot.units * ratio) <= UNIT_TOLERANCE
        and lot.cost_usd is not None
        and is_same_cost(lot, row)
        for lot, row in pairs
    )
    return ratio if is_split and ratio != 1 and (is_whole or (2 * ratio) == (2 * ratio).to_integral_value()) else None


def _by_age(rows: Sequence[StatedLot]) -> list[StatedLot]:
    return sorted(rows, key=lambda row: (row.acquired_on or date.max, row.units))


def _families(held: Sequence[Lot]) -> list[Lot]:
    """Put the sub-lots of a wash sale together again: a sale picks a family by the key of the lot it came from."""
    whole: dict[str, Lot] = {}
    for lot in held:
        key = stem_of(lot.key)
        known = whole.get(key)
        if known is None:
            whole[key] = lot if lot.key == key else replace(lot, key=key)
            continue
        cost = known_cost((known, lot))
        whole[key] = replace(known, units=known.units + lot.units, cost_usd=cost, loss_cost_usd=None)
    return list(whole.values())
