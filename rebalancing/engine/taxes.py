"""
The year's tax as the solver needs it: convex pieces, rows, and the gain and waiting value of a dollar of each lot.

T(S, L) = min(T1, T2) with T1 and T2 convex (engine.md B4), so a case is at most two convex problems, one a regime.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from portfolios.ledger.gains import first_long_on, term_of
from rebalancing.engine.constraints import INF, Hinge, Rank, Row
from rebalancing.engine.types import Lot, Tax
from rebalancing.engine.universe import Universe, Vector
from rebalancing.engine.waiting import waiting_per_dollar

Regime = Literal[1, 2]
RATE_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTax:
    """
    One return's year before an account trades: S and L (carryforwards netted), in dollars, and its rates.

    `first_*` are S and L before anything of this proposal; the limits of the return count from there.
    """

    short_rate: float
    long_rate: float
    ordinary_rate: float
    offset_usd: float
    rho: float
    short_usd: float
    long_usd: float
    first_short_usd: float
    first_long_usd: float
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
        before = self.tax_usd(self.first_short_usd, self.first_long_usd, carried=False)
        return np.asarray(self.tax_usd(short_usd, long_usd, carried=False) - before)

    def term_usd(self, short_usd: Vector | float, long_usd: Vector | float) -> Vector:
        """Return this account's tax term: T after less T before, floored where nothing is harvested."""
        here = self.tax_usd(self.short_usd, self.long_usd)
        after = self.tax_usd(short_usd, long_usd)
        if not self.is_off:
            return np.asarray(after - here)
        first = self.tax_usd(self.first_short_usd, self.first_long_usd)
        return np.asarray(np.maximum(after - first, 0.0) - np.maximum(here - first, 0.0))

    def moved(self, *, short_usd: float, long_usd: float) -> "YearTax":
        """Return the year after more gains of this proposal were realised elsewhere."""
        return replace(self, short_usd=self.short_usd + short_usd, long_usd=self.long_usd + long_usd)

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


def start_year(tax: Tax) -> YearTax:
    """Read a return before anything is proposed."""
    short = float(tax.realized_short) - float(tax.carryforward_short)
    long = float(tax.realized_long) - float(tax.carryforward_long)
    return YearTax(
        short_rate=tax.short_rate,
        long_rate=tax.long_rate,
        ordinary_rate=tax.ordinary_rate,
        offset_usd=float(tax.ordinary_offset),
        rho=min(tax.rho, tax.ordinary_rate, tax.long_rate),
        short_usd=short,
        long_usd=long,
        first_short_usd=short,
        first_long_usd=long,
        is_off=tax.harvest == "off",
    )


def raw_gains(universe: Universe) -> Vector:
    """Return the gain in a dollar sold of each segment; 0 between the two bases of a gift and for purchases."""
    gains = np.zeros(universe.segments.count)
    for at, lot in enumerate(universe.segments.lots):
        if lot is None or lot.cost is None:
            continue
        worth = float(lot.quantity * universe.securities[int(universe.segments.security[at])].price)
        cost = float(lot.cost)
        gain = worth - cost
        if lot.loss_cost is not None and lot.loss_cost < lot.cost and gain < 0:
            gain = min(worth - float(lot.loss_cost), 0.0)
        gains[at] = gain / worth
    return gains


def is_short_term(lot: Lot, *, as_of: date) -> bool:
    held_from = lot.holding_date or lot.acquired
    return term_of(held_from_on=held_from, sold_on=as_of, is_inherited=lot.inherited).value == "short"


def lot_taxes(
    universe: Universe, *, washed: Sequence[bool], year: YearTax, volatility: Vector, as_of: date
) -> LotTaxes:
    """Price a dollar of every segment; a disallowed loss counts nothing, and neither does waiting for it."""
    raw, short = raw_gains(universe), np.zeros(universe.segments.count)
    waiting = np.zeros(universe.segments.count)
    tax = universe.account.tax
    for at, lot in enumerate(universe.segments.lots):
        if lot is None:
            continue
        short[at] = float(is_short_term(lot, as_of=as_of))
        if raw[at] < 0 and not washed[at] and tax is not None and tax.harvest == "year_round":
            place = int(universe.segments.security[at])
            value = _waiting(
                lot, loss_per_usd=-raw[at], year=year, tax=tax, volatility=float(volatility[place]), as_of=as_of,
                half_spread_bps=universe.securities[place].half_spread_bps,
            )  # fmt: skip
            waiting[at] = value * -raw[at]
    counted = np.where(np.asarray(washed, dtype=bool) & (raw < 0), 0.0, raw)
    return LotTaxes(short_gain=counted * short, long_gain=counted * (1 - short), raw_gain=raw, waiting=waiting)


