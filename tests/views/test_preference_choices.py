"""The page Preferences: the choice of a risk profile, and what the return is taxed at."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from portfolios.models.households import Account, TaxSituation
from tests.conftest import Persona
from tests.factories import (
    NOW,
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


def _posted(value: object) -> str:
    return "" if value is None else str(value)


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


def _tax_input(advisor: Persona, world: World, **changes: str) -> dict[str, str]:
    form = advisor.client.get(_url(world)).context["situation_form"]
    return {name: _posted(form[name].value()) for name in form.fields} | WHY | changes


def test_a_tax_situation_is_stated_in_percent(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return)
    data = _tax_input(advisor, world, federal_ordinary_frac="35", carryforward_long_usd="310,000")

    assert advisor.client.post(_url(world, "state_taxes"), data).status_code == 303

    newest = TaxSituation.objects.order_by("pk").last()
    assert newest is not None
    assert (newest.federal_ordinary_frac, newest.carryforward_long_usd) == (D("0.35"), D(310000))
    assert newest.set_by == advisor.user


def test_a_tax_situation_that_cannot_be_is_refused_and_kept(advisor: Persona, world: World) -> None:
    data = _tax_input(advisor, world, federal_ordinary_frac="10", federal_long_frac="20")

    answer = advisor.client.post(_url(world, "state_taxes"), data)

    assert answer.status_code == 422
    assert "Long-term gains cannot be taxed higher" in answer.content.decode()
    assert not TaxSituation.objects.exists()


def test_a_tax_situation_stated_meanwhile_is_a_conflict_that_keeps_the_input(advisor: Persona, world: World) -> None:
    data = _tax_input(advisor, world, federal_ordinary_frac="35")
    other = TaxSituationFactory(tax_return=world.account.tax_return, set_at=NOW + timedelta(hours=1))

    answer = advisor.client.post(_url(world, "state_taxes"), data)

    assert answer.status_code == 409
    assert answer.context["situation_form"]["federal_ordinary_frac"].value() == "35"
    assert answer.context["situation_form"]["seen"].value() == str(other.pk)


def test_an_account_that_is_not_taxable_has_no_tax_preferences(advisor: Persona) -> None:
    world = world_of(advisor.membership, tax_status="deferred", registration="ira", tax_return=None)

    page = _text(advisor, world)
    assert "Save tax preferences" not in page
    assert "Save trading preferences" in page
