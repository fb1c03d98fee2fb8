"""
Runs: from a request to chunks, each claimed by one worker at a time, split when it kills, parked with its reason.

The tables here are the truth; the queue only wakes workers. A claim raises `attempts` before any work is done, so that
work which kills its worker is counted too; results are stored only by whoever holds the last attempt.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q, QuerySet

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.jobs import enqueue
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability, check_can
from portfolios.models.households import Account, Standing
from portfolios.selectors.books import account_in_book, household_in_book
from rebalancing.engine.types import ENGINE_VERSION
from rebalancing.models.runs import OPEN_RUN, Chunk, ChunkStatus, Run, RunAccount, RunAccountStatus, RunScope, RunStatus
from rebalancing.selectors.runs import run_in_book

CHUNK_TAX_HOUSEHOLDS: Final = 3
MAX_ATTEMPTS: Final = 3
LEASE: Final = timedelta(minutes=3)  # renewed before each tax household
OPEN_CHUNK: Final = (ChunkStatus.WAITING, ChunkStatus.LEASED)
NEEDED_BY: Final[Mapping[str, Capability]] = {
    RunScope.FIRM: Capability.RUN_FIRM,
    RunScope.PREVIEW: Capability.EDIT_GUIDANCE,
}
CHUNK_TASK: Final = "rebalancing.tasks.execute_chunk_task"


class LostLease(Conflict):
    """Somebody else works on this chunk by now: what this worker found must not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run covers: the firm, or one household, or one account; or the firm under a change of the house view."""

    household_id: int | None = None
    account_id: int | None = None
    change_id: int | None = None
    change_revision: int | None = None

    @property
    def kind(self) -> RunScope:
        """Return the name of the scope."""
        if self.change_id is not None:
            return RunScope.PREVIEW
        if self.account_id is not None:
            return RunScope.ACCOUNT
        return RunScope.FIRM if self.household_id is None else RunScope.HOUSEHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A chunk in the hands of one worker; `attempt` fences what it stores."""

    chunk_id: int
    attempt: int
    run_id: int
    firm_id: int
    as_of: date
    change_id: int | None = None
    change_revision: int | None = None


def start_run(firm: Firm, *, scope: Scope, actor: User | None, now: datetime, wake_queue: bool = True) -> Run:
    """
    Open a run over the accounts in scope as of the firm's business date, and wake the queue.

    :raises Invalid: the firm has no business date, or there is nothing to analyse
    :raises Conflict: a run over the whole firm, or a preview of the same change, is under way
    """
    as_of = Firm.objects.values_list("business_on", flat=True).get(pk=firm.pk)
    if as_of is None:
        raise Invalid("The firm has no business date yet. Import a day's prices first.")
    try:
        with transaction.atomic():
            return _open_run(firm, scope=scope, as_of=as_of, actor=actor, now=now, wake_queue=wake_queue)
    except IntegrityError as error:
        what = "preview of this change" if scope.kind is RunScope.PREVIEW else "run over the whole firm"
        raise Conflict(f"A {what} is under way. Wait for it or cancel it.") from error


def start_run_for(member: Membership, *, scope: Scope, now: datetime) -> Run:
    """
    Open a run as a member: over the firm with that right, else over a household or an account of their own book.

    :raises NotPermitted: the role does not allow it
    :raises NotFound: the household or account lies outside the member's book
    :raises Invalid: there is nothing to analyse
    :raises Conflict: a run over the whole firm is under way
    """
    check_can(member, NEEDED_BY.get(scope.kind, Capability.REBALANCE))
    if scope.household_id is not None:
        household_in_book(member, scope.household_id)
    if scope.account_id is not None:
        account_in_book(member, scope.account_id)
    return start_run(member.firm, scope=scope, actor=member.user, now=now)


def start_run_by_name(slug: str, *, scope: Scope, now: datetime, wake_queue: bool) -> int:
    """
    Open a run of the firm with this short name, or of the only firm; return its id.

    :raises Invalid: no such firm, several firms and none named, or nothing to analyse
    :raises Conflict: a run over the whole firm is under way
    """
    return int(start_run(firm_by_name(slug), scope=scope, actor=None, now=now, wake_queue=wake_queue).pk)