def _waiting(
    lot: Lot, *, loss_per_usd: float, year: YearTax, tax: Tax, volatility: float, as_of: date, half_spread_bps: float
) -> float:
    is_short = is_short_term(lot, as_of=as_of)
    days = (first_long_on(lot.holding_date or lot.acquired) - as_of).days if is_short else None
    return waiting_per_dollar(
        volatility=volatility,
        days_to_year_end=(date(as_of.year, 12, 31) - as_of).days,
        days_to_long_term=days,
        loss_frac=loss_per_usd / (1.0 + loss_per_usd),
        rate_now=year.loss_rate(is_short=is_short),
        rate_later=year.loss_rate(is_short=False),
        phi_long_rate=tax.phi * tax.long_rate,
        half_spread_bps=half_spread_bps,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A convex function of the dollars traded: constant + linear + hinges."""

    constant_usd: float
    linear: Vector
    hinges: tuple[Hinge, ...]


def regime_pieces(year: YearTax, lots: LotTaxes, *, regime: Regime, rho: float) -> Pieces:
    """Write T1 or T2 as hinges over the dollars traded."""
    both = lots.short_gain + lots.long_gain
    total = year.short_usd + year.long_usd
    deduction = (year.ordinary_rate - rho) * year.offset_usd
    hinges: list[Hinge] = []

    def hinge(weight: float, coefficients: Vector, offset_usd: float) -> None:
        if weight > RATE_TOLERANCE:
            hinges.append(Hinge(weight=weight, coefficients=coefficients, offset_usd=offset_usd))

    if regime == 1:
        middle = min(year.ordinary_rate, year.long_rate)
        base, constant = (rho, -deduction) if middle - rho > RATE_TOLERANCE else (middle, 0.0)
        if middle - rho > RATE_TOLERANCE:
            hinge(middle - rho, both, -deduction / (middle - rho) - total)
        hinge(year.long_rate - middle, both, -total)
        hinge(year.short_rate - year.long_rate, lots.short_gain, -year.short_usd)
    else:
        base, constant = rho, -deduction
        hinge(year.ordinary_rate - rho, both, -year.offset_usd - total)
        hinge(year.short_rate - year.ordinary_rate, both, -total)
    return Pieces(constant_usd=constant + base * total, linear=base * both, hinges=tuple(hinges))


def tax_term(year: YearTax, lots: LotTaxes, *, regime: Regime) -> Pieces:
    """Write the tax term of the objective in one regime."""
    pieces = regime_pieces(year, lots, regime=regime, rho=year.rho)
    first = float(year.tax_usd(year.first_short_usd, year.first_long_usd))
    here = float(year.tax_usd(year.short_usd, year.long_usd))
    if not year.is_off:
        return Pieces(constant_usd=pieces.constant_usd - here, linear=pieces.linear, hinges=pieces.hinges)
    whole = Hinge(weight=1.0, coefficients=pieces.linear, offset_usd=first - pieces.constant_usd, inner=pieces.hinges)
    return Pieces(constant_usd=-max(here - first, 0.0), linear=np.zeros(pieces.linear.size), hinges=(whole,))


def budget_room_usd(tax: Tax, year: YearTax) -> float | None:
    """Return the most tax this proposal may cause: what the budget leaves, never below nothing; None without one."""
    if tax.budget_tax is None:
        return None
    used = tax.tax_used
    if used is None:
        carried = (-float(tax.carryforward_short), -float(tax.carryforward_long))
        after = year.tax_usd(year.first_short_usd, year.first_long_usd, carried=False)
        spent = float(after - year.tax_usd(*carried, carried=False))
    else:
        spent = float(used)
    return max(0.0, float(tax.budget_tax) - spent)


def budget_row(tax: Tax, year: YearTax, lots: LotTaxes, *, regime: Regime) -> Row | None:
    """Cap what this year's return shows, in one regime."""
    room = budget_room_usd(tax, year)
    if room is None:
        return None
    pieces = regime_pieces(year, lots, regime=regime, rho=0.0)
    before = float(year.tax_usd(year.first_short_usd, year.first_long_usd, carried=False))
    return Row(
        rule="tax_budget",
        rank=Rank.TAX_LIMITS,
        coefficients=pieces.linear,
        high_usd=room + before - pieces.constant_usd,
        hinges=pieces.hinges,
    )


def gain_rows(tax: Tax, year: YearTax, lots: LotTaxes, *, as_of: date) -> Iterator[Row]:
    """Yield the limits on gains that need no regime: caps, forbidden gains, forced harvest."""
    both = lots.short_gain + lots.long_gain
    added_short = year.short_usd - year.first_short_usd
    added = added_short + year.long_usd - year.first_long_usd
    limits = Rank.TAX_LIMITS
    if tax.max_net_gain is not None:
        room = max(0.0, float(tax.max_net_gain) - year.first_short_usd - year.first_long_usd)
        yield Row(rule="max_net_gain", rank=limits, coefficients=both, high_usd=room - added)
    if tax.never_realize_gains:
        yield Row(rule="never_realize_gains", rank=limits, coefficients=np.maximum(both, 0.0), high_usd=0.0)
    if tax.short_gains != "allow":
        rank = limits if tax.short_gains == "forbid" else Rank.WISHES
        yield Row(rule="short_gains", rank=rank, coefficients=np.maximum(lots.short_gain, 0.0), high_usd=0.0)
    wish = tax.forced_harvest
    if wish is None:
        return
    rule, rank = "forced_harvest", Rank.WISHES
    if wish.amount > 0:
        yield Row(rule=rule, rank=rank, coefficients=-both, low_usd=float(wish.amount) + added)
    if wish.short_only_amount > 0:
        low = float(wish.short_only_amount) + added_short
        yield Row(rule=rule, rank=rank, coefficients=-lots.short_gain, low_usd=low)
    if wish.preserve_until is not None and as_of <= wish.preserve_until:
        yield Row(
            rule=rule, rank=rank, coefficients=both, low_usd=-INF, high_usd=max(0.0, -added) if added < 0 else 0.0
        )
