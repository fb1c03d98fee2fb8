"""
Write a household's journal in lines: `B1 2025-01-06 T1 buy 100 XYZ 1000.00`.

Kinds: buy, reinvest, gift, inherit, sell (lots after the amount: `B1:60 B2:40`, or a method), and split, without an
amount: `X1 2025-01-06 T1 split 2 XYZ`.
The amount of a sale is what it brought, of anything else what it cost. `=ROOT` at the end names the order.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from portfolios.ledger.families import stem_of
from portfolios.ledger.projection import AccountEvent, AccountFacts, Projection, project
from portfolios.ledger.types import Disposition, EventKind, Lot, LotEvent, LotPick, Relief
from portfolios.ledger.wash_policy import WashPolicy

D = Decimal
_KINDS = {"buy": EventKind.BUY, "reinvest": EventKind.REINVEST}
ACCOUNTS = {
    "T1": AccountFacts(key="T1", owner="H", spouses=("W",)),
    "T2": AccountFacts(key="T2", owner="H", spouses=("W",)),
    "W1": AccountFacts(key="W1", owner="W", spouses=("H",)),
    "R1": AccountFacts(key="R1", owner="H", is_taxable=False, is_retirement=True, plan="traditional_ira"),
    "K1": AccountFacts(key="K1", owner="H", is_taxable=False, is_retirement=True, plan="401k"),
    "H1": AccountFacts(key="H1", owner="H", is_held_away=True),
}


def replay(
    *lines: str,
    policy: WashPolicy | None = None,
    groups: Mapping[str, str] | None = None,
    accounts: Mapping[str, AccountFacts] = ACCOUNTS,
) -> Projection:
    """Replay a journal written in lines, in their order."""
    events = [journal_line(line, number) for number, line in enumerate(lines)]
    return project(events, accounts=accounts, groups=groups or {}, policy=policy or WashPolicy(), is_sequenced=True)


def journal_line(line: str, position: int) -> AccountEvent:
    """Read one line."""
    ref, day, account, kind, units, security, *rest = line.split()
    on = date.fromisoformat(day)
    if kind == "split":
        event = LotEvent(kind=EventKind.SPLIT, ref=f"{ref}{account}", traded_on=on, security=security, ratio=D(units))
    elif kind == "sell":
        event = _sale(ref, on, security, D(units), rest)
    else:
        event = _opening(ref, on, kind, security, D(units), rest)
    return AccountEvent(account=account, position=position, event=event)


def _sale(ref: str, on: date, security: str, units: Decimal, rest: list[str]) -> LotEvent:
    amount, *lots = rest
    picks = tuple(LotPick(key=key, units=D(part)) for key, part in (lot.split(":") for lot in lots if ":" in lot))
    method = None if picks else Relief(lots[0] if lots else "fifo")
    return LotEvent(
        kind=EventKind.SELL, ref=ref, traded_on=on, security=security, units=units, amount_usd=D(amount), picks=picks,
        method=method,
    )  # fmt: skip


def _opening(ref: str, on: date, kind: str, security: str, units: Decimal, rest: list[str]) -> LotEvent:
    amount, *order = rest
    lot = Lot(
        key=ref, root_key=order[0].removeprefix("=") if order else "", security=security, units=units,
        cost_usd=None if amount == "?" else D(amount), acquired_on=on, is_inherited=kind == "inherit",
        is_wash_acquisition=kind in _KINDS,
    )  # fmt: skip
    return LotEvent(
        kind=_KINDS.get(kind, EventKind.TRANSFER_IN), ref=ref, traded_on=on, security=security, units=units, lot=lot
    )


def disallowed(projection: Projection, ref: str) -> Decimal:
    """Return what of a sale's loss is disallowed."""
    return sum((sold.disallowed_usd for sold in _rows(projection, ref)), D(0))


def permanent(projection: Projection, ref: str) -> Decimal:
    """Return what of a sale's loss is lost for good."""
    return sum((sold.permanent_usd for sold in _rows(projection, ref)), D(0))


def recognized(projection: Projection, ref: str) -> Decimal:
    """Return what of a sale's gain counts."""
    return sum((sold.recognized_usd or D(0) for sold in _rows(projection, ref)), D(0))


def gain(projection: Projection, ref: str) -> Decimal:
    """Return a sale's gain before anything is disallowed."""
    return sum((sold.gain_usd or D(0) for sold in _rows(projection, ref)), D(0))


def basis(projection: Projection, account: str, key: str) -> Decimal:
    """Return the basis of the family of a lot."""
    return sum((lot.cost_usd or D(0) for lot in family(projection, account, key)), D(0))


def family(projection: Projection, account: str, key: str) -> list[Lot]:
    """Return the open sublots of a lot, the one that replaced something last."""
    lots = [lot for lot in projection.books[account].lots.values() if stem_of(lot.key) == key]
    return sorted(lots, key=lambda lot: lot.is_wash_consumed)


def _rows(projection: Projection, ref: str) -> list[Disposition]:
    return [sold for book in projection.books.values() for sold in book.dispositions if sold.event_ref == ref]
