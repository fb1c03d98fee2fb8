"""
The one writer of lots: events are appended to an account's journal, and its lots, cash and gains follow from them.

Two postings to one account cannot interleave: each moves `Account.journal_position` by compare-and-set.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import User
from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.journal import event_detail
from portfolios.ledger.types import ZERO, Book, Disposition, LotEvent
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, LedgerEvent, Lot, RealizedGain
from portfolios.models.securities import Security
from portfolios.selectors.ledgers import load_book
from portfolios.services.bulk_rows import insert_rows

FILLS_SOURCE: Final = "fills"
_BATCH: Final = 2000
_LOT_FIELDS: Final = (
    "root_key",
    "units",
    "cost_usd",
    "loss_cost_usd",
    "wash_adjustment_usd",
    "acquired_on",
    "holding_on",
    "is_inherited",
    "is_gift",
    "is_wash_acquisition",
    "is_wash_consumed",
)


_lot_cells = attrgetter(*_LOT_FIELDS)
_EVENT_FIELDS: Final = (
    "account",
    "position",
    "kind",
    "security",
    "traded_on",
    "settled_on",
    "units",
    "amount_usd",
    "cost_usd",
    "detail",
    "reason",
    "source",
    "source_ref",
    "corrects",
    "recorded_at",
    "recorded_by",
)


class JournalMoved(Conflict):
    """Somebody posted to the account meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedEvents:
    """What a posting did. `skipped_count` events had been posted before; `book` is the account's book after it."""

    posted_count: int
    skipped_count: int
    book: Book
    dispositions: tuple[Disposition, ...]


def source_ref(account_id: int, ref: str) -> str:
    """Return the reference under which an event of an account is kept: a custodian's ref is unique in its account."""
    return f"{account_id}:{ref}"


@transaction.atomic
def post_events(
    account: Account,
    events: Sequence[LotEvent],
    *,
    source: str,
    actor: User | None,
    now: datetime,
    book: Book | None = None,
) -> PostedEvents:
    """
    Append events to an account's journal and bring its lots, cash and gains up to date.

    An event whose (source, ref) was posted before is skipped. `book` saves loading what the caller has just loaded;
    it must be of `account.journal_position`.

    :raises Invalid: an event cannot be booked, or names an unknown security
    :raises JournalMoved: somebody posted to the account since it was loaded
    """
    known = _posted_refs(account, source=source, refs=[event.ref for event in events])
    fresh = [event for event in _once(events) if event.ref not in known]
    before = load_book(account) if book is None else book
    before = replace(before, dispositions=())
    if not fresh:
        return PostedEvents(posted_count=0, skipped_count=len(events), book=before, dispositions=())
    try:
        after = apply_events(before, fresh)
    except BadInput as fault:
        raise Invalid(f"{fault}.") from fault
    first = _claim(account, count=len(fresh))
    securities = _securities(fresh)
    _append(account, fresh, first=first, securities=securities, source=source, actor=actor, now=now)
    _write_lots(account, before, after, securities=securities)
    _close_lots(account, before, after, last_on=max(event.traded_on for event in fresh))
    _write_cash(account, before, after)
    _write_gains(account, after.dispositions, source=source, securities=securities)
    audit.record(
        "lots.posted",
        actor=actor,
        subject=account,
        firm_id=account.firm_id,
        household_id=account.household_id,
        data=_facts(fresh, source=source, first=first),
        now=now,
    )
    account.journal_position = first + len(fresh) - 1
    return PostedEvents(
        posted_count=len(fresh),
        skipped_count=len(events) - len(fresh),
        book=replace(after, dispositions=()),
        dispositions=after.dispositions,
    )


def _once(events: Iterable[LotEvent]) -> list[LotEvent]:
    return list({event.ref: event for event in reversed(list(events))}.values())[::-1]


def _posted_refs(account: Account, *, source: str, refs: Sequence[str]) -> set[str]:
    prefix = source_ref(account.pk, "")
    known: set[str] = set()
    if account.journal_position == 0 and not LedgerEvent.objects.filter(account=account).exists():
        return known
    for start in range(0, len(refs), _BATCH):
        wanted = [source_ref(account.pk, ref) for ref in refs[start : start + _BATCH]]
        found = LedgerEvent.objects.filter(source=source, source_ref__in=wanted).values_list("source_ref", flat=True)
        known.update(ref.removeprefix(prefix) for ref in found)
    return known


def _claim(account: Account, *, count: int) -> int:
    """Move the journal's position and return the number of the first new event."""
    held = account.journal_position
    moved = Account.objects.filter(pk=account.pk, journal_position=held).update(journal_position=held + count)
    if not moved:
        raise JournalMoved("The account was changed by somebody else meanwhile. Load it again; nothing was posted.")
    return held + 1


