"""
The one writer of lots: events are appended to an account's journal, and its lots, cash and gains follow from them.

Mostly they follow from the events alone. Where an event comes late, mends an earlier one, or may wash a loss, the
identity groups that it concerns are replayed from the journals of the whole tax household. Two postings to one tax
household cannot interleave: it is locked, and each posting moves `Account.journal_position` by compare-and-set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final

from django.db import transaction
from django.db.models import F

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import User
from portfolios.ledger.types import ZERO, Book, Disposition, LotEvent
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent
from portfolios.selectors.ledgers import load_book, load_books
from portfolios.services.ledger_rows import batches, lock_tax_households, security_ids, source_ref
from portfolios.services.posting_plans import Draft, write_drafts

__all__ = ["FILLS_SOURCE", "AccountPosting", "JournalMoved", "PostedEvents", "PostedToMany", "post_events",
           "post_to_many", "source_ref"]  # fmt: skip

FILLS_SOURCE: Final = "fills"
_MANY: Final = 1000


class JournalMoved(Conflict):
    """Somebody posted to the account meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedEvents:
    """What a posting did. `skipped_count` events had been posted before; `book` is the account's book after it."""

    posted_count: int
    skipped_count: int
    book: Book
    dispositions: tuple[Disposition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPosting:
    """What was posted to one of many accounts: ids of events by reference, units by symbol, and the cash moved."""

    event_ids: Mapping[str, int]
    before_units: Mapping[str, Decimal]
    after_units: Mapping[str, Decimal]
    cash_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedToMany:
    """What a posting to many accounts did; `accounts` has those with something new, by id."""

    posted_count: int
    skipped_count: int
    accounts: Mapping[int, AccountPosting]


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

    :raises Invalid: an event cannot be booked, or names an unknown security; the replay that it needs is not possible
    :raises JournalMoved: somebody posted to the account since it was loaded
    """
    lock_tax_households([account.tax_household_id])
    known = _posted_refs({account: events}, source=source)
    fresh = _once(event for event in events if (account.pk, event.ref) not in known)
    before = load_book(account) if book is None else book
    before = replace(before, dispositions=())
    if not fresh:
        return PostedEvents(posted_count=0, skipped_count=len(events), book=before, dispositions=())
    first = account.journal_position + 1
    draft = Draft(account=account, events=fresh, before=before, first=first)
    _claim(account, count=len(fresh))
    written = write_drafts([draft], source=source, actor=actor, now=now)
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
    mine = written[account.pk]
    return PostedEvents(
        posted_count=len(fresh),
        skipped_count=len(events) - len(fresh),
        book=replace(mine.after, dispositions=()),
        dispositions=mine.after.dispositions,
    )


def _once(events: Iterable[LotEvent]) -> list[LotEvent]:
    return list({event.ref: event for event in reversed(list(events))}.values())[::-1]


def _posted_refs(wanted: Mapping[Account, Sequence[LotEvent]], *, source: str) -> set[tuple[int, str]]:
    """Return which references of a source were posted, by account."""
    found: set[tuple[int, str]] = set()
    named = [
        source_ref(account.pk, event.ref)
        for account, events in wanted.items()
        if account.journal_position
        for event in events
    ]
    for some in batches(named):
        rows = LedgerEvent.objects.filter(source=source, source_ref__in=some)
        for account_id, kept in rows.values_list("account_id", "source_ref"):
            found.add((account_id, kept.partition(":")[2]))
    return found


def _claim(account: Account, *, count: int) -> None:
    """Move the journal's position, unless somebody else did."""
    held = account.journal_position
    moved = Account.objects.filter(pk=account.pk, journal_position=held).update(journal_position=held + count)
    if not moved:
        raise JournalMoved("The account was changed by somebody else meanwhile. Load it again; nothing was posted.")


def _facts(events: Sequence[LotEvent], *, source: str, first: int) -> dict[str, object]:
    net = sum((event.amount_usd for event in events if not event.is_past), ZERO)
    return {
        "source": source,
        "from": first,
        "to": first + len(events) - 1,
        "kinds": _kinds(events),
        "cash_usd": net,
    }


def _kinds(events: Iterable[LotEvent]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for event in events:
        name = f"{event.kind.value} (past)" if event.is_past else event.kind.value
        kinds[name] = kinds.get(name, 0) + 1
    return kinds


@transaction.atomic
def post_to_many(
    events_by_account: Mapping[Account, Sequence[LotEvent]], *, source: str, actor: User | None, now: datetime
) -> PostedToMany:
    """
    Append events to the journals of many accounts of one firm: a corporate action, for every holder.

    The books are read here, under lock; the accounts given may be stale. A constant number of statements for every
    thousand accounts. What was posted before is skipped, so that each holder has it exactly once.

    :raises Invalid: an event cannot be booked, or a tax household not be replayed with it; it names the account
    """
    accounts = sorted(events_by_account, key=lambda account: (account.tax_household_id, account.pk))
    firms = {account.firm_id for account in accounts}
    if len(firms) > 1:
        raise Invalid("Events are posted to the accounts of one firm at a time.")
    lock_tax_households(account.tax_household_id for account in accounts)
    done: dict[int, AccountPosting] = {}
    posted = skipped = 0
    for part in _parts(accounts):
        wanted = {account: events_by_account[account] for account in part}
        found = _post_part(wanted, source=source, actor=actor, now=now)
        done.update(found)
        posted += sum(len(one.event_ids) for one in found.values())
        skipped += sum(len(events) for events in wanted.values()) - sum(len(one.event_ids) for one in found.values())
    if done:
        facts = {
            "source": source,
            "accounts": len(done),
            "events": posted,
            "kinds": _kinds(event for events in events_by_account.values() for event in events),
            "account_ids": sorted(done)[:_MANY],
        }
        audit.record("lots.posted_to_many", actor=actor, firm_id=firms.pop(), data=facts, now=now)
    return PostedToMany(posted_count=posted, skipped_count=skipped, accounts=done)


def _parts(accounts: Sequence[Account]) -> Iterable[list[Account]]:
    """Cut accounts into parts of about a thousand, none of which divides a tax household."""
    part: list[Account] = []
    for _, members in groupby(accounts, key=lambda account: account.tax_household_id):
        part.extend(members)
        if len(part) >= _MANY:
            yield part
            part = []
    if part:
        yield part


def _post_part(
    wanted: Mapping[Account, Sequence[LotEvent]], *, source: str, actor: User | None, now: datetime
) -> Mapping[int, AccountPosting]:
    accounts = list(wanted)
    positions = dict(
        Account.objects.filter(pk__in=[account.pk for account in accounts]).values_list("pk", "journal_position")
    )
    for account in accounts:
        account.journal_position = positions[account.pk]
    known = _posted_refs(wanted, source=source)
    fresh = {
        account: _once(event for event in events if (account.pk, event.ref) not in known)
        for account, events in wanted.items()
    }
    fresh = {account: events for account, events in fresh.items() if events}
    if not fresh:
        return {}
    securities = security_ids(event for events in fresh.values() for event in events)
    books = load_books(list(fresh), security_ids=securities.values())
    drafts = [
        Draft(account=account, events=events, before=books[account.pk], first=account.journal_position + 1)
        for account, events in fresh.items()
    ]
    _claim_many(drafts)
    written = write_drafts(drafts, source=source, actor=actor, now=now, is_asked_for_ids=True)
    for draft in drafts:
        draft.account.journal_position = draft.first + len(draft.events) - 1
    return {
        draft.account.pk: AccountPosting(
            event_ids=written[draft.account.pk].event_ids,
            before_units={symbol: draft.before.units_of(symbol) for symbol in securities},
            after_units={symbol: written[draft.account.pk].after.units_of(symbol) for symbol in securities},
            cash_usd=written[draft.account.pk].after.cash.total_usd - draft.before.cash.total_usd,
        )
        for draft in drafts
    }


def _claim_many(drafts: Sequence[Draft]) -> None:
    by_count: dict[int, list[int]] = {}
    for draft in drafts:
        by_count.setdefault(len(draft.events), []).append(draft.account.pk)
    for count, keys in by_count.items():
        for some in batches(keys):
            Account.objects.filter(pk__in=some).update(journal_position=F("journal_position") + count)
