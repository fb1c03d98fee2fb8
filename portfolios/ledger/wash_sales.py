"""
Wash-sale windows of a tax household: what may not be bought or sold at a loss, and from when it is safe.

Rules R-1.3.1 to R-1.3.4 and R-1.3.12 of the tax specification. The window is 30 calendar days to either side of the
sale, 61 dates in all; actual trade dates count, never tacked ones. All accounts of the tax household count, retirement
and outside accounts too; losses count only where they are deductible.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import WINDOW_DAYS, ZERO

__all__ = [
    "WINDOW_DAYS",
    "GroupWindow",
    "RecentTrade",
    "Side",
    "group_windows",
    "is_in_window",
    "safe_to_buy_on",
    "safe_to_sell_on",
    "window_of_sale",
]

_SAFE_AFTER = timedelta(days=WINDOW_DAYS + 1)


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentTrade:
    """
    A purchase, or a sale, in any account of the tax household; `loss_usd` is the positive loss of a sale.

    `group` is the identity group. A gain has a loss of 0 and blocks nothing. A loss in an account that is not
    taxable has no `loss_usd` either: it is not deductible, so it cannot be washed.
    """

    account: str
    security: str
    group: str
    traded_on: date
    side: Side
    units: Decimal
    loss_usd: Decimal = ZERO

    def __post_init__(self) -> None:
        if not self.units > 0:
            raise BadInput(f"the {self.side} of {self.security} on {self.traded_on} is of {self.units} units")
        if self.loss_usd < 0 or (self.loss_usd > 0 and self.side is Side.BUY):
            raise BadInput(f"the {self.side} of {self.security} on {self.traded_on} has a loss of {self.loss_usd}")


def is_in_window(*, acquired_on: date, sold_on: date) -> bool:
    """Tell whether a purchase lies within 30 days of a sale, before or after."""
    return abs((acquired_on - sold_on).days) <= WINDOW_DAYS


def window_of_sale(sold_on: date) -> tuple[date, date]:
    """Return the first and the last of the 61 days on which a purchase washes a loss of that day."""
    return sold_on - timedelta(days=WINDOW_DAYS), sold_on + timedelta(days=WINDOW_DAYS)


def safe_to_buy_on(loss_sold_on: date) -> date:
    """Return the first day on which a repurchase no longer washes the loss."""
    return loss_sold_on + _SAFE_AFTER


def safe_to_sell_on(bought_on: date) -> date:
    """Return the first day on which a loss sale is no longer washed by the purchase."""
    return bought_on + _SAFE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupWindow:
    """What happened to one identity group in the last 30 days, and what it bars on `as_of`."""

    group: str
    as_of: date
    purchases: tuple[RecentTrade, ...] = ()
    loss_sales: tuple[RecentTrade, ...] = ()

    def safe_to_buy_on(self) -> date:
        """Return the first day on which anybody of the tax household may buy the group."""
        return max((safe_to_buy_on(trade.traded_on) for trade in self.loss_sales), default=self.as_of)

    def safe_to_sell_on(self, *, account: str, security: str, acquired_on: date) -> date:
        """
        Return the first day on which this lot may be sold at a loss.

        What was bought with the lot itself (same account, security and day) does not count: selling what one has
        just bought is not a wash sale.
        """
        own = (account, security, acquired_on)
        others = (t for t in self.purchases if (t.account, t.security, t.traded_on) != own)
        return max((safe_to_sell_on(trade.traded_on) for trade in others), default=self.as_of)

    def is_purchase_blocked(self) -> bool:
        """Tell whether buying the group today would wash a loss already taken."""
        return self.safe_to_buy_on() > self.as_of

    def is_loss_sale_blocked(self, *, account: str, security: str, acquired_on: date) -> bool:
        """Tell whether a loss on this lot today would be washed by a purchase already made."""
        return self.safe_to_sell_on(account=account, security=security, acquired_on=acquired_on) > self.as_of


def group_windows(trades: Iterable[RecentTrade], *, as_of: date) -> Mapping[str, GroupWindow]:
    """Sort the trades of the 30 days up to `as_of` into one window for each identity group that has any."""
    purchases: dict[str, list[RecentTrade]] = defaultdict(list)
    loss_sales: dict[str, list[RecentTrade]] = defaultdict(list)
    for trade in trades:
        if not 0 <= (as_of - trade.traded_on).days <= WINDOW_DAYS:
            continue
        if trade.side is Side.BUY:
            purchases[trade.group].append(trade)
        elif trade.loss_usd > 0:
            loss_sales[trade.group].append(trade)
    groups = sorted(purchases.keys() | loss_sales.keys())
    return MappingProxyType(
        {
            group: GroupWindow(
                group=group, as_of=as_of, purchases=tuple(purchases[group]), loss_sales=tuple(loss_sales[group])
            )
            for group in groups
        }
    )
