"""
From a case to a problem in dollars: what is minimised, over which segments, under which rows. All accounts at once.

With u (N,) the dollars traded in each segment, x = held + sign'u the dollars held after of each position (an account's
security) and S', z' the gains that u adds to each return, the problem is

    minimise  sum of blocks value lambda/2 |TE((x - g) / value)|^2 + cost'u + sum of returns T(S', z') + constant
    subject to  low <= rows(u) <= high, rank by rank, lower <= u <= upper, and what is not convex (choices.py, rounding)

T is one of two convex pieces, the query's regime for that return. Nothing below knows of quantities; nothing above of
the case's rules.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rebalancing.engine.constraints import Row, account_rows
from rebalancing.engine.costs import hurdles, trading_costs
from rebalancing.engine.household import Transfer, household_rows, transfers
from rebalancing.engine.risk import RiskBlock, risk_blocks
from rebalancing.engine.taxes import (
    NO_TAX,
    LotTaxes,
    Regime,
    ReturnTax,
    TaxTerm,
    budget_room_usd,
    budget_rows,
    gain_rows,
    lot_taxes,
    start_year,
    tax_term,
)
from rebalancing.engine.types import Case, Household, Tax
from rebalancing.engine.universe import Places, Segments, Universe, Vector, build_universe
from rebalancing.engine.wash_sales import (
    Exclusive,
    WashState,
    exclusives,
    loss_flags,
    open_wash_state,
    wash_rows,
    washed_flags,
)

Regimes = tuple[Regime, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """
    Every account of a case. Positions are numbered through all universes, so are segments.

    `cost` (N,) is spread, waiting, deferral and hurdles per dollar traded; `spread` only the first. `risk_place` (P,)
    says which security of which block a position belongs to (numbered through all blocks), `risk_weight` (P,) what a
    dollar of it weighs there. `budget_margin_usd` keeps that much away from every tax budget.
    """

    household: Household | None
    universes: tuple[Universe, ...]
    held_usd: Vector
    segments: Segments
    blocks: tuple[RiskBlock, ...]
    risk_place: Places
    risk_weight: Vector
    spread: Vector
    cost: Vector
    constant_usd: float
    rows: tuple[Row, ...]
    exclusives: tuple[Exclusive, ...]
    transfers: tuple[Transfer, ...]
    returns: tuple[ReturnTax, ...]
    lots: LotTaxes
    budget_margin_usd: float = 0.0

    @property
    def position_count(self) -> int:
        return int(self.held_usd.size)

    @property
    def risk_count(self) -> int:
        """Return how many securities all blocks have together."""
        return sum(block.count for block in self.blocks)

    @property
    def value_usd(self) -> float:
        return sum(universe.value_usd for universe in self.universes)

    @property
    def gross_usd(self) -> float:
        """Return what the accounts hold before anything is raised: the size of the numbers, for scaling."""
        cash = sum(abs(universe.cash_usd) for universe in self.universes)
        return max(float(self.held_usd.sum()) + cash, self.value_usd)

    def regimes(self) -> tuple[Regimes, ...]:
        """Return the combinations of convex pieces of the returns' taxes that have to be tried."""
        choices: list[Regimes] = [(1, 2) if book.can_change else (1,) for book in self.returns]
        return tuple(itertools.product(*choices))

    def tax_terms(self, regimes: Regimes) -> tuple[TaxTerm, ...]:
        """Return the tax term of every return in its regime; nothing where it cannot change."""
        return tuple(
            tax_term(book.year, regime=regime) if book.can_change else NO_TAX
            for book, regime in zip(self.returns, regimes, strict=True)
        )

    def all_rows(self, regimes: Regimes) -> tuple[Row, ...]:
        """Return every row, the tax budgets (which have a regime) last."""
        budgets = [
            row
            for book, regime in zip(self.returns, regimes, strict=True)
            for row in budget_rows(book, regime=regime, margin_usd=self.budget_margin_usd)
        ]
        return (*self.rows, *budgets)

    def held_after_usd(self, traded_usd: Vector) -> Vector:
        """Return what is held of each position after, (P,)."""
        flow = np.bincount(self.segments.place, weights=self.segments.sign * traded_usd, minlength=self.position_count)
        return np.asarray(self.held_usd + flow)

    def risk_usd(self, held_usd: Vector) -> float:
        return sum(block.risk_usd(held_usd) for block in self.blocks)

    def transfer_usd(self, traded_usd: Vector) -> float:
        """Return what selling in one account and buying in another costs beyond the spread."""
        return sum(
            item.cost * min(float(traded_usd[item.buys].sum()), float(traded_usd[item.sales].sum()))
            for item in self.transfers
        )

    def objective_usd(self, traded_usd: Vector) -> float:
        """Return the true objective: the year's tax itself, not a regime of it; without ticket costs."""
        total = self.risk_usd(self.held_after_usd(traded_usd)) + float(self.cost @ traded_usd) + self.constant_usd
        total += self.transfer_usd(traded_usd)
        return total + sum(book.term_usd(traded_usd) for book in self.returns if book.can_change)


