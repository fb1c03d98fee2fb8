"""The queue of corporate actions, the page of one with its effect on every account, and decisions on it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import AuditEvent
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.lots import Lot
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.holds import place_hold
from tests.action_rows import action_row
from tests.conftest import Persona
from tests.desk_actions import holder, second_operator
from tests.desks import text_of
from tests.factories import BUSINESS_ON, FirmFactory

pytestmark = pytest.mark.django_db
S = ActionStatus
AHEAD = BUSINESS_ON + timedelta(days=9)


def _page(persona: Persona, action: CorporateAction, query: str = "") -> str:
    return text_of(persona.client.get(reverse("data:action", args=[action.pk]) + query))


def _decide(persona: Persona, action: CorporateAction, decision: str, **said: str) -> int:
    answer = persona.client.post(reverse("data:decide_action", args=[action.pk, decision]), said)
    return int(answer.status_code)


def _status(action: CorporateAction) -> str:
    return CorporateAction.objects.get(pk=action.pk).status


def test_the_queue_counts_every_stage_and_says_what_each_action_does(operations: Persona) -> None:
    holder(operations.firm)
    action_row(operations.firm, "AAPL", on=AHEAD)
    action_row(operations.firm, "KO", kind="spin_off", ratio=None, on=AHEAD)
    action_row(operations.firm, "MSFT", status=S.CONFIRMED)
    action_row(operations.firm, "VTI", status=S.APPLIED)
    action_row(operations.firm, "OLD", status=S.WITHDRAWN)

    page = text_of(operations.client.get(reverse("data:actions")))

    for label in ("Announced, to complete", "To confirm", "Due", "Applied", "Reversed or withdrawn"):
        assert label in page
    assert "AAPL splits 4 for 1" in page
    assert "in 9" in page
    assert "100" in page
    assert page.index("MSFT splits") < page.index("AAPL splits")  # what is due leads


def test_filters_narrow_the_queue_without_javascript_and_with_it(operations: Persona) -> None:
    action_row(operations.firm, "AAPL", on=AHEAD)
    action_row(operations.firm, "MSFT", status=S.APPLIED)
    address = reverse("data:actions")

    whole = text_of(operations.client.get(f"{address}?stage=applied"))
    part = text_of(operations.client.get(f"{address}?text=aap", headers={"HX-Request": "true"}))
    none = text_of(operations.client.get(f"{address}?kind=tender"))

    assert "MSFT splits" in whole
    assert "AAPL splits" not in whole
    assert "<html" not in part
    assert "AAPL splits" in part
    assert "MSFT splits" not in part
    assert "No action is like this." in none


def test_an_empty_queue_says_where_actions_come_from(operations: Persona) -> None:
    assert "No corporate action is known." in text_of(operations.client.get(reverse("data:actions")))


def test_the_queue_takes_as_many_queries_for_many_actions_as_for_few(operations: Persona) -> None:
    address = reverse("data:actions")
    for number in range(2):
        action_row(operations.firm, f"SPL{number}", on=AHEAD)
    with CaptureQueriesContext(connection) as few:
        operations.client.get(address)
    for number in range(2, 12):
        action_row(operations.firm, f"SPL{number}", on=AHEAD)

    with CaptureQueriesContext(connection) as many:
        operations.client.get(address)

    assert len(many) == len(few)


def test_what_prices_showed_is_marked_as_not_announced(operations: Persona) -> None:
    action_row(operations.firm, "AAPL", is_detected=True, source="prices", note="AAPL went from $400.00 to $100.00.")

    page = text_of(operations.client.get(reverse("data:actions")))

    assert "Seen, not announced" in page
    assert "seen in prices" in page


def test_the_page_shows_the_effect_on_every_account_before_it_is_applied(operations: Persona) -> None:
    first, second = holder(operations.firm), holder(operations.firm, units="35", cost="2100.00")
    action = action_row(operations.firm, "AAPL", on=AHEAD)

    page = _page(operations, action)

    assert first.name in page
    assert second.name in page
    assert "400" in page
    assert "140" in page
    assert "$8,200.00" in page
    assert "No open proposal and no order is touched." in page
    assert "all can be booked" in page


def test_the_effect_comes_as_a_file_too(operations: Persona) -> None:
    account = holder(operations.firm)
    action = action_row(operations.firm, "AAPL", on=AHEAD)

    answer = operations.client.get(reverse("data:action_effects", args=[action.pk]))

    assert answer["Content-Type"].startswith("text/csv")
    rows = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert rows[0].startswith("account,units_before,units_after")
    assert rows[1].split(",")[0] == account.name
    assert [Decimal(cell) for cell in rows[1].split(",")[1:3]] == [Decimal(100), Decimal(400)]


def test_whoever_announced_it_does_not_confirm_it(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD, announced_by=operations.user)

    page = _page(operations, action)

    assert "You announced this action yourself." in page
    assert "Confirm for" not in page
    assert _decide(operations, action, "confirm") == 403
    assert _status(action) == S.ANNOUNCED


def test_a_second_person_confirms_it(operations: Persona) -> None:
    holder(operations.firm)
    action = action_row(operations.firm, "AAPL", on=AHEAD, announced_by=operations.user)
    second = second_operator(operations.firm)
    assert "Confirm for 1 account" in _page(second, action)

    assert _decide(second, action, "confirm") == 303

    assert _status(action) == S.CONFIRMED
    assert AuditEvent.objects.get(action="corporate_action.confirmed").actor_id == second.user.pk


def test_what_was_changed_since_it_was_read_is_not_confirmed(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD)

    assert _decide(operations, action, "confirm", seen="something else") == 409

    assert _status(action) == S.ANNOUNCED


def test_an_action_that_misses_facts_names_them_and_cannot_be_confirmed(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", kind="cash_merger", ratio=None, on=AHEAD)

    page = _page(operations, action)
    answer = operations.client.post(reverse("data:decide_action", args=[action.pk, "confirm"]))

    assert "The cash for each unit is missing." in page
    assert "Complete the terms" in page
    assert answer.status_code == 422
    assert "The cash for each unit is missing." in text_of(answer)
    assert _status(action) == S.ANNOUNCED


def test_a_due_action_is_applied_by_hand_and_taken_back_with_a_reason(operations: Persona) -> None:
    account = holder(operations.firm)
    action = action_row(operations.firm, "AAPL", on=BUSINESS_ON, status=S.CONFIRMED)
    assert "Apply to 1 account now" in _page(operations, action)

    assert _decide(operations, action, "apply") == 303

    assert _status(action) == S.APPLIED
    assert Lot.objects.get(account=account, closed_on__isnull=True).units == 400
    page = _page(operations, action)
    assert account.name in page
    assert "Reverse in 1 account" in page
    assert _decide(operations, action, "reverse") == 422
    assert _decide(operations, action, "reverse", reason="It was another company's split.") == 303
    assert _status(action) == S.REVERSED
    assert Lot.objects.get(account=account, closed_on__isnull=True).units == 100
    assert "It was another company" in _page(operations, action)


def test_an_action_ahead_cannot_be_applied_yet(operations: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD, status=S.CONFIRMED)

    assert "Apply to" not in _page(operations, action)
    assert _decide(operations, action, "apply") == 409


def test_a_false_alarm_is_set_aside_and_lets_the_accounts_go(operations: Persona) -> None:
    account = holder(operations.firm)
    action = action_row(operations.firm, "AAPL", is_detected=True, source="prices")
    assert _decide(operations, action, "withdraw", reason="") == 422
    AccountHold.objects.create(
        account=account,
        kind=HoldKind.CORPORATE_ACTION,
        subject="AAPL",
        reason="Corporate action: waits to be confirmed.",
        placed_at=action.announced_at,
    )

    assert _decide(operations, action, "withdraw", reason="Bad earnings, no split.") == 303

    assert _status(action) == S.WITHDRAWN
    assert not AccountHold.objects.filter(account=account, lifted_at__isnull=True).exists()


def test_a_tender_asks_who_tenders(operations: Persona) -> None:
    account = holder(operations.firm)
    terms = {
        "kind": "tender",
        "security": "AAPL",
        "effective_on": AHEAD.isoformat(),
        "cash_per_unit_usd": "60",
    }
    action = action_row(operations.firm, "AAPL", kind="tender", ratio=None, on=AHEAD, terms=terms)
    assert "Nobody has tendered so far." in _page(operations, action)

    answer = operations.client.post(
        reverse("data:set_holder", args=[action.pk]), {"account": account.pk, "tendered_units": "40"}
    )

    assert answer.status_code == 303
    page = _page(operations, action)
    assert "tenders 40 units" in page
    assert "$2,400.00" in page
    assert "Somebody else has to confirm the action." in page


@pytest.mark.parametrize("decision", ["confirm", "apply", "withdraw", "reverse"])
def test_another_firms_action_does_not_exist(operations: Persona, decision: str) -> None:
    theirs = action_row(FirmFactory(), "AAPL")

    assert operations.client.get(reverse("data:action", args=[theirs.pk])).status_code == 404
    assert operations.client.get(reverse("data:action_effects", args=[theirs.pk])).status_code == 404
    assert _decide(operations, theirs, decision, reason="no") == 404
    assert _status(theirs) == S.ANNOUNCED


def test_a_reviewer_looks_and_decides_nothing(operations: Persona, reviewer: Persona) -> None:
    action = action_row(operations.firm, "AAPL", on=AHEAD)

    page = _page(reviewer, action)

    assert "AAPL splits 4 for 1" in page
    assert "Confirm for" not in page
    assert "Withdraw" not in page
    assert _decide(reviewer, action, "confirm") == 403


def test_a_held_account_names_the_action_it_waits_for(operations: Persona) -> None:
    account = holder(operations.firm)
    action = action_row(operations.firm, "AAPL")
    place_hold(
        account,
        kind=HoldKind.CORPORATE_ACTION,
        subject="AAPL orders",
        reason="Order T1 was sent before this.",
        actor=None,
        now=action.announced_at,
    )
    link = f'href="{reverse("data:action", args=[action.pk])}"'

    held = text_of(operations.client.get(reverse("data:held")))
    today = text_of(operations.client.get(reverse("runs:today")))

    assert f"{link}>Waits for the corporate action on AAPL</a>" in held
    assert f"{link}>AAPL split</a>" in today


def test_whoever_sees_no_data_reads_what_is_waited_for_without_a_link(operations: Persona, advisor: Persona) -> None:
    account = holder(operations.firm)
    account.household.advisor = advisor.membership
    account.household.save()
    action = action_row(operations.firm, "AAPL")
    place_hold(
        account, kind=HoldKind.CORPORATE_ACTION, subject="AAPL", reason="Waits.", actor=None, now=action.announced_at
    )

    today = text_of(advisor.client.get(reverse("runs:today")))

    assert "AAPL split" in today
    assert reverse("data:action", args=[action.pk]) not in today
