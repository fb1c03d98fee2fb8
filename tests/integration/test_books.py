"""Whose book it is: handed over, worked by a deputy for a while, never left behind."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from advisors import delegations
from advisors.delegations import NewDelegation
from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Delegation, Role
from advisors.services import Place, place_of
from portfolios.models.households import Account, Household
from portfolios.selectors.books import accounts_in_book, households_in_book
from portfolios.services import books
from rebalancing.selectors.runs import run_in_book
from tests.conftest import Persona, sign_in
from tests.factories import (
    NOW,
    AccountFactory,
    HouseholdFactory,
    MembershipFactory,
    OfficeFactory,
    RunFactory,
    member_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(advisor: Persona) -> Account:
    made: Account = AccountFactory.create(
        household=HouseholdFactory.create(firm=advisor.firm, advisor=advisor.membership)
    )
    return made


@pytest.fixture
def deputy(advisor: Persona) -> Persona:
    made = member_of(advisor.firm, Role.ADVISOR, full_name="Dora Deputy")
    made.office = OfficeFactory.create(firm=advisor.firm)
    made.save()
    return sign_in(made)


def lend(by: Persona, advisor: Persona, deputy: Persona, starts_in: int = 0, days: int = 14) -> int:
    """Let the deputy work the advisor's book, `starts_in` days from today on."""
    today = timezone.localdate()
    start = today + timedelta(days=starts_in)
    new = NewDelegation(
        advisor_id=advisor.membership.pk,
        deputy_id=deputy.membership.pk,
        starts_on=start,
        ends_on=start + timedelta(days=days),
        reason="Holidays",
    )
    return int(delegations.delegate(by.membership, new, today=today, now=NOW).pk)


def sees(person: Persona) -> set[int]:
    return set(accounts_in_book(person.membership).values_list("pk", flat=True))


def test_a_deputy_sees_the_book_from_the_first_day_to_the_last(
    advisor: Persona, deputy: Persona, account: Account
) -> None:
    own = AccountFactory.create(household=HouseholdFactory.create(firm=advisor.firm, advisor=deputy.membership))
    assert sees(deputy) == {own.pk}

    pk = lend(advisor, advisor, deputy)
    assert sees(deputy) == {own.pk, account.pk}
    assert set(households_in_book(deputy.membership)) == {own.household, account.household}
    assert sees(advisor) == {account.pk}

    delegations.end_delegation(advisor.membership, pk, now=NOW)
    assert sees(deputy) == {own.pk}
    assert list(AuditEvent.objects.filter(subject_type="delegation").values_list("action", flat=True)) == [
        "delegation.made",
        "delegation.ended",
    ]


@pytest.mark.parametrize(
    ("first", "last", "is_seen"), [(1, 5, False), (-6, 0, True), (-6, -1, False), (0, 0, True), (0, 9, True)]
)
def test_the_days_count_inclusively(
    advisor: Persona, deputy: Persona, account: Account, first: int, last: int, is_seen: bool
) -> None:
    today = timezone.localdate()
    Delegation.objects.create(
        firm=advisor.firm,
        advisor=advisor.membership,
        deputy=deputy.membership,
        starts_on=today + timedelta(days=first),
        ends_on=today + timedelta(days=last),
        reason="Holidays",
        made_at=NOW,
        made_by=advisor.membership.user,
    )

    assert (account.pk in sees(deputy)) is is_seen


def test_a_deputy_sees_the_runs_of_the_book_too(advisor: Persona, deputy: Persona, account: Account) -> None:
    run = RunFactory.create(firm=advisor.firm)
    run.accounts.create(account=account, tax_household=account.tax_household)
    with pytest.raises(NotFound):
        run_in_book(deputy.membership, run.pk)

    lend(advisor, advisor, deputy)

    assert run_in_book(deputy.membership, run.pk) == run


def test_who_may_lend_what_to_whom(
    advisor: Persona, deputy: Persona, reviewer: Persona, administrator: Persona, foreigner: Persona
) -> None:
    with pytest.raises(NotPermitted):
        lend(deputy, advisor, deputy)
    with pytest.raises(NotPermitted):
        lend(reviewer, advisor, deputy)
    with pytest.raises(NotFound):
        lend(administrator, advisor, foreigner)
    with pytest.raises(Invalid, match="another advisor"):
        lend(administrator, advisor, reviewer)
    with pytest.raises(Invalid, match="another advisor"):
        lend(advisor, advisor, advisor)
    with pytest.raises(Invalid, match="before it starts"):
        lend(advisor, advisor, deputy, days=-1)
    with pytest.raises(Invalid, match="over already"):
        lend(advisor, advisor, deputy, starts_in=-20, days=14)
    with pytest.raises(Invalid, match="a year at most"):
        lend(advisor, advisor, deputy, days=366)
    pk = lend(administrator, advisor, deputy)
    with pytest.raises(NotFound):
        delegations.end_delegation(foreigner.membership, pk, now=NOW)
    with pytest.raises(NotPermitted):
        delegations.end_delegation(deputy.membership, pk, now=NOW)
    delegations.end_delegation(advisor.membership, pk, now=NOW)
    with pytest.raises(Conflict):
        delegations.end_delegation(advisor.membership, pk, now=NOW)