def firm_by_name(slug: str) -> Firm:
    """
    Return the firm with this short name, or the only firm.

    :raises Invalid: no such firm, or several firms and none named
    """
    firms = list(Firm.objects.filter(slug=slug) if slug else Firm.objects.order_by("pk")[:2])
    if not firms:
        raise Invalid(f"There is no firm with the short name {slug}." if slug else "There is no firm yet.")
    if len(firms) > 1:
        raise Invalid("There are several firms. Name one with --firm.")
    return firms[0]


def _open_run(firm: Firm, *, scope: Scope, as_of: date, actor: User | None, now: datetime, wake_queue: bool) -> Run:
    accounts = list(_accounts_in(firm, scope).values_list("pk", "tax_household_id").order_by("tax_household_id", "pk"))
    if not accounts:
        raise Invalid("There is no account to analyse.")
    run = Run.objects.create(
        firm=firm,
        as_of_on=as_of,
        scope=scope.kind,
        household_id=scope.household_id,
        account_id=scope.account_id,
        change_id=scope.change_id,
        change_revision=scope.change_revision,
        requested_at=now,
        requested_by=actor,
        engine_version=ENGINE_VERSION,
    )
    tax_households = sorted({tax_household_id for _, tax_household_id in accounts})
    chunk_of = _make_chunks(run, tax_households)
    RunAccount.objects.bulk_create(
        RunAccount(run=run, chunk=chunk_of[tax_household_id], account_id=pk, tax_household_id=tax_household_id)
        for pk, tax_household_id in accounts
    )
    facts = {"scope": run.scope, "as_of_on": as_of, "account_count": len(accounts)}
    if scope.change_id is not None:
        facts |= {"change_id": scope.change_id, "change_revision": scope.change_revision}
    audit.record(
        "run.started",
        actor=actor,
        subject=run,
        firm_id=firm.pk,
        household_id=scope.household_id,
        data=facts,
        now=now,
    )
    if wake_queue:
        _wake({chunk.pk for chunk in chunk_of.values()})
    return run


def _accounts_in(firm: Firm, scope: Scope) -> QuerySet[Account]:
    accounts = Account.objects.filter(firm=firm, is_held_away=False).exclude(standing=Standing.CLOSED)
    if scope.account_id is not None:
        return accounts.filter(pk=scope.account_id)
    if scope.household_id is not None:
        return accounts.filter(household_id=scope.household_id)
    return accounts


def _make_chunks(run: Run, tax_households: list[int]) -> Mapping[int, Chunk]:
    parts = [
        tax_households[start : start + CHUNK_TAX_HOUSEHOLDS]
        for start in range(0, len(tax_households), CHUNK_TAX_HOUSEHOLDS)
    ]
    chunks = Chunk.objects.bulk_create(Chunk(run=run, number=number) for number, _ in enumerate(parts, start=1))
    return {member: chunk for chunk, part in zip(chunks, parts, strict=True) for member in part}


def _wake(chunk_ids: Iterable[int]) -> None:
    for chunk_id in sorted(chunk_ids):
        enqueue(CHUNK_TASK, chunk_id=chunk_id)


def _claimable(now: datetime) -> Q:
    return Q(status=ChunkStatus.WAITING) | Q(status=ChunkStatus.LEASED, leased_until_at__lt=now)


def claimable_chunk_ids(*, now: datetime, run_id: int | None = None) -> list[int]:
    """Return the chunks of open runs that wait for a worker or were left by a dead one, oldest first."""
    chunks = Chunk.objects.filter(_claimable(now), run__status__in=OPEN_RUN)
    if run_id is not None:
        chunks = chunks.filter(run_id=run_id)
    return list(chunks.order_by("run_id", "number").values_list("pk", flat=True))


