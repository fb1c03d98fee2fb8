"""What a member may decide on a proposal now: the buttons of its page, each saying what it will do."""

from dataclasses import dataclass
from typing import Final

from advisors.errors import DomainError
from advisors.models import Membership
from advisors.permissions import Capability, can
from advisors.templatetags.ui import count, money
from rebalancing import permissions, rules
from rebalancing.selectors.review import Group, totals_of

_KEYS: Final = {
    "approve_as_advisor": "a",
    "approve": "a",
    "release": "l",
    "send-back": "s",
    "reject": "r",
    "override": "o",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One button: `needs_reason` leads to a form, the others act at once."""

    action: str
    label: str
    key: str
    is_main: bool
    needs_reason: bool


def choices_of(member: Membership, group: Group) -> tuple[Choice, ...]:
    """Return the decisions that both the member's role and the state allow, the main one last."""
    if not group.facts:
        return ()
    made = []
    may = permissions.may
    if permissions.may_decide(member) and rules.can_send_back(group.facts):
        made += [_reasoned("send-back", "Send back", group), _reasoned("reject", "Reject", group)]
    if permissions.may_override(member, group.facts):
        made.append(_reasoned("override", "Approve an override of what failed", group))
    if may(permissions.check_may_approve_as_advisor, member, group.facts):
        made.append(_acting("approve_as_advisor", _label("Approve as advisor", group)))
    if may(permissions.check_may_approve, member, group.facts):
        made.append(_acting("approve", _label("Approve", group)))
    if may(permissions.check_may_release, member, group.facts):
        made.append(_acting("release", release_label(group)))
    return tuple(made)


def _acting(action: str, label: str) -> Choice:
    return Choice(action=action, label=label, key=_KEYS[action], is_main=True, needs_reason=False)


def _reasoned(action: str, label: str, group: Group) -> Choice:
    many = len(group.proposals)
    told = f"{label} all {many} proposals" if many > 1 else label
    return Choice(action=action, label=told, key=_KEYS[action], is_main=False, needs_reason=True)


def _label(verb: str, group: Group) -> str:
    totals = totals_of([group])
    trades = _counted(totals.order_count, "trade")
    return f"{verb} {trades}" if totals.proposal_count == 1 else f"{verb} {totals.proposal_count} proposals, {trades}"


def release_label(*groups: Group) -> str:
    """Write what a release will do: Release 12 proposals, 340 orders, $4,112,006."""
    totals = totals_of(groups)
    return (
        f"Release {_counted(totals.proposal_count, 'proposal')}, {_counted(totals.order_count, 'order')}, "
        f"{money(totals.traded_usd)}"
    )


def approve_label(*groups: Group) -> str:
    """Write what approving several will do: Approve 12 proposals, 340 trades, $4,112,006."""
    totals = totals_of(groups)
    return (
        f"Approve {_counted(totals.proposal_count, 'proposal')}, {_counted(totals.order_count, 'trade')}, "
        f"{money(totals.traded_usd)}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def why_not_release(member: Membership, group: Group) -> str:
    """Say why a member who releases cannot release this approved group now; nothing where they can."""
    if not can(member, Capability.RELEASE) or not rules.is_approved(group.facts):
        return ""
    try:
        permissions.check_may_release(member, group.facts)
    except DomainError as error:
        return str(error)
    return ""
