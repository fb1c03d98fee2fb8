"""What a person records that no file says, as events: trades, transfers in kind, gifts and inheritances."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import ZERO, EventKind, Lot, LotEvent, LotPick, Relief

_BY_PRICE = frozenset({Relief.MAX_LOSS, Relief.MAX_GAIN, Relief.MIN_TAX, Relief.AVERAGE_COST})


class EntryKind(StrEnum):
    """What is recorded by hand."""

    PURCHASE = "purchase"
    REINVESTMENT = "reinvestment"
    SALE = "sale"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    GIFT = "gift"
    INHERITANCE = "inheritance"
    CASH = "cash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One thing recorded by hand; which fields it needs depends on its kind.

    `amount_usd` is the net money of a trade, positive, or the signed movement of cash. `cost_usd` is the basis of what
    came in kind: of a gift the donor's. `fair_usd` is the value of a gift on the day it was given, of an inheritance
    on the day of death. `short_frac` and `long_frac` are the rates of a sale by the least tax. `acquired_on` is when
    it was bought: of a gift by the donor, of an inheritance the day of death. None for a basis or a day that nobody
    knows.
    """

    kind: EntryKind
    on: date
    security: str = ""
    units: Decimal = ZERO
    amount_usd: Decimal = ZERO
    cost_usd: Decimal | None = None
    fair_usd: Decimal | None = None
    acquired_on: date | None = None
    picks: tuple[LotPick, ...] = ()
    method: Relief = Relief.FIFO
    short_frac: Decimal | None = None
    long_frac: Decimal | None = None
    reason: str = ""


def event_of(entry: Entry, *, ref: str, lot_key: str = "", corrects: str = "") -> LotEvent:
    """
    Return the event that an entry is; `lot_key` names the lot that it opens.

    :raises BadInput: a field that its kind needs is missing or makes no sense
    """
    if entry.kind is not EntryKind.CASH and not (entry.security and entry.units > 0):
        raise BadInput("name the security, and more than no units of it")
    if entry.acquired_on is not None and entry.acquired_on > entry.on:
        raise BadInput(f"{entry.acquired_on} is after {entry.on}: what came that day was acquired before")
    return _MAKERS[entry.kind](entry, ref, lot_key or f"{entry.security}-{entry.on:%Y%m%d}-{ref[-8:]}", corrects)


def _purchase(entry: Entry, ref: str, key: str, corrects: str) -> LotEvent:
    if entry.amount_usd <= 0:
        raise BadInput("say what the purchase cost, as a positive amount")
    kind = EventKind.REINVEST if entry.kind is EntryKind.REINVESTMENT else EventKind.BUY
    lot = Lot(key=key, security=entry.security, units=entry.units, cost_usd=entry.amount_usd, acquired_on=entry.on)
    return LotEvent(
        kind=kind,
        ref=ref,
        traded_on=entry.on,
        security=entry.security,
        units=entry.units,
        amount_usd=-entry.amount_usd,
        lot=lot,
        reason=entry.reason,
        corrects=corrects,
    )


def _sale(entry: Entry, ref: str, _: str, corrects: str) -> LotEvent:
    if entry.amount_usd < 0:
        raise BadInput("say what the sale brought, as a positive amount")
    return _removal(entry, ref, corrects, kind=EventKind.SELL, amount_usd=entry.amount_usd)


def _transfer_out(entry: Entry, ref: str, _: str, corrects: str) -> LotEvent:
    if not entry.picks and entry.method in _BY_PRICE:
        raise BadInput("what is delivered in kind has no price: name its lots, or order them by age or basis")
    return _removal(entry, ref, corrects, kind=EventKind.TRANSFER_OUT, amount_usd=ZERO)


