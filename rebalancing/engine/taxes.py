"""
The year's tax as the solver needs it: convex pieces, rows, and the gain and waiting value of a dollar of each lot.

T(S, L) = min(T1, T2) with T1 and T2 convex (engine.md B4), so a return is at most two convex problems, one a regime.
S' and z' are the short-term and the total net gain that the trades add, in dollars, over all accounts of the return.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from portfolios.ledger.gains import first_long_on, term_of
from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.types import ForcedHarvest, Lot, Tax
from rebalancing.engine.universe import Flags, Places, Universe, Vector
from rebalancing.engine.waiting import waiting_per_dollar

Regime = Literal[1, 2]
RATE_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTax:
    """One return's year before anything is traded: S and L (carryforwards netted), in dollars, and its rates."""

    short_rate: float
    long_rate: float
    ordinary_rate: float
    offset_usd: float
    rho: float
    short_usd: float
    long_usd: float
    is_off: bool

    def tax_usd(self, short_usd: Vector | float, long_usd: Vector | float, *, carried: bool = True) -> Vector:
        """Return T(S, L), element by element; without `carried`, losses carried on count nothing."""
        rho = self.rho if carried else 0.0
        short, total = np.asarray(short_usd), np.asarray(short_usd) + np.asarray(long_usd)
        gain = self.long_rate * total + (self.short_rate - self.long_rate) * np.minimum(np.maximum(short, 0.0), total)
        loss = -self.ordinary_rate * np.minimum(-total, self.offset_usd)
        loss = loss - rho * np.maximum(-total - self.offset_usd, 0.0)
        return np.asarray(np.where(total >= 0, gain, loss), dtype=np.float64)

    def caused_usd(self, short_usd: Vector | float, long_usd: Vector | float) -> Vector:
        """Return what this year's return shows of the proposal once S and L stand here."""
        before = self.tax_usd(self.short_usd, self.long_usd, carried=False)
        return np.asarray(self.tax_usd(short_usd, long_usd, carried=False) - before)

    def term_usd(self, short_usd: Vector | float, long_usd: Vector | float) -> Vector:
        """Return the objective's tax term: T after less T before, floored at 0 where nothing is harvested."""
        change = self.tax_usd(short_usd, long_usd) - self.tax_usd(self.short_usd, self.long_usd)
        return np.asarray(np.maximum(change, 0.0) if self.is_off else change)

    def loss_rate(self, *, is_short: bool) -> float:
        """Return what the next dollar of loss of this term saves, carried losses at rho."""
        short, long = (1.0, 0.0) if is_short else (0.0, 1.0)
        here = float(self.tax_usd(self.short_usd, self.long_usd))
        return here - float(self.tax_usd(self.short_usd - short, self.long_usd - long))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LotTaxes:
    """Per dollar sold of each segment, (N,): gain by term as it counts, gain before any wash sale, value of waiting."""

    short_gain: Vector
    long_gain: Vector
    raw_gain: Vector
    waiting: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """short x S' + total x z' - offset_usd: an affine function of the gains that the trades add."""

    short: float
    total: float
    offset_usd: float

    def value_usd(self, short_usd: float, total_usd: float) -> float:
        return self.short * short_usd + self.total * total_usd - self.offset_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinge:
    """weight x max(0, the largest of its pieces): a convex part of the tax."""

    weight: float
    pieces: tuple[Piece, ...]

    def value_usd(self, short_usd: float, total_usd: float) -> float:
        return self.weight * max(0.0, *(piece.value_usd(short_usd, total_usd) for piece in self.pieces))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTerm:
    """A convex function of the gains added: constant + total x z' + hinges."""

    constant_usd: float
    total: float
    hinges: tuple[Hinge, ...]

    def value_usd(self, short_usd: float, total_usd: float) -> float:
        bent = sum(hinge.value_usd(short_usd, total_usd) for hinge in self.hinges)
        return self.constant_usd + self.total * total_usd + bent


