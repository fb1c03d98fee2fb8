"""Runs: chunks, claims, leases, splitting, parking, cancelling, ringing."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django_q.models import OrmQ

from advisors.errors import Conflict, Invalid
from advisors.models import AuditEvent
from portfolios.models.households import Account, Standing
from rebalancing.models.runs import Chunk, ChunkStatus, Run, RunAccount, RunAccountStatus, RunStatus
from rebalancing.services import runs
from rebalancing.services.runs import Claim, Scope
from tests.factories import NOW, FirmFactory
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
LATER = NOW + runs.LEASE + timedelta(seconds=1)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def accounts(desk: Desk) -> list[Account]:
    """Seven households of one account: three chunks."""
    return [desk.account("VTI 4 @ 200 2024-03-01") for _ in range(7)]


def start(desk: Desk, *, scope: Scope | None = None, now: datetime = NOW) -> Run:
    return runs.start_run(desk.firm, scope=scope or Scope(), actor=None, now=now)


def claim(chunk: Chunk, *, now: datetime = NOW, worker: str = "w1") -> Claim:
    made = runs.claim_chunk(chunk.pk, worker=worker, now=now)
    assert made is not None
    return made


def fail(chunk: Chunk, *, times: int, message: str = "no") -> None:
    for _ in range(times):
        runs.give_back_chunk(claim(chunk), message=message, now=NOW)


def first_chunk(run: Run) -> Chunk:
    return run.chunks.get(number=1)


def test_run_covers_every_open_account_once_in_chunks_of_tax_households(desk: Desk, accounts: list[Account]) -> None:
    desk.account("", is_held_away=True)
    desk.account("", standing=Standing.CLOSED)
    sibling = desk.account("VTI 4 @ 200 2024-03-01", tax_household=accounts[0].tax_household)

    run = start(desk)

    assert set(run.accounts.values_list("account_id", flat=True)) == {one.pk for one in (*accounts, sibling)}
    assert run.chunks.count() == 3
    assert run.accounts.get(account=sibling).chunk_id == run.accounts.get(account=accounts[0]).chunk_id
    assert OrmQ.objects.count() == 3


@pytest.mark.parametrize(
    ("scope_of", "count"),
    [
        (lambda account: Scope(household_id=account.household_id), 2),
        (lambda account: Scope(account_id=account.pk), 1),
    ],
)
def test_smaller_run_covers_its_household_or_account(
    desk: Desk, accounts: list[Account], scope_of: Callable[[Account], Scope], count: int
) -> None:
    desk.account("VTI 4 @ 200 2024-03-01", tax_household=accounts[0].tax_household)

    run = start(desk, scope=scope_of(accounts[0]))

    assert run.accounts.count() == count


def test_second_run_of_the_firm_is_refused_while_one_is_open(desk: Desk, accounts: list[Account]) -> None:
    start(desk)

    with pytest.raises(Conflict, match="under way"):
        start(desk)

    assert Run.objects.count() == 1


def test_run_without_business_date_or_accounts_is_refused(db: None) -> None:
    with pytest.raises(Invalid, match="business date"):
        runs.start_run(FirmFactory.create(business_on=None), scope=Scope(), actor=None, now=NOW)
    with pytest.raises(Invalid, match="no account"):
        runs.start_run(FirmFactory.create(), scope=Scope(), actor=None, now=NOW)


def test_chunk_is_claimed_by_one_worker_until_its_lease_ends(desk: Desk, accounts: list[Account]) -> None:
    chunk = first_chunk(start(desk))
    first = claim(chunk)

    assert runs.claim_chunk(chunk.pk, worker="w2", now=NOW + runs.LEASE) is None
    second = claim(chunk, now=LATER, worker="w2")

    assert (first.attempt, second.attempt) == (1, 2)
    assert Run.objects.get().status == RunStatus.RUNNING


def test_worker_that_lost_its_lease_can_neither_renew_nor_complete(desk: Desk, accounts: list[Account]) -> None:
    chunk = first_chunk(start(desk))
    first = claim(chunk)
    second = claim(chunk, now=LATER, worker="w2")

    with pytest.raises(runs.LostLease):
        runs.renew_lease(first, now=LATER)
    with pytest.raises(runs.LostLease):
        runs.complete_chunk(first, now=LATER)
    runs.complete_chunk(second, now=LATER)

    assert Chunk.objects.get(pk=chunk.pk).status == ChunkStatus.DONE


def test_renewed_lease_keeps_others_away(desk: Desk, accounts: list[Account]) -> None:
    chunk = first_chunk(start(desk))
    runs.renew_lease(claim(chunk), now=NOW + timedelta(minutes=2))

    assert runs.claim_chunk(chunk.pk, worker="w2", now=LATER) is None


def test_chunk_that_fails_three_times_is_split_in_two(desk: Desk, accounts: list[Account]) -> None:
    run = start(desk)
    chunk = first_chunk(run)

    fail(chunk, times=3)

    assert Chunk.objects.get(pk=chunk.pk).status == ChunkStatus.SPLIT
    halves = run.chunks.filter(number__gt=3).order_by("number")
    assert [half.accounts.count() for half in halves] == [2, 1]
    assert {half.attempts for half in halves} == {0}
    assert not chunk.accounts.exists()


def test_single_tax_household_that_fails_three_times_is_parked_with_the_reason(desk: Desk) -> None:
    account = desk.account("VTI 4 @ 200 2024-03-01")
    run = start(desk)

    fail(first_chunk(run), times=3, message="The engine failed (MemoryError)")

    row = RunAccount.objects.get(account=account)
    assert first_chunk(run).status == ChunkStatus.PARKED
    assert row.status == RunAccountStatus.FAILED
    assert row.message == "Parked after 3 attempts: The engine failed (MemoryError)"
    assert Run.objects.get().status == RunStatus.DONE


def test_chunk_that_kills_its_worker_counts_attempts_too(desk: Desk) -> None:
    desk.account("VTI 4 @ 200 2024-03-01")
    chunk = first_chunk(start(desk))
    now = NOW
    for _ in range(3):
        claim(chunk, now=now)
        now += runs.LEASE + timedelta(seconds=1)

    assert runs.claim_chunk(chunk.pk, worker="w4", now=now) is None

    assert "the worker died each time" in RunAccount.objects.get().message


def test_cancelled_run_keeps_what_is_at_work_and_drops_the_rest(desk: Desk, accounts: list[Account]) -> None:
    run = start(desk)
    held = claim(first_chunk(run))

    runs.cancel_run(run, actor=None, now=NOW)
    assert Run.objects.get().status == RunStatus.RUNNING
    runs.complete_chunk(held, now=NOW)
    runs.finish_run(run.pk, now=NOW)

    assert Run.objects.get().status == RunStatus.CANCELLED
    assert run.accounts.filter(status=RunAccountStatus.CANCELLED).count() == 4
    assert runs.claimable_chunk_ids(now=LATER) == []
    with pytest.raises(Conflict):
        runs.cancel_run(run, actor=None, now=NOW)


def test_ring_wakes_the_queue_for_dead_workers_only_while_others_work(desk: Desk, accounts: list[Account]) -> None:
    run = start(desk)
    OrmQ.objects.all().delete()
    one, two, _ = run.chunks.order_by("number")
    claim(one)
    claim(two, now=NOW + timedelta(minutes=1))

    assert runs.ring(now=NOW + timedelta(minutes=1)) == 0
    assert runs.ring(now=LATER) == 1
    assert runs.ring(now=LATER + timedelta(minutes=1)) == 3


def test_ring_closes_a_run_that_nobody_closed(desk: Desk, accounts: list[Account]) -> None:
    run = start(desk)
    for chunk in run.chunks.all():
        runs.complete_chunk(claim(chunk), now=NOW)

    runs.ring(now=NOW)

    assert Run.objects.get().status == RunStatus.DONE


def test_start_and_end_of_a_run_are_in_the_audit_log(desk: Desk, accounts: list[Account]) -> None:
    run = start(desk)
    runs.cancel_run(run, actor=None, now=NOW)

    actions = list(AuditEvent.objects.filter(subject_type="run").order_by("pk").values_list("action", flat=True))
    assert actions == ["run.started", "run.cancelled", "run.finished"]