def claim_chunk(chunk_id: int, *, worker: str, now: datetime) -> Claim | None:
    """
    Take a chunk, or None when somebody else has it, it is done, or it was split or cancelled instead.

    The attempt is counted here, before any work.
    """
    with transaction.atomic():
        chunk = Chunk.objects.select_related("run").filter(_claimable(now), pk=chunk_id).first()
        if chunk is None or chunk.run.status not in OPEN_RUN:
            return None
        if chunk.attempts >= MAX_ATTEMPTS:
            _split_or_park(chunk, now=now)
            return None
        held = {"status": ChunkStatus.LEASED, "worker": worker[:80], "leased_until_at": now + LEASE}
        mine = Chunk.objects.filter(_claimable(now), pk=chunk_id, attempts=chunk.attempts)
        if not mine.update(attempts=F("attempts") + 1, **held):
            return None
        begun = {"status": RunStatus.RUNNING, "started_at": now}
        Run.objects.filter(pk=chunk.run_id, status=RunStatus.QUEUED).update(**begun)
    run = chunk.run
    return Claim(
        chunk_id=chunk.pk,
        attempt=chunk.attempts + 1,
        run_id=run.pk,
        firm_id=run.firm_id,
        as_of=run.as_of_on,
        change_id=run.change_id,
        change_revision=run.change_revision,
    )


def _held(claim: Claim) -> QuerySet[Chunk]:
    return Chunk.objects.filter(pk=claim.chunk_id, attempts=claim.attempt, status=ChunkStatus.LEASED)


def renew_lease(claim: Claim, *, now: datetime) -> None:
    """
    Keep a chunk for longer.

    :raises LostLease: it is somebody else's by now
    """
    if not _held(claim).update(leased_until_at=now + LEASE):
        raise LostLease("This chunk is at work elsewhere.")


def complete_chunk(claim: Claim, *, now: datetime) -> None:
    """
    Close a chunk, inside the transaction that stores its results.

    :raises LostLease: it is somebody else's by now; nothing may be stored
    """
    if not _held(claim).update(status=ChunkStatus.DONE, finished_at=now, leased_until_at=None, message=""):
        raise LostLease("This chunk was at work elsewhere.")


def give_back_chunk(claim: Claim, *, message: str, now: datetime) -> None:
    """Let a chunk wait for another attempt after an error, or split it when it has had its three."""
    with transaction.atomic():
        free = {"status": ChunkStatus.WAITING, "leased_until_at": None, "message": message[:400]}
        if not _held(claim).update(**free):
            return
        if claim.attempt >= MAX_ATTEMPTS:
            _split_or_park(Chunk.objects.select_related("run").get(pk=claim.chunk_id), now=now)
            return
        _wake([claim.chunk_id])


def _split_or_park(chunk: Chunk, *, now: datetime) -> None:
    """Divide a chunk that failed three times, so that only the one bad tax household is parked in the end."""
    members = sorted(set(chunk.accounts.values_list("tax_household_id", flat=True)))
    ending = ChunkStatus.SPLIT if len(members) > 1 else ChunkStatus.PARKED
    mine = Chunk.objects.filter(_claimable(now), pk=chunk.pk, attempts=chunk.attempts)
    if not mine.update(status=ending, finished_at=now, leased_until_at=None):
        return
    if ending is ChunkStatus.PARKED:
        _park(chunk, now=now)
        return
    last = Chunk.objects.filter(run_id=chunk.run_id).aggregate(last=Max("number"))["last"] or 0
    middle = (len(members) + 1) // 2
    for step, part in enumerate((members[:middle], members[middle:]), start=1):
        half = Chunk.objects.create(run_id=chunk.run_id, number=last + step)
        chunk.accounts.filter(tax_household_id__in=part).update(chunk=half)
        _wake([half.pk])


