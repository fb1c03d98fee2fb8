"""
What people do with breaks: give one to somebody, note what is known, and resolve it.

Resolving takes the custodian's word, and then the ledger is adjusted with the reason; or it leaves the ledger as it is,
and then the same figures are no break again.
"""

from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios import vault
from portfolios.custodians import registry
from portfolios.models.households import Account, HoldKind
from portfolios.models.imports import Break, BreakDecision, BreakKind, StagedAccount
from portfolios.selectors.breaks import break_in_book, hold_subject, people_for_breaks
from portfolios.selectors.imports import source_of
from portfolios.services.account_plans import AccountPlan
from portfolios.services.holds import lift_settled
from portfolios.services.importing import plan_again
from portfolios.services.posting import post_events

_MAX_REASON: Final = 240
_MAX_NOTE: Final = 400


@transaction.atomic
def assign_break(member: Membership, break_id: int, *, user_id: int | None, now: datetime) -> None:
    """
    Give a break to somebody of the firm who may resolve it, or to nobody.

    :raises NotFound: no such open break in the member's book
    :raises Invalid: that person cannot have it
    """
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    row = break_in_book(member, break_id)
    if user_id is not None and user_id not in dict(people_for_breaks(member)):
        raise Invalid("Choose somebody of the firm who may resolve exceptions.")
    if row.assigned_to_id == user_id:
        return
    before, row.assigned_to_id = row.assigned_to_id, user_id
    row.assigned_at = None if user_id is None else now
    row.save(update_fields=["assigned_to", "assigned_at"])
    _record("break.assigned", row, member, data={"from": before, "to": user_id}, now=now)


@transaction.atomic
def note_break(member: Membership, break_id: int, *, note: str, now: datetime) -> None:
    """
    Write down what is known of a break; the newest note shows, the audit log keeps all.

    :raises NotFound: no such open break in the member's book
    """
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    row = break_in_book(member, break_id)
    said = " ".join(note.split())[:_MAX_NOTE]
    if said == row.note:
        return
    row.note = said
    row.save(update_fields=["note"])
    _record("break.noted", row, member, reason=said, now=now)


@transaction.atomic
def leave_to_ledger(member: Membership, break_id: int, *, reason: str, now: datetime) -> None:
    """
    Resolve a break because the ledger is right; it is none again until the figures of either side change.

    :raises NotFound: no such open break in the member's book
    :raises Invalid: no reason is given
    :raises Conflict: somebody resolved it meanwhile
    """
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    row = break_in_book(member, break_id)
    _resolve(row, member, decision=BreakDecision.LEDGER, reason=reason, now=now)


@transaction.atomic
def accept_custodian(member: Membership, break_id: int, *, reason: str, now: datetime) -> int:
    """
    Resolve a break by the custodian's word: adjust the ledger to the last file that showed it; return how many events.

    :raises NotFound: no such open break in the member's book
    :raises Invalid: no reason is given, or there is nothing of the custodian's to accept
    :raises Conflict: the file is overtaken, the difference is gone, or somebody resolved it meanwhile
    """
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    row = break_in_book(member, break_id)
    account = Account.objects.select_for_update(of=("self",)).select_related("firm").get(pk=row.account_id)
    plan = _plan_of(row, account)
    symbol = "" if row.security is None else row.security.symbol
    events = [] if plan.found is None else [each for each in plan.found.adjusting if each.security == symbol]
    if not events:
        raise Conflict("The difference is no longer there; the next file resolves the break.")
    _resolve(row, member, decision=BreakDecision.CUSTODIAN, reason=reason, now=now)
    assert row.file is not None  # _plan_of looked
    source = source_of(row.file.custodian)
    posted = post_events(account, events, source=source, actor=member.user, now=now, book=plan.book)
    return posted.posted_count


def _plan_of(row: Break, account: Account) -> AccountPlan:
    """Compare the account once more with the last file that showed the break, the custodian's word accepted."""
    if row.kind == BreakKind.GAIN:
        raise Invalid("A realised gain follows from lots and trades: correct those, or say that the ledger is right.")
    if row.file is None:
        raise Invalid("No file tells the custodian's word on this break.")
    symbol = "" if row.security is None else row.security.symbol
    staged = StagedAccount.objects.filter(file=row.file, account=account).first()
    content = vault.decrypt_content(row.file.content_encrypted)
    number = "" if row.file.account is None else vault.decrypt_text(row.file.account.number_encrypted)
    parsed = registry.parse(custodian=row.file.custodian, file_name=row.file.name, content=content, account=number)
    told = (
        []
        if staged is None
        else [each for each in parsed.accounts if vault.hash_number(each.number) == staged.number_hash]
    )
    if not told:
        raise Invalid("The file that showed this break no longer tells of the account.")
    plan = plan_again(row.file, parsed, told[0], ref=f"a:{row.pk}", accepted=frozenset({symbol}))
    if plan.problems:
        raise Conflict(plan.problems[0].reason)
    if plan.skipped:
        raise Conflict(f"{plan.skipped} Wait for the next file.")
    return plan


def _resolve(row: Break, member: Membership, *, decision: BreakDecision, reason: str, now: datetime) -> None:
    said = " ".join(reason.split())[:_MAX_REASON]
    if not said:
        raise Invalid("Say why the break is resolved so.")
    opened = Break.objects.filter(pk=row.pk, resolved_at__isnull=True)
    is_standing = decision == BreakDecision.LEDGER
    if not opened.update(
        resolved_at=now, resolved_by=member.user, resolution=said, decision=decision, is_standing=is_standing
    ):
        raise Conflict("Somebody resolved this break meanwhile.")
    lift_settled(
        row.account,
        kinds=[HoldKind.POSITION_BREAK],
        subjects=[hold_subject(row)],
        reason=f"{decision.label}: {said}",
        now=now,
    )
    _record("break.resolved", row, member, data={"decision": decision}, reason=said, now=now)


def _record(
    action: str,
    row: Break,
    member: Membership,
    *,
    data: dict[str, object] | None = None,
    reason: str = "",
    now: datetime,
) -> None:
    facts = {"account_id": row.account_id, "kind": row.kind, "size_usd": row.size_usd, **(data or {})}
    audit.record(
        action,
        actor=member,
        subject=row,
        firm_id=row.account.firm_id,
        household_id=row.account.household_id,
        data=facts,
        reason=reason,
        now=now,
    )
