"""
Pair the lots of one security with the lots that a custodian states, the surest way first.

Lots are not one to one: a wash sale splits ours into a family (`K`, `K~1`, ...), a custodian splits or merges lots in
its own way. Several lots pair with several rows where their units are the same.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from portfolios.ledger.basis_views import view_basis
from portfolios.ledger.comparison import UNIT_TOLERANCE, LotFacts
from portfolios.ledger.families import stem_of
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import CENT, ZERO, Lot

_Rule = Callable[[Lot, StatedLot], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same units in the ledger and at the custodian; one lot each where units may still differ."""

    lots: tuple[Lot, ...]
    rows: tuple[StatedLot, ...]

    @property
    def is_single(self) -> bool:
        """Tell whether it is one lot and one row."""
        return len(self.lots) == len(self.rows) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What was paired, and what of either side is left alone."""

    pairs: tuple[Pair, ...]
    only_held: tuple[Lot, ...]
    only_stated: tuple[StatedLot, ...]


@dataclass(slots=True)
class _Rest:
    """What is not paired yet."""

    lots: list[Lot]
    rows: list[StatedLot]
    pairs: list[Pair] = field(default_factory=list)

    def take(self, lots: Sequence[Lot], rows: Sequence[StatedLot]) -> None:
        """Pair these."""
        self.pairs.append(Pair(lots=tuple(lots), rows=tuple(rows)))
        taken_lots, taken_rows = set(map(id, lots)), set(map(id, rows))
        self.lots = [lot for lot in self.lots if id(lot) not in taken_lots]
        self.rows = [row for row in self.rows if id(row) not in taken_rows]


def pair_lots(held: Sequence[Lot], stated: Sequence[StatedLot], *, facts: LotFacts) -> Pairs:
    """Pair lots and rows: what agrees lot by lot, then families, then lots of one day, then what is nearest."""
    rest = _Rest(lots=list(held), rows=list(stated))
    if held and stated:
        _pair_singly(rest, _EXACT)
        _pair_families(rest, facts)
        _pair_days(rest, facts)
        _pair_singly(rest, _NEAREST)
    return Pairs(pairs=tuple(rest.pairs), only_held=tuple(rest.lots), only_stated=tuple(rest.rows))


def is_same_units(lots: Iterable[Lot], rows: Iterable[StatedLot]) -> bool:
    """Tell whether units are the same within what custodians round to."""
    ours, theirs = tuple(lots), tuple(rows)
    difference = sum((lot.units for lot in ours), ZERO) - sum((row.units for row in theirs), ZERO)
    return abs(difference) <= UNIT_TOLERANCE * max(len(ours), len(theirs), 1)


def is_same_cost(lot: Lot, row: StatedLot) -> bool:
    """Tell whether bases agree to the cent, or both are unknown."""
    if row.cost_usd is None or lot.cost_usd is None:
        return row.cost_usd is lot.cost_usd
    return abs(row.cost_usd - lot.cost_usd) < CENT


def _is_same_day(lot: Lot, row: StatedLot) -> bool:
    return row.acquired_on == lot.acquired_on


def _is_one(lot: Lot, row: StatedLot) -> bool:
    return is_same_units((lot,), (row,))


def _is_same_unit_cost(lot: Lot, row: StatedLot) -> bool:
    if row.cost_usd is None or lot.cost_usd is None:
        return False
    return abs(row.cost_usd / row.units - lot.cost_usd / lot.units) < CENT


def _is_named(lot: Lot, row: StatedLot) -> bool:
    return bool(row.ref) and row.ref == lot.key


_EXACT: tuple[_Rule, ...] = (
    lambda lot, row: _is_named(lot, row) and _is_one(lot, row) and is_same_cost(lot, row),
    lambda lot, row: _is_same_day(lot, row) and _is_one(lot, row) and is_same_cost(lot, row),
)
_NEAREST: tuple[_Rule, ...] = (
    _is_named,
    lambda lot, row: _is_same_day(lot, row) and _is_one(lot, row),
    lambda lot, row: _is_same_day(lot, row) and _is_same_unit_cost(lot, row),
    _is_same_day,
    lambda lot, row: row.acquired_on is None and _is_one(lot, row),
    lambda lot, row: row.acquired_on is None,
)


def _pair_singly(rest: _Rest, rules: Sequence[_Rule]) -> None:
    for rule in rules:
        for row in tuple(rest.rows):
            lot = next((lot for lot in rest.lots if rule(lot, row)), None)
            if lot is not None:
                rest.take((lot,), (row,))


def _pair_families(rest: _Rest, facts: LotFacts) -> None:
    """Pair a family with the one row of its units, else with all rows of its day; a lot alone with several rows."""
    for family, lots in _grouped(rest.lots, lambda lot: stem_of(lot.key)).items():
        days = {lot.acquired_on for lot in lots}
        rows = [row for row in rest.rows if stem_of(row.ref) == family or row.acquired_on in days]
        single = [row for row in rows if is_same_units(lots, (row,))] if len(lots) > 1 else []
        if single:
            explained = (row for row in single if _is_explained(lots, (row,), facts))
            rest.take(lots, (next(explained, single[0]),))
        elif len(rows) > 1 and is_same_units(lots, rows):
            rest.take(lots, rows)


def _pair_days(rest: _Rest, facts: LotFacts) -> None:
    """Pair all that is left of one day where units and basis agree: custodians merge the fills of an order."""
    rows_of = _grouped(rest.rows, lambda row: row.acquired_on)
    for day, lots in _grouped(rest.lots, lambda lot: lot.acquired_on).items():
        rows = rows_of.get(day, [])
        if not rows or (len(lots) == 1 and len(rows) == 1):
            continue
        if is_same_units(lots, rows) and _is_explained(lots, rows, facts):
            rest.take(lots, rows)


def _is_explained(lots: Sequence[Lot], rows: Sequence[StatedLot], facts: LotFacts) -> bool:
    view = view_basis(lots, rows, facts=facts)
    return view.difference_usd is not None and (view.is_same or view.cause is not None)


_One = TypeVar("_One")
_By = TypeVar("_By", bound=Hashable)


def _grouped(things: Iterable[_One], by: Callable[[_One], _By]) -> dict[_By, list[_One]]:
    groups: dict[_By, list[_One]] = defaultdict(list)
    for thing in things:
        groups[by(thing)].append(thing)
    return dict(groups)


def units_words(units: Decimal) -> str:
    """Write units as a sentence has them."""
    return f"{units.normalize():f} units"
