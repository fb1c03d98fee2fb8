"""Today: the same numbers as the lists they lead to, what waits for each role, nothing of other books."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portfolios.models.households import Account, AccountHold
from rebalancing.models.proposals import ProposalCheck, ProposalStatus
from rebalancing.models.runs import DayState, RunStatus
from tests.conftest import Persona
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    AccountFiguresFactory,
    HouseholdFactory,
    ProposalFactory,
    RunFactory,
)

pytestmark = pytest.mark.django_db
TODAY = reverse("runs:today")


def page(persona: Persona) -> str:
    answer = persona.client.get(TODAY)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def account(persona: Persona, **fields: object) -> Account:
    household = HouseholdFactory.create(firm=persona.firm, advisor=persona.membership)
    made: Account = AccountFactory.create(household=household, **fields)
    return made


def figures(persona: Persona, state: DayState, *, value: str = "250000", **fields: object) -> Account:
    made = account(persona)
    AccountFiguresFactory.create(account=made, state=state, value_usd=Decimal(value), **fields)
    return made


def counts(persona: Persona) -> dict[str, int]:
    """Read the numbers of the pipeline by the state they link to."""
    found = re.findall(r'state=(\w+)">([\d,]+)</a>', page(persona))
    return {state: int(number.replace(",", "")) for state, number in found}


def test_every_stage_counts_its_accounts_and_leads_to_its_list(advisor: Persona) -> None:
    figures(advisor, DayState.PROPOSED)
    figures(advisor, DayState.PROPOSED)
    figures(advisor, DayState.ANALYSED)
    account(advisor)
    held = figures(advisor, DayState.ANALYSED)
    AccountHold.objects.create(account=held, kind="missing_basis", reason="No basis.", placed_at=NOW)

    assert counts(advisor) == {
        "received": 1,
        "held": 1,
        "analysed": 1,
        "proposed": 2,
        "approved": 0,
        "released": 0,
        "filled": 0,
    }


@pytest.mark.parametrize("state", [state.value for state in DayState])
def test_list_behind_a_number_has_as_many_accounts(advisor: Persona, state: str) -> None:
    for one in DayState:
        figures(advisor, one)
    figures(advisor, DayState.ANALYSED, as_of_on=BUSINESS_ON - timedelta(days=1))
    account(advisor, is_held_away=True)
    stuck = figures(advisor, DayState.PROPOSED)
    AccountHold.objects.create(account=stuck, kind="manual", reason="Stop.", placed_at=NOW)

    listed = advisor.client.get(reverse("accounts:accounts"), {"state": state}).context["found"].count

    assert listed == counts(advisor)[state]


def test_what_was_analysed_on_an_earlier_day_has_only_been_received(advisor: Persona) -> None:
    figures(advisor, DayState.ANALYSED, as_of_on=BUSINESS_ON - timedelta(days=1))

    assert counts(advisor)["received"] == 1


def test_account_whose_hold_was_lifted_is_received_again(advisor: Persona) -> None:
    freed = figures(advisor, DayState.HELD)
    AccountHold.objects.create(
        account=freed, kind="manual", reason="Stop.", placed_at=NOW, lifted_at=NOW, lifted_by=advisor.user
    )

    assert (counts(advisor)["held"], counts(advisor)["received"]) == (0, 1)


def test_money_is_summed_and_held_reasons_are_named(advisor: Persona) -> None:
    figures(advisor, DayState.PROPOSED, value="1500000.75")
    figures(advisor, DayState.PROPOSED, value="500000")
    held = figures(advisor, DayState.HELD, value="90000")
    AccountHold.objects.create(account=held, kind="stale_price", reason="Old.", placed_at=NOW)

    said = page(advisor)

    assert "$2.0 M" in said
    assert "Price missing or suspicious" in said
    assert "Held: 1 account needs a person" in said


def test_advisor_sees_only_their_own_book(advisor: Persona, outsider: Persona) -> None:
    figures(advisor, DayState.PROPOSED)
    ProposalFactory.create(account=account(advisor))

    assert sum(counts(outsider).values()) == 0
    assert "No proposal waits" in page(outsider)


def test_nothing_of_another_firm_is_counted(advisor: Persona, foreigner: Persona) -> None:
    figures(advisor, DayState.PROPOSED)

    assert sum(counts(foreigner).values()) == 0


def test_reviewer_is_told_what_to_release_with_the_counts_on_the_button(advisor: Persona, reviewer: Persona) -> None:
    ProposalFactory.create(account=account(advisor), status=ProposalStatus.APPROVED, traded_usd=Decimal(12_000))

    said = page(reviewer)

    assert "1 proposal is approved and unreleased." in said
    assert "Release 1 proposal, 0 orders, $12,000" in said
    assert "Release 1 proposal" not in page(advisor)


def test_reviewer_is_told_what_to_review(advisor: Persona, reviewer: Persona) -> None:
    ProposalFactory.create(account=account(advisor), opportunity_usd=Decimal(612))

    assert "1 proposal waits for review, worth $612." in page(reviewer)


def test_advisor_is_told_what_waits_for_their_approval(advisor: Persona) -> None:
    ProposalFactory.create(account=account(advisor, is_discretionary=False))

    said = page(advisor)

    assert "1 proposal waits for your approval." in said
    assert "With the advisor, non-discretionary" in said


def test_compliance_is_shown_failed_checks_that_nobody_overrode(advisor: Persona, compliance: Persona) -> None:
    proposal = ProposalFactory.create(account=account(advisor))
    ProposalCheck.objects.create(proposal=proposal, rule="tax_budget", verdict="fail", evidence="over")

    assert "Failed check, override needed" in page(compliance)


def test_running_run_asks_for_its_progress_and_leaves_a_link_without_script(reviewer: Persona) -> None:
    run = RunFactory.create(firm=reviewer.firm, status=RunStatus.RUNNING, started_at=NOW)

    said = page(reviewer)

    assert f'hx-get="{reverse("runs:progress", args=[run.pk])}"' in said
    assert '<noscript><p class="small"><a href="/">Look again</a></p></noscript>' in said
    assert "Rebalance all" not in said


def test_start_button_is_for_those_who_may_run_the_firm(advisor: Persona, operations: Persona) -> None:
    figures(advisor, DayState.ANALYSED, value="250000")

    assert "Rebalance all 1 account, $250.0 K" in page(operations)
    assert "Rebalance all" not in page(advisor)


def test_stranger_is_sent_to_sign_in(stranger: object) -> None:
    answer = stranger.get(TODAY)  # type: ignore[attr-defined]

    assert answer.status_code == 302


def test_number_of_queries_does_not_grow(advisor: Persona, reviewer: Persona) -> None:
    def fill() -> None:
        for state in DayState:
            proposal = ProposalFactory.create(account=figures(advisor, state))
            AccountHold.objects.create(account=proposal.account, kind="manual", reason="Stop.", placed_at=NOW)

    fill()
    with CaptureQueriesContext(connection) as few:
        page(reviewer)
    fill()

    with CaptureQueriesContext(connection) as many:
        page(reviewer)

    assert len(many) == len(few)
    assert len(few) < 25