NO_TAX = TaxTerm(constant_usd=0.0, total=0.0, hinges=())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnTax:
    """
    One tax return over all its taxable accounts.

    `segments` are the sales (of the case) that can change it, with the short-term (`short`) and whole (`both`) gain of
    a dollar of each. `room_usd` is the most tax that the proposal may cause, None without a budget.
    """

    id: str
    tax: Tax
    year: YearTax
    segments: Places
    short: Vector
    both: Vector
    room_usd: float | None

    @property
    def can_change(self) -> bool:
        """Tell whether any sale can change the year's tax; where none can, no regime of it is true."""
        return self.segments.size > 0

    def gains_usd(self, traded_usd: Vector) -> tuple[float, float]:
        """Return S' and z' of the dollars traded of every segment of the case."""
        here = traded_usd[self.segments]
        return float(self.short @ here), float(self.both @ here)

    def term_usd(self, traded_usd: Vector) -> float:
        """Return the true tax term of the objective, not a regime of it."""
        short, total = self.gains_usd(traded_usd)
        return float(self.year.term_usd(self.year.short_usd + short, self.year.long_usd + total - short))

    def caused_usd(self, traded_usd: Vector) -> float:
        short, total = self.gains_usd(traded_usd)
        return float(self.year.caused_usd(self.year.short_usd + short, self.year.long_usd + total - short))

    def piece_values(self, piece: Piece) -> Vector:
        """Return what a dollar of each of `segments` adds to a piece."""
        return np.asarray(piece.short * self.short + piece.total * self.both)


def start_year(tax: Tax) -> YearTax:
    """Read a return before anything is proposed."""
    return YearTax(
        short_rate=tax.short_rate,
        long_rate=tax.long_rate,
        ordinary_rate=tax.ordinary_rate,
        offset_usd=float(tax.ordinary_offset),
        rho=min(tax.rho, tax.ordinary_rate, tax.long_rate),
        short_usd=float(tax.realized_short) - float(tax.carryforward_short),
        long_usd=float(tax.realized_long) - float(tax.carryforward_long),
        is_off=tax.harvest == "off",
    )


def raw_gains(universe: Universe) -> Vector:
    """Return the gain in a dollar sold of each segment; 0 between the two bases of a gift and for purchases."""
    segments = universe.segments
    sold = int((segments.sign < 0).sum())
    known = [(at, lot) for at, lot in enumerate(segments.lots[:sold]) if lot is not None and lot.cost is not None]
    there = np.array([at for at, _ in known], dtype=np.intp)
    units = np.array([float(lot.quantity) for _, lot in known])
    worth = units * universe.price_usd[segments.place[there]]
    gains = np.zeros(segments.count)
    gains[there] = worth - np.array([float(lot.cost or 0) for _, lot in known])
    for at, lot in known:
        if lot.loss_cost is not None and lot.cost is not None and lot.loss_cost < lot.cost and gains[at] < 0:
            value = float(lot.quantity) * float(universe.price_usd[segments.place[at]])
            gains[at] = min(value - float(lot.loss_cost), 0.0)
    gains[there] /= worth
    return gains


def short_flags(universe: Universe, *, as_of: date) -> Flags:
    """Mark the segments that sell a lot held for a year or less."""
    terms: dict[tuple[date, bool], bool] = {}
    flags = np.zeros(universe.segments.count, dtype=bool)
    for at, lot in enumerate(universe.segments.lots):
        if lot is None:
            break  # purchases come last
        key = (lot.holding_date or lot.acquired, lot.inherited)
        known = terms.get(key)
        if known is None:
            known = terms[key] = is_short_term(lot, as_of=as_of)
        flags[at] = known
    return flags


def is_short_term(lot: Lot, *, as_of: date) -> bool:
    held_from = lot.holding_date or lot.acquired
    return term_of(held_from_on=held_from, sold_on=as_of, is_inherited=lot.inherited).value == "short"


