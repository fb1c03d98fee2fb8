"""Which losses a purchase already disallows, which purchases a loss already bars, and what may not happen together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from rebalancing.engine.constraints import Rank, Row
from rebalancing.engine.types import Account, Case, Lot, Security
from rebalancing.engine.universe import Flags, Places, Universe, Vector

WINDOW = timedelta(days=30)
Acquisition = tuple[str, str, date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WashState:
    """Purchases by identity group (account, security, acquired: none if proposed) and the groups with a loss sold."""

    purchases: Mapping[str, frozenset[Acquisition]]
    loss_groups: frozenset[str]

    def disallows(self, lot: Lot, *, account: Account, group: str) -> bool:
        """Tell whether a loss on this lot meets a purchase other than the lot's own acquisition."""
        own = (account.id, lot.security, lot.acquired)
        return any(purchase != own for purchase in self.purchases.get(group, ()))

    def after(self, account: Account, *, bought: Mapping[str, str], loss_groups: frozenset[str]) -> "WashState":
        """Add what an account trades; `bought` maps securities to their groups."""
        purchases = dict(self.purchases)
        for security, group in bought.items():
            purchases[group] = purchases.get(group, frozenset()) | {(account.id, security, None)}
        return WashState(purchases=purchases, loss_groups=self.loss_groups | loss_groups)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exclusive:
    """Segments that may not be traded together: any of `buys` with any of `sales`."""

    name: str
    buys: Places
    sales: Places


def open_wash_state(case: Case) -> WashState:
    """Gather the last 30 days of the tax household, its young lots, and every pinned trade."""
    securities = {item.id: item for item in case.securities}
    purchases: dict[str, set[Acquisition]] = {}
    losses: set[str] = set()
    for trade in (trade for trade in case.recent_trades if case.as_of - trade.date <= WINDOW):
        known = securities.get(trade.security)
        group = known.group if known is not None else trade.identity_group or trade.security
        if trade.side == "buy":
            purchases.setdefault(group, set()).add((trade.account, trade.security, trade.date))
        elif trade.loss > 0:
            losses.add(group)
    for account in case.accounts:
        for acquisition in _acquisitions(account, as_of=case.as_of):
            purchases.setdefault(securities[acquisition[1]].group, set()).add(acquisition)
        losses |= _certain_loss_groups(account, securities=securities)
    return WashState(
        purchases={group: frozenset(found) for group, found in purchases.items()}, loss_groups=frozenset(losses)
    )


def is_loss(lot: Lot, *, price: Decimal) -> bool:
    """Tell whether selling the lot at this price realises a loss."""
    if lot.cost is None:
        return False
    basis = lot.cost if lot.loss_cost is None else min(lot.cost, lot.loss_cost)
    return lot.quantity * price < basis


def loss_flags(universe: Universe) -> Flags:
    """Mark the segments that sell a lot of a taxable account at a loss."""
    taxable = universe.account.is_taxable
    prices = [universe.securities[int(place)].price for place in universe.segments.security]
    lots = zip(universe.segments.lots, prices, strict=True)
    return np.array([taxable and lot is not None and is_loss(lot, price=price) for lot, price in lots], dtype=bool)


def washed_flags(universe: Universe, *, state: WashState) -> Flags:
    """Mark the loss segments whose loss would be disallowed, so that it counts nothing."""
    losses = loss_flags(universe)
    flags = np.zeros(losses.size, dtype=bool)
    for at in np.flatnonzero(losses):
        lot = universe.segments.lots[at]
        group = universe.securities[int(universe.segments.security[at])].group
        flags[at] = lot is not None and state.disallows(lot, account=universe.account, group=group)
    return flags


def wash_rows(universe: Universe, *, state: WashState, loss_per_usd: Vector) -> tuple[Row, ...]:
    """Close what meets the past: disallowed losses (in dollars of loss) and purchases beside a loss already sold."""
    washed = washed_flags(universe, state=state)
    by_group: dict[str, Vector] = {}
    for at, place in enumerate(universe.segments.security):
        group = universe.securities[int(place)].group
        if universe.segments.is_buy[at]:
            amount = 1.0 if group in state.loss_groups else 0.0
        else:
            amount = float(loss_per_usd[at]) if washed[at] else 0.0
        if amount and universe.segments.lower_usd[at] <= 0:
            by_group.setdefault(group, np.zeros(universe.segments.count))[at] = amount
    return tuple(
        Row(rule=f"wash_sale {group}", rank=Rank.WASH_SALE, coefficients=row, high_usd=0.0)
        for group, row in by_group.items()
    )


def exclusives(universe: Universe) -> tuple[Exclusive, ...]:
    """List what may not be traded together: both sides of a security, and a group's loss sales with its purchases."""
    segments, buys = universe.segments, universe.segments.is_buy
    found: list[Exclusive] = []
    losses = loss_flags(universe)
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(universe.securities):
        groups.setdefault(item.group, []).append(place)
        here = segments.security == place
        if (here & buys).any() and (here & ~buys).any():
            found.append(Exclusive(name=item.id, buys=np.flatnonzero(here & buys), sales=np.flatnonzero(here & ~buys)))
    for group, places in groups.items():
        here = np.isin(segments.security, places)
        if len(places) > 1 and (here & buys).any() and (here & losses).any():
            found.append(
                Exclusive(
                    name=f"wash_sale {group}", buys=np.flatnonzero(here & buys), sales=np.flatnonzero(here & losses)
                )
            )
    return tuple(found)


def _acquisitions(account: Account, *, as_of: date) -> Iterator[Acquisition]:
    """Yield what an account bought in the window, and what it is told to buy."""
    for lot in account.lots:
        if lot.wash_acquisition and as_of - lot.acquired <= WINDOW:
            yield account.id, lot.security, lot.acquired
    for pin in account.trading.pinned:
        if pin.side == "buy":
            yield account.id, pin.security, None


def _certain_loss_groups(account: Account, *, securities: Mapping[str, Security]) -> set[str]:
    """Return the groups in which an account has to sell a loss: the lot is pinned, or may not be owned any longer."""
    if not account.is_taxable:
        return set()
    told = {part.lot for pin in account.trading.pinned if pin.side == "sell" for part in pin.lots}
    banned = [rule for rule in account.constraints if rule.verb == "never_own" and rule.disposal in (None, "now")]
    groups: set[str] = set()
    for lot in account.lots:
        item = securities[lot.security]
        goes = lot.id in told or (any(rule.applies_to(item) for rule in banned) and not lot.gift)
        if goes and is_loss(lot, price=item.price):
            groups.add(item.group)
    return groups
