"""Which losses a purchase already disallows, which purchases a loss already bars, and what may not happen together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from rebalancing.engine.constraints import Rank, Row, closing_row
from rebalancing.engine.types import Account, Case, Lot, Security
from rebalancing.engine.universe import Flags, Places, Universe, Vector

WINDOW = timedelta(days=30)
EVEN_USD = 1e-4
NOWHERE: Places = np.zeros(0, dtype=np.intp)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exclusive:
    """Segments (of the whole case) that may not be traded together: any of `buys` with any of `sales`."""

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
    segments = universe.segments
    flags = np.zeros(segments.count, dtype=bool)
    if not universe.account.is_taxable:
        return flags
    sold = int((segments.sign < 0).sum())
    lots = segments.lots[:sold]
    units = np.array([0.0 if lot is None else float(lot.quantity) for lot in lots])
    basis = np.array([_least_basis(lot) for lot in lots])
    gain = units * universe.price_usd[segments.place[:sold]] - basis
    flags[:sold] = gain < 0
    for at in np.flatnonzero(np.abs(gain) < EVEN_USD):  # too near to even for floating numbers
        lot = lots[at]
        flags[at] = lot is not None and is_loss(lot, price=universe.securities[int(segments.place[at])].price)
    return flags


def _least_basis(lot: Lot | None) -> float:
    if lot is None or lot.cost is None:
        return float("-inf")
    return float(lot.cost if lot.loss_cost is None else min(lot.cost, lot.loss_cost))


def washed_flags(universe: Universe, *, losses: Flags, state: WashState) -> Flags:
    """Mark, among the loss segments, those whose loss would be disallowed, so that it counts nothing."""
    flags = np.zeros(losses.size, dtype=bool)
    for at in np.flatnonzero(losses):
        lot = universe.segments.lots[at]
        group = universe.securities[int(universe.segments.place[at])].group
        flags[at] = lot is not None and state.disallows(lot, account=universe.account, group=group)
    return flags


def wash_rows(universe: Universe, *, state: WashState, washed: Flags, loss_per_usd: Vector) -> Iterator[Row]:
    """Close what meets the past: disallowed losses (in dollars of loss) and purchases beside a loss already sold."""
    segments = universe.segments
    barred = np.array([item.group in state.loss_groups for item in universe.securities], dtype=bool)
    amounts = np.where(segments.is_buy, barred[segments.place], np.where(washed, loss_per_usd, 0.0))
    amounts = np.where(segments.lower_usd > 0, 0.0, amounts)
    groups: dict[str, list[int]] = {}
    for at in np.flatnonzero(amounts):
        groups.setdefault(universe.securities[int(segments.place[at])].group, []).append(int(at))
    for group, found in groups.items():
        here = np.zeros(segments.count, dtype=bool)
        here[found] = True
        row = closing_row(universe, here, rule=f"wash_sale {group}", rank=Rank.WASH_SALE, values=amounts)
        if row is not None:
            yield row


def exclusives(universes: Sequence[Universe], losses: Sequence[Flags]) -> tuple[Exclusive, ...]:
    """
    List what may not be traded together; `losses` marks the loss segments of each account.

    Both sides of a security in one account; and the purchases of an identity group in any account with its loss sales
    in any taxable one.
    """
    found: list[Exclusive] = []
    groups: dict[str, list[tuple[Places, Places]]] = {}
    for universe, lost in zip(universes, losses, strict=True):
        has_loss = np.bincount(universe.segments.place[lost], minlength=universe.count).tolist()
        for item, any_lost, (bought, sold) in zip(universe.securities, has_loss, _sides(universe), strict=True):
            if bought.size and sold.size:
                found.append(Exclusive(name=item.id, buys=bought, sales=sold))
            at_loss = sold[lost[sold - universe.first_segment]] if any_lost else NOWHERE
            if bought.size or any_lost:
                groups.setdefault(item.group, []).append((bought, at_loss))
    for group, sides in groups.items():
        if len(sides) > 1:
            buys, sales = (np.concatenate(one) for one in zip(*sides, strict=True))
            if buys.size and sales.size:
                found.append(Exclusive(name=f"wash_sale {group}", buys=buys, sales=sales))
    return tuple(found)


def _sides(universe: Universe) -> Iterator[tuple[Places, Places]]:
    """Yield the purchases and the sales of every security of an account, as segments of the case."""
    segments = universe.segments
    order = np.lexsort((segments.sign, segments.place))
    ends = np.searchsorted(segments.place[order], np.arange(universe.count), side="right")
    sales = np.bincount(segments.place[segments.sign < 0], minlength=universe.count)
    whose = order + universe.first_segment
    first = 0
    for end, sold in zip(ends.tolist(), sales.tolist(), strict=True):
        yield whose[first + sold : end], whose[first : first + sold]
        first = end


def _acquisitions(account: Account, *, as_of: date) -> Iterator[Acquisition]:
    """Yield what an account bought in the window, and what it is told to buy."""
    for lot in account.lots:
        if lot.wash_acquisition and as_of - lot.acquired <= WINDOW:
            yield account.id, lot.security, lot.acquired
    for pin in account.trading.pinned:
        if pin.side == "buy":
            yield account.id, pin.security, None


def _certain_loss_groups(account: Account, *, securities: Mapping[str, Security]) -> set[str]:
    """
    Return the groups in which an account has to sell a loss: the lot is pinned, or may not be owned any longer.

    What may not be sold either, by another rule or a person's word, is no certain loss.
    """
    if not account.is_taxable:
        return set()
    told = {part.lot for pin in account.trading.pinned if pin.side == "sell" for part in pin.lots}
    banned = [rule for rule in account.constraints if rule.verb == "never_own" and rule.disposal in (None, "now")]
    kept = [rule for rule in account.constraints if rule.verb in ("never_trade", "never_sell")]
    left = {pin.security for pin in account.trading.pinned if pin.side == "none"}
    groups: set[str] = set()
    for lot in account.lots:
        item = securities[lot.security]
        stays = lot.gift or item.id in left or any(rule.applies_to(item) for rule in kept)
        goes = lot.id in told or (any(rule.applies_to(item) for rule in banned) and not stays)
        if goes and is_loss(lot, price=item.price):
            groups.add(item.group)
    return groups
