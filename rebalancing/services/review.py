"""
Decisions of people on proposals: approve, send back, reject, override, release.

All proposals of one tax household are decided together. What has become stale is marked so first, in a transaction of
its own, and the decision is refused.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, DomainError, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from rebalancing import permissions, rules
from rebalancing.models.orders import ReleaseBatch
from rebalancing.models.proposals import Decision, Proposal, ProposalDecision
from rebalancing.selectors.review import Group, Totals, groups_in_book, totals_of
from rebalancing.services import orders
from rebalancing.services.moving import MovedMeanwhile, supersede, transition
from rebalancing.states import OPEN_TO_REVIEW, Action, Status

__all__ = [
    "MovedMeanwhile",
    "approve",
    "approve_all",
    "approve_as_advisor",
    "mark_stale_where_due",
    "override",
    "reject",
    "release",
    "send_back",
    "supersede",
    "transition",
    "weigh",
]


class FiguresChanged(Conflict):
    """The button promised other figures than a decision would have now."""


def approve_as_advisor(member: Membership, proposal_id: int, *, now: datetime) -> tuple[Proposal, ...]:
    """
    Approve the non-discretionary proposals of a tax household, before a reviewer may.

    :raises NotPermitted: not an advisor
    :raises Conflict: stale, or somebody was quicker
    """
    check_can(member, Capability.APPROVE_AS_ADVISOR)
    groups = _fresh_groups(member, [proposal_id], now=now)
    with transaction.atomic():
        for group in groups:
            permissions.check_may_approve_as_advisor(member, group.facts)
            waiting = {facts.proposal_id for facts in rules.waiting_for_advisor(group.facts)}
            for proposal in group.proposals:
                if proposal.pk in waiting:
                    transition(proposal, to=Status.ADVISOR_APPROVED, actor=member.user, now=now)
    return groups[0].proposals


def approve(member: Membership, proposal_id: int, *, now: datetime) -> tuple[Proposal, ...]:
    """
    Approve the proposals of a tax household as a reviewer.

    :raises NotPermitted: not a reviewer, or the one who approved as advisor
    :raises Invalid: a non-discretionary one waits for its advisor
    :raises Conflict: stale, or somebody was quicker
    """
    return approve_all(member, [proposal_id], now=now)[0].proposals


def approve_all(
    member: Membership, proposal_ids: Collection[int], *, now: datetime, expected: Totals | None = None
) -> tuple[Group, ...]:
    """
    Approve several tax households' proposals, all or none.

    `expected` is what the button said.

    :raises FiguresChanged: it would be something else now
    """
    check_can(member, Capability.REVIEW)
    groups = _fresh_groups(member, proposal_ids, now=now)
    _check_all(groups, lambda group: permissions.check_may_approve(member, group.facts))
    _check_expected(groups, expected)
    with transaction.atomic():
        for proposal in _proposals(groups):
            transition(proposal, to=Status.APPROVED, actor=member.user, now=now)
    return groups


def send_back(member: Membership, proposal_id: int, *, reason: str, now: datetime) -> tuple[Proposal, ...]:
    """
    Send a tax household's proposals back to be changed and run again; the advisor's own, or any as a reviewer.

    :raises Invalid: no reason
    :raises Conflict: somebody was quicker, or orders exist
    """
    permissions.check_may_decide(member)
    (group,) = groups_in_book(member, [proposal_id])
    rules.check_can_send_back(group.facts, reason=reason)
    return _move_all(group, to=Status.SENT_BACK, member=member, note=reason.strip(), now=now)


def reject(member: Membership, proposal_id: int, *, reason: str, now: datetime) -> tuple[Proposal, ...]:
    """
    Reject a tax household's proposals for good.

    :raises Invalid: no reason
    :raises Conflict: somebody was quicker, or orders exist
    """
    permissions.check_may_decide(member)
    (group,) = groups_in_book(member, [proposal_id])
    rules.check_can_reject(group.facts, reason=reason)
    return _move_all(group, to=Status.REJECTED, member=member, note=reason.strip(), now=now)


@transaction.atomic
def _move_all(group: Group, *, to: Status, member: Membership, note: str, now: datetime) -> tuple[Proposal, ...]:
    for proposal in group.proposals:
        transition(proposal, to=to, actor=member.user, now=now, note=note)
    return group.proposals


@transaction.atomic
def override(member: Membership, proposal_id: int, *, reason: str, now: datetime) -> tuple[Proposal, ...]:
    """
    Let the failed checks of a tax household's proposals pass: compliance, with a reason, on the record.

    :raises NotPermitted: not compliance, or somebody who approved these proposals
    :raises Invalid: no reason, or nothing failed
    """
    check_can(member, Capability.APPROVE_OVERRIDES)
    (group,) = groups_in_book(member, [proposal_id])
    permissions.check_may_override(member, group.facts, reason=reason)
    for proposal, facts in zip(group.proposals, group.facts, strict=True):
        if not facts.failed_checks or facts.is_overridden:
            continue
        ProposalDecision.objects.create(
            proposal=proposal,
            decision=Decision.OVERRIDE,
            from_status=proposal.status,
            to_status=proposal.status,
            actor=member.user,
            decided_at=now,
            note=reason.strip()[:400],
        )
        audit.record(
            "proposal.check_overridden",
            actor=member,
            subject=proposal,
            household_id=proposal.household_id,
            data={"checks": facts.failed_checks},
            reason=reason.strip(),
            now=now,
        )
    return group.proposals


def release(
    member: Membership, proposal_ids: Collection[int], *, now: datetime, expected: Totals | None = None
) -> ReleaseBatch:
    """
    Release approved proposals, all or none, as one batch of orders blocked per custodian, security and side.

    `expected` is what the button said.

    :raises NotPermitted: not a reviewer, or the one who approved
    :raises NotReleasable: held, failed, pending or washing, with every bar named
    :raises Conflict: stale, other figures than expected, or somebody was quicker
    """
    check_can(member, Capability.RELEASE)
    if not proposal_ids:
        raise Invalid("Choose at least one proposal to release.")
    _fresh_groups(member, proposal_ids, now=now)
    with transaction.atomic():
        groups = groups_in_book(member, proposal_ids)
        _check_all(groups, lambda group: permissions.check_may_release(member, group.facts))
        _check_expected(groups, expected)
        proposals = _proposals(groups)
        for proposal in proposals:
            transition(proposal, to=Status.RELEASED, actor=member.user, now=now)
        return orders.create_orders(proposals=proposals, actor=member, now=now)


def _fresh_groups(member: Membership, proposal_ids: Collection[int], *, now: datetime) -> tuple[Group, ...]:
    groups = groups_in_book(member, proposal_ids)
    stale = mark_stale_where_due(groups, now=now)
    if stale:
        rules.check_is_fresh([facts for group in stale for facts in group.facts])
    return groups


@transaction.atomic
def mark_stale_where_due(groups: Sequence[Group], *, now: datetime) -> tuple[Group, ...]:
    """Make every group stale in which the stale rule finds a reason; return those groups."""
    stale = tuple(group for group in groups if any(rules.stale_reasons(facts) for facts in group.facts))
    for group in stale:
        reasons = dict.fromkeys(reason for facts in group.facts for reason in rules.stale_reasons(facts))
        note = "; ".join(reasons)
        for proposal, facts in zip(group.proposals, group.facts, strict=True):
            if facts.status in OPEN_TO_REVIEW:
                transition(proposal, to=Status.STALE, actor=None, now=now, note=note)
    return stale


def _check_all(groups: Sequence[Group], check: Callable[[Group], None]) -> None:
    """
    Put one question to every group.

    :raises DomainError: the first refusal as it is when it is the only one, else one with all of them
    """
    refused: list[DomainError] = []
    for group in groups:
        try:
            check(group)
        except DomainError as error:
            refused.append(error)
    if not refused:
        return
    if len(refused) == 1:
        raise refused[0]
    faults = tuple(fault for error in refused for fault in getattr(error, "faults", (str(error),)))
    if any(isinstance(error, Conflict) for error in refused):
        raise Conflict(" ".join(faults))
    raise Invalid(f"Nothing was done: {len(refused)} of {len(groups)} households are refused.", faults=faults)


def _check_expected(groups: Sequence[Group], expected: Totals | None) -> None:
    actual = totals_of(groups)
    if expected is not None and actual != expected:
        raise FiguresChanged(
            f"The figures changed since the page was drawn: {actual.proposal_count} proposals, "
            f"{actual.order_count} orders, ${actual.traded_usd:,.0f} by now. Nothing was done."
        )


def _proposals(groups: Sequence[Group]) -> tuple[Proposal, ...]:
    return tuple(proposal for group in groups for proposal in group.proposals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A group that a decision would be refused for, and why."""

    group: Group
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a decision on a selection would do: to whom, how much, and who is left out."""

    allowed: tuple[Group, ...]
    refused: tuple[Refused, ...]
    totals: Totals


def weigh(member: Membership, proposal_ids: Collection[int], action: Action) -> Weighed:
    """Tell what approving or releasing a selection would do, without doing it."""
    checks = {Action.APPROVE: permissions.check_may_approve, Action.RELEASE: permissions.check_may_release}
    allowed: list[Group] = []
    refused: list[Refused] = []
    for group in groups_in_book(member, proposal_ids):
        try:
            checks[action](member, group.facts)
        except DomainError as error:
            refused.append(Refused(group=group, reason=str(error)))
        else:
            allowed.append(group)
    return Weighed(allowed=tuple(allowed), refused=tuple(refused), totals=totals_of(allowed))