def give(by: Persona, giver: Persona, taker: Persona, ids: list[int] | None = None) -> int:
    return books.hand_over(
        by.membership,
        from_id=giver.membership.pk,
        to_id=taker.membership.pk,
        household_ids=ids,
        reason="She retires",
        now=NOW,
    )


def test_a_book_is_handed_over_with_its_office_and_a_record_of_each_household(
    administrator: Persona, advisor: Persona, deputy: Persona, account: Account
) -> None:
    HouseholdFactory.create(firm=advisor.firm, advisor=advisor.membership)

    assert give(administrator, advisor, deputy) == 2

    assert sees(advisor) == set()
    assert sees(deputy) == {account.pk}
    assert set(Household.objects.values_list("office_id", flat=True)) == {deputy.membership.office_id}
    assert AuditEvent.objects.filter(action="household.handed_over", reason="She retires").count() == 2


def test_what_cannot_be_handed_over(
    administrator: Persona, advisor: Persona, deputy: Persona, reviewer: Persona, account: Account
) -> None:
    with pytest.raises(NotPermitted):
        give(advisor, advisor, deputy)
    with pytest.raises(Invalid, match="another active advisor"):
        give(administrator, advisor, reviewer)
    with pytest.raises(Invalid, match="no household"):
        give(administrator, sign_in(member_of(advisor.firm, Role.ADVISOR)), deputy)
    give(administrator, advisor, deputy, [account.household_id])
    with pytest.raises(Conflict, match="not in this book any more"):
        give(administrator, advisor, deputy, [account.household_id])


def change(by: Persona, person: Persona, new: Place, seen: Place | None = None) -> None:
    books.change_place(
        by.membership,
        membership_id=person.membership.pk,
        new=new,
        seen=seen or place_of(person.membership),
        reason="Promoted",
        today=timezone.localdate(),
        now=NOW,
    )


def test_an_advisor_leaves_no_book_behind(
    administrator: Persona, advisor: Persona, deputy: Persona, account: Account
) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    with pytest.raises(Invalid, match=r"has 1 household\. Hand the book over first\."):
        change(administrator, advisor, Place(role=Role.REVIEWER))
    office = advisor.membership.office_id
    with pytest.raises(Invalid, match="Hand the book over first"):
        change(administrator, advisor, Place(role=Role.ADVISOR, office_id=office, ends_on=yesterday))

    give(administrator, advisor, deputy)
    change(administrator, advisor, Place(role=Role.REVIEWER))

    advisor.membership.refresh_from_db()
    assert advisor.membership.role == Role.REVIEWER
    event = AuditEvent.objects.get(action="membership.changed")
    assert event.data["role"] == {"old": "advisor", "new": "reviewer"}


def test_households_follow_their_advisor_to_another_office(
    administrator: Persona, advisor: Persona, account: Account
) -> None:
    office = OfficeFactory.create(firm=advisor.firm)

    change(administrator, advisor, Place(role=Role.ADVISOR, office_id=office.pk))

    account.household.refresh_from_db()
    assert account.household.office == office


def test_what_is_refused_of_a_place(administrator: Persona, advisor: Persona, reviewer: Persona) -> None:
    foreign = OfficeFactory.create()
    seen = place_of(reviewer.membership)
    with pytest.raises(NotPermitted):
        change(reviewer, advisor, Place(role=Role.CIO))
    with pytest.raises(Conflict, match="own role"):
        change(administrator, administrator, Place(role=Role.CIO))
    with pytest.raises(Invalid, match="does not belong"):
        change(administrator, reviewer, Place(role=Role.REVIEWER, office_id=foreign.pk))
    with pytest.raises(Invalid, match="works in an office"):
        change(administrator, reviewer, Place(role=Role.ADVISOR))
    with pytest.raises(Invalid, match="before it starts"):
        change(
            administrator,
            reviewer,
            Place(role=Role.CIO, starts_on=date(2026, 5, 2), ends_on=date(2026, 5, 1)),
        )
    change(administrator, reviewer, Place(role=Role.CIO))
    with pytest.raises(Conflict, match="meanwhile"):
        change(administrator, reviewer, Place(role=Role.COMPLIANCE), seen=seen)


def test_somebody_of_another_firm_is_nobody(administrator: Persona) -> None:
    stranger = MembershipFactory.create()

    with pytest.raises(NotFound):
        books.change_place(
            administrator.membership,
            membership_id=stranger.pk,
            new=Place(role=Role.CIO),
            seen=place_of(stranger),
            reason="x",
            today=timezone.localdate(),
            now=NOW,
        )
