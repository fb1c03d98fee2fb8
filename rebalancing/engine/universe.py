"""
What one account may trade: its securities, and the segments (lots to sell, securities to buy) that the first rank
leaves.

Float begins here and in what is built on it; quantities and prices stay Decimal in the case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from rebalancing.engine.types import ZERO, Account, Case, Constraint, Lot, Pinned, Security

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """
    The ways to trade, as parallel arrays of length N: first lots to sell, then securities to buy.

    `place` says whose: a place among the securities of a universe, or among the positions of a problem. `sign` is -1
    for a sale and +1 for a purchase, `lower_usd` is above 0 only for pinned trades. `lots` holds the lot of a sale and
    None for a purchase.
    """

    place: Places
    sign: Vector
    lower_usd: Vector
    upper_usd: Vector
    lots: tuple[Lot | None, ...]

    @property
    def count(self) -> int:
        return len(self.lots)

    @property
    def is_buy(self) -> Flags:
        return np.asarray(self.sign > 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Universe:
    """
    One account in dollars. `barred` says of a security why the first rank keeps (part of) it from being traded.

    Its securities and segments are numbered from 0; among those of the whole case they start at `first_position` and
    `first_segment`.
    """

    account: Account
    first_position: int
    first_segment: int
    securities: tuple[Security, ...]
    index: Mapping[str, int]
    price_usd: Vector
    held_usd: Vector
    cash_usd: float
    value_usd: float
    segments: Segments
    barred: Mapping[str, str]

    @property
    def count(self) -> int:
        return len(self.securities)

    @property
    def positions(self) -> Places:
        """Return the places of its securities among the positions of the case."""
        return np.arange(self.first_position, self.first_position + self.count, dtype=np.intp)

    def case_segments(self, here: Flags | Places) -> Places:
        """Return the places among the segments of the case of some of its own."""
        return np.arange(self.segments.count, dtype=np.intp)[here] + self.first_segment


def build_universe(account: Account, *, case: Case, first_position: int = 0, first_segment: int = 0) -> Universe:
    """Gather what the account holds, targets or may buy, in the order of the case."""
    held: dict[str, Decimal] = {}
    for lot in account.lots:
        known = held.get(lot.security)
        held[lot.security] = lot.quantity if known is None else known + lot.quantity
    pins = {pin.security: pin for pin in account.trading.pinned}
    wanted = {*held, *pins, *(name for name, weight in account.target.items() if weight > 0)}
    if case.household is not None:
        wanted |= {name for name, weight in case.household.target.items() if weight > 0}
    securities = tuple(item for item in case.securities if item.id in wanted or item.buyable)
    index = {item.id: place for place, item in enumerate(securities)}
    price = np.array([float(item.price) for item in securities])
    held_usd = np.array([float(held.get(item.id, ZERO) * item.price) for item in securities])
    worth = sum((held[item.id] * item.price for item in securities if item.id in held), ZERO)
    value = worth + account.cash - account.cash_needs.raise_
    barred = _barred(account, securities, case=case)
    return Universe(
        account=account,
        first_position=first_position,
        first_segment=first_segment,
        securities=securities,
        index=index,
        price_usd=price,
        held_usd=held_usd,
        cash_usd=float(account.cash),
        value_usd=float(value),
        segments=_build_segments(account, securities, index=index, price_usd=price, barred=barred),
        barred={**barred.sales, **barred.buys},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Barred:
    sales: Mapping[str, str]
    buys: Mapping[str, str]


def subjects(securities: Sequence[Security], constraint: Constraint) -> list[Security]:
    """Return the securities that a constraint speaks of."""
    if constraint.security is not None:
        return [item for item in securities if item.id == constraint.security]
    kind, subject = constraint.kind, constraint.subject
    return [item for item in securities if item.matches(kind, subject)]


def _barred(account: Account, securities: Sequence[Security], *, case: Case) -> _Barred:
    """Name, by security, the rule of the first rank that bars its sale or its purchase."""
    buys: dict[str, str] = {item.id: "not_buyable" for item in securities if not item.buyable}
    buys |= {item.use: f"hold_only {item.use}" for item in account.substitutes if item.hold_only}
    for location in case.household.location if case.household is not None else ():
        if location.tax_status == account.tax_status:
            names = (item.id for item in securities if item.asset_class == location.asset_class)
            buys |= dict.fromkeys(names, f"location {location.asset_class}")
    sales = {
        item.id: constraint.rule
        for constraint in account.constraints
        if constraint.verb == "never_trade"
        for item in subjects(securities, constraint)
    }
    buys |= sales
    for pin in account.trading.pinned:
        sales.pop(pin.security, None)
        buys.pop(pin.security, None)
        if pin.side != "sell":
            sales[pin.security] = f"pinned {pin.security}"
        if pin.side != "buy":
            buys[pin.security] = f"pinned {pin.security}"
    return _Barred(sales=sales, buys=buys)


def _build_segments(
    account: Account, securities: Sequence[Security], *, index: Mapping[str, int], price_usd: Vector, barred: _Barred
) -> Segments:
    pins = {pin.security: pin for pin in account.trading.pinned}
    lots, least, most = _sales(account, pins=pins, barred=barred)
    place = np.array([index[lot.security] for lot in lots], dtype=np.intp)
    sale_price = price_usd[place]
    sellable = max(float(account.cash), 0.0) + float(most @ sale_price)
    bought = [at for at, item in enumerate(securities) if item.id not in barred.buys]
    fixed, free = np.zeros(len(bought)), np.full(len(bought), sellable)
    for spot, at in enumerate(bought):
        pin = pins.get(securities[at].id)
        if pin is not None:
            fixed[spot] = free[spot] = float((pin.quantity or ZERO) * securities[at].price)
    return Segments(
        place=np.concatenate([place, np.array(bought, dtype=np.intp)]),
        sign=np.concatenate([np.full(len(lots), -1.0), np.ones(len(bought))]),
        lower_usd=np.concatenate([least * sale_price, fixed]),
        upper_usd=np.concatenate([most * sale_price, free]),
        lots=(*lots, *([None] * len(bought))),
    )


def _sales(account: Account, *, pins: Mapping[str, Pinned], barred: _Barred) -> tuple[list[Lot], Vector, Vector]:
    """Return the lots that may be sold, with the least and the most units of each."""
    lots: list[Lot] = []
    least: list[float] = []
    most: list[float] = []
    for lot in account.lots:
        if lot.security in barred.sales:
            continue
        low, high = _sale_bounds(lot, pin=pins.get(lot.security))
        if high > 0:
            lots.append(lot)
            least.append(float(low))
            most.append(float(high))
    return lots, np.array(least), np.array(most)


def _sale_bounds(lot: Lot, *, pin: Pinned | None) -> tuple[Decimal, Decimal]:
    """Return the least and the most units that may be sold of a lot; a pinned sale is given to the unit."""
    if pin is not None and pin.lots:
        units = {part.lot: part.quantity for part in pin.lots}.get(lot.id, ZERO)
        return units, units
    if lot.gift or lot.cost is None:
        return ZERO, ZERO
    return ZERO, lot.quantity
