"""
From one account of a case to a problem in dollars: what is minimised, over which segments, under which rows.

With u (N,) the dollars traded in each segment and x = held + sign'u the dollars held after, the problem is

    minimise  V lambda/2 |TE((x - g) / V)|^2 + cost'u + T(S + short'u, L + long'u) + constant
    subject to  low <= A u <= high, rank by rank, lower <= u <= upper, and the exclusives (not convex: choices.py)

T is one of two convex pieces, the query's regime. Nothing below knows of quantities; nothing above of the case's rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from rebalancing.engine.constraints import Hinge, Rank, Row, Settled, account_rows, settle
from rebalancing.engine.costs import hurdles, trading_costs
from rebalancing.engine.risk import RiskTerms, build_risk, risk_aversion
from rebalancing.engine.target import target_usd
from rebalancing.engine.taxes import (
    LotTaxes,
    Pieces,
    Regime,
    YearTax,
    budget_room_usd,
    budget_row,
    gain_rows,
    lot_taxes,
    start_year,
    tax_term,
)
from rebalancing.engine.types import Account, Case
from rebalancing.engine.universe import Flags, Segments, Universe, Vector, build_universe
from rebalancing.engine.wash_sales import Exclusive, WashState, exclusives, wash_rows, washed_flags

SolveStatus = Literal["optimal", "infeasible", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """
    What the rules and the coupling of one account charge at the optimum, for the reasons.

    `rules`: dollars of objective per dollar (per dollar of tax, of loss) by which a rule would be loosened, by rule
    id; only rules that bind. `holding`: dollars of risk that one more dollar held of a security costs (negative: it is
    wanted), by security id. `selling`: what selling one more dollar of a lot costs in tax, spread, waiting and rows,
    by lot id.
    """

    rules: Mapping[str, float] = field(default_factory=dict)
    holding: Mapping[str, float] = field(default_factory=dict)
    selling: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """One account. `cost` (N,) is spread, waiting, deferral and hurdles per dollar traded; `spread` only the first."""

    universe: Universe
    target_usd: Vector
    risk: RiskTerms
    aversion: float
    spread: Vector
    cost: Vector
    constant_usd: float
    rows: tuple[Row, ...]
    exclusives: tuple[Exclusive, ...]
    year: YearTax | None
    lots: LotTaxes
    room_usd: float | None
    budget_margin_usd: float = 0.0

    @property
    def segments(self) -> Segments:
        return self.universe.segments

    @property
    def value_usd(self) -> float:
        return self.universe.value_usd

    @property
    def gross_usd(self) -> float:
        """Return what the account holds before anything is raised: the size of the numbers, for scaling."""
        return max(float(self.universe.held_usd.sum()) + abs(self.universe.cash_usd), self.value_usd)

    @property
    def max_tracking_error(self) -> float | None:
        return self.universe.account.trading.max_tracking_error

    def regimes(self) -> tuple[Regime, ...]:
        """Return the convex pieces of the tax that have to be tried."""
        return (1, 2) if self.has_tax else (1,)

    @property
    def has_tax(self) -> bool:
        """Tell whether a sale can change the year's tax; where none can, no regime of it is true."""
        return self.year is not None and bool(np.any(self.lots.short_gain) or np.any(self.lots.long_gain))

    def tax_pieces(self, regime: Regime) -> Pieces:
        if self.year is None or not self.has_tax:
            return Pieces(constant_usd=0.0, linear=np.zeros(self.segments.count), hinges=())
        pieces = tax_term(self.year, self.lots, regime=regime)
        settled = self._settled(pieces.hinges)
        return Pieces(
            constant_usd=pieces.constant_usd + settled.constant_usd,
            linear=pieces.linear + settled.linear,
            hinges=settled.hinges,
        )

    def _settled(self, hinges: tuple[Hinge, ...]) -> Settled:
        return settle(hinges, lower=self.segments.lower_usd, upper=self.segments.upper_usd)

    def all_rows(self, regime: Regime) -> tuple[Row, ...]:
        """Return every row, the tax budget (which has a regime) last."""
        tax = self.universe.account.tax
        if self.year is None or tax is None or not self.has_tax:
            return self.rows
        budget = budget_row(tax, self.year, self.lots, regime=regime)
        if budget is None:
            return self.rows
        settled = self._settled(budget.hinges)
        row = replace(
            budget,
            coefficients=budget.coefficients + settled.linear,
            hinges=settled.hinges,
            high_usd=budget.high_usd - settled.constant_usd - self.budget_margin_usd,
        )
        return (*self.rows, row)

    def held_after_usd(self, traded_usd: Vector) -> Vector:
        """Return x: what is held of each security after, (n,)."""
        flow = np.bincount(
            self.segments.security, weights=self.segments.sign * traded_usd, minlength=self.universe.count
        )
        return np.asarray(self.universe.held_usd + flow)

    def risk_usd(self, held_usd: Vector) -> float:
        active = (held_usd - self.target_usd) / self.value_usd
        return self.value_usd * self.aversion / 2 * self.risk.variance(active)

    def objective_usd(self, traded_usd: Vector) -> float:
        """Return the true objective: the year's tax itself, not a regime of it; without ticket costs."""
        total = self.risk_usd(self.held_after_usd(traded_usd)) + float(self.cost @ traded_usd) + self.constant_usd
        if self.year is None:
            return total
        short = self.year.short_usd + float(self.lots.short_gain @ traded_usd)
        long = self.year.long_usd + float(self.lots.long_gain @ traded_usd)
        return total + float(self.year.term_usd(short, long))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """
    One convex problem: a regime of the tax, segments closed by choice, and how much each rank may be violated.

    `allowed` maps ranks to dollars of total violation; a rank that is absent is hard. With a `goal` the violation of
    that rank is minimised instead of the objective, and softer ranks are left out.
    """

    problem: Problem
    regime: Regime
    closed: Flags
    allowed: Mapping[Rank, float] = field(default_factory=dict)
    goal: Rank | None = None

    def shut(self) -> Flags:
        """Mark the segments that choices or hard closing rows keep from being traded."""
        shut = self.closed.copy()
        for row in self.problem.all_rows(self.regime):
            if self.goal is not None and row.rank > self.goal:
                continue
            if row.is_closing and self.allowed.get(row.rank, 0.0) <= 0 and row.rank != self.goal:
                shut |= row.coefficients > 0
        return shut


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """
    The answer to a query; arrays are empty unless `status` is optimal.

    `row_prices` belong to `problem.all_rows(regime)`; `segment_prices` (N,) price a dollar traded by cost, tax, rows.
    `holding_prices` (n,) price a dollar held by all risk, `coupling_prices` (n,) leave out what the security's own
    variance adds to the objective. `tracking_price` is dollars per dollar of the cap on tracking error.
    """

    status: SolveStatus
    traded_usd: Vector
    objective_usd: float
    bound_usd: float
    row_prices: Vector
    segment_prices: Vector
    coupling_prices: Vector
    holding_prices: Vector
    tracking_price: float = 0.0


