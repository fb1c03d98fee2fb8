"""May this member decide on these proposals: their role, the second pair of eyes, and what the state allows."""

from collections.abc import Callable

from advisors.errors import DomainError
from advisors.models import Membership
from advisors.permissions import (
    Capability,
    can,
    check_can,
    check_can_be_second_person,
    check_can_decide_override,
)
from rebalancing import rules
from rebalancing.rules import type_of_group

_Check = Callable[[Membership, type_of_group], None]


def check_may_approve_as_advisor(member: Membership, group: type_of_group) -> None:
    """
    Let pass an advisor whose non-discretionary proposals wait.

    :raises DomainError: the role or the state does not allow it
    """
    check_can(member, Capability.APPROVE_AS_ADVISOR)
    rules.check_can_approve_as_advisor(group)


def check_may_approve(member: Membership, group: type_of_group) -> None:
    """
    Let pass a reviewer who did not approve as advisor.

    :raises DomainError: role, state or second pair of eyes
    """
    check_can(member, Capability.REVIEW)
    rules.check_can_approve(group)
    for facts in group:
        what = f"the advisor's approval for {facts.label}"
        check_can_be_second_person(member, maker_id=facts.advisor_approved_by_id, what=what)


def check_may_decide(member: Membership) -> None:
    """
    Let pass whoever sends back and rejects: an advisor in their book, a reviewer everywhere.

    :raises NotPermitted: neither
    """
    if not can(member, Capability.APPROVE_AS_ADVISOR):
        check_can(member, Capability.REVIEW)


def check_may_override(member: Membership, group: type_of_group, *, reason: str) -> None:
    """
    Let pass compliance, with a reason, on checks that failed, unless they approved these proposals.

    :raises DomainError: role, reason, state or second pair of eyes
    """
    check_can(member, Capability.APPROVE_OVERRIDES)
    rules.check_can_override(group, reason=reason)
    for facts in group:
        check_can_decide_override(member, asked_by_id=facts.approved_by_id)


def check_may_release(member: Membership, group: type_of_group) -> None:
    """
    Let pass a reviewer who did not approve.

    :raises DomainError: role, state or second pair of eyes
    """
    check_can(member, Capability.RELEASE)
    rules.check_can_release(group)
    for facts in group:
        what = f"the approval for {facts.label}"
        check_can_be_second_person(member, maker_id=facts.approved_by_id, what=what)


def may(check: _Check, member: Membership, group: type_of_group) -> bool:
    """Tell whether a check lets pass, for a button."""
    try:
        check(member, group)
    except DomainError:
        return False
    return True


def may_decide(member: Membership) -> bool:
    """Tell whether a member may send back and reject at all."""
    return can(member, Capability.APPROVE_AS_ADVISOR) or can(member, Capability.REVIEW)


def may_override(member: Membership, group: type_of_group) -> bool:
    """Tell whether a member could let the failed checks pass, given a reason."""
    return may(lambda who, facts: check_may_override(who, facts, reason="to be given"), member, group)
