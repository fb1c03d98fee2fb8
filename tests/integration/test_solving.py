"""A chunk from claim to proposals, with the real engine on tiny accounts."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portfolios.models.households import Account, AccountHold
from portfolios.models.market import RiskModelVersion
from rebalancing.engine.case import Case
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.reference import solve_convex
from rebalancing.models.proposals import LotSelection, Proposal, ProposalCheck, ProposalStatus, StoredOutcome
from rebalancing.models.runs import AccountFigures, DayState, Run, RunAccount, RunAccountStatus, RunStatus
from rebalancing.selectors.cases import stored_case, stored_outcome
from rebalancing.services import runs, solving
from rebalancing.services.runs import Scope
from rebalancing.services.solving import Worker
from tests.factories import NOW
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def worker(now: datetime = NOW) -> Worker:
    return Worker(name="test", fallback=solve_convex, clock=lambda: now)


def run_all(desk: Desk, *, now: datetime = NOW) -> Run:
    run = runs.start_run(desk.firm, scope=Scope(), actor=None, now=now)
    list(solving.drain(worker=worker(now), run_id=run.pk))
    run.refresh_from_db()
    return run


def off_target(desk: Desk, **fields: object) -> Account:
    return desk.account("VTI 400 @ 240 2024-03-01", cash="500", **fields)


def test_account_off_its_target_gets_a_proposal_with_trades_lots_and_checks(desk: Desk) -> None:
    account = off_target(desk)

    run = run_all(desk)

    proposal = Proposal.objects.get(account=account)
    trades = {trade.side: trade for trade in proposal.trades.select_related("security")}
    assert run.status == RunStatus.DONE
    assert proposal.status == ProposalStatus.PROPOSED
    assert (trades["sell"].security.symbol, trades["buy"].security.symbol) == ("VTI", "BND")
    assert sum(lot.units for lot in LotSelection.objects.filter(trade=trades["sell"])) == trades["sell"].units
    assert ProposalCheck.objects.filter(proposal=proposal, verdict="pass").exists()
    assert not ProposalCheck.objects.filter(proposal=proposal, verdict="fail").exists()
    assert proposal.value_usd == Decimal(100_500)
    assert proposal.traded_usd == trades["sell"].amount_usd + trades["buy"].amount_usd
    assert proposal.sentence
    shares = {share["key"]: share for share in proposal.allocation}
    assert list(shares) == ["us_large", "bonds", "cash"]
    assert shares["us_large"]["before"] == pytest.approx(100_000 / 100_500)
    assert sum(share["after"] for share in shares.values()) == pytest.approx(
        1 - float(proposal.cost_usd) / 100_500, abs=1e-6
    )


def test_account_on_its_target_needs_no_trade(desk: Desk) -> None:
    account = desk.account("VTI 232 @ 250 2024-03-01; BND 533 @ 75 2024-03-01", cash="2025")

    run_all(desk)

    proposal = Proposal.objects.get(account=account)
    assert proposal.status == ProposalStatus.NO_TRADE
    assert AccountFigures.objects.get(account=account).state == DayState.ANALYSED


def test_figures_of_the_account_follow_from_the_run(desk: Desk) -> None:
    account = off_target(desk)

    run_all(desk)

    figures = AccountFigures.objects.get(account=account)
    proposal = Proposal.objects.get(account=account)
    assert figures.state == DayState.PROPOSED
    assert figures.proposal == proposal
    assert figures.value_usd == Decimal(100_500)
    assert figures.unrealized_long_usd == Decimal(4_000)
    assert figures.tax_used_usd == Decimal(0)
    assert figures.drift_frac == pytest.approx(1.0 - 0.58 - 500 / 100_500, abs=1e-6)
    assert figures.opportunity_usd == proposal.opportunity_usd


def test_case_and_outcome_read_back_as_they_were_solved(desk: Desk) -> None:
    account = off_target(desk)

    run_all(desk)

    row = StoredOutcome.objects.select_related("case").get()
    case, outcome = stored_case(row.case), stored_outcome(row)
    assert outcome.case_hash == row.case.case_hash
    assert [member.id for member in case.accounts] == [account.external_ref]


def test_accounts_of_a_tax_household_travel_in_one_case(desk: Desk) -> None:
    first = off_target(desk)
    second = off_target(desk, tax_household=first.tax_household, registration="ira", tax_status="deferred")

    run_all(desk)

    assert StoredOutcome.objects.count() == 1
    assert set(Proposal.objects.values_list("account_id", flat=True)) == {first.pk, second.pk}


def test_held_and_failed_accounts_say_why_and_stop_nobody(desk: Desk) -> None:
    good = off_target(desk)
    held = off_target(desk, tax_household=good.tax_household)
    failed = off_target(desk, risk_profile=None)
    AccountHold.objects.create(account=held, kind="manual", reason="In probate.", placed_at=NOW)

    run_all(desk)

    told = {row.account_id: (row.status, row.message) for row in RunAccount.objects.all()}
    assert told[good.pk] == (RunAccountStatus.DONE, "")
    assert told[held.pk] == (RunAccountStatus.HELD, "In probate.")
    assert told[failed.pk] == (
        RunAccountStatus.FAILED,
        "The account has no risk profile. Choose one on its page.",
    )
    assert AccountFigures.objects.get(account=held).state == DayState.HELD


def test_unified_household_is_solved_as_one(desk: Desk) -> None:
    account = off_target(desk)
    second = off_target(desk, tax_household=account.tax_household, registration="ira", tax_status="deferred")
    for row in (account, second):
        row.household.mode = "unified"
        row.household.save(update_fields=["mode"])

    run_all(desk)

    assert set(RunAccount.objects.values_list("status", flat=True)) == {RunAccountStatus.DONE}
    outcome = stored_outcome(StoredOutcome.objects.select_related("case").get())
    assert outcome.household is not None
    assert outcome.household.tracking_error_after < outcome.household.tracking_error_before


def test_firm_without_risk_model_fails_every_account_at_once(desk: Desk) -> None:
    off_target(desk)
    off_target(desk)
    RiskModelVersion.objects.all().delete()

    run = run_all(desk)

    assert run.status == RunStatus.DONE
    assert {chunk.attempts for chunk in run.chunks.all()} == {1}
    assert {row.message for row in RunAccount.objects.all()} == {
        "The firm has no risk model as of 2026-11-12. Import one."
    }


def test_next_run_supersedes_what_was_not_released(desk: Desk) -> None:
    account = off_target(desk)
    run_all(desk)

    run_all(desk, now=NOW + timedelta(hours=1))

    statuses = list(Proposal.objects.filter(account=account).order_by("pk").values_list("status", flat=True))
    assert statuses == [ProposalStatus.SUPERSEDED, ProposalStatus.PROPOSED]


def test_account_with_orders_out_gets_no_second_proposal(desk: Desk) -> None:
    account = off_target(desk)
    run_all(desk)
    Proposal.objects.filter(account=account).update(status=ProposalStatus.RELEASED)
    AccountFigures.objects.filter(account=account).update(state=DayState.RELEASED)

    run_all(desk, now=NOW + timedelta(hours=1))

    assert Proposal.objects.filter(account=account).count() == 1
    assert "orders are at work" in RunAccount.objects.order_by("-pk")[0].message
    assert AccountFigures.objects.get(account=account).state == DayState.RELEASED


def test_chunk_worked_twice_is_stored_once(desk: Desk) -> None:
    off_target(desk)
    run = runs.start_run(desk.firm, scope=Scope(), actor=None, now=NOW)
    chunk = run.chunks.get()

    done = [solving.execute_chunk(chunk.pk, worker=worker()) for _ in range(2)]

    assert done == [True, False]
    assert Proposal.objects.count() == 1


def test_results_of_a_worker_that_lost_its_lease_are_not_stored(desk: Desk) -> None:
    off_target(desk)
    run = runs.start_run(desk.firm, scope=Scope(), actor=None, now=NOW)
    chunk = run.chunks.get()
    ticks = iter([NOW, NOW, NOW])

    def clock() -> datetime:
        """Another worker takes the chunk over while this one solves."""
        now = next(ticks, None)
        if now is None:
            runs.claim_chunk(chunk.pk, worker="other", now=NOW + runs.LEASE + timedelta(seconds=1))
        return now or NOW

    done = solving.execute_chunk(chunk.pk, worker=Worker(name="slow", fallback=solve_convex, clock=clock))

    assert done is False
    assert not Proposal.objects.exists()
    assert chunk.accounts.get().status == RunAccountStatus.WAITING


def test_household_that_breaks_the_engine_costs_its_neighbours_nothing(desk: Desk) -> None:
    good, bad = off_target(desk), off_target(desk)

    def engine(case: Case, /, *, fallback: ConvexSolver | None) -> Outcome:
        raise ArithmeticError("singular matrix")

    run = runs.start_run(desk.firm, scope=Scope(account_id=bad.pk), actor=None, now=NOW)
    broken = Worker(name="w", fallback=solve_convex, clock=lambda: NOW, engine=engine)
    list(solving.drain(worker=broken, run_id=run.pk))
    run_all(desk, now=NOW + timedelta(minutes=1))

    first = RunAccount.objects.get(run=run)
    assert first.status == RunAccountStatus.FAILED
    assert first.message == "The engine failed (ArithmeticError): singular matrix"
    assert set(Proposal.objects.values_list("account_id", flat=True)) == {good.pk, bad.pk}


def test_queries_of_storing_grow_only_with_audit_and_superseding(desk: Desk) -> None:
    off_target(desk)
    with CaptureQueriesContext(connection) as one:
        run_all(desk)
    household = off_target(desk)
    for _ in range(4):
        off_target(desk, tax_household=household.tax_household)
    run = runs.start_run(
        desk.firm, scope=Scope(household_id=household.household_id), actor=None, now=NOW + timedelta(hours=1)
    )

    with CaptureQueriesContext(connection) as five:
        list(solving.drain(worker=worker(NOW + timedelta(hours=1)), run_id=run.pk))

    assert len(five) <= len(one)
