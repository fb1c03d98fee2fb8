"""Which lots a sale takes when it does not name them (rules R-1.2.1 to R-1.2.5 of the tax specification)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import exact_gain_usd, lot_term
from portfolios.ledger.types import COST_STEP, ZERO, Lot, LotPick, Relief, Term

_Key = tuple[Decimal | int | date | str, ...]


class LossFate(NamedTuple):
    """Which parts of a loss purchases wash: for now, or in a retirement account for good. The rest counts."""

    washed_frac: Decimal = ZERO
    lost_frac: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """
    What the order of lots may depend on: the day, the net price, and marginal rates for the least tax.

    `fate` says what would become of a loss on a lot (R-1.2.4): a washed one is worth nothing, a lost one costs its tax.
    """

    sold_on: date
    price_usd: Decimal | None = None
    short_frac: Decimal | None = None
    long_frac: Decimal | None = None
    fate: Callable[[Lot], LossFate] | None = None


def pick_lots(lots: Iterable[Lot], *, units: Decimal, method: Relief, occasion: Occasion) -> tuple[LotPick, ...]:
    """
    Choose lots for a sale of so many units, in the order of the method. Lots put aside for charity are never taken.

    Lots of unknown basis come last wherever the method compares bases.
    :raises BadInput: not enough units, or the method needs a price, rates or a basis that is missing
    """
    candidates = [lot for lot in lots if not lot.is_gift]
    return _taken(sorted(candidates, key=_ranking(method, occasion)), units)


def pick_by_day(days: Iterable[Iterable[Lot]], *, units: Decimal) -> tuple[LotPick, ...]:
    """
    Choose lots as FIFO or LIFO does; `days` are the lots by day of acquisition in that order, asked for as needed.

    :raises BadInput: not enough units
    """
    ranked = (lot for day in days for lot in sorted(day, key=_sublot) if not lot.is_gift)
    return _taken(ranked, units)


def _taken(ranked: Iterable[Lot], units: Decimal) -> tuple[LotPick, ...]:
    picks: list[LotPick] = []
    wanted = units
    for lot in ranked:
        taken = min(wanted, lot.units)
        picks.append(LotPick(key=lot.key, units=taken))
        wanted -= taken
        if wanted <= 0:
            break
    if wanted > 0:
        raise BadInput(f"{units} units are to be sold, {units - wanted} are held in lots that may be sold")
    return tuple(picks)


def average_costs(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """
    Give every lot of one security the average basis, unrounded per share; the last takes the residual.

    :raises BadInput: a lot of unknown basis
    """
    pool = tuple(lots)
    if not pool:
        return ()
    costs = [lot.cost_usd for lot in pool if lot.cost_usd is not None]
    if len(costs) != len(pool):
        raise BadInput(f"the average cost of {pool[0].security} needs the basis of every lot")
    total_cost, total_units = sum(costs, ZERO), sum((lot.units for lot in pool), ZERO)
    averaged: list[Lot] = []
    left = total_cost
    for lot in pool[:-1]:
        part = (total_cost * lot.units / total_units).quantize(COST_STEP, ROUND_HALF_UP)
        averaged.append(replace(lot, cost_usd=part))
        left -= part
    return (*averaged, replace(pool[-1], cost_usd=left))


def _ranking(method: Relief, occasion: Occasion) -> Callable[[Lot], _Key]:
    if method in (Relief.FIFO, Relief.AVERAGE_COST):
        return _earliest
    if method is Relief.LIFO:
        return lambda lot: (-lot.acquired_on.toordinal(), *_sublot(lot))
    by_basis: dict[Relief, Callable[[Lot], _Key]] = {
        Relief.HIFO: lambda lot: (-_per_unit(lot),),
        Relief.LOFO: lambda lot: (_per_unit(lot),),
        Relief.MAX_LOSS: lambda lot: (_gain_per_unit(lot, occasion), int(_term(lot, occasion) is Term.LONG)),
        Relief.MAX_GAIN: lambda lot: (-_gain_per_unit(lot, occasion),),
        Relief.LONG_FIRST: lambda lot: (int(_term(lot, occasion) is Term.SHORT), -_per_unit(lot)),
        Relief.MIN_TAX: lambda lot: (_tax_per_unit(lot, occasion), -_per_unit(lot)),
    }
    rank = by_basis[method]
    return lambda lot: (1, *_earliest(lot)) if lot.cost_usd is None else (0, *rank(lot), *_earliest(lot))


def _earliest(lot: Lot) -> _Key:
    return (lot.acquired_on, *_sublot(lot))


def _sublot(lot: Lot) -> _Key:
    return (lot.root_key, lot.held_from_on, -(lot.cost_usd or ZERO) / lot.units, lot.key)


def _per_unit(lot: Lot) -> Decimal:
    return (lot.cost_usd or ZERO) / lot.units


def _term(lot: Lot, occasion: Occasion) -> Term:
    gain = None if occasion.price_usd is None else _gain_per_unit(lot, occasion)
    return lot_term(lot, sold_on=occasion.sold_on, gain_usd=gain)


def _gain_per_unit(lot: Lot, occasion: Occasion) -> Decimal:
    if occasion.price_usd is None:
        raise BadInput("this method compares gains and needs the price of the sale")
    loss_cost = None if lot.loss_cost_usd is None else lot.loss_cost_usd / lot.units
    return exact_gain_usd(proceeds_usd=occasion.price_usd, cost_usd=_per_unit(lot), loss_cost_usd=loss_cost)


def _tax_per_unit(lot: Lot, occasion: Occasion) -> Decimal:
    if occasion.short_frac is None or occasion.long_frac is None:
        raise BadInput("the least tax needs the rates of short-term and long-term gains")
    rate = occasion.long_frac if _term(lot, occasion) is Term.LONG else occasion.short_frac
    tax = _gain_per_unit(lot, occasion) * rate
    if tax >= 0 or occasion.fate is None:
        return tax
    fate = occasion.fate(lot)
    return tax * (1 - fate.washed_frac - 2 * fate.lost_frac)
