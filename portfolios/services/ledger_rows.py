"""How what the ledger worked out becomes rows: journal, lots, cash and gains of any number of accounts at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from operator import attrgetter
from typing import Final, TypeVar

from django.db import connection

from advisors.errors import Invalid
from advisors.models import User
from portfolios.ledger.journal import event_detail
from portfolios.ledger.types import CENT, COST_STEP, Book, Cash, Disposition, LotEvent
from portfolios.models.households import Account, TaxHousehold, TaxStatus
from portfolios.models.lots import CashBalance, LedgerEvent, Lot, RealizedGain
from portfolios.models.securities import Security
from portfolios.services.bulk_rows import Cell, insert_rows

BATCH: Final = 2000
LOT_FIELDS: Final = (
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
GAIN_FIELDS: Final = (
    "event",
    "account",
    "security",
    "lot_key",
    "kind",
    "root_key",
    "closed_on",
    "acquired_on",
    "holding_on",
    "units",
    "proceeds_usd",
    "cost_usd",
    "gain_usd",
    "term",
    "disallowed_usd",
    "permanent_usd",
    "provisional_until_on",
    "policy",
)
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
lot_cells = attrgetter(*LOT_FIELDS)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What is added to one account's journal, from position `first` on."""

    account: Account
    events: Sequence[LotEvent]
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One account's book before and after; a lot that is gone was closed by its sale, or on `last_on`."""

    account: Account
    before: Book
    after: Book
    last_on: date


def source_ref(account_id: int, ref: str) -> str:
    """Return the reference under which an event of an account is kept: a custodian's ref is unique in its account."""
    return f"{account_id}:{ref}"


