"""
What a person changes in a ledger: an event corrected or cancelled, or recorded by hand, each with its reason.

Every change is shown before it is made, by making it and taking it back, so that what is shown is what happens. What it
changed is kept: in the replay, and in the audit event.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.ledger.entries import Entry, event_of
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent
from portfolios.selectors.books import account_in_book
from portfolios.selectors.ledger_pages import event_in_book
from portfolios.selectors.ledger_snapshots import LedgerChanges, compare_snapshots, snapshot_of
from portfolios.services.entry_methods import with_method
from portfolios.services.ledger_rows import lock_tax_households
from portfolios.services.posting import post_events

MANUAL: Final = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person is about to do to one account's ledger: post this event, for this reason."""

    account: Account
    event: LotEvent
    reason: str
    action: str
    target_id: int | None = None


def correction_of(member: Membership, *, event_id: int, entry: Entry, ref: str) -> Change:
    """
    Return the change that puts an entry in the place of an event; a lot that it opened keeps its name.

    :raises NotFound: the event lies outside the member's book
    :raises Invalid: it cannot be corrected, or the entry makes no sense
    """
    target = _target(member, event_id)
    lot = target.detail.get("lot") or {}
    try:
        told = with_method(target.account, entry)
        event = event_of(told, ref=ref, lot_key=str(lot.get("key", "")), corrects=_ref_of(target))
    except BadInput as fault:
        raise Invalid(_sentence(fault)) from fault
    return Change(
        account=target.account, event=event, reason=entry.reason, action="ledger.corrected", target_id=target.pk
    )


def cancellation_of(member: Membership, *, event_id: int, reason: str, ref: str) -> Change:
    """
    Return the change that takes an event out of the ledger, as if it never happened.

    :raises NotFound: the event lies outside the member's book
    :raises Invalid: it cannot be cancelled
    """
    target = _target(member, event_id)
    event = LotEvent(
        kind=EventKind.CANCEL,
        ref=ref,
        traded_on=target.traded_on,
        security=target.security.symbol if target.security else "",
        reason=_said(reason),
        corrects=_ref_of(target),
    )
    return Change(account=target.account, event=event, reason=reason, action="ledger.cancelled", target_id=target.pk)


def entry_of(member: Membership, *, account_id: int, entry: Entry, ref: str) -> Change:
    """
    Return the change that records what no file says.

    :raises NotFound: the account lies outside the member's book
    :raises Invalid: the entry makes no sense
    """
    account = account_in_book(member, account_id)
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    if account.is_held_away:
        raise Invalid("This account is held away: only purchases and sales that count for wash sales are recorded.")
    try:
        event = event_of(with_method(account, entry), ref=ref)
    except BadInput as fault:
        raise Invalid(_sentence(fault)) from fault
    return Change(account=account, event=event, reason=entry.reason, action="ledger.recorded")


def preview_change(member: Membership, change: Change, *, now: datetime) -> LedgerChanges:
    """
    Show what a change would change: it is made and taken back.

    :raises Invalid: the ledger does not allow it
    """
    with transaction.atomic():
        changes = _make(member, change, now=now)
        transaction.set_rollback(True)
    change.account.refresh_from_db(fields=["journal_position"])
    return changes


@transaction.atomic
def make_change(member: Membership, change: Change, *, now: datetime) -> LedgerChanges:
    """
    Make a change and say what it changed; the same reference again changes nothing.

    :raises Invalid: the ledger does not allow it, or no reason is given
    """
    changes = _make(member, change, now=now)
    event = change.event
    audit.record(
        change.action,
        actor=member,
        subject=change.account,
        household_id=change.account.household_id,
        data={
            "event_id": change.target_id,
            "kind": event.kind,
            "security": event.security,
            "traded_on": event.traded_on,
            "lots": len(changes.lots),
            "gains": len(changes.gains),
            "years": [
                {
                    "year": one.year,
                    "short_usd": [one.before.short_usd, one.after.short_usd],
                    "long_usd": [one.before.long_usd, one.after.long_usd],
                    "tax_usd": [one.before.tax_usd, one.after.tax_usd],
                }
                for one in changes.years
                if one.before != one.after
            ],
        },
        reason=_said(change.reason),
        now=now,
    )
    return changes


def _make(member: Membership, change: Change, *, now: datetime) -> LedgerChanges:
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    account = change.account
    on = member.firm.business_on or now.date()
    if change.event.traded_on > on:
        raise Invalid(f"{change.event.traded_on} lies after the firm's business date, {on}.")
    lock_tax_households([account.tax_household_id])
    account.refresh_from_db(fields=["journal_position"])
    before = snapshot_of(account.tax_household_id, on=on)
    _post(member, change, now=now)
    return compare_snapshots(before, snapshot_of(account.tax_household_id, on=on))


def _post(member: Membership, change: Change, *, now: datetime) -> None:
    event = replace(change.event, reason=_said(change.reason))
    posted = post_events(change.account, [event], source=MANUAL, actor=member.user, now=now)
    if not posted.posted_count:
        raise Invalid("This was recorded already.")
    if change.target_id is None:
        return
    row = LedgerEvent.objects.get(account=change.account, source=MANUAL, source_ref__endswith=f":{event.ref}")
    if row.corrects_id != change.target_id:
        raise Invalid("Two events of this account have the same reference; the one meant cannot be named.")


def _said(reason: str) -> str:
    said = " ".join(reason.split())[:240]
    if not said:
        raise Invalid("Say why the ledger changes.")
    return said


def _sentence(fault: BadInput) -> str:
    told = str(fault)
    return f"{told[:1].upper()}{told[1:]}."


def _ref_of(row: LedgerEvent) -> str:
    return row.source_ref.partition(":")[2]


def _target(member: Membership, event_id: int) -> LedgerEvent:
    row = event_in_book(member, event_id)
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    if row.kind == EventKind.CANCEL.value:
        raise Invalid("A cancellation is not corrected; record the event anew instead.")
    if row.kind == EventKind.CORPORATE_ACTION.value:
        raise Invalid("A corporate action is reversed for all its holders, on its own page.")
    return row
