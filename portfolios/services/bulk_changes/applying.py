"""
Apply a bulk change, and take it back: line by line, by a job that may be killed and started again.

Each line goes through the service that a person at the preferences page would use, in a transaction of its own that
also says that the line is done. What is refused only now is kept with why.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, DomainError, Invalid, NotFound
from advisors.jobs import enqueue
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.models.bulk_changes import BulkChange, BulkChangeLine, BulkLineStatus, BulkStatus
from portfolios.models.preferences import Level
from portfolios.services.bulk_changes.asked import AskedSetting, from_json
from portfolios.services.preferences import Replaced, replaced_at, restore_setting, set_preference
from portfolios.services.restrictions import add_restriction, end_restriction
from portfolios.services.statement_guard import Terms

TASK: Final = "portfolios.tasks.bulk_change_task"
Clock = Callable[[], datetime]


@transaction.atomic
def start_applying(member: Membership, bulk_change_id: int, *, now: datetime) -> None:
    """
    Let what was prepared hold, in the background.

    :raises NotFound: there is none of the member's own
    :raises Conflict: it was applied or dropped already
    :raises Invalid: none of its lines can be applied
    """
    change = _own(member, bulk_change_id)
    _move(change, BulkStatus.PREPARED, BulkStatus.APPLYING, decided_at=now)
    if not change.lines.filter(status=BulkLineStatus.READY).exists():
        raise Invalid("None of its lines can be applied.")
    audit.record("bulk_change.applied", actor=member, subject=change, data=_counts(change), now=now)
    enqueue(TASK, bulk_change_id=change.pk)


@transaction.atomic
def drop(member: Membership, bulk_change_id: int, *, now: datetime) -> None:
    """
    Forget what was prepared; it stays readable.

    :raises NotFound: there is none of the member's own
    :raises Conflict: it was applied or dropped already
    """
    change = _own(member, bulk_change_id)
    _move(change, BulkStatus.PREPARED, BulkStatus.DROPPED, decided_at=now)
    audit.record("bulk_change.dropped", actor=member, subject=change, now=now)


@transaction.atomic
def start_undoing(member: Membership, bulk_change_id: int, *, reason: str, now: datetime) -> None:
    """
    Take back what was applied, in the background; what somebody changed since is left as it is.

    :raises NotFound: there is none of the member's own
    :raises Conflict: it is not applied
    """
    change = _own(member, bulk_change_id)
    _move(change, BulkStatus.APPLIED, BulkStatus.UNDOING, undone_at=now, undone_because=reason[:240])
    audit.record("bulk_change.undone", actor=member, subject=change, data=_counts(change), reason=reason, now=now)
    enqueue(TASK, bulk_change_id=change.pk)


def go_on(bulk_change_id: int, *, clock: Clock) -> int:
    """Do what is still to do of a bulk change and return how many lines that was; safe to run twice."""
    change = BulkChange.objects.select_related("member__user", "member__firm").get(pk=bulk_change_id)
    if change.status == BulkStatus.APPLYING:
        done = _each(change, BulkLineStatus.READY, _apply, clock=clock)
        BulkChange.objects.filter(pk=change.pk, status=BulkStatus.APPLYING).update(status=BulkStatus.APPLIED)
        return done
    if change.status == BulkStatus.UNDOING:
        done = _each(change, BulkLineStatus.APPLIED, _undo, clock=clock, is_newest_first=True)
        BulkChange.objects.filter(pk=change.pk, status=BulkStatus.UNDOING).update(status=BulkStatus.UNDONE)
        return done
    return 0


def _own(member: Membership, bulk_change_id: int) -> BulkChange:
    check_can(member, Capability.EDIT_PREFERENCES)
    change = BulkChange.objects.select_for_update().filter(pk=bulk_change_id, member=member).first()
    if change is None:
        raise NotFound("This bulk change does not exist, or somebody else prepared it.")
    return change


def _move(change: BulkChange, old: BulkStatus, new: BulkStatus, **fields: object) -> None:
    if not BulkChange.objects.filter(pk=change.pk, status=old).update(status=new, **fields):
        raise Conflict(f"This bulk change is {BulkStatus(change.status).label.lower()} already.")


def _counts(change: BulkChange) -> dict[str, int]:
    found: dict[str, int] = {}
    for status in change.lines.values_list("status", flat=True):
        found[str(status)] = found.get(str(status), 0) + 1
    return found


def _each(
    change: BulkChange,
    status: BulkLineStatus,
    do: Callable[[BulkChange, BulkChangeLine, datetime], None],
    *,
    clock: Clock,
    is_newest_first: bool = False,
) -> int:
    order = "-position" if is_newest_first else "position"
    ids = list(change.lines.filter(status=status).order_by(order).values_list("pk", flat=True))
    for pk in ids:
        with transaction.atomic():
            line = BulkChangeLine.objects.select_for_update().filter(pk=pk, status=status).first()
            if line is not None:
                do(change, line, clock())
                line.save(update_fields=["status", "why", "made_id", "before"])
    return len(ids)


def _apply(change: BulkChange, line: BulkChangeLine, now: datetime) -> None:
    terms = Terms(reason=line.reason, starts_on=line.starts_on, ends_on=line.ends_on, review_on=line.review_on)
    asked, account_id = from_json(line.asked), int(line.account_id or 0)
    try:
        if isinstance(asked, AskedSetting):
            set_preference(change.member, account_id=account_id, key=asked.key, value=asked.value, terms=terms, now=now)
            assert line.account is not None
            replaced = replaced_at(line.account, asked.key, by_id=change.member.user_id, at=now)
            line.made_id, line.before = replaced.made_id, {"ended_ids": list(replaced.ended_ids)}
        else:
            place = (Level.ACCOUNT, account_id)
            row = add_restriction(change.member, place=place, new=asked, terms=terms, now=now)
            line.made_id = row.pk
        line.status = BulkLineStatus.APPLIED
    except DomainError as error:
        line.status, line.why = BulkLineStatus.REFUSED, str(error)


def _undo(change: BulkChange, line: BulkChangeLine, now: datetime) -> None:
    reason = f"Undone: {change.undone_because}"[:240]
    asked, account_id = from_json(line.asked), int(line.account_id or 0)
    try:
        if isinstance(asked, AskedSetting):
            ended = tuple((line.before or {}).get("ended_ids", ()))
            if line.made_id is not None or ended:
                restore_setting(
                    change.member,
                    account_id=account_id,
                    key=asked.key,
                    replaced=Replaced(made_id=line.made_id, ended_ids=ended),
                    reason=reason,
                    now=now,
                )
        else:
            end_restriction(change.member, restriction_id=int(line.made_id or 0), reason=reason, now=now)
        line.status = BulkLineStatus.UNDONE
    except DomainError as error:
        line.status, line.why = BulkLineStatus.LEFT, str(error)
