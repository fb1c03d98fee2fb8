"""The page of one person, and the second factor that a firm asks of roles."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from advisors.models import AuditEvent, Delegation, Role
from advisors.selectors import SECOND_FACTOR_POLICY
from portfolios.models.households import Household
from tests.conftest import Persona, sign_in
from tests.factories import HouseholdFactory, OfficeFactory, member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def household(advisor: Persona) -> Household:
    made: Household = HouseholdFactory.create(firm=advisor.firm, advisor=advisor.membership, name="Quill")
    return made


@pytest.fixture
def deputy(advisor: Persona) -> Persona:
    made = member_of(advisor.firm, Role.ADVISOR, full_name="Dora Deputy")
    made.office = OfficeFactory.create(firm=advisor.firm)
    made.save()
    return sign_in(made)


def url(name: str, person: Persona, **more: int) -> str:
    return reverse(f"portfolios:{name}", kwargs={"membership_id": person.membership.pk, **more})


def words_of(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode().replace("<", " <")).split())


def test_people_see_themselves_and_administrators_everybody(
    advisor: Persona,
    deputy: Persona,
    reviewer: Persona,
    administrator: Persona,
    foreigner: Persona,
    household: Household,
) -> None:
    assert "0 households" in words_of(deputy.client.get(url("person", deputy)))
    assert "1 household" in words_of(advisor.client.get(url("person", advisor)))
    assert reviewer.client.get(url("person", advisor)).status_code == 404
    assert foreigner.client.get(url("person", advisor)).status_code == 404
    page = words_of(administrator.client.get(url("person", advisor)))
    assert "Quill, 0 accounts" in page
    assert "Change Ada Advisor" in page


def test_a_role_changes_and_a_late_form_is_told_so(administrator: Persona, reviewer: Persona) -> None:
    page = administrator.client.get(url("person", reviewer))
    seen = page.context["place_form"].initial["seen"]
    fields = {"role": "compliance", "office": "", "starts_on": "", "ends_on": "", "reason": "Moves", "seen": seen}

    assert administrator.client.post(url("change_place", reviewer), fields).status_code == 303
    reviewer.membership.refresh_from_db()
    assert reviewer.membership.role == Role.COMPLIANCE

    late = administrator.client.post(url("change_place", reviewer), fields | {"role": "cio"})
    assert late.status_code == 409
    assert "meanwhile" in words_of(late)
    assert administrator.client.post(url("change_place", reviewer), fields | {"seen": "x"}).status_code == 422


def test_a_book_is_handed_over(administrator: Persona, advisor: Persona, deputy: Persona, household: Household) -> None:
    fields = {"households": [household.pk], "to": deputy.membership.pk, "reason": "Retires"}

    assert administrator.client.post(url("hand_over", advisor), fields | {"households": []}).status_code == 422
    assert administrator.client.post(url("hand_over", advisor), fields).status_code == 303
    household.refresh_from_db()
    assert household.advisor == deputy.membership


def test_an_advisor_lends_the_own_book_and_takes_it_back(
    advisor: Persona, deputy: Persona, household: Household
) -> None:
    today = timezone.localdate()
    fields = {
        "deputy": deputy.membership.pk,
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=9)).isoformat(),
        "reason": "Holidays",
    }
    home = reverse("accounts:household", args=[household.pk])
    assert deputy.client.get(home).status_code == 404

    assert advisor.client.post(url("delegate", advisor), fields).status_code == 303
    assert deputy.client.get(home).status_code == 200
    assert deputy.client.post(url("delegate", advisor), fields).status_code == 404
    assert advisor.client.post(url("delegate", advisor), fields | {"ends_on": "2020-01-01"}).status_code == 422

    made = Delegation.objects.get()
    assert advisor.client.post(url("end_delegation", advisor, delegation_id=made.pk)).status_code == 303
    assert deputy.client.get(home).status_code == 404
    assert "Ended" in words_of(advisor.client.get(url("person", advisor)))


def ask_of(administrator: Persona, *roles: Role) -> None:
    fields = {"roles": [role.value for role in roles]}
    assert administrator.client.post(reverse("advisors:team_second_factor"), fields).status_code == 303


def test_a_second_factor_is_asked_of_a_role_and_nothing_opens_without(
    administrator: Persona, advisor: Persona, reviewer: Persona
) -> None:
    ask_of(administrator, Role.REVIEWER)

    led = reviewer.client.get(reverse("runs:today"))
    assert (led.status_code, led["Location"]) == (302, reverse("mfa_activate_totp"))
    changed = reviewer.client.post(reverse("runs:start"))
    assert (changed.status_code, changed["Location"]) == (302, reverse("mfa_activate_totp"))
    assert reviewer.client.get(reverse("runs:today"), headers={"HX-Request": "true"})["HX-Redirect"]
    assert reviewer.client.get(reverse("api:actions")).status_code == 403
    assert advisor.client.get(reverse("runs:today")).status_code == 200

    Authenticator.objects.create(user=reviewer.membership.user, type=Authenticator.Type.TOTP, data={})
    assert reviewer.client.get(reverse("runs:today")).status_code == 200
    assert reviewer.client.get(reverse("api:actions")).status_code == 200


def test_the_page_to_set_it_up_stays_open(administrator: Persona, reviewer: Persona) -> None:
    ask_of(administrator, Role.REVIEWER)

    page = reviewer.client.get(reverse("mfa_activate_totp"))

    assert page.status_code in {200, 302}
    assert page.headers.get("Location", "").split("?")[0] in {"", reverse("account_reauthenticate")}


def test_asking_is_recorded_and_can_be_taken_back(administrator: Persona, reviewer: Persona) -> None:
    ask_of(administrator, Role.REVIEWER, Role.CIO)
    ask_of(administrator, Role.REVIEWER, Role.CIO)
    ask_of(administrator)

    events = AuditEvent.objects.filter(action="firm.second_factor_required").order_by("pk")
    assert [event.data["new"] for event in events] == [["cio", "reviewer"], []]
    administrator.firm.refresh_from_db()
    assert administrator.firm.policies[SECOND_FACTOR_POLICY] == []
    assert reviewer.client.get(reverse("runs:today")).status_code == 200
    assert administrator.client.post(reverse("advisors:team_second_factor"), {"roles": ["king"]}).status_code == 422
