"""What a file of fills is checked against: orders, blocks, and executions that were booked before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, QuerySet

from portfolios.models.market import CorporateAction
from rebalancing.exports import FillRow
from rebalancing.models.orders import OPEN_ORDER, Fill, Order
from rebalancing.selectors.action_words import standing_actions
from rebalancing.selectors.orders import block_id_of, block_reference

Booked = tuple[str, date, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillContext:
    """
    Orders by client order id, the orders of blocks by the block's reference, and booked executions.

    An execution of a block was booked as several fills; it is known as one, by its block, day and all its units.
    """

    orders: Mapping[str, Order]
    blocks: Mapping[str, tuple[Order, ...]]
    booked: Mapping[str, Booked]
    actions: Mapping[int, tuple[CorporateAction, ...]]  # on the securities of the orders

    @property
    def all_orders(self) -> tuple[Order, ...]:
        """Return every order that the file may touch, each once."""
        every = {order.pk: order for order in self.orders.values()}
        by_name = {order.pk: every.get(order.pk, order) for rows in self.blocks.values() for order in rows}
        return tuple({**by_name, **every}.values())

    @property
    def batch_ids(self) -> tuple[int, ...]:
        """Return the batches that the file speaks of."""
        return tuple(sorted({order.block.batch_id for order in self.all_orders}))


def _with_lots(orders: QuerySet[Order]) -> QuerySet[Order]:
    return (
        orders.select_related("account", "security", "block", "proposal", "trade")
        .prefetch_related("trade__lots")
        .order_by("pk")
    )


def fill_context(firm_id: int, rows: Sequence[FillRow]) -> FillContext:
    """Read what the rows of a file speak of; eight queries for any number of rows."""
    references = {row.reference for row in rows}
    block_ids = {found for reference in references if (found := block_id_of(reference)) is not None}
    mine = Order.objects.filter(block__batch__firm_id=firm_id)
    by_name = {order.client_order_id: order for order in _with_lots(mine.filter(client_order_id__in=references))}
    blocks: dict[str, list[Order]] = {}
    for order in _with_lots(mine.filter(block_id__in=block_ids)):
        blocks.setdefault(block_reference(order.block_id), []).append(by_name.get(order.client_order_id, order))
    securities = {order.security_id for rows in (by_name.values(), *blocks.values()) for order in rows}
    return FillContext(
        actions=standing_actions(securities, firm_id=firm_id),
        orders=by_name,
        blocks={reference: tuple(orders) for reference, orders in blocks.items()},
        booked=_booked({row.execution_id for row in rows}, block_ids | {order.block_id for order in by_name.values()}),
    )


def _booked(execution_ids: set[str], block_ids: set[int]) -> Mapping[str, Booked]:
    fills = Fill.objects.select_related("order")
    found: dict[str, Booked] = {}
    for fill in fills.filter(execution_id__in=execution_ids):
        found[fill.execution_id] = (fill.order.client_order_id, fill.traded_on, fill.units)
    for fill in fills.filter(order__block_id__in=block_ids):
        execution_id = fill.execution_id.removesuffix(f":{fill.order.client_order_id}")
        if execution_id == fill.execution_id or execution_id not in execution_ids:
            continue
        reference = block_reference(fill.order.block_id)
        before = found.get(execution_id, (reference, fill.traded_on, Decimal(0)))[2]
        found[execution_id] = (reference, fill.traded_on, before + fill.units)
    return found


def open_orders_of(firm_id: int, batch_id: int) -> Sequence[tuple[Order, int]]:
    """Return the open orders of a batch with their trades, sales first, each with how often it was filled."""
    rows = Order.objects.filter(block__batch__firm_id=firm_id, block__batch_id=batch_id, status__in=OPEN_ORDER)
    counted = rows.select_related("trade").annotate(fill_count=Count("fills")).order_by("-side", "pk")
    return [(order, order.fill_count) for order in counted]