def lot_taxes(universe: Universe, *, washed: Flags, year: YearTax | None, volatility: Vector, as_of: date) -> LotTaxes:
    """Price a dollar of every segment; a disallowed loss counts nothing, and neither does waiting for it."""
    waiting, tax = np.zeros(universe.segments.count), universe.account.tax
    if year is None or tax is None:
        return LotTaxes(short_gain=waiting, long_gain=waiting, raw_gain=waiting, waiting=waiting)
    raw, short = raw_gains(universe), short_flags(universe, as_of=as_of)
    if tax.harvest == "year_round":
        rates = {True: year.loss_rate(is_short=True), False: year.loss_rate(is_short=False)}
        for at in np.flatnonzero((raw < 0) & ~washed):
            lot, place = universe.segments.lots[at], int(universe.segments.place[at])
            if lot is not None:
                value = _waiting(
                    lot, is_short=bool(short[at]), loss_per_usd=-raw[at], rates=rates, tax=tax, as_of=as_of,
                    volatility=float(volatility[place]), half_spread_bps=universe.securities[place].half_spread_bps,
                )  # fmt: skip
                waiting[at] = value * -raw[at]
    counted = np.where(washed & (raw < 0), 0.0, raw)
    return LotTaxes(
        short_gain=np.where(short, counted, 0.0),
        long_gain=np.where(short, 0.0, counted),
        raw_gain=raw,
        waiting=waiting,
    )


def _waiting(
    lot: Lot,
    *,
    is_short: bool,
    loss_per_usd: float,
    rates: Mapping[bool, float],
    tax: Tax,
    volatility: float,
    as_of: date,
    half_spread_bps: float,
) -> float:
    days = (first_long_on(lot.holding_date or lot.acquired) - as_of).days if is_short else None
    return waiting_per_dollar(
        volatility=volatility,
        days_to_year_end=(date(as_of.year, 12, 31) - as_of).days,
        days_to_long_term=days,
        loss_frac=loss_per_usd / (1.0 + loss_per_usd),
        rate_now=rates[is_short],
        rate_later=rates[False],
        phi_long_rate=tax.phi * tax.long_rate,
        half_spread_bps=half_spread_bps,
    )


def tax_term(year: YearTax, *, regime: Regime) -> TaxTerm:
    """
    Write the tax term of the objective in one regime.

    Where nothing is harvested it is max(0, T after - T before), one hinge over all the pieces of T.
    """
    here = float(year.tax_usd(year.short_usd, year.long_usd))
    if year.is_off:
        pieces = tuple(
            Piece(short=piece.short, total=piece.total, offset_usd=piece.offset_usd + here)
            for piece in affine_pieces(year, regime=regime, rho=year.rho)
        )
        return TaxTerm(constant_usd=0.0, total=0.0, hinges=(Hinge(weight=1.0, pieces=pieces),))
    slopes, total = _slopes(year, regime=regime, rho=year.rho), year.short_usd + year.long_usd
    hinges = [_hinge(more - less, total=1.0, offset_usd=at - total) for (less, _), (more, at) in _steps(slopes)]
    if regime == 1:
        hinges.append(_hinge(year.short_rate - year.long_rate, short=1.0, offset_usd=-year.short_usd))
    base, shift = slopes[0]
    return TaxTerm(
        constant_usd=base * total + shift - here,
        total=base,
        hinges=tuple(hinge for hinge in hinges if hinge.weight > RATE_TOLERANCE),
    )


def _hinge(weight: float, *, short: float = 0.0, total: float = 0.0, offset_usd: float) -> Hinge:
    return Hinge(weight=weight, pieces=(Piece(short=short, total=total, offset_usd=offset_usd),))


def _slopes(year: YearTax, *, regime: Regime, rho: float) -> list[tuple[float, float]]:
    """Return slope and shift of the lines over z whose maximum is that part of the regime, the flattest first."""
    low = (rho, -(year.ordinary_rate - rho) * year.offset_usd)
    rates = (min(year.ordinary_rate, year.long_rate), year.long_rate)
    if regime == 2:
        rates = (year.ordinary_rate, year.short_rate)
    lines = [low] if rates[0] - rho > RATE_TOLERANCE else []
    lines.append((rates[0], 0.0))
    if rates[1] - rates[0] > RATE_TOLERANCE:
        lines.append((rates[1], 0.0))
    return lines