def failed_solution(status: SolveStatus) -> Solution:
    """Return the answer of a query that has none."""
    none = np.zeros(0)
    return Solution(
        status=status,
        traded_usd=none,
        objective_usd=float("inf"),
        bound_usd=float("-inf"),
        row_prices=none,
        segment_prices=none,
        coupling_prices=none,
        holding_prices=none,
    )


def build_problem(account: Account, *, case: Case, wash: WashState, year: YearTax | None = None) -> Problem:
    """
    Turn one account into a problem.

    `year` is its return's year so far, where accounts of the same return traded before it; `wash` what they and the
    past close.
    """
    universe = build_universe(account, case=case)
    risk = build_risk(universe, model=case.risk_model)
    tax = account.tax if account.is_taxable else None
    year = (year or start_year(tax)) if tax is not None else None
    lots = _lot_taxes(universe, case=case, wash=wash, year=year, risk=risk)
    spread, hurdle = trading_costs(universe), hurdles(universe)
    cost = spread + lots.waiting + universe.segments.sign * hurdle[universe.segments.security]
    rows = [*account_rows(universe), *wash_rows(universe, state=wash, loss_per_usd=np.maximum(-lots.raw_gain, 0.0))]
    room = None
    if tax is not None and year is not None:
        gains = lots.short_gain + lots.long_gain
        cost = cost - tax.phi * tax.long_rate * (np.maximum(gains, 0.0) if year.is_off else gains)
        rows += gain_rows(tax, year, lots, as_of=case.as_of)
        room = budget_room_usd(tax, year)
    return Problem(
        universe=universe,
        target_usd=target_usd(universe),
        risk=risk,
        aversion=risk_aversion(account.trading.tracking_preference),
        spread=spread,
        cost=cost,
        constant_usd=float(hurdle @ universe.held_usd),
        rows=tuple(sorted(rows, key=lambda row: row.rank)),
        exclusives=exclusives(universe),
        year=year,
        lots=lots,
        room_usd=room,
    )


def _lot_taxes(universe: Universe, *, case: Case, wash: WashState, year: YearTax | None, risk: RiskTerms) -> LotTaxes:
    if year is None:
        none = np.zeros(universe.segments.count)
        return LotTaxes(short_gain=none, long_gain=none, raw_gain=none, waiting=none)
    washed = washed_flags(universe, state=wash)
    return lot_taxes(universe, washed=list(washed), year=year, volatility=risk.volatility(), as_of=case.as_of)
