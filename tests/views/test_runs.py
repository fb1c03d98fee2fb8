"""Runs: started and cancelled by whom it is for, shown to whose accounts they hold."""

import re

import pytest
from django.urls import reverse

from portfolios.models.households import Account
from rebalancing.models.runs import Run, RunAccount, RunAccountStatus, RunScope, RunStatus
from tests.conftest import Persona
from tests.factories import NOW, AccountFactory, ChunkFactory, HouseholdFactory, RunFactory

pytestmark = pytest.mark.django_db
START = reverse("runs:start")


@pytest.fixture
def account(advisor: Persona) -> Account:
    household = HouseholdFactory.create(firm=advisor.firm, advisor=advisor.membership)
    made: Account = AccountFactory.create(household=household)
    return made


def run_of(account: Account, status: str = RunAccountStatus.FAILED, **fields: object) -> Run:
    run: Run = RunFactory.create(**{"firm": account.firm, "started_at": NOW, **fields})
    RunAccount.objects.create(
        run=run,
        account=account,
        tax_household=account.tax_household,
        status=status,
        message="XOM has no price of 2026-11-12.",
    )
    return run


def text(answer: object) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())  # type: ignore[attr-defined]


def test_reviewer_starts_a_run_of_the_firm_and_sees_it(reviewer: Persona, account: Account) -> None:
    answer = reviewer.client.post(START, {"scope": "firm"})

    run = Run.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == reverse("runs:run", args=[run.pk])
    assert (run.scope, run.requested_by) == (RunScope.FIRM, reviewer.user)


def test_second_run_of_the_firm_is_a_conflict(reviewer: Persona, account: Account) -> None:
    reviewer.client.post(START, {"scope": "firm"})

    assert reviewer.client.post(START, {"scope": "firm"}).status_code == 409


@pytest.mark.parametrize("scope", ["household", "account"])
def test_advisor_starts_a_run_of_their_own_household_or_account(advisor: Persona, account: Account, scope: str) -> None:
    asked = {"scope": scope, "household": account.household_id, "account": account.pk}

    assert advisor.client.post(START, asked).status_code == 303
    assert Run.objects.get().scope == scope


def test_advisor_may_not_run_the_firm(advisor: Persona, account: Account) -> None:
    assert advisor.client.post(START, {"scope": "firm"}).status_code == 403
    assert not Run.objects.exists()


@pytest.mark.parametrize("scope", ["household", "account"])
def test_run_outside_the_book_is_not_found(outsider: Persona, account: Account, scope: str) -> None:
    asked = {"scope": scope, "household": account.household_id, "account": account.pk}

    assert outsider.client.post(START, asked).status_code == 404
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("asked", "fault"),
    [({"scope": "galaxy"}, "Select a valid choice"), ({"scope": "account"}, "Name the account to rebalance.")],
)
def test_wrong_request_is_refused_with_its_fault(reviewer: Persona, asked: dict[str, str], fault: str) -> None:
    answer = reviewer.client.post(START, asked)

    assert answer.status_code == 422
    assert fault in text(answer)


def test_roles_that_only_look_start_nothing(cio: Persona, compliance: Persona, account: Account) -> None:
    for persona in (cio, compliance):
        assert persona.client.post(START, {"scope": "firm"}).status_code == 403


def test_run_page_names_failures_with_their_reason(reviewer: Persona, account: Account) -> None:
    run = run_of(account)

    said = text(reviewer.client.get(reverse("runs:run", args=[run.pk])))

    assert "XOM has no price of 2026-11-12." in said
    assert account.name in said
    assert "1 failed, 0 held" in said


def test_run_without_anything_of_the_book_is_not_found(outsider: Persona, foreigner: Persona, account: Account) -> None:
    run = run_of(account)

    for persona in (outsider, foreigner):
        for name in ("runs:run", "runs:progress"):
            assert persona.client.get(reverse(name, args=[run.pk])).status_code == 404


def test_advisor_sees_their_part_of_a_run(advisor: Persona, outsider: Persona, account: Account) -> None:
    run = run_of(account)
    other = AccountFactory.create(
        household=HouseholdFactory.create(firm=advisor.firm, advisor=outsider.membership), name="Not yours"
    )
    RunAccount.objects.create(
        run=run, account=other, tax_household=other.tax_household, status=RunAccountStatus.FAILED, message="Secret."
    )

    said = text(advisor.client.get(reverse("runs:run", args=[run.pk])))

    assert "1 of 1" in said
    assert "Secret." not in said


def test_progress_of_an_open_run_asks_again_and_of_an_ended_one_reloads_the_page(
    reviewer: Persona, account: Account
) -> None:
    run = run_of(account, status=RunAccountStatus.DONE)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    address = reverse("runs:progress", args=[run.pk])

    at_work = reviewer.client.get(address, headers={"HX-Request": "true"})
    Run.objects.filter(pk=run.pk).update(status=RunStatus.DONE)
    ended = reviewer.client.get(address, headers={"HX-Request": "true"})

    assert 'hx-trigger="every 2s"' in text(at_work)
    assert "HX-Refresh" not in at_work
    assert "every 2s" not in text(ended)
    assert ended["HX-Refresh"] == "true"


def test_run_is_cancelled_by_those_who_may_run_the_firm(advisor: Persona, reviewer: Persona, account: Account) -> None:
    run = run_of(account)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    address = reverse("runs:cancel", args=[run.pk])

    assert advisor.client.post(address).status_code == 403
    assert reviewer.client.post(address).status_code == 303
    assert reviewer.client.post(address).status_code == 409
    run.refresh_from_db()
    assert run.cancel_asked_by == reviewer.user


def test_list_of_runs_shows_the_newest_first(reviewer: Persona, account: Account) -> None:
    first, second = run_of(account), run_of(account)

    said = text(reviewer.client.get(reverse("runs:runs")))

    assert said.index(f"Run {second.pk}<") < said.index(f"Run {first.pk}<")
    assert "Rebalance all accounts" in said


def test_chunks_at_work_are_named_with_worker_and_lease_to_all_but_advisors(
    advisor: Persona, reviewer: Persona, account: Account
) -> None:
    run = run_of(account)
    ChunkFactory.create(run=run, number=1, status="leased", worker="desk-3:4711", attempts=2, leased_until_at=NOW)
    ChunkFactory.create(run=run, number=2, status="done", worker="desk-4:12")
    address = reverse("runs:run", args=[run.pk])

    said = text(reviewer.client.get(address))

    assert "desk-3:4711" in said
    assert "desk-4:12" not in said
    assert "desk-3:4711" not in text(advisor.client.get(address))


def test_cancel_button_counts_what_is_left_for_those_who_may_press_it(
    advisor: Persona, reviewer: Persona, account: Account
) -> None:
    run = run_of(account, status=RunAccountStatus.WAITING)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    address = reverse("runs:progress", args=[run.pk])

    assert "Cancel the run, 1 account left" in text(reviewer.client.get(address))
    assert "Cancel the run" not in text(advisor.client.get(address))
