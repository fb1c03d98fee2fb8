"""The list of reports: own book only, and the part that belongs to one account or household."""

from datetime import date

import pytest

from portfolios.models.households import Account
from reporting.models import Report
from tests.conftest import Persona
from tests.factories import NOW, AccountFactory, HouseholdFactory

pytestmark = pytest.mark.django_db


def _reported(advisor: Persona, name: str) -> Account:
    household = HouseholdFactory(firm=advisor.firm, advisor=advisor.membership, name=f"{name} household")
    account: Account = AccountFactory(household=household, name=name)
    Report.objects.create(
        firm=advisor.firm,
        household=household,
        account=account,
        kind="client",
        period_starts_on=date(2026, 1, 1),
        period_ends_on=date(2026, 11, 12),
        requested_at=NOW,
        requested_by=advisor.user,
    )
    return account


def _names(who: Persona, query: str = "") -> set[str]:
    answer = who.client.get(f"/reports/{query}")
    assert answer.status_code == 200
    return {name for name in ("Alpha", "Beta") if f">{name} ··" in answer.content.decode()}


def test_reports_are_listed_of_the_own_book_only(advisor: Persona, outsider: Persona) -> None:
    _reported(advisor, "Alpha")

    assert (_names(advisor), _names(outsider)) == ({"Alpha"}, set())


def test_an_account_and_a_household_lead_to_their_own_reports(advisor: Persona) -> None:
    alpha, beta = _reported(advisor, "Alpha"), _reported(advisor, "Beta")

    assert _names(advisor) == {"Alpha", "Beta"}
    assert _names(advisor, f"?account={alpha.pk}") == {"Alpha"}
    assert _names(advisor, f"?household={beta.household_id}") == {"Beta"}


def test_the_list_is_cut_into_pages(advisor: Persona) -> None:
    for number in range(60):
        _reported(advisor, f"Account {number}")

    assert "of 60 reports" in advisor.client.get("/reports/?page=2").content.decode()
