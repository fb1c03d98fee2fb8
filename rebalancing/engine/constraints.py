"""
Rules as rows: what the rules ask of the dollars held and traded, each with its place in the order of sacrifice.

Every row is linear in the change of the dollars held of each position and in the dollars traded of each segment, so
that doing nothing has activity 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from rebalancing.engine.types import CASH_CLASS, Constraint, Household
from rebalancing.engine.universe import Flags, Places, Universe, Vector, subjects

INF = float("inf")


class Rank(IntEnum):
    """The order of sacrifice, hardest first. The first rank never gives way."""

    LAW = 1
    CLIENT_NEVER = 2
    WASH_SALE = 3
    CASH = 4
    CLASS_LIMITS = 5
    TAX_LIMITS = 6
    WISHES = 7
    TRACKING_ERROR = 8
    TRADING = 9


def no_places() -> Places:
    return np.zeros(0, dtype=np.intp)


def no_values() -> Vector:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """
    low_usd <= weights'(change of dollars held of `positions`) + values'(dollars traded of `segments`) <= high_usd.

    Places are those of the whole case. `account` is whose rule it is, None for the household's. Rows with the same
    `slack` (not empty) are parts of one rule: they give way together, by one amount. A `closing` row forbids its
    segments.
    """

    rule: str
    rank: Rank
    account: str | None = None
    positions: Places = field(default_factory=no_places)
    weights: Vector = field(default_factory=no_values)
    segments: Places = field(default_factory=no_places)
    values: Vector = field(default_factory=no_values)
    low_usd: float = -INF
    high_usd: float = INF
    slack: str = ""
    is_closing: bool = field(init=False)

    def __post_init__(self) -> None:
        """Tell whether the row does nothing but bar segments from being traded."""
        bars = self.positions.size == 0 and self.low_usd == -INF and self.high_usd == 0.0
        object.__setattr__(self, "is_closing", bars and bool((self.values >= 0).all()))

    def excess_usd(self, activity_usd: float) -> float:
        """Return by how much an activity breaks the row."""
        return max(0.0, self.low_usd - activity_usd, activity_usd - self.high_usd)


def holding_row(
    universe: Universe,
    member: Vector,
    *,
    rule: str,
    rank: Rank,
    low_usd: float = -INF,
    high_usd: float = INF,
    with_cash: bool = False,
) -> Row:
    """Bound what is held after of some securities; `member` (n,) weighs a dollar of each."""
    held = float(member @ universe.held_usd)
    segments, values = no_places(), no_values()
    if with_cash:
        segments, values = _spread_part(universe)
        member = member - 1.0
        held += universe.cash_usd - float(universe.account.cash_needs.raise_)
    there = np.flatnonzero(member)
    return Row(
        rule=rule,
        rank=rank,
        account=universe.account.id,
        positions=universe.positions[there],
        weights=member[there],
        segments=segments,
        values=values,
        low_usd=low_usd - held,
        high_usd=high_usd - held,
    )


def closing_row(universe: Universe, here: Flags, *, rule: str, rank: Rank, values: Vector | None = None) -> Row | None:
    """Forbid segments of one account; None where there are none. `values` (N,) weigh a dollar of each, else 1."""
    there = np.flatnonzero(here)
    if there.size == 0:
        return None
    return Row(
        rule=rule,
        rank=rank,
        account=universe.account.id,
        segments=universe.case_segments(there),
        values=np.ones(there.size) if values is None else values[there],
        high_usd=0.0,
    )


def _spread_part(universe: Universe) -> tuple[Places, Vector]:
    """Return what half the spread of every dollar traded takes out of cash."""
    spread = np.array([item.half_spread_bps for item in universe.securities]) * 1e-4
    there = np.flatnonzero(spread[universe.segments.place])
    return universe.case_segments(there), -spread[universe.segments.place[there]]


def account_rows(universe: Universe, *, household: Household | None) -> Iterator[Row]:
    """Yield every linear row of one account but those of tax and wash sales."""
    yield from _pinned_rows(universe)
    for constraint in universe.account.constraints:
        yield from _constraint_rows(universe, constraint)
    yield from _cash_rows(universe)
    if household is None or household.mode != "unified":
        yield from _class_rows(universe)
    yield from _trading_rows(universe)


def members(universe: Universe, constraint: Constraint) -> Vector:
    """Return 1 for every security that a constraint speaks of."""
    found = np.zeros(universe.count)
    if constraint.security is None:
        found[[universe.index[item.id] for item in subjects(universe.securities, constraint)]] = 1.0
    elif constraint.security in universe.index:
        found[universe.index[constraint.security]] = 1.0
    return found


def _pinned_rows(universe: Universe) -> Iterator[Row]:
    segments = universe.segments
    for pin in universe.account.trading.pinned:
        if pin.side != "sell" or pin.lots or pin.quantity is None:
            continue
        place = universe.index[pin.security]
        worth = float(pin.quantity) * float(universe.price_usd[place])
        here = np.flatnonzero((segments.place == place) & (segments.sign < 0))
        yield Row(
            rule=f"pinned {pin.security}",
            rank=Rank.LAW,
            account=universe.account.id,
            segments=universe.case_segments(here),
            values=np.ones(here.size),
            low_usd=worth,
            high_usd=worth,
        )


def _constraint_rows(universe: Universe, constraint: Constraint) -> Iterator[Row]:
    member = members(universe, constraint)
    if not member.any():
        return
    never, rule = Rank.CLIENT_NEVER, constraint.rule
    here = member[universe.segments.place] > 0
    closing: Row | None = None
    if constraint.verb in ("never_buy", "never_own"):
        closing = closing_row(universe, here & universe.segments.is_buy, rule=rule, rank=never)
    if constraint.verb == "never_sell":
        closing = closing_row(universe, here & ~universe.segments.is_buy, rule=rule, rank=never)
    if closing is not None:
        yield closing
    if constraint.verb == "never_own" and constraint.disposal != "keep" and float(member @ universe.held_usd) > 0:
        rank = Rank.WISHES if constraint.disposal == "within_budget" else never
        yield holding_row(universe, member, rule=rule, rank=rank, high_usd=0.0)
    if constraint.verb == "range":
        yield from _range_rows(universe, constraint, member)


def _range_rows(universe: Universe, constraint: Constraint, member: Vector) -> Iterator[Row]:
    value = universe.value_usd
    bounds: list[tuple[float | None, float | None, Vector]] = [
        (_times(constraint.min_weight, value), _times(constraint.max_weight, value), member),
        (_times(constraint.min_value, 1.0), _times(constraint.max_value, 1.0), member),
    ]
    # A bound in shares is priced at the dearest member, as a violation of it is.
    dearest = float(np.max(universe.price_usd * (member > 0)))
    shares = member * dearest / universe.price_usd
    bounds.append((_times(constraint.min_quantity, dearest), _times(constraint.max_quantity, dearest), shares))
    for low, high, weights in bounds:
        if low is not None or high is not None:
            yield holding_row(
                universe,
                weights,
                rule=constraint.rule,
                rank=Rank.WISHES,
                low_usd=-INF if low is None else low,
                high_usd=INF if high is None else high,
            )


def _times(bound: object, factor: float) -> float | None:
    return None if bound is None else float(str(bound)) * factor


def _cash_rows(universe: Universe) -> Iterator[Row]:
    needs, cash = universe.account.cash_needs, universe.cash_usd
    segments, values = _spread_part(universe)
    everything = np.full(universe.count, -1.0)

    def row(rule: str, rank: Rank, *, low_usd: float = -INF, high_usd: float = INF) -> Row:
        return Row(
            rule=rule,
            rank=rank,
            account=universe.account.id,
            positions=universe.positions,
            weights=everything,
            segments=segments,
            values=values,
            low_usd=low_usd - cash,
            high_usd=high_usd - cash,
        )

    raised = float(needs.raise_)
    reserve = max(float(needs.reserve_amount), needs.reserve_weight * universe.value_usd)
    yield row("no_overdraft", Rank.LAW, low_usd=min(0.0, cash))
    if cash < 0:
        yield row("no_overdraft", Rank.CASH, low_usd=0.0)
    if raised:
        yield row("cash_raise", Rank.CASH, low_usd=raised)
    if reserve:
        yield row("cash_reserve", Rank.CASH, low_usd=raised + reserve)
    if needs.max_weight is not None and any(item.buyable for item in universe.securities):
        ceiling = raised + needs.max_weight * universe.value_usd
        yield row("cash_ceiling", Rank.WISHES, high_usd=ceiling)


def _class_rows(universe: Universe) -> Iterator[Row]:
    for asset_class, (low, high) in universe.account.class_limits.items():
        yield holding_row(
            universe,
            class_members(universe, (asset_class,)),
            rule=f"class_limits {asset_class}",
            rank=Rank.CLASS_LIMITS,
            low_usd=low * universe.value_usd,
            high_usd=high * universe.value_usd,
            with_cash=asset_class == CASH_CLASS,
        )


def class_members(universe: Universe, classes: Sequence[str]) -> Vector:
    """Return 1 for every security of these asset classes."""
    return np.array([1.0 if item.asset_class in classes else 0.0 for item in universe.securities])


def _trading_rows(universe: Universe) -> Iterator[Row]:
    turnover = universe.account.trading.max_turnover
    if turnover is not None:
        yield Row(
            rule="max_turnover",
            rank=Rank.TRADING,
            account=universe.account.id,
            segments=universe.case_segments(np.ones(universe.segments.count, dtype=bool)),
            values=np.full(universe.segments.count, 0.5),
            high_usd=turnover * universe.value_usd,
        )