def _steps(lines: list[tuple[float, float]]) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield neighbouring lines; the second with the z at which it takes over instead of its shift."""
    for (less, below), (more, above) in itertools.pairwise(lines):
        yield (less, below), (more, (below - above) / (more - less))


def affine_pieces(year: YearTax, *, regime: Regime, rho: float) -> tuple[Piece, ...]:
    """Write T1 or T2 as the largest of affine functions of what the trades add."""
    total = year.short_usd + year.long_usd
    lines = _slopes(year, regime=regime, rho=rho)
    pieces = [Piece(short=0.0, total=slope, offset_usd=-slope * total - shift) for slope, shift in lines]
    extra = year.short_rate - year.long_rate
    if regime == 1 and extra > RATE_TOLERANCE:
        pieces += [
            Piece(short=extra, total=piece.total, offset_usd=piece.offset_usd - extra * year.short_usd)
            for piece in pieces
        ]
    return tuple(pieces)


def budget_room_usd(tax: Tax, year: YearTax) -> float | None:
    """Return the most tax this proposal may cause: what the budget leaves, never below nothing; None without one."""
    if tax.budget_tax is None:
        return None
    used = tax.tax_used
    if used is None:
        carried = (-float(tax.carryforward_short), -float(tax.carryforward_long))
        after = year.tax_usd(year.short_usd, year.long_usd, carried=False)
        spent = float(after - year.tax_usd(*carried, carried=False))
    else:
        spent = float(used)
    return max(0.0, float(tax.budget_tax) - spent)


def budget_rows(book: ReturnTax, *, regime: Regime, margin_usd: float = 0.0) -> Iterator[Row]:
    """Cap what this year's return shows, in one regime: no piece of it above the room, give or take a margin."""
    if book.room_usd is None or not book.can_change:
        return
    before = float(book.year.tax_usd(book.year.short_usd, book.year.long_usd, carried=False))
    for piece in affine_pieces(book.year, regime=regime, rho=0.0):
        yield Row(
            rule="tax_budget",
            rank=Rank.TAX_LIMITS,
            segments=book.segments,
            values=book.piece_values(piece),
            high_usd=book.room_usd + before + piece.offset_usd - margin_usd,
            slack=f"tax_budget {book.id}",
        )


def gain_rows(book: ReturnTax, *, as_of: date) -> Iterator[Row]:
    """Yield the limits on gains that need no regime: caps, forbidden gains, forced harvest."""
    tax, limits = book.tax, Rank.TAX_LIMITS
    if tax.max_net_gain is not None:
        room = max(0.0, float(tax.max_net_gain) - book.year.short_usd - book.year.long_usd)
        yield _gain_row(book, "max_net_gain", limits, book.both, high_usd=room)
    if tax.never_realize_gains:
        yield _gain_row(book, "never_realize_gains", limits, np.maximum(book.both, 0.0), high_usd=0.0)
    if tax.short_gains != "allow":
        rank = limits if tax.short_gains == "forbid" else Rank.WISHES
        yield _gain_row(book, "short_gains", rank, np.maximum(book.short, 0.0), high_usd=0.0)
    if tax.forced_harvest is not None:
        yield from _forced_harvest_rows(book, tax.forced_harvest, as_of=as_of)


def _forced_harvest_rows(book: ReturnTax, wish: ForcedHarvest, *, as_of: date) -> Iterator[Row]:
    rule, rank = "forced_harvest", Rank.WISHES
    if wish.amount > 0:
        yield _gain_row(book, rule, rank, -book.both, low_usd=float(wish.amount))
    if wish.short_only_amount > 0:
        yield _gain_row(book, rule, rank, -book.short, low_usd=float(wish.short_only_amount))
    if wish.preserve_until is not None and as_of <= wish.preserve_until:
        yield _gain_row(book, rule, rank, book.both, high_usd=0.0)


def _gain_row(
    book: ReturnTax, rule: str, rank: Rank, values: Vector, *, low_usd: float = -INF, high_usd: float = INF
) -> Row:
    there = np.flatnonzero(values)
    return Row(
        rule=rule, rank=rank, segments=book.segments[there], values=values[there], low_usd=low_usd, high_usd=high_usd
    )
