"""Rules as rows: what the account's rules ask of the dollars traded, each with its place in the order of sacrifice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from rebalancing.engine.types import CASH_CLASS, Constraint
from rebalancing.engine.universe import Universe, Vector

INF = float("inf")
FAR = 10.0


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hinge:
    """weight x max(0, coefficients'u + inner hinges - offset_usd): a convex piece over the dollars traded `u`, (N,)."""

    weight: float
    coefficients: Vector
    offset_usd: float
    inner: tuple["Hinge", ...] = ()

    def value_usd(self, traded_usd: Vector) -> float:
        inside = float(self.coefficients @ traded_usd) + sum(hinge.value_usd(traded_usd) for hinge in self.inner)
        return self.weight * max(0.0, inside - self.offset_usd)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """Hinges over a box: those that bend inside it, and the constant and linear part of all the others."""

    constant_usd: float
    linear: Vector
    hinges: tuple[Hinge, ...]


def settle(hinges: tuple[Hinge, ...], *, lower: Vector, upper: Vector) -> Settled:
    """
    Take out the hinges that bend far outside the bounds of `u`.

    An allowance of thousands of dollars is far from the reach of a small account; as a hinge it would only cost digits.
    """
    constant, linear = 0.0, np.zeros(lower.size)
    kept: list[Hinge] = []
    for hinge in hinges:
        inside = settle(hinge.inner, lower=lower, upper=upper)
        whole = Hinge(
            weight=hinge.weight,
            coefficients=hinge.coefficients + inside.linear,
            offset_usd=hinge.offset_usd - inside.constant_usd,
            inner=inside.hinges,
        )
        least, most = _reach_usd(whole, lower, upper)
        if most < -FAR * (most - least):
            continue
        if least <= FAR * (most - least):
            kept.append(whole)
            continue
        constant -= hinge.weight * whole.offset_usd
        linear = linear + hinge.weight * whole.coefficients
        kept += [replace(part, weight=part.weight * hinge.weight) for part in inside.hinges]
    return Settled(constant_usd=constant, linear=linear, hinges=tuple(kept))


def _reach_usd(hinge: Hinge, lower: Vector, upper: Vector) -> tuple[float, float]:
    """Return the least and the most that stands inside a hinge over the box."""
    inner = sum(part.weight * max(0.0, _reach_usd(part, lower, upper)[1]) for part in hinge.inner)
    low, high = hinge.coefficients * lower, hinge.coefficients * upper
    least, most = float(np.minimum(low, high).sum()), float(np.maximum(low, high).sum())
    return least - hinge.offset_usd, most + inner - hinge.offset_usd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """
    low_usd <= coefficients'u + hinges <= high_usd over the dollars traded `u`, (N,).

    Hinges stand only in rows without a low bound, so that the row stays convex. A `closing` row forbids its segments.
    """

    rule: str
    rank: Rank
    coefficients: Vector
    low_usd: float = -INF
    high_usd: float = INF
    hinges: tuple[Hinge, ...] = field(default=())

    @property
    def is_closing(self) -> bool:
        """Tell whether the row does nothing but bar segments from being traded."""
        return (
            not self.hinges and self.low_usd == -INF and self.high_usd == 0.0 and bool(np.all(self.coefficients >= 0))
        )

    def activity_usd(self, traded_usd: Vector) -> float:
        return float(self.coefficients @ traded_usd) + sum(hinge.value_usd(traded_usd) for hinge in self.hinges)

    def violation_usd(self, traded_usd: Vector) -> float:
        activity = self.activity_usd(traded_usd)
        return max(0.0, self.low_usd - activity, activity - self.high_usd)


def cash_coefficients(universe: Universe) -> Vector:
    """Return what a dollar traded in each segment does to cash: proceeds or price, less the spread."""
    spread = np.array([item.half_spread_bps for item in universe.securities]) * 1e-4
    return -universe.segments.sign - spread[universe.segments.security]


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
    segments = universe.segments
    coefficients = segments.sign * member[segments.security]
    held = float(member @ universe.held_usd)
    if with_cash:
        coefficients = coefficients + cash_coefficients(universe)
        held += universe.cash_usd - float(universe.account.cash_needs.raise_)
    return Row(rule=rule, rank=rank, coefficients=coefficients, low_usd=low_usd - held, high_usd=high_usd - held)


def account_rows(universe: Universe) -> Iterator[Row]:
    """Yield every linear row of one account but those of tax and wash sales."""
    yield from _pinned_rows(universe)
    for constraint in universe.account.constraints:
        yield from _constraint_rows(universe, constraint)
    yield from _cash_rows(universe)
    yield from _class_rows(universe)
    yield from _trading_rows(universe)


def members(universe: Universe, constraint: Constraint) -> Vector:
    """Return 1 for every security that a constraint speaks of."""
    return np.array([1.0 if constraint.applies_to(item) else 0.0 for item in universe.securities])


def _pinned_rows(universe: Universe) -> Iterator[Row]:
    segments = universe.segments
    for pin in universe.account.trading.pinned:
        if pin.side != "sell" or pin.lots or pin.quantity is None:
            continue
        place = universe.index[pin.security]
        worth = float(pin.quantity) * float(universe.price_usd[place])
        here = (segments.security == place) & (segments.sign < 0)
        yield Row(
            rule=f"pinned {pin.security}",
            rank=Rank.LAW,
            coefficients=here.astype(float),
            low_usd=worth,
            high_usd=worth,
        )


def _constraint_rows(universe: Universe, constraint: Constraint) -> Iterator[Row]:
    member = members(universe, constraint)
    if not member.any():
        return
    never = Rank.CLIENT_NEVER
    here = member[universe.segments.security] > 0
    buys = (here & universe.segments.is_buy).astype(float)
    if constraint.verb in ("never_buy", "never_own") and buys.any():
        yield Row(rule=constraint.rule, rank=never, coefficients=buys, high_usd=0.0)
    if constraint.verb == "never_sell":
        sales = (here & ~universe.segments.is_buy).astype(float)
        if sales.any():
            yield Row(rule=constraint.rule, rank=never, coefficients=sales, high_usd=0.0)
    if constraint.verb == "never_own" and constraint.disposal != "keep" and float(member @ universe.held_usd) > 0:
        rank = Rank.WISHES if constraint.disposal == "within_budget" else never
        yield holding_row(universe, member, rule=constraint.rule, rank=rank, high_usd=0.0)
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
    coefficients = cash_coefficients(universe)

    def row(rule: str, rank: Rank, *, low_usd: float = -INF, high_usd: float = INF) -> Row:
        return Row(rule=rule, rank=rank, coefficients=coefficients, low_usd=low_usd - cash, high_usd=high_usd - cash)

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
        member = class_members(universe, (asset_class,))
        yield holding_row(
            universe,
            member,
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
        halves = np.full(universe.segments.count, 0.5)
        cap = turnover * universe.value_usd
        yield Row(rule="max_turnover", rank=Rank.TRADING, coefficients=halves, high_usd=cap)
