"""What a broker might send back, made up for the demo firm and for trying things out."""

from decimal import Decimal
from typing import Final

from advisors.errors import Invalid
from advisors.models import Membership
from rebalancing import exports
from rebalancing.exports import FillRow
from rebalancing.models.orders import QuantityType
from rebalancing.models.proposals import Side
from rebalancing.selectors.fills import open_orders_of
from rebalancing.selectors.orders import batch_in_book

_FUND_STEP: Final = Decimal("0.0001")


def made_up_fills(member: Membership, batch_id: int) -> str:
    """
    Write the file of fills that a broker might send for a batch's open orders: whole, at prices around the close.

    The same orders give the same file. Nothing is booked.

    :raises Invalid: the firm has no business date
    """
    batch = batch_in_book(member, batch_id)
    day = member.firm.business_on
    if day is None:
        raise Invalid("The firm has no business date yet: import a day's data first.")
    rows = []
    for place, (order, fill_count) in enumerate(open_orders_of(member.firm_id, batch.pk), start=1):
        is_sale = order.side == Side.SELL
        price = exports.price_near(order.trade.price_usd, seed=order.client_order_id, is_sale=is_sale)
        units = order.units - order.filled_units
        if order.quantity_type == QuantityType.DOLLARS:
            units = ((order.amount_usd - order.filled_usd) / price).quantize(_FUND_STEP)
        rows.append(
            FillRow(
                row=place,
                reference=order.client_order_id,
                execution_id=f"X-{order.client_order_id}-{fill_count + 1}",
                traded_on=day,
                units=units,
                price_usd=price,
            )
        )
    return exports.fills_file(rows)
