"""The one changer of a proposal's status: compare-and-set, with its decision, its audit event and the day's state."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict
from advisors.models import User
from rebalancing.models.proposals import Decision, Proposal, ProposalDecision, ProposalStatus
from rebalancing.models.runs import DayState
from rebalancing.services.figures import set_day_state
from rebalancing.states import Status, can_follow

_DECISIONS: Final[Mapping[Status, Decision]] = {
    Status.ADVISOR_APPROVED: Decision.ADVISOR_APPROVE,
    Status.APPROVED: Decision.APPROVE,
    Status.SENT_BACK: Decision.SEND_BACK,
    Status.REJECTED: Decision.REJECT,
    Status.RELEASED: Decision.RELEASE,
    Status.STALE: Decision.STALE,
}

_DAY_STATES: Final[Mapping[Status, DayState]] = {
    Status.ADVISOR_APPROVED: DayState.PROPOSED,
    Status.APPROVED: DayState.APPROVED,
    Status.RELEASED: DayState.RELEASED,
    Status.FILLED: DayState.FILLED,
    Status.SENT_BACK: DayState.ANALYSED,
    Status.REJECTED: DayState.ANALYSED,
    Status.STALE: DayState.ANALYSED,
}


class MovedMeanwhile(Conflict):
    """Somebody else moved the proposal since it was loaded."""


@transaction.atomic
def transition(
    proposal: Proposal, *, to: Status | ProposalStatus | str, actor: User | None, now: datetime, note: str = ""
) -> Proposal:
    """
    Move a proposal from the status it was loaded with to another; `actor` is None for a machine.

    :raises MovedMeanwhile: it no longer has that status, or nothing leads from there to `to`
    """
    before, after = Status(proposal.status), Status(to)
    if not can_follow(before, after):
        raise MovedMeanwhile(f"This proposal is {_words(before)}; from there it cannot become {_words(after)}.")
    moved = Proposal.objects.filter(pk=proposal.pk, status=before).update(status=after.value, status_at=now)
    if not moved:
        current = Proposal.objects.values_list("status", flat=True).get(pk=proposal.pk)
        raise MovedMeanwhile(f"Somebody was quicker: this proposal is {_words(Status(current))} by now.")
    proposal.status, proposal.status_at = after.value, now
    if after in _DECISIONS:
        ProposalDecision.objects.create(
            proposal=proposal,
            decision=_DECISIONS[after],
            from_status=before.value,
            to_status=after.value,
            actor=actor,
            decided_at=now,
            note=note[:400],
        )
    if after in _DAY_STATES:
        set_day_state([proposal.account_id], state=_DAY_STATES[after], now=now)
    audit.record(
        f"proposal.{after}",
        actor=actor,
        subject=proposal,
        firm_id=proposal.firm_id,
        household_id=proposal.household_id,
        data={"from": before, "account_id": proposal.account_id},
        reason=note,
        now=now,
    )
    return proposal


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


@transaction.atomic
def supersede(account_ids: Collection[int], *, now: datetime) -> int:
    """
    Make room for new proposals: supersede what of these accounts is still undecided or needed no trade.

    What was released or is final stays. Returns how many were superseded.
    """
    open_statuses = [status.value for status in Status if can_follow(status, Status.SUPERSEDED)]
    rows = Proposal.objects.filter(account_id__in=account_ids, status__in=open_statuses).order_by("pk")
    for proposal in rows:
        transition(proposal, to=Status.SUPERSEDED, actor=None, now=now)
    return len(rows)