def batches(rows: Sequence[_T]) -> Iterable[Sequence[_T]]:
    """Cut a list into parts that one statement can name."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def lock_tax_households(tax_household_ids: Iterable[int]) -> None:
    """
    Let nobody else post to these tax households until the transaction ends.

    On SQLite the transaction already is the only writer.
    """
    if connection.features.has_select_for_update:
        wanted = sorted(set(tax_household_ids))
        list(TaxHousehold.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk"))


def security_ids(events: Iterable[LotEvent]) -> Mapping[str, int]:
    """
    Return the ids of every security that events name.

    :raises Invalid: one is not in the security master
    """
    symbols: set[str] = set()
    for event in events:
        symbols.update(symbols_of(event))
    known = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk"))
    unknown = sorted(symbols - set(known))
    if unknown:
        raise Invalid(f"Unknown securities: {', '.join(unknown[:10])}.")
    return known


def symbols_of(event: LotEvent) -> set[str]:
    """Return the symbols that an event names."""
    symbols = {sold.security for sold in event.dispositions}
    if event.security:
        symbols.add(event.security)
    if event.lot is not None:
        symbols.add(event.lot.security)
    if event.action is not None:
        symbols.update(event.action.securities)
    return symbols


def append_events(
    postings: Sequence[Fresh],
    *,
    securities: Mapping[str, int],
    corrected: Mapping[tuple[int, str], int],
    source: str,
    actor: User | None,
    now: datetime,
) -> None:
    """Add events to journals; `corrected` are the ids of events that they correct, by account and reference."""
    actor_id = None if actor is None else actor.pk
    insert_rows(
        LedgerEvent,
        _EVENT_FIELDS,
        (
            (
                fresh.account.pk,
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
                source_ref(fresh.account.pk, event.ref),
                corrected[fresh.account.pk, event.corrects] if event.corrects else None,
                now,
                actor_id,
            )
            for fresh in postings
            for position, event in enumerate(fresh.events, start=fresh.first)
        ),
    )


def event_ids(postings: Sequence[Fresh], *, source: str) -> Mapping[tuple[int, str], int]:
    """Return the ids of events just appended, by account and reference."""
    refs = {
        source_ref(fresh.account.pk, event.ref): (fresh.account.pk, event.ref)
        for fresh in postings
        for event in fresh.events
    }
    found: dict[tuple[int, str], int] = {}
    for some in batches(list(refs)):
        rows = LedgerEvent.objects.filter(source=source, source_ref__in=some).values_list("source_ref", "pk")
        found.update((refs[ref], pk) for ref, pk in rows)
    return found


def write_lots(changes: Sequence[Change], *, securities: Mapping[str, int]) -> None:
    """Write lots that are new or changed, and close those that are gone."""
    insert_rows(
        Lot,
        ("account", "security", "key", "closed_on", *LOT_FIELDS),
        (
            (change.account.pk, securities[lot.security], lot.key, None, *lot_cells(lot))
            for change in changes
            for key, lot in change.after.lots.items()
            if change.before.lots.get(key) != lot
        ),
        replace_on=("account", "key"),
    )
    by_day: dict[date, list[tuple[int, str]]] = defaultdict(list)
    for change in changes:
        sold_on = {sold.lot_key: sold.sold_on for sold in change.after.dispositions}
        for key in change.before.lots:
            if key not in change.after.lots:
                by_day[sold_on.get(key, change.last_on)].append((change.account.pk, key))
    for day, gone in by_day.items():
        close_lots(gone, closed_on=day)


def close_lots(gone: Sequence[tuple[int, str]], *, closed_on: date) -> None:
    """Close lots, named by account and key."""
    by_key: dict[int, list[str]] = defaultdict(list)
    for account_id, key in gone:
        by_key[account_id].append(key)
    if len(by_key) == 1:
        ((account_id, keys),) = by_key.items()
        for some in batches(keys):
            Lot.objects.filter(account_id=account_id, key__in=some).update(units=0, closed_on=closed_on)
        return
    found: list[int] = []
    wanted = set(gone)
    for accounts in batches(sorted(by_key)):
        rows = Lot.objects.filter(account_id__in=accounts, closed_on__isnull=True)
        found.extend(pk for pk, *name in rows.values_list("pk", "account_id", "key") if tuple(name) in wanted)
    for some_ids in batches(found):
        Lot.objects.filter(pk__in=some_ids).update(units=0, closed_on=closed_on)


def write_cash(balances: Mapping[int, Cash]) -> None:
    """Set the cash of accounts."""
    insert_rows(
        CashBalance,
        ("account", "settled_usd", "unsettled_usd"),
        ((account_id, cash.settled_usd, cash.unsettled_usd) for account_id, cash in balances.items()),
        replace_on=("account",),
    )


def gain_cells(
    sold: Disposition, *, event_id: int, account: Account, security_id: int, policy_id: int | None
) -> tuple[Cell, ...]:
    """Return a disposition as the cells of `GAIN_FIELDS`, at the scale that rows have."""
    is_taxable = account.tax_status == TaxStatus.TAXABLE
    return (
        event_id,
        account.pk,
        security_id,
        sold.lot_key,
        sold.kind.value,
        sold.root_key,
        sold.sold_on,
        sold.acquired_on,
        sold.holding_on,
        sold.units,
        _cents(sold.proceeds_usd),
        None if sold.cost_usd is None else sold.cost_usd.quantize(COST_STEP, ROUND_HALF_UP),
        None if sold.gain_usd is None else _cents(sold.gain_usd),
        sold.term.value,
        _cents(sold.disallowed_usd),
        _cents(sold.permanent_usd),
        sold.provisional_until_on if is_taxable else None,
        policy_id,
    )


def _cents(amount_usd: Decimal) -> Decimal:
    return amount_usd.quantize(CENT, ROUND_HALF_EVEN)


def write_gains(rows: Iterable[tuple[Cell, ...]]) -> None:
    """Write gains; one that is there already takes over the new figures."""
    insert_rows(RealizedGain, GAIN_FIELDS, rows, replace_on=("event", "lot_key", "kind"))
