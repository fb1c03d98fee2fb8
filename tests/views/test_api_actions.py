"""The API of corporate actions: announced, listed, looked at; never confirmed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from advisors import api_tokens
from advisors.api import CallRate
from advisors.models import AuditEvent
from portfolios.models.market import ActionStatus, CorporateAction
from tests.action_rows import action_row
from tests.conftest import Persona
from tests.desk_actions import holder
from tests.desks import Answer
from tests.factories import BUSINESS_ON, NOW, FirmFactory, SecurityFactory

pytestmark = pytest.mark.django_db
AHEAD = (BUSINESS_ON + timedelta(days=9)).isoformat()
SPLIT = {"security": "aapl", "kind": "split", "effective_on": AHEAD, "ratio": "4"}


def _post(client: Client, body: object, **headers: str) -> Answer:
    return client.post(reverse("api:actions"), body, content_type="application/json", headers=headers)


def test_an_action_is_announced_once_however_often_it_is_sent(operations: Persona) -> None:
    SecurityFactory(symbol="AAPL")

    first = _post(operations.client, SPLIT)
    second = _post(operations.client, SPLIT)

    action = CorporateAction.objects.get()
    assert first.status_code == 201
    assert first["Location"] == reverse("api:action", args=[action.pk])
    told = first.json()  # type: ignore[attr-defined]
    assert (told["id"], told["is_new"], told["status"], told["missing"]) == (action.pk, True, "announced", [])
    assert told["sentence"].startswith("AAPL splits 4 for 1")
    assert second.status_code == 200
    assert second.json()["is_new"] is False  # type: ignore[attr-defined]
    assert (action.source, action.announced_by) == ("api", operations.user)
    event = AuditEvent.objects.get(action="corporate_action.announced")
    assert event.actor_id == operations.user.pk


def test_other_terms_restate_it(operations: Persona) -> None:
    SecurityFactory(symbol="AAPL")
    _post(operations.client, SPLIT)
    CorporateAction.objects.update(status=ActionStatus.ANNOUNCED)

    told = _post(operations.client, {**SPLIT, "ratio": "5"}).json()  # type: ignore[attr-defined]

    assert (told["is_new"], told["is_restated"]) == (False, True)
    assert CorporateAction.objects.get().ratio == 5


def test_a_spin_off_comes_with_its_children_and_says_what_is_missing(operations: Persona) -> None:
    SecurityFactory(symbol="AAPL")
    body = {
        "security": "AAPL",
        "kind": "spin_off",
        "effective_on": AHEAD,
        "delivered": [{"security": "newco", "units_per_unit": "0.25"}],
        "buy_children": False,
    }

    told = _post(operations.client, body).json()  # type: ignore[attr-defined]

    assert told["stage"] == "to_complete"
    assert any("NEWCO is not in the security master" in sentence for sentence in told["missing"])
    one = operations.client.get(reverse("api:action", args=[told["id"]])).json()
    assert one["terms"]["delivered"][0] == {
        "security": "NEWCO",
        "units_per_unit": "0.25",
        "price_usd": None,
        "basis_frac": None,
        "fraction_price_usd": None,
    }
    assert one["terms"]["buy_children"] is False
    assert [moment["what"] for moment in one["history"]] == ["Announced"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "splitt"}, "kind"),
        ({"effective_on": "30.11.2026"}, "effective_on"),
        ({"ratio": "-1"}, "ratio"),
        ({"ratio": "four"}, "ratio"),
        ({"delivered": [{"security": "X"}]}, "delivered"),
        ({"delivered": [{"security": "X", "units_per_unit": "1", "basis_frac": "2"}]}, "delivered"),
        ({"cash_per_unit_usd": "-5"}, "cash_per_unit_usd"),
        ({"ratoi": "4"}, "ratoi"),
        ({"security": ""}, "security"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(operations: Persona, change: dict[str, object], field: str) -> None:
    SecurityFactory(symbol="AAPL")

    answer = _post(operations.client, {**SPLIT, **change})

    assert answer.status_code == 400
    assert field in answer.json()  # type: ignore[attr-defined]
    assert CorporateAction.objects.count() == 0


def test_an_unknown_security_is_refused_with_a_sentence(operations: Persona) -> None:
    answer = _post(operations.client, {**SPLIT, "security": "NOBODY"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "The security NOBODY is not in the security master."  # type: ignore[attr-defined]


def test_a_body_that_is_no_json_is_refused(operations: Persona) -> None:
    answer = operations.client.post(reverse("api:actions"), "{", content_type="application/json")

    assert answer.status_code == 400


def test_a_session_needs_its_csrf_token_and_a_program_its_own(operations: Persona) -> None:
    SecurityFactory(symbol="AAPL")
    made = api_tokens.create_token(operations.membership, name="feed", life=timedelta(days=300), actor=None, now=NOW)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operations.user)

    assert _post(strict, SPLIT).status_code == 403
    assert _post(Client(), SPLIT, Authorization="Bearer nonsense").status_code == 401
    assert _post(Client(), SPLIT, Authorization=f"Bearer {made.secret}").status_code == 201
    assert CorporateAction.objects.get().announced_by == operations.user


def test_a_role_that_brings_in_no_data_only_looks(operations: Persona, reviewer: Persona, advisor: Persona) -> None:
    action = action_row(operations.firm, "AAPL")

    assert reviewer.client.get(reverse("api:action", args=[action.pk])).status_code == 200
    answer = _post(reviewer.client, SPLIT)
    assert answer.status_code == 403
    assert "importing custodian files" in answer.json()["detail"]  # type: ignore[attr-defined]
    assert advisor.client.get(reverse("api:actions")).status_code == 403


def test_firms_see_only_their_own(operations: Persona) -> None:
    theirs = action_row(FirmFactory(), "AAPL")
    mine = action_row(operations.firm, "MSFT")

    told = operations.client.get(reverse("api:actions")).json()

    assert [row["id"] for row in told["results"]] == [mine.pk]
    assert operations.client.get(reverse("api:action", args=[theirs.pk])).status_code == 404
    assert operations.client.get(reverse("api:preview", args=[theirs.pk])).status_code == 404


def test_the_effect_on_every_account_is_told_before(operations: Persona) -> None:
    account = holder(operations.firm)
    action = action_row(operations.firm, "AAPL", on=BUSINESS_ON + timedelta(days=9))

    told = operations.client.get(reverse("api:preview", args=[action.pk])).json()

    assert told["holder_count"] == 1
    (row,) = told["accounts"]
    assert (row["account"], row["units_before"], row["units_after"], row["fault"]) == (account.name, "100", "400", "")
    assert told["steps"][-1] == "No open proposal and no order is touched."


def test_an_applied_action_has_nothing_to_foresee(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", status=ActionStatus.APPLIED)

    assert operations.client.get(reverse("api:preview", args=[action.pk])).status_code == 422


def test_nothing_of_the_api_confirms(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL")
    address = reverse("api:action", args=[action.pk])

    for method in ("post", "put", "patch", "delete"):
        assert getattr(operations.client, method)(address).status_code == 405

    action.refresh_from_db()
    assert action.status == ActionStatus.ANNOUNCED


def test_too_many_calls_are_put_off(operations: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallRate, "rate", "2/min")

    codes = [operations.client.get(reverse("api:actions")).status_code for _ in range(3)]

    assert codes == [200, 200, 429]


def test_a_list_takes_as_many_queries_for_many_as_for_few(
    operations: Persona, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        action_row(operations.firm, f"SPL{number}")

    with django_assert_max_num_queries(14):
        answer = operations.client.get(reverse("api:actions"))

    assert answer.json()["count"] == 12