def build_problem(case: Case) -> Problem:
    """Turn every account of a case into one problem."""
    wash = open_wash_state(case)
    universes = _universes(case)
    blocks = risk_blocks(universes, case=case)
    parts = [_Part(universe, case=case, wash=wash, blocks=blocks) for universe in universes]
    segments = _join_segments(universes)
    lots = LotTaxes(
        short_gain=np.concatenate([part.lots.short_gain for part in parts]),
        long_gain=np.concatenate([part.lots.long_gain for part in parts]),
        raw_gain=np.concatenate([part.lots.raw_gain for part in parts]),
        waiting=np.concatenate([part.lots.waiting for part in parts]),
    )
    returns = _returns(universes, lots)
    rows = [row for part in parts for row in part.rows]
    rows += [row for book in returns for row in gain_rows(book, as_of=case.as_of)]
    if case.household is not None:
        rows += household_rows(universes, case.household)
    place, weight = _risk_places(blocks, sum(universe.count for universe in universes))
    return Problem(
        household=case.household,
        universes=universes,
        held_usd=np.concatenate([universe.held_usd for universe in universes]),
        segments=segments,
        blocks=blocks,
        risk_place=place,
        risk_weight=weight,
        spread=np.concatenate([part.spread for part in parts]),
        cost=np.concatenate([part.cost for part in parts]),
        constant_usd=sum(part.constant_usd for part in parts),
        rows=tuple(sorted((row for row in rows if _says_something(row)), key=lambda row: row.rank)),
        exclusives=exclusives(universes, [part.losses for part in parts]),
        transfers=() if case.household is None else tuple(transfers(universes, case.household)),
        returns=returns,
        lots=lots,
    )


def _says_something(row: Row) -> bool:
    """Tell whether a row can bind: one without entries only where doing nothing breaks it."""
    return row.positions.size + row.segments.size > 0 or row.low_usd > 0 or row.high_usd < 0


def _universes(case: Case) -> tuple[Universe, ...]:
    found: list[Universe] = []
    position = segment = 0
    for account in case.accounts:
        universe = build_universe(account, case=case, first_position=position, first_segment=segment)
        found.append(universe)
        position += universe.count
        segment += universe.segments.count
    return tuple(found)


def _join_segments(universes: Sequence[Universe]) -> Segments:
    parts = [universe.segments for universe in universes]
    return Segments(
        place=np.concatenate([universe.segments.place + universe.first_position for universe in universes]),
        sign=np.concatenate([part.sign for part in parts]),
        lower_usd=np.concatenate([part.lower_usd for part in parts]),
        upper_usd=np.concatenate([part.upper_usd for part in parts]),
        lots=tuple(lot for part in parts for lot in part.lots),
    )


class _Part:
    """What one account brings: the taxes of its lots, its costs and its rows."""

    def __init__(self, universe: Universe, *, case: Case, wash: WashState, blocks: Sequence[RiskBlock]) -> None:
        account = universe.account
        tax = account.tax if account.is_taxable else None
        self.losses = loss_flags(universe)
        washed = washed_flags(universe, losses=self.losses, state=wash)
        self.lots = lot_taxes(
            universe,
            washed=washed,
            year=None if tax is None else start_year(tax),
            volatility=_volatility(universe, blocks),
            as_of=case.as_of,
        )
        hurdle = hurdles(universe)
        self.spread = trading_costs(universe)
        self.cost = self.spread + self.lots.waiting + universe.segments.sign * hurdle[universe.segments.place]
        if tax is not None:
            self.cost = self.cost - _deferral(tax, self.lots)
        self.constant_usd = float(hurdle @ universe.held_usd)
        self.rows: tuple[Row, ...] = (
            *account_rows(universe, household=case.household),
            *wash_rows(universe, state=wash, washed=washed, loss_per_usd=np.maximum(-self.lots.raw_gain, 0.0)),
        )


def _deferral(tax: Tax, lots: LotTaxes) -> Vector:
    """Price, per dollar sold, the tax that selling later would have cost anyway; losses do not count when off."""
    gains = lots.short_gain + lots.long_gain
    return np.asarray(tax.phi * tax.long_rate * (np.maximum(gains, 0.0) if tax.harvest == "off" else gains))


def _volatility(universe: Universe, blocks: Sequence[RiskBlock]) -> Vector:
    """Return the standard deviation per year of each security of an account, (n,)."""
    for block in blocks:
        if block.name == universe.account.id:
            return block.terms.volatility()
    whole = blocks[0]
    known = dict(zip((item.id for item in whole.securities), whole.terms.volatility(), strict=True))
    return np.array([known[item.id] for item in universe.securities])


def _returns(universes: Sequence[Universe], lots: LotTaxes) -> tuple[ReturnTax, ...]:
    """Gather the taxable accounts of every return, in the order of the case."""
    members: dict[str, list[Universe]] = {}
    for universe in universes:
        account = universe.account
        if account.is_taxable and account.tax is not None:
            members.setdefault(account.tax_return or account.id, []).append(universe)
    return tuple(_return_tax(name, found, lots) for name, found in members.items())


def _return_tax(name: str, universes: Sequence[Universe], lots: LotTaxes) -> ReturnTax:
    tax = universes[0].account.tax
    assert tax is not None
    whole = np.concatenate([u.case_segments(np.ones(u.segments.count, dtype=bool)) for u in universes])
    there = whole[(lots.short_gain[whole] != 0) | (lots.long_gain[whole] != 0)]
    year = start_year(tax)
    return ReturnTax(
        id=name,
        tax=tax,
        year=year,
        segments=there,
        short=lots.short_gain[there],
        both=lots.short_gain[there] + lots.long_gain[there],
        room_usd=budget_room_usd(tax, year),
    )


def _risk_places(blocks: Sequence[RiskBlock], count: int) -> tuple[Places, Vector]:
    place, weight = np.zeros(count, dtype=np.intp), np.ones(count)
    for block in blocks:
        place[block.positions] = block.place + block.first_place
        weight[block.positions] = block.weight
    return place, weight
