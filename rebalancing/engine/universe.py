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

from rebalancing.engine.types import ZERO, Account, Case, Lot, Pinned, Security

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """
    The ways to trade, as parallel arrays of length N: first lots to sell, then securities to buy.

    `security` is a place in the universe, `sign` -1 for a sale and +1 for a purchase, `lower_usd` is above 0 only for
    pinned trades. `lots` holds the lot of a sale and None for a purchase.
    """

    security: Places
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
    """One account in dollars. `barred` says of a security why the first rank keeps (part of) it from being traded."""

    account: Account
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

    def places(self, names: Sequence[str]) -> Places:
        return np.array([self.index[name] for name in names], dtype=np.intp)


def build_universe(account: Account, *, case: Case) -> Universe:
    """Gather what the account holds, targets or may buy, in the order of the case."""
    held: dict[str, Decimal] = {}
    for lot in account.lots:
        held[lot.security] = held.get(lot.security, ZERO) + lot.quantity
    pins = {pin.security: pin for pin in account.trading.pinned}
    wanted = {*held, *pins, *(name for name, weight in account.target.items() if weight > 0)}
    securities = tuple(item for item in case.securities if item.id in wanted or item.buyable)
    index = {item.id: place for place, item in enumerate(securities)}
    price = np.array([float(item.price) for item in securities])
    held_usd = np.array([float(held.get(item.id, ZERO) * item.price) for item in securities])
    worth = sum((held[item.id] * item.price for item in securities if item.id in held), ZERO)
    value = worth + account.cash - account.cash_needs.raise_
    barred = _barred(account, securities, case=case)
    return Universe(
        account=account,
        securities=securities,
        index=index,
        price_usd=price,
        held_usd=held_usd,
        cash_usd=float(account.cash),
        value_usd=float(value),
        segments=_build_segments(account, securities, index=index, barred=barred),
        barred={**barred.sales, **barred.buys},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Barred:
    sales: Mapping[str, str]
    buys: Mapping[str, str]


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
        for item in securities
        if constraint.applies_to(item)
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
    account: Account, securities: Sequence[Security], *, index: Mapping[str, int], barred: _Barred
) -> Segments:
    pins = {pin.security: pin for pin in account.trading.pinned}
    rows: list[tuple[int, float, float, float, Lot | None]] = []
    sellable = max(float(account.cash), 0.0)
    for lot in account.lots:
        low, high = _sale_bounds(lot, pin=pins.get(lot.security))
        if high <= 0 or lot.security in barred.sales:
            continue
        price = securities[index[lot.security]].price
        rows.append((index[lot.security], -1.0, float(low * price), float(high * price), lot))
        sellable += float(high * price)
    for place, item in enumerate(securities):
        pin = pins.get(item.id)
        if item.id in barred.buys:
            continue
        fixed = float((pin.quantity or ZERO) * item.price) if pin is not None else 0.0
        rows.append((place, 1.0, fixed, fixed if pin is not None else sellable, None))
    return Segments(
        security=np.array([row[0] for row in rows], dtype=np.intp),
        sign=np.array([row[1] for row in rows]),
        lower_usd=np.array([row[2] for row in rows]),
        upper_usd=np.array([row[3] for row in rows]),
        lots=tuple(row[4] for row in rows),
    )


def _sale_bounds(lot: Lot, *, pin: Pinned | None) -> tuple[Decimal, Decimal]:
    """Return the least and the most units that may be sold of a lot; a pinned sale is given to the unit."""
    named = {part.lot: part.quantity for part in pin.lots} if pin is not None else {}
    if named:
        units = named.get(lot.id, ZERO)
        return units, units
    if lot.gift or lot.cost is None:
        return ZERO, ZERO
    return ZERO, lot.quantity
