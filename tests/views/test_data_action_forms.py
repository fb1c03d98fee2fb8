"""Announcing a corporate action by hand, and changing one: fields by kind, a look first, faults that keep the input."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from advisors.models import Firm
from portfolios.models.market import ActionStatus, CorporateAction
from tests.action_rows import action_row
from tests.conftest import Persona
from tests.desk_actions import holder
from tests.desks import text_of
from tests.factories import BUSINESS_ON, SecurityFactory

pytestmark = pytest.mark.django_db
S = ActionStatus
AHEAD = BUSINESS_ON + timedelta(days=9)


def _confirm(persona: Persona, action: CorporateAction) -> int:
    return int(persona.client.post(reverse("data:decide_action", args=[action.pk, "confirm"])).status_code)


def _status(action: CorporateAction) -> str:
    return CorporateAction.objects.get(pk=action.pk).status


def _form(**said: str) -> dict[str, str]:
    return {"kind": "split", "symbol": "aapl", "effective_on": AHEAD.isoformat(), **said}


def test_every_kind_shows_its_own_fields(operations: Persona) -> None:
    address = reverse("data:new_action")

    split = text_of(operations.client.get(address))
    spin_off = text_of(operations.client.get(f"{address}?kind=spin_off", headers={"HX-Request": "true"}))
    worthless = text_of(operations.client.get(f"{address}?kind=worthless"))

    assert "Units after" in split
    assert "child1_symbol" not in split
    assert "<html" not in spin_off
    assert all(f"child{place}_symbol" in spin_off for place in (1, 2, 3))
    assert "Security models hold the new companies too" in spin_off
    assert "Every lot is a full loss" in worthless
    assert "Units after" not in worthless


def test_an_announcement_is_looked_at_before_it_is_made(operations: Persona) -> None:
    holder(operations.firm)

    answer = operations.client.post(reverse("data:new_action"), _form(new_units="4", old_units="1", look="1"))

    assert answer.status_code == 200
    assert "AAPL splits 4 for 1" in text_of(answer)
    assert "1 account holds 100 units" in text_of(answer)
    assert CorporateAction.objects.count() == 0


def test_an_announcement_is_kept_with_who_made_it(operations: Persona) -> None:
    holder(operations.firm)

    answer = operations.client.post(reverse("data:new_action"), _form(new_units="3", old_units="2", note="Notice 12"))

    action = CorporateAction.objects.get()
    assert answer["Location"] == reverse("data:action", args=[action.pk])
    assert (action.kind, action.ratio, action.note) == ("split", Decimal("1.5"), "Notice 12")
    assert action.announced_by == operations.user
    assert action.source == "form"


def test_a_spin_off_of_two_companies_is_announced(operations: Persona) -> None:
    for symbol in ("AAPL", "ONE", "TWO"):
        SecurityFactory(symbol=symbol)
    said = _form(
        kind="spin_off",
        child1_symbol="one",
        child1_units="1",
        child1_share="30",
        child2_symbol="TWO",
        child2_units="0.5",
        child2_share="20",
    )

    operations.client.post(reverse("data:new_action"), said)

    delivered = CorporateAction.objects.get().terms["delivered"]
    assert [(each["security"], each["units_per_unit"], Decimal(each["basis_frac"])) for each in delivered] == [
        ("ONE", "1", Decimal("0.3")),
        ("TWO", "0.5", Decimal("0.2")),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (_form(new_units="4", old_units=""), "This field is required."),
        (_form(new_units="4", old_units="0"), "Units after and before are both above 0."),
        (_form(new_units="4", old_units="1", symbol="NOBODY"), "The security NOBODY is not in the security master."),
        (_form(kind="spin_off", child1_units="1"), "Row 1 of what is delivered has numbers but no symbol."),
        (_form(kind="spin_off", child1_symbol="ONE"), "How many units of ONE a holder gets for each unit is missing."),
        (_form(kind="cash_merger", cash_per_unit="-1"), "greater than or equal to 0"),
    ],
)
def test_a_wrong_announcement_keeps_its_input_and_names_the_fault(
    operations: Persona, said: dict[str, str], words: str
) -> None:
    SecurityFactory(symbol="AAPL")

    answer = operations.client.post(reverse("data:new_action"), said)

    assert answer.status_code == 422
    assert words in text_of(answer)
    assert said["symbol"].upper() in text_of(answer).upper()
    assert CorporateAction.objects.count() == 0


def test_changed_terms_have_to_be_confirmed_again_by_somebody_else(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD, status=S.CONFIRMED)
    assert 'value="4"' in text_of(operations.client.get(reverse("data:edit_action", args=[action.pk])))

    operations.client.post(reverse("data:edit_action", args=[action.pk]), _form(new_units="5", old_units="1"))

    action.refresh_from_db()
    assert (action.status, action.ratio, action.announced_by) == (S.ANNOUNCED, Decimal(5), operations.user)
    assert _confirm(operations, action) == 403


def test_another_day_takes_the_place_of_the_first(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD)
    later = (AHEAD + timedelta(days=7)).isoformat()

    operations.client.post(
        reverse("data:edit_action", args=[action.pk]), _form(new_units="4", old_units="1", effective_on=later)
    )

    assert _status(action) == S.WITHDRAWN
    assert CorporateAction.objects.get(status=S.ANNOUNCED).effective_on.isoformat() == later


def test_who_brings_in_no_data_announces_nothing(firm: Firm, reviewer: Persona) -> None:
    assert reviewer.client.get(reverse("data:new_action")).status_code == 403
    assert reviewer.client.post(reverse("data:new_action"), _form(new_units="4", old_units="1")).status_code == 403
    assert "Announce an action" not in text_of(reviewer.client.get(reverse("data:actions")))