def _securities(events: Sequence[LotEvent]) -> Mapping[str, int]:
    symbols = {event.security for event in events if event.security}
    symbols |= {event.lot.security for event in events if event.lot is not None}
    symbols |= {sold.security for event in events for sold in event.dispositions}
    known = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk"))
    unknown = sorted(symbols - set(known))
    if unknown:
        raise Invalid(f"Unknown securities: {', '.join(unknown[:10])}.")
    return known


def _append(
    account: Account,
    events: Sequence[LotEvent],
    *,
    first: int,
    securities: Mapping[str, int],
    source: str,
    actor: User | None,
    now: datetime,
) -> None:
    insert_rows(
        LedgerEvent,
        _EVENT_FIELDS,
        (
            (
                account.pk,
                position,
                event.kind.value,
                securities[event.security] if event.security else None,
                event.traded_on,
                event.settled_on,
                event.units or None,
                event.amount_usd,
                None if event.lot is None else event.lot.cost_usd,
                event_detail(event),
                event.reason,
                source,
                source_ref(account.pk, event.ref),
                _corrected(account, event, source=source),
                now,
                None if actor is None else actor.pk,
            )
            for position, event in enumerate(events, start=first)
        ),
    )


def _corrected(account: Account, event: LotEvent, *, source: str) -> int | None:
    if not event.corrects:
        return None
    ref = source_ref(account.pk, event.corrects)
    found = LedgerEvent.objects.filter(source=source, source_ref=ref).values_list("pk", flat=True).first()
    if found is None:
        raise Invalid(f"Event {event.ref} corrects {event.corrects}, which was never posted.")
    return found


def _write_lots(account: Account, before: Book, after: Book, *, securities: Mapping[str, int]) -> None:
    changed = [lot for key, lot in after.lots.items() if before.lots.get(key) != lot]
    insert_rows(
        Lot,
        ("account", "security", "key", "closed_on", *_LOT_FIELDS),
        ((account.pk, securities[lot.security], lot.key, None, *_lot_cells(lot)) for lot in changed),
        replace_on=("account", "key"),
    )


def _close_lots(account: Account, before: Book, after: Book, *, last_on: date) -> None:
    sold_on = {sold.lot_key: sold.sold_on for sold in after.dispositions}
    by_day: dict[date, list[str]] = defaultdict(list)
    for key in before.lots:
        if key not in after.lots:
            by_day[sold_on.get(key, last_on)].append(key)
    for day, keys in by_day.items():
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            Lot.objects.filter(account=account, key__in=batch).update(units=0, closed_on=day)


def _write_cash(account: Account, before: Book, after: Book) -> None:
    cash = after.cash
    defaults: dict[str, Decimal] = {"settled_usd": cash.settled_usd, "unsettled_usd": cash.unsettled_usd}
    if cash == before.cash:
        CashBalance.objects.get_or_create(account=account, defaults=defaults)
    else:
        CashBalance.objects.update_or_create(account=account, defaults=defaults)


def _write_gains(
    account: Account,
    dispositions: Sequence[Disposition],
    *,
    source: str,
    securities: Mapping[str, int],
) -> None:
    if not dispositions:
        return
    refs = {source_ref(account.pk, sold.event_ref) for sold in dispositions}
    rows = dict(LedgerEvent.objects.filter(source=source, source_ref__in=refs).values_list("source_ref", "pk"))
    RealizedGain.objects.bulk_create(
        [
            RealizedGain(
                event_id=rows[source_ref(account.pk, sold.event_ref)],
                account=account,
                security_id=securities[sold.security],
                lot_key=sold.lot_key,
                closed_on=sold.sold_on,
                acquired_on=sold.acquired_on,
                units=sold.units,
                proceeds_usd=sold.proceeds_usd,
                cost_usd=sold.cost_usd,
                gain_usd=sold.gain_usd,
                term=sold.term.value,
                disallowed_usd=sold.disallowed_usd,
                is_permanent=sold.is_permanent,
            )
            for sold in dispositions
        ],
        batch_size=_BATCH,
    )


def _facts(events: Sequence[LotEvent], *, source: str, first: int) -> dict[str, object]:
    kinds: dict[str, int] = {}
    for event in events:
        name = f"{event.kind.value} (past)" if event.is_past else event.kind.value
        kinds[name] = kinds.get(name, 0) + 1
    net = sum((event.amount_usd for event in events if not event.is_past), ZERO)
    return {"source": source, "from": first, "to": first + len(events) - 1, "kinds": kinds, "cash_usd": net}
