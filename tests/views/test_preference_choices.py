"""The page Preferences: the choice of a risk profile, and the way to what the return is taxed at."""

from decimal import Decimal

import pytest
from django.urls import reverse

from portfolios.models.households import Account
from tests.conftest import Persona
from tests.factories import (
    RiskProfileFactory,
    RiskProfileVersionFactory,
    RiskProfileWeightFactory,
    TaxSituationFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal
WHY = {"reason": "Asked on the phone"}


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def _url(world: World, name: str = "preferences", *args: object) -> str:
    return reverse(f"portfolios:{name}", args=[world.account.pk, *args])


def _text(who: Persona, world: World) -> str:
    answer = who.client.get(_url(world))
    assert answer.status_code == 200
    return answer.content.decode()


def _growth(world: World) -> int:
    profile = RiskProfileFactory(firm=world.account.firm, name="Growth")
    version = RiskProfileVersionFactory(risk_profile=profile)
    RiskProfileWeightFactory(version=version, asset_class=world.cash, min_frac=D(0), max_frac=D(1))
    return int(profile.pk)


def test_a_risk_profile_is_chosen(advisor: Persona, world: World) -> None:
    growth = _growth(world)
    data = WHY | {"profile": str(growth), "seen": str(world.account.risk_profile_id)}

    assert advisor.client.post(_url(world, "choose_profile"), data).status_code == 303
    assert Account.objects.get(pk=world.account.pk).risk_profile_id == growth


def test_a_risk_profile_chosen_by_somebody_else_meanwhile_is_a_conflict(advisor: Persona, world: World) -> None:
    seen = str(world.account.risk_profile_id)
    first, second = _growth(world), _growth(world)
    advisor.client.post(_url(world, "choose_profile"), WHY | {"profile": str(first), "seen": seen})

    answer = advisor.client.post(_url(world, "choose_profile"), WHY | {"profile": str(second), "seen": seen})

    assert answer.status_code == 409
    assert Account.objects.get(pk=world.account.pk).risk_profile_id == first
    assert answer.context["profile_form"]["seen"].value() == str(first)


def test_the_rates_of_the_return_are_shown_and_the_way_to_its_page(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_long_usd=D(310000))

    page = _text(advisor, world)

    for said in ("45.8%", "28.8%", "42.0%", "$310,000"):
        assert said in page
    assert reverse("portfolios:tax_situation", args=[world.account.tax_return_id, 2026]) in page


def test_an_account_that_is_not_taxable_has_no_tax_preferences(advisor: Persona) -> None:
    world = world_of(advisor.membership, tax_status="deferred", registration="ira", tax_return=None)

    page = _text(advisor, world)
    assert "Save tax preferences" not in page
    assert "Save trading preferences" in page