def _removal(entry: Entry, ref: str, corrects: str, *, kind: EventKind, amount_usd: Decimal) -> LotEvent:
    if entry.picks and sum((pick.units for pick in entry.picks), ZERO) != entry.units:
        raise BadInput(f"the lots named do not add up to {entry.units} units")
    return LotEvent(
        kind=kind,
        ref=ref,
        traded_on=entry.on,
        security=entry.security,
        units=entry.units,
        amount_usd=amount_usd,
        picks=entry.picks,
        method=None if entry.picks else entry.method,
        short_frac=entry.short_frac,
        long_frac=entry.long_frac,
        reason=entry.reason,
        corrects=corrects,
    )


def _transfer_in(entry: Entry, ref: str, key: str, corrects: str) -> LotEvent:
    if entry.acquired_on is None:
        raise BadInput("say when what is transferred was acquired")
    lot = _lot(entry, key, cost_usd=entry.cost_usd, acquired_on=entry.acquired_on)
    return _arrival(entry, ref, lot, corrects)


def _gift(entry: Entry, ref: str, key: str, corrects: str) -> LotEvent:
    """A gift keeps the donor's basis and day; below that basis its value counts for a loss (R-1.8.1)."""
    if entry.acquired_on is None:
        raise BadInput("say when the donor acquired it")
    if entry.cost_usd is not None and entry.fair_usd is None:
        raise BadInput("say what the gift was worth on the day it was given")
    is_dual = entry.cost_usd is not None and entry.fair_usd is not None and entry.fair_usd < entry.cost_usd
    lot = _lot(
        entry,
        key,
        cost_usd=entry.cost_usd,
        acquired_on=entry.on,
        holding_on=entry.acquired_on if entry.acquired_on < entry.on else None,
        loss_cost_usd=entry.fair_usd if is_dual else None,
    )
    return _arrival(entry, ref, lot, corrects)


def _inheritance(entry: Entry, ref: str, key: str, corrects: str) -> LotEvent:
    """An inheritance is worth what it was on the day of death, and long-term whenever sold (R-1.8.2)."""
    if entry.acquired_on is None:
        raise BadInput("say the day of death")
    lot = _lot(entry, key, cost_usd=entry.fair_usd, acquired_on=entry.acquired_on, is_inherited=True)
    return _arrival(entry, ref, lot, corrects)


def _lot(
    entry: Entry,
    key: str,
    *,
    cost_usd: Decimal | None,
    acquired_on: date,
    holding_on: date | None = None,
    loss_cost_usd: Decimal | None = None,
    is_inherited: bool = False,
) -> Lot:
    return Lot(
        key=key,
        security=entry.security,
        units=entry.units,
        cost_usd=cost_usd,
        acquired_on=acquired_on,
        holding_on=holding_on,
        loss_cost_usd=loss_cost_usd,
        is_inherited=is_inherited,
        is_wash_acquisition=False,
    )


def _arrival(entry: Entry, ref: str, lot: Lot, corrects: str) -> LotEvent:
    return LotEvent(
        kind=EventKind.TRANSFER_IN,
        ref=ref,
        traded_on=entry.on,
        security=entry.security,
        units=entry.units,
        lot=lot,
        reason=entry.reason,
        corrects=corrects,
    )


def _cash(entry: Entry, ref: str, _: str, corrects: str) -> LotEvent:
    if not entry.amount_usd:
        raise BadInput("say how much cash moved")
    return LotEvent(
        kind=EventKind.CASH_IN if entry.amount_usd > 0 else EventKind.CASH_OUT,
        ref=ref,
        traded_on=entry.on,
        amount_usd=entry.amount_usd,
        reason=entry.reason,
        corrects=corrects,
    )


_MAKERS: Mapping[EntryKind, Callable[[Entry, str, str, str], LotEvent]] = {
    EntryKind.PURCHASE: _purchase,
    EntryKind.REINVESTMENT: _purchase,
    EntryKind.SALE: _sale,
    EntryKind.TRANSFER_IN: _transfer_in,
    EntryKind.TRANSFER_OUT: _transfer_out,
    EntryKind.GIFT: _gift,
    EntryKind.INHERITANCE: _inheritance,
    EntryKind.CASH: _cash,
}
