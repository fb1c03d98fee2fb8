"""`rebalance` and `drain`: what they start, what they say, how they refuse."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django_q.models import OrmQ

from portfolios.models.households import AccountHold
from rebalancing.models.proposals import Proposal
from rebalancing.models.runs import Run, RunScope, RunStatus
from rebalancing.services import runs
from rebalancing.services.runs import Scope
from tests.factories import NOW, AccountFactory, FirmFactory
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def say(*command: str) -> str:
    said = StringIO()
    call_command(*command, stdout=said, stderr=said)
    return said.getvalue()


def test_rebalance_here_works_the_run_and_sums_it_up(desk: Desk) -> None:
    good = desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    held = desk.account("VTI 400 @ 240 2024-03-01", name="Estate")
    AccountHold.objects.create(account=held, kind="manual", reason="In probate.", placed_at=NOW)

    said = say("rebalance", "--all", "--here")

    assert Proposal.objects.get().account == good
    assert "2 of 2" in said
    assert f"held: Estate ··{held.number_last4}: In probate." in said
    assert re.search(r"run \d+ done in [\d.]+ s: 1 analysed, 1 held, 0 failed", said)
    assert not OrmQ.objects.exists()


def test_rebalance_without_waiting_leaves_the_work_to_the_queue(desk: Desk) -> None:
    account = desk.account("VTI 400 @ 240 2024-03-01")

    say("rebalance", "--account", str(account.pk), "--no-wait")

    run = Run.objects.get()
    assert (run.scope, run.status, run.account) == (RunScope.ACCOUNT, RunStatus.QUEUED, account)
    assert OrmQ.objects.count() == 1


def test_drain_works_what_waits_and_then_returns(desk: Desk) -> None:
    for _ in range(4):
        desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    runs.start_run(desk.firm, scope=Scope(), actor=None, now=NOW, wake_queue=False)

    said = say("drain")

    assert "2 chunks done, nothing left to claim" in said
    assert Run.objects.get().status == RunStatus.DONE
    assert "0 chunks done" in say("drain")


@pytest.mark.parametrize(
    ("firm", "sentence"),
    [((), "There are several firms"), (("--firm", "nowhere"), "no firm with the short name nowhere")],
)
def test_rebalance_refuses_a_firm_that_it_cannot_tell(desk: Desk, firm: tuple[str, ...], sentence: str) -> None:
    FirmFactory.create()

    with pytest.raises(CommandError, match=sentence):
        say("rebalance", "--all", *firm)


def test_rebalance_refuses_while_the_firm_is_at_it(desk: Desk) -> None:
    desk.account("VTI 400 @ 240 2024-03-01")
    runs.start_run(desk.firm, scope=Scope(), actor=None, now=NOW)

    with pytest.raises(CommandError, match="under way"):
        say("rebalance", "--all", "--firm", desk.firm.slug)


def test_household_of_another_firm_has_nothing_to_analyse(desk: Desk) -> None:
    foreign = AccountFactory.create()

    with pytest.raises(CommandError, match="no account to analyse"):
        say("rebalance", "--household", str(foreign.household_id), "--firm", desk.firm.slug)
