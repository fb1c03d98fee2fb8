"""Holds for orders that were out when a corporate action changed what they speak of: placed, and let go."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.selectors.held import ORDERS_MARK
from portfolios.services.holds import lift_all, place_hold
from rebalancing.models.orders import Order, OrderStatus

SENT: Final = (OrderStatus.SENT, OrderStatus.PARTLY_FILLED)
_MOST_NAMED: Final = 3


def hold_for_orders(orders: Sequence[Order], *, symbol: str, reason: str, now: datetime) -> int:
    """Hold the accounts of orders that are out, each named; return how many are held."""
    by_account: dict[int, list[Order]] = defaultdict(list)
    for order in orders:
        by_account[order.account_id].append(order)
    accounts = Account.objects.in_bulk(by_account)
    for account_id, mine in sorted(by_account.items()):
        named = ", ".join(order.client_order_id for order in mine[:_MOST_NAMED])
        more = f" and {len(mine) - _MOST_NAMED} more" if len(mine) > _MOST_NAMED else ""
        out = "Order" if len(mine) == 1 else "Orders"
        was = "was" if len(mine) == 1 else "were"
        place_hold(
            accounts[account_id],
            kind=HoldKind.CORPORATE_ACTION,
            subject=f"{symbol}{ORDERS_MARK}",
            reason=f"{out} {named}{more} {was} sent before this: {reason}. To be filled or cancelled first.",
            actor=None,
            now=now,
        )
    return len(by_account)


def release_order_holds(account_ids: Collection[int], *, now: datetime) -> None:
    """Let go the accounts whose orders in the security of a hold are all filled or cancelled."""
    holds = AccountHold.objects.filter(
        account_id__in=account_ids,
        kind=HoldKind.CORPORATE_ACTION,
        subject__endswith=ORDERS_MARK,
        lifted_at__isnull=True,
    ).select_related("account")
    rows = list(holds.order_by("pk"))
    if not rows:
        return
    out = Order.objects.filter(account_id__in=[hold.account_id for hold in rows], status__in=SENT)
    busy = set(out.values_list("account_id", "security__symbol"))
    done = [hold for hold in rows if (hold.account_id, hold.subject.removesuffix(ORDERS_MARK)) not in busy]
    lift_all(done, reason="Its orders are filled or cancelled.", now=now)
