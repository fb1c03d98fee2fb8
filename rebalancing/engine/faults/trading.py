"""Faults of cash needs, trading limits and pinned trades."""

from collections.abc import Iterator
from decimal import Decimal

from rebalancing.engine.faults.numbers import fraction, is_usable, not_negative, positive, repeated
from rebalancing.engine.types import Account, Fault, Lot, Pinned, Security


def trading_faults(account: Account, *, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    trading = account.trading
    if not 1 <= trading.tracking_preference <= 10:
        message = f"must be between 1 and 10, is {trading.tracking_preference}"
        yield Fault(path=f"{path}.tracking_preference", message=message)
    if trading.max_tracking_error is not None:
        yield from positive(trading.max_tracking_error, path=f"{path}.max_tracking_error")
    for name in (
        "min_trade",
        "min_position",
        "max_turnover",
        "max_trades",
        "ticket_cost",
        "only_if_benefit_exceeds_bps",
    ):
        yield from not_negative(getattr(trading, name), path=f"{path}.{name}")
    pinned = ((pin.security, f"{path}.pinned[{i}].security") for i, pin in enumerate(trading.pinned))
    yield from repeated(pinned, noun="pinned security")
    for index, pin in enumerate(trading.pinned):
        yield from _pinned_faults(pin, account=account, securities=securities, path=f"{path}.pinned[{index}]")


def _pinned_faults(pin: Pinned, *, account: Account, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    if pin.security not in securities:
        yield Fault(
            path=f"{path}.security",
            message=f"{pin.security} is not among the securities",
        )
    if pin.side == "none":
        if pin.quantity or pin.lots:
            yield Fault(path=path, message="side none has neither quantity nor lots")
        return
    if pin.quantity is None:
        yield Fault(path=f"{path}.quantity", message="is missing")
    else:
        yield from positive(pin.quantity, path=f"{path}.quantity")
    if pin.side == "buy" and pin.lots:
        yield Fault(path=f"{path}.lots", message="a purchase names no lots")
    held = {lot.id: lot for lot in account.lots if lot.security == pin.security}
    yield from _pinned_lot_faults(pin, held=held, path=path)
    if pin.side == "sell":
        yield from _sold_faults(pin, held=held, path=path)
    if pin.security in securities:
        yield from _step_faults(pin, securities[pin.security].quantity_step, held=held, path=path)


def _sold_faults(pin: Pinned, *, held: dict[str, Lot], path: str) -> Iterator[Fault]:
    if _is_more(pin.quantity, [lot.quantity for lot in held.values()]):
        yield Fault(path=f"{path}.quantity", message="is more than what is held")
    elif _is_more(pin.quantity, [lot.quantity for lot in held.values() if lot.cost is not None]):
        message = "is more than what may be sold: a lot without a known basis is never sold"
        yield Fault(path=f"{path}.quantity", message=message)


def _step_faults(pin: Pinned, step: Decimal, *, held: dict[str, Lot], path: str) -> Iterator[Fault]:
    """Yield a fault where a quantity is no multiple of the step, unless it closes the position."""
    if pin.quantity is None or not is_usable(pin.quantity) or not is_usable(step) or step <= 0:
        return
    whole = [lot.quantity for lot in held.values()]
    if pin.side == "sell" and all(map(is_usable, whole)) and pin.quantity == sum(whole):
        return
    count = pin.quantity / step
    if count != count.to_integral_value():
        yield Fault(path=f"{path}.quantity", message=f"must be a multiple of the quantity_step {step}")


def _pinned_lot_faults(pin: Pinned, *, held: dict[str, Lot], path: str) -> Iterator[Fault]:
    yield from repeated(((part.lot, f"{path}.lots[{i}].lot") for i, part in enumerate(pin.lots)), noun="pinned lot")
    for index, part in enumerate(pin.lots):
        at = f"{path}.lots[{index}]"
        yield from positive(part.quantity, path=f"{at}.quantity")
        if part.lot not in held:
            yield Fault(path=f"{at}.lot", message=f"{part.lot} is not a lot of {pin.security}")
        elif held[part.lot].cost is None:
            yield Fault(path=f"{at}.lot", message=f"{part.lot} has no known basis and is never sold")
        elif _is_more(part.quantity, [held[part.lot].quantity]):
            yield Fault(path=f"{at}.quantity", message=f"must be at most the {held[part.lot].quantity} held")
    parts = [part.quantity for part in pin.lots]
    if parts and all(map(is_usable, (pin.quantity, *parts))) and sum(parts) != pin.quantity:
        yield Fault(path=f"{path}.lots", message=f"must add up to the quantity {pin.quantity}")


def _is_more(quantity: Decimal | None, held: list[Decimal]) -> bool:
    """Tell whether a quantity is above what is held, as far as both are numbers."""
    if quantity is None or not all(map(is_usable, (quantity, *held))):
        return False
    return quantity > sum(held)


def cash_need_faults(account: Account, *, path: str) -> Iterator[Fault]:
    needs = account.cash_needs
    yield from not_negative(needs.reserve_amount, path=f"{path}.reserve_amount")
    yield from not_negative(needs.raise_, path=f"{path}.raise")
    yield from fraction(needs.reserve_weight, path=f"{path}.reserve_weight")
    yield from fraction(needs.max_weight, path=f"{path}.max_weight")
