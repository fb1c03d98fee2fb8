"""What events do to an account's cash: a sum, so that an event can be taken out of it again."""

from collections.abc import Iterable

from portfolios.ledger.types import Cash, EventKind, LotEvent


def cash_after(cash: Cash, events: Iterable[LotEvent], *, sign: int = 1) -> Cash:
    """Add what events moved to a balance; with a `sign` of -1 take them back."""
    settled, unsettled = cash.settled_usd, cash.unsettled_usd
    for event in events:
        amount = sign * event.amount_usd
        if event.is_past or event.kind is EventKind.CANCEL:
            continue
        if event.kind is EventKind.SETTLE:
            unsettled -= amount
            settled += amount
        elif event.settled_on is not None and event.settled_on > event.traded_on:
            unsettled += amount
        else:
            settled += amount
    return Cash(settled_usd=settled, unsettled_usd=unsettled)
