"""The ledger page of an account: its journal, what each event did, and the replays that changed what stands."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.ledger.journal import event_from
from portfolios.ledger.types import EventKind
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, LedgerReplay, OutsideTrade, RealizedGain
from portfolios.models.securities import Security
from portfolios.selectors.books import account_in_book, accounts_in_book
from portfolios.selectors.ledger_words import KIND_WORDS, effect_words

PAGE_SIZE: Final = 50
_REPLAYS: Final = 10
_FIXED: Final = frozenset({EventKind.CANCEL.value, EventKind.CORPORATE_ACTION.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerQuery:
    """What is looked for in a journal."""

    symbol: str = ""
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One event as the page shows it. `mended_by` is the position of the event that took its place, or cancelled it."""

    id: int
    position: int
    kind: str
    symbol: str
    traded_on: date
    units: Decimal | None
    amount_usd: Decimal | None
    is_past: bool
    effects: tuple[str, ...]
    reason: str
    source: str
    recorded_at: datetime
    recorded_by: str
    corrects: int | None
    mended_by: int | None
    is_cancelled: bool
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRow:
    """A lot or gain of a replay: what it is called, before and after, in words."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayLine:
    """One replay of the tax household: why, from when, and what it changed."""

    id: int
    cause: str
    from_on: date
    symbols: tuple[str, ...]
    replayed_at: datetime
    replayed_by: str
    rows: tuple[ReplayedRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLine:
    """A trade of an account held away."""

    symbol: str
    traded_on: date
    side: str
    units: Decimal
    loss_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHead:
    """Whose ledger it is."""

    account_id: int
    name: str
    number_last4: str
    household: str
    household_id: int
    is_held_away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """The page of one account."""

    head: LedgerHead
    events: "Page[Any]"
    replays: tuple[ReplayLine, ...]
    outside: tuple[OutsideLine, ...]


def event_in_book(member: Membership, event_id: int) -> LedgerEvent:
    """
    Return one event of an account in a member's book.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    row = (
        LedgerEvent.objects.filter(pk=event_id, account__in=accounts_in_book(member))
        .select_related("account__household", "security")
        .first()
    )
    if row is None:
        raise NotFound("This event does not exist or is not in your book.")
    return row


def ledger_page(member: Membership, account_id: int, query: LedgerQuery, *, number: str) -> LedgerPage:
    """
    Return a page of an account's journal, the newest events first; a constant number of queries.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    page = Paginator(_events(account, query), PAGE_SIZE).get_page(number)
    page.object_list = _rows(list(page.object_list))  # type: ignore[assignment]
    return LedgerPage(
        head=_head(account),
        events=page,
        replays=_replays(account),
        outside=_outside(account),
    )


def ledger_head(member: Membership, account_id: int) -> LedgerHead:
    """
    Return whose ledger it is.

    :raises NotFound: the account lies outside the member's book
    """
    return _head(account_in_book(member, account_id))


def _head(account: Account) -> LedgerHead:
    return LedgerHead(
        account_id=account.pk,
        name=account.name,
        number_last4=account.number_last4,
        household=account.household.name,
        household_id=account.household_id,
        is_held_away=account.is_held_away,
    )


def event_line(member: Membership, event_id: int) -> LedgerRow:
    """
    Return one event as the page shows it.

    :raises NotFound: it lies outside the member's book
    """
    return _rows([event_in_book(member, event_id)])[0]


def ledger_symbols(member: Membership, account_id: int) -> tuple[str, ...]:
    """
    Return the securities that an account's journal names.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    rows = Security.objects.filter(events__account=account).distinct().order_by("symbol")
    return tuple(rows.values_list("symbol", flat=True))


def _events(account: Account, query: LedgerQuery) -> QuerySet[LedgerEvent]:
    rows = LedgerEvent.objects.filter(account=account).select_related("security", "recorded_by", "corrects")
    if query.symbol:
        rows = rows.filter(security__symbol=query.symbol)
    if query.starts_on:
        rows = rows.filter(traded_on__gte=query.starts_on)
    if query.ends_on:
        rows = rows.filter(traded_on__lte=query.ends_on)
    return rows.order_by("-traded_on", "-position")


def _rows(events: Sequence[LedgerEvent]) -> list[LedgerRow]:
    keys = [event.pk for event in events]
    gains: dict[int, list[RealizedGain]] = defaultdict(list)
    for gain in RealizedGain.objects.filter(event_id__in=keys).order_by("pk"):
        gains[gain.event_id].append(gain)
    mended = {
        corrected: (position, kind)
        for corrected, position, kind in LedgerEvent.objects.filter(corrects_id__in=keys).values_list(
            "corrects_id", "position", "kind"
        )
    }
    return [_row(event, gains[event.pk], mended.get(event.pk)) for event in events]