def _park(chunk: Chunk, *, now: datetime) -> None:
    why = chunk.message or "the worker died each time"
    message = f"Parked after {chunk.attempts} attempts: {why}"[:400]
    failed = {"status": RunAccountStatus.FAILED, "message": message, "finished_at": now}
    accounts = list(chunk.accounts.values_list("account_id", flat=True))
    chunk.accounts.filter(status=RunAccountStatus.WAITING).update(**failed)
    facts = {"run_id": chunk.run_id, "attempts": chunk.attempts, "account_ids": accounts, "why": why}
    audit.record("chunk.parked", actor=None, subject=chunk, firm_id=chunk.run.firm_id, data=facts, now=now)
    _finish(chunk.run_id, now=now)


def finish_run(run_id: int, *, now: datetime) -> bool:
    """Close a run when nothing of it is left to do; return whether this call did. Safe to call at any time."""
    with transaction.atomic():
        return _finish(run_id, now=now)


def _finish(run_id: int, *, now: datetime) -> bool:
    if Chunk.objects.filter(run_id=run_id, status__in=OPEN_CHUNK).exists():
        return False
    asked = Run.objects.filter(pk=run_id, status__in=OPEN_RUN)
    ended = {"finished_at": now}
    cancelled = asked.filter(cancel_asked_at__isnull=False).update(status=RunStatus.CANCELLED, **ended)
    if not cancelled and not asked.update(status=RunStatus.DONE, **ended):
        return False
    run = Run.objects.get(pk=run_id)
    facts = {"status": run.status, "accounts": _outcome_counts(run)}
    audit.record("run.finished", actor=None, subject=run, firm_id=run.firm_id, data=facts, now=now)
    return True


def _outcome_counts(run: Run) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for status in run.accounts.values_list("status", flat=True):
        counts[status] = counts.get(status, 0) + 1
    return counts


def cancel_run_for(member: Membership, run_id: int, *, now: datetime) -> None:
    """
    Stop a run as a member: whoever may start such a run may stop it.

    :raises NotFound: it has nothing of the member's book
    :raises NotPermitted: the role does not allow it
    :raises Conflict: it has ended already
    """
    run = run_in_book(member, run_id)
    check_can(member, NEEDED_BY.get(run.scope, Capability.REBALANCE))
    cancel_run(run, actor=member.user, now=now)


@transaction.atomic
def cancel_run(run: Run, *, actor: User | None, now: datetime) -> None:
    """
    Stop a run: chunks that wait are cancelled, those at work finish and keep their results.

    :raises Conflict: it has ended already
    """
    asked = Run.objects.filter(pk=run.pk, status__in=OPEN_RUN, cancel_asked_at__isnull=True)
    if not asked.update(cancel_asked_at=now, cancel_asked_by=actor):
        raise Conflict("This run has ended, or somebody has cancelled it already.")
    waiting = Chunk.objects.filter(_claimable(now), run=run)
    chunk_ids = list(waiting.values_list("pk", flat=True))
    waiting.filter(pk__in=chunk_ids).update(status=ChunkStatus.CANCELLED, finished_at=now, leased_until_at=None)
    left = RunAccount.objects.filter(run=run, chunk_id__in=chunk_ids, status=RunAccountStatus.WAITING)
    cancelled_count = left.update(status=RunAccountStatus.CANCELLED, finished_at=now)
    facts = {"cancelled_count": cancelled_count}
    audit.record("run.cancelled", actor=actor, subject=run, firm_id=run.firm_id, data=facts, now=now)
    _finish(run.pk, now=now)


def ring(*, now: datetime) -> int:
    """
    Wake the queue for open runs: for chunks whose worker died, and for all that wait where nobody works at all.

    Return how many jobs were put on the queue. Ringing twice is harmless.
    """
    rung = 0
    for run_id in Run.objects.filter(status__in=OPEN_RUN).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            chunks = Chunk.objects.filter(run_id=run_id)
            is_at_work = chunks.filter(status=ChunkStatus.LEASED, leased_until_at__gte=now).exists()
            left = chunks.filter(status=ChunkStatus.LEASED, leased_until_at__lt=now) if is_at_work else None
            ids = list((left if left is not None else chunks.filter(_claimable(now))).values_list("pk", flat=True))
            _wake(ids)
            _finish(run_id, now=now)
        rung += len(ids)
    return rung
