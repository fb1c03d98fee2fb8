"""Who may: the table of roles and the second pair of eyes."""

import pytest

from advisors import permissions
from advisors.errors import NotPermitted
from advisors.models import Firm, Membership, Role, User
from advisors.permissions import ROLE_CAPABILITIES, Capability


def _member(role: Role, *, user_id: int = 1, is_single_operator: bool = False) -> Membership:
    firm = Firm(pk=1, name="Harbor", is_single_operator=is_single_operator)
    return Membership(pk=user_id, firm=firm, user=User(pk=user_id, full_name="Pat"), role=role)


def test_every_role_has_its_line_and_every_capability_somebody() -> None:
    assert set(ROLE_CAPABILITIES) == set(Role)
    assert all(permissions.roles_with(capability) for capability in Capability)


@pytest.mark.parametrize("role", Role)
def test_everybody_sees_clients_and_reports(role: Role) -> None:
    member = _member(role)

    assert permissions.can(member, Capability.VIEW_BOOK)
    assert permissions.can(member, Capability.VIEW_REPORTS)


@pytest.mark.parametrize(
    ("role", "capability", "is_allowed"),
    [
        (Role.ADVISOR, Capability.EDIT_PREFERENCES, True),
        (Role.ADVISOR, Capability.RELEASE, False),
        (Role.ADVISOR, Capability.VIEW_AUDIT, False),
        (Role.REVIEWER, Capability.RELEASE, True),
        (Role.REVIEWER, Capability.EDIT_PREFERENCES, False),
        (Role.CIO, Capability.EDIT_GUIDANCE, True),
        (Role.CIO, Capability.RELEASE, False),
        (Role.COMPLIANCE, Capability.APPROVE_OVERRIDES, True),
        (Role.COMPLIANCE, Capability.RELEASE, False),
        (Role.OPERATIONS, Capability.IMPORT_FILES, True),
        (Role.OPERATIONS, Capability.REVIEW, False),
        (Role.ADMINISTRATOR, Capability.MANAGE_PEOPLE, True),
        (Role.ADMINISTRATOR, Capability.RELEASE, False),
    ],
)
def test_a_role_allows_its_own_work_and_no_other(role: Role, capability: Capability, is_allowed: bool) -> None:
    assert permissions.can(_member(role), capability) is is_allowed


def test_a_refusal_names_the_role_the_act_and_who_may() -> None:
    with pytest.raises(NotPermitted, match=r"Advisor.*releasing proposals.*Reviewer"):
        permissions.check_can(_member(Role.ADVISOR), Capability.RELEASE)


def test_a_single_operator_may_everything() -> None:
    member = _member(Role.ADVISOR, is_single_operator=True)

    assert permissions.capabilities_of(member) == frozenset(Capability)


@pytest.mark.parametrize(
    ("maker_id", "is_single_operator", "is_allowed"),
    [(1, False, False), (2, False, True), (None, False, True), (1, True, True)],
)
def test_the_second_person_is_never_the_maker(maker_id: int | None, is_single_operator: bool, is_allowed: bool) -> None:
    member = _member(Role.REVIEWER, is_single_operator=is_single_operator)

    assert permissions.can_be_second_person(member, maker_id=maker_id) is is_allowed
    if is_allowed:
        permissions.check_can_be_second_person(member, maker_id=maker_id, what="this proposal")
    else:
        with pytest.raises(NotPermitted, match="You made this proposal yourself"):
            permissions.check_can_be_second_person(member, maker_id=maker_id, what="this proposal")


def test_an_override_takes_somebody_of_compliance_who_did_not_ask_for_it() -> None:
    permissions.check_can_decide_override(_member(Role.COMPLIANCE), asked_by_id=2)

    with pytest.raises(NotPermitted):
        permissions.check_can_decide_override(_member(Role.COMPLIANCE), asked_by_id=1)
    with pytest.raises(NotPermitted):
        permissions.check_can_decide_override(_member(Role.REVIEWER), asked_by_id=2)