def _row(event: LedgerEvent, gains: Sequence[RealizedGain], mended: tuple[int, str] | None) -> LedgerRow:
    return LedgerRow(
        id=event.pk,
        position=event.position,
        kind=KIND_WORDS.get(event.kind, event.kind),
        symbol=event.security.symbol if event.security else "",
        traded_on=event.traded_on,
        units=event.units,
        amount_usd=event.amount_usd,
        is_past=bool(event.detail.get("is_past")),
        effects=effect_words(event, gains, _action(event)),
        reason=event.reason,
        source=event.source,
        recorded_at=event.recorded_at,
        recorded_by=event.recorded_by.full_name if event.recorded_by else "Trimtab",
        corrects=event.corrects.position if event.corrects else None,
        mended_by=mended[0] if mended else None,
        is_cancelled=mended is not None and mended[1] == EventKind.CANCEL.value,
        may_change=mended is None and event.kind not in _FIXED,
    )


def _action(event: LedgerEvent) -> ActionTerms | None:
    if event.kind != EventKind.CORPORATE_ACTION.value:
        return None
    columns = {
        "kind": event.kind,
        "ref": event.source_ref,
        "traded_on": event.traded_on,
        "security": event.security.symbol if event.security else "",
    }
    return event_from(columns, event.detail).action


def _replays(account: Account) -> tuple[ReplayLine, ...]:
    """Return the newest replays of the tax household that changed this account."""
    rows = LedgerReplay.objects.filter(tax_household_id=account.tax_household_id).select_related("replayed_by")
    lines = (_replay(row, account) for row in rows.order_by("-replayed_at", "-pk")[: _REPLAYS * 4])
    return tuple(line for line in lines if line.rows)[:_REPLAYS]


def _replay(row: LedgerReplay, account: Account) -> ReplayLine:
    mine = account.pk
    lots = [one for one in row.changes.get("lots", ()) if one["account_id"] == mine]
    gains = [one for one in row.changes.get("gains", ()) if one["account_id"] == mine]
    changed = [_replayed(one, f"lot {one['key']}", _lot_words) for one in lots]
    changed += [_replayed(one, f"gain on lot {one['key']}", _gain_words) for one in gains]
    return ReplayLine(
        id=row.pk,
        cause=row.cause,
        from_on=row.from_on,
        symbols=tuple(row.securities),
        replayed_at=row.replayed_at,
        replayed_by=row.replayed_by.full_name if row.replayed_by else "Trimtab",
        rows=tuple(one for one in changed if one.before != one.after),
    )


_Words = Callable[[Mapping[str, Any] | None], str]


def _replayed(change: Mapping[str, Any], name: str, words: _Words) -> ReplayedRow:
    known = change["after"] or change["before"]
    return ReplayedRow(
        name=f"{known['security']}, {name}", before=words(change["before"]), after=words(change["after"])
    )


def _lot_words(lot: Mapping[str, Any] | None) -> str:
    if lot is None or lot["closed_on"] is not None:
        return "not open"
    basis = "basis unknown" if lot["cost_usd"] is None else f"basis {_money(lot['cost_usd'])}"
    wash = (
        f", of it {_money(lot['wash_adjustment_usd'])} from a wash sale" if Decimal(lot["wash_adjustment_usd"]) else ""
    )
    held = f", held from {lot['holding_on']}" if lot["holding_on"] else ""
    return f"{lot['units']} units, {basis}{wash}{held}"


def _gain_words(gain: Mapping[str, Any] | None) -> str:
    if gain is None:
        return "none"
    if gain["gain_usd"] is None:
        return f"{gain['units']} units, unknown"
    told = f"{gain['units']} units, {gain['term']}-term {_money(gain['gain_usd'])}"
    if Decimal(gain["disallowed_usd"]):
        told += f", {_money(gain['disallowed_usd'])} disallowed"
    if Decimal(gain["permanent_usd"]):
        told += f", {_money(gain['permanent_usd'])} lost for good"
    return told


def _money(text: str) -> str:
    amount = Decimal(text)
    return f"{'−' if amount < 0 else ''}${abs(amount):,.2f}"


def _outside(account: Account) -> tuple[OutsideLine, ...]:
    if not account.is_held_away:
        return ()
    rows = OutsideTrade.objects.filter(account=account).select_related("security").order_by("-traded_on", "-pk")
    return tuple(
        OutsideLine(
            symbol=row.security.symbol,
            traded_on=row.traded_on,
            side="Purchase" if row.side == "buy" else "Sale",
            units=row.units,
            loss_usd=row.loss_usd,
        )
        for row in rows[:200]
    )
