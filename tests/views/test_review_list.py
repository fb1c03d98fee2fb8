"""The list of preferences whose review date has come."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from advisors.models import Role
from portfolios.models.households import Account
from portfolios.models.preferences import Preference, Restriction
from portfolios.selectors.review_list import due_count, review_list
from tests.conftest import Persona, sign_in
from tests.factories import BUSINESS_ON, NOW, FirmFactory, HouseholdFactory, UserFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
YESTERDAY, TOMORROW = BUSINESS_ON - timedelta(days=1), BUSINESS_ON + timedelta(days=1)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def advisor(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.ADVISOR))


@pytest.fixture
def account(desk: Desk, advisor: Persona) -> Account:
    household = HouseholdFactory.create(firm=desk.firm, advisor=advisor.membership, name="Quill")
    return desk.account("VTI 40 @ 200 2024-03-01", household=household, name="Quill Joint")


def restrict(account: Account, review_on: date | None, **fields: Any) -> Restriction:
    """Never sell VTI, at the account unless said otherwise."""
    place = {"level": "account", "account": account} if "level" not in fields else {}
    return Restriction.objects.create(
        firm=account.firm,
        verb="never_sell",
        subject_kind="security",
        subject=fields.pop("subject", "VTI"),
        review_on=review_on,
        set_at=NOW,
        set_by=UserFactory.create(full_name="Sol Setter"),
        **place,
        **fields,
    )


def page_of(person: Persona, name: str = "portfolios:review_list") -> str:
    source = person.client.get(reverse(name)).content.decode()
    return " ".join(strip_tags(source.replace("<", " <")).split())


def test_what_is_due_stands_with_whose_it_is_why_and_for_how_long(advisor: Persona, account: Account) -> None:
    restrict(account, BUSINESS_ON - timedelta(days=12), reason="Until the house is sold")

    said = page_of(advisor)

    assert "1 preference should have been looked at again." in said
    assert "Never sell VTI Quill Joint" in said
    assert "Until the house is sold Sol Setter" in said
    assert "12 days" in said
    assert (
        reverse("portfolios:preferences", args=[account.pk])
        in advisor.client.get(reverse("portfolios:review_list")).content.decode()
    )


def test_a_line_is_due_on_its_day_soon_for_thirty_days_and_else_not_listed(account: Account, advisor: Persona) -> None:
    for days in (0, 1, 30, 31):
        restrict(account, BUSINESS_ON + timedelta(days=days), subject=f"S{days}")
    restrict(account, None, subject="NEVER")

    found = review_list(advisor.membership, today=BUSINESS_ON)

    assert [line.words for line in found.due] == ["Never sell S0"]
    assert [line.words for line in found.soon] == ["Never sell S1", "Never sell S30"]


@pytest.mark.parametrize(
    "fields",
    [
        {"ended_at": NOW, "ended_by": True},
        {"ends_on": YESTERDAY},
        {"starts_on": TOMORROW},
    ],
)
def test_what_no_longer_or_not_yet_holds_is_not_listed(
    account: Account, advisor: Persona, fields: dict[str, Any]
) -> None:
    if "ended_by" in fields:
        fields = {**fields, "ended_by": UserFactory.create()}
    restrict(account, YESTERDAY, **fields)

    found = review_list(advisor.membership, today=BUSINESS_ON)

    assert (found.due, found.soon, due_count(advisor.membership, today=BUSINESS_ON)) == ((), (), 0)


def test_settings_and_lines_of_a_household_open_the_preferences_of_its_account(
    account: Account, advisor: Persona
) -> None:
    restrict(account, YESTERDAY, level="household", household=account.household)
    Preference.objects.create(
        firm=account.firm,
        level="account",
        account=account,
        key="trading.tracking_preference",
        value=8,
        review_on=YESTERDAY,
        set_at=NOW,
        set_by=UserFactory.create(),
    )

    found = review_list(advisor.membership, today=BUSINESS_ON)

    assert {(line.words, line.whose, line.account_id) for line in found.due} == {
        ("Never sell VTI", "Quill", account.pk),
        ("Tracking preference: 8", f"Quill Joint ··{account.number_last4}", account.pk),
    }


def test_an_advisor_sees_their_own_book_and_the_home_office_all_and_the_firms(
    desk: Desk, account: Account, advisor: Persona
) -> None:
    other = desk.account("VTI 1 @ 200 2024-03-01")
    restrict(account, YESTERDAY, subject="OWN")
    restrict(other, YESTERDAY, subject="OTHER")
    restrict(account, YESTERDAY, subject="FIRM", level="firm")
    reviewer = member_of(desk.firm, Role.REVIEWER)
    stranger = member_of(FirmFactory.create(), Role.REVIEWER)

    def subjects(member: Any) -> set[str]:
        return {line.words.split()[-1] for line in review_list(member, today=BUSINESS_ON).due}

    assert subjects(advisor.membership) == {"OWN"}
    assert subjects(reviewer) == {"OWN", "OTHER", "FIRM"}
    assert subjects(stranger) == set()
    assert [due_count(one, today=BUSINESS_ON) for one in (advisor.membership, reviewer, stranger)] == [1, 3, 0]


def test_today_tells_how_many_wait(account: Account, advisor: Persona) -> None:
    before = page_of(advisor, "runs:today")
    restrict(account, YESTERDAY)
    restrict(account, BUSINESS_ON, subject="ITOT")

    assert "to review" not in before
    assert "2 preferences to review : their review dates have come." in page_of(advisor, "runs:today")


def test_the_list_takes_the_same_queries_for_any_number(account: Account, advisor: Persona) -> None:
    restrict(account, YESTERDAY)
    with CaptureQueriesContext(connection) as few:
        review_list(advisor.membership, today=BUSINESS_ON)
    for number in range(8):
        restrict(account, YESTERDAY, subject=f"S{number}")
    with CaptureQueriesContext(connection) as many:
        review_list(advisor.membership, today=BUSINESS_ON)

    assert len(many) == len(few)
