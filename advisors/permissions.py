"""Who may: roles, what each role can do, and the second pair of eyes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from advisors.errors import NotPermitted
from advisors.models import Membership, Role

__all__ = [
    "ROLE_CAPABILITIES",
    "Capability",
    "Role",
    "can",
    "can_be_second_person",
    "capabilities_of",
    "check_can",
    "check_can_be_second_person",
    "check_can_decide_override",
    "roles_with",
]


class Capability(StrEnum):
    """One thing that a role allows. Its value is the phrase that a refusal says."""

    VIEW_BOOK = "seeing clients and their accounts"
    VIEW_REPORTS = "reading reports"
    EDIT_PREFERENCES = "changing a client's preferences"
    EDIT_HOUSEHOLDS = "changing households"
    REBALANCE = "proposing trades for an account"
    APPROVE_AS_ADVISOR = "approving proposals of non-discretionary accounts"
    ISSUE_REPORTS = "issuing client reports"
    RUN_FIRM = "starting and stopping the firm's run"
    REVIEW = "reviewing proposals"
    RELEASE = "releasing proposals"
    EXPORT_ORDERS = "taking out order files"
    RECORD_FILLS = "recording fills"
    APPROVE_OVERRIDES = "approving overrides"
    EDIT_GUIDANCE = "changing the house view"
    APPROVE_GUIDANCE = "approving the house view"
    VIEW_DATA = "seeing custodian files and held accounts"
    IMPORT_FILES = "importing custodian files"
    RESOLVE_EXCEPTIONS = "resolving exceptions"
    CONFIRM_CORPORATE_ACTIONS = "confirming corporate actions"
    VIEW_AUDIT = "reading the audit log"
    MANAGE_PEOPLE = "managing people and roles"
    MANAGE_SETTINGS = "changing the firm's settings"


_C = Capability
_EVERYBODY: Final = frozenset({_C.VIEW_BOOK, _C.VIEW_REPORTS})

ROLE_CAPABILITIES: Final[Mapping[Role, frozenset[Capability]]] = {
    Role.ADVISOR: _EVERYBODY
    | {
        _C.EDIT_PREFERENCES,
        _C.EDIT_HOUSEHOLDS,
        _C.REBALANCE,
        _C.APPROVE_AS_ADVISOR,
        _C.ISSUE_REPORTS,
    },
    Role.REVIEWER: _EVERYBODY
    | {
        _C.REBALANCE,
        _C.RUN_FIRM,
        _C.REVIEW,
        _C.RELEASE,
        _C.EXPORT_ORDERS,
        _C.RECORD_FILLS,
        _C.ISSUE_REPORTS,
        _C.VIEW_DATA,
    },
    Role.CIO: _EVERYBODY | {_C.EDIT_GUIDANCE, _C.APPROVE_GUIDANCE},
    Role.COMPLIANCE: _EVERYBODY | {_C.APPROVE_OVERRIDES, _C.VIEW_DATA, _C.VIEW_AUDIT},
    Role.OPERATIONS: _EVERYBODY
    | {
        _C.RUN_FIRM,
        _C.EXPORT_ORDERS,
        _C.RECORD_FILLS,
        _C.VIEW_DATA,
        _C.IMPORT_FILES,
        _C.RESOLVE_EXCEPTIONS,
        _C.CONFIRM_CORPORATE_ACTIONS,
    },
    Role.ADMINISTRATOR: _EVERYBODY | {_C.VIEW_AUDIT, _C.MANAGE_PEOPLE, _C.MANAGE_SETTINGS},
}


def roles_with(capability: Capability) -> tuple[Role, ...]:
    """Return the roles that allow something, in their standing order."""
    return tuple(role for role in Role if capability in ROLE_CAPABILITIES[role])


def capabilities_of(member: Membership) -> frozenset[Capability]:
    """Return what a member may do: their role's share, or everything in a firm with a single operator."""
    if member.firm.is_single_operator:
        return frozenset(Capability)
    return ROLE_CAPABILITIES[Role(member.role)]


def check_can(member: Membership, capability: Capability) -> None:
    """
    Let pass whom the role allows this.

    :raises NotPermitted: with the roles that may
    """
    if capability in capabilities_of(member):
        return
    raise NotPermitted(
        f"Your role, {Role(member.role).label}, does not include {capability.value}. "
        f"It is for: {', '.join(role.label for role in roles_with(capability))}."
    )


def can(member: Membership, capability: Capability) -> bool:
    """Tell whether a member's role allows something."""
    return capability in capabilities_of(member)


def check_can_be_second_person(member: Membership, *, maker_id: int | None, what: str) -> None:
    """
    Let pass whoever is not the maker of `what`; in a firm with a single operator also the maker.

    `maker_id` is the id of the maker's user, None when a machine made it.

    :raises NotPermitted: maker and checker are the same person
    """
    if maker_id is not None and maker_id == member.user_id and not member.firm.is_single_operator:
        raise NotPermitted(f"You made {what} yourself. Somebody else has to decide on it.")


def can_be_second_person(member: Membership, *, maker_id: int | None) -> bool:
    """Tell whether a member may check what the maker made."""
    return maker_id is None or maker_id != member.user_id or member.firm.is_single_operator


def check_can_decide_override(member: Membership, *, asked_by_id: int | None) -> None:
    """
    Let pass a second person from compliance.

    :raises NotPermitted: the role does not approve overrides, or the member asked for it
    """
    check_can(member, Capability.APPROVE_OVERRIDES)
    check_can_be_second_person(member, maker_id=asked_by_id, what="this request for an override")
