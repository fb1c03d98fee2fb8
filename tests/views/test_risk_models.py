"""The pages of risk models, from asking for an estimate to letting it count."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from django_q.models import OrmQ

from advisors.models import Role
from portfolios.models.market import RiskModelVersion
from rebalancing.tasks import estimate_risk_model_task
from tests.conftest import Persona, sign_in
from tests.factories import member_of
from tests.firms import Desk, open_desk
from tests.integration.test_risk_models import price

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    made = open_desk()
    price(made)
    made.account("VTI 40 @ 200 2024-03-01; AAPL 30 @ 90 2024-03-01")
    return made


@pytest.fixture
def cio(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO, full_name="Cara Chief"))


def words_of(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode().replace("<", " <")).split())


def test_from_asking_to_counting(desk: Desk, cio: Persona) -> None:
    listed = reverse("risk_models:risk_models")
    assert "In force" in words_of(cio.client.get(listed))
    assert cio.client.post(reverse("risk_models:ask")).status_code == 303
    job = OrmQ.objects.get().task
    assert job["func"] == "rebalancing.tasks.estimate_risk_model_task"
    assert estimate_risk_model_task(**job["kwargs"]) is True

    version = RiskModelVersion.objects.get(origin="estimated")
    page = reverse("risk_models:risk_model", args=[version.pk])
    mine = words_of(cio.client.get(page))
    assert "You had it estimated; somebody else approves it" in mine
    assert "Let it count" not in mine
    assert "Realised over predicted" in mine
    refused = cio.client.post(reverse("risk_models:drop", args=[version.pk]))
    assert refused.status_code == 422
    assert "Say why it is dropped" in words_of(refused)

    other = sign_in(member_of(desk.firm, Role.CIO))
    assert "Let it count" in words_of(other.client.get(page))
    assert other.client.post(reverse("risk_models:approve", args=[version.pk])).status_code == 303
    assert "In force" in words_of(other.client.get(page))
    assert other.client.post(reverse("risk_models:approve", args=[version.pk])).status_code == 409


def test_an_imported_one_says_that_it_came_as_a_file(desk: Desk, cio: Persona) -> None:
    version = RiskModelVersion.objects.get()

    assert "It came as a file" in words_of(cio.client.get(reverse("risk_models:risk_model", args=[version.pk])))


def test_others_read_and_those_of_another_firm_find_nothing(desk: Desk, cio: Persona, foreigner: Persona) -> None:
    version = RiskModelVersion.objects.get()
    page = reverse("risk_models:risk_model", args=[version.pk])
    advisor = sign_in(member_of(desk.firm, Role.ADVISOR))

    assert "Estimate one" not in words_of(advisor.client.get(reverse("risk_models:risk_models")))
    assert advisor.client.get(page).status_code == 200
    assert foreigner.client.get(page).status_code == 404
