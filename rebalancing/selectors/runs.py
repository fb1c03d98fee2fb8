"""How far runs are: counted from their accounts, for pages and terminals alike."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, QuerySet

from advisors.errors import NotFound
from advisors.models import Membership, Role
from portfolios.selectors.books import households_in_book
from rebalancing.models.runs import OPEN_RUN, Chunk, ChunkStatus, Run, RunAccount, RunAccountStatus, RunScope


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """One run and how far it is. `subject` names the household or account of a small run, the change of a preview."""

    run_id: int
    status: str
    scope: str
    subject: str
    household_id: int | None
    change_id: int | None
    as_of_on: date
    requested_at: datetime
    requested_by: str
    started_at: datetime | None
    finished_at: datetime | None
    is_cancel_asked: bool
    engine_version: str
    total_count: int
    done_count: int
    held_count: int
    failed_count: int
    cancelled_count: int
    chunk_counts: Mapping[str, int]

    @property
    def is_open(self) -> bool:
        """Tell whether it is still to finish."""
        return self.status in OPEN_RUN

    @property
    def analysed_count(self) -> int:
        """Return how many accounts are through: done, held or failed."""
        return self.done_count + self.held_count + self.failed_count

    @property
    def left_count(self) -> int:
        """Return how many accounts still wait."""
        return self.total_count - self.analysed_count - self.cancelled_count

    def lasted(self, now: datetime) -> timedelta | None:
        """Return for how long it has worked."""
        return None if self.started_at is None else (self.finished_at or now) - self.started_at

    def accounts_a_minute(self, now: datetime) -> float | None:
        """Return its pace, None before there is one."""
        lasted = self.lasted(now)
        if lasted is None or lasted <= timedelta(0) or not self.analysed_count:
            return None
        return self.analysed_count / (lasted.total_seconds() / 60)

    def remaining(self, now: datetime) -> timedelta | None:
        """Return how long it will still take at its pace so far; None while that is unknown."""
        pace = self.accounts_a_minute(now)
        return None if pace is None or not self.is_open else timedelta(minutes=self.left_count / pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailure:
    """An account of a run that has no proposal, and why."""

    account_id: int
    household_id: int
    label: str
    household: str
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAtWork:
    """A part of a run that a worker has, or that could not be worked as it was."""

    number: int
    status: str
    account_count: int
    worker: str
    attempts: int
    leased_until_at: datetime | None
    message: str


def _in_book(member: Membership) -> QuerySet[Run]:
    """Return the firm's runs; an advisor sees the firm's and those of their own households, and no preview."""
    runs = Run.objects.filter(firm_id=member.firm_id)
    if member.role != Role.ADVISOR:
        return runs
    runs = runs.exclude(scope=RunScope.PREVIEW)
    own = runs.filter(accounts__account__household__in=households_in_book(member)).values("pk")
    return runs.filter(pk__in=own)


def run_in_book(member: Membership, run_id: int) -> Run:
    """
    Return one run.

    :raises NotFound: it does not exist, or has nothing of the member's book
    """
    run = _in_book(member).filter(pk=run_id).first()
    if run is None:
        raise NotFound("This run does not exist or has nothing of your book.")
    return run


def run_progress(run_id: int, *, member: Membership | None = None) -> RunProgress:
    """
    Return how far a run is; for an advisor counted over their own accounts. Three queries.

    :raises NotFound: there is none
    """
    (progress,) = progress_of([run_id], member=member) or (None,)
    if progress is None:
        raise NotFound(f"There is no run {run_id}.")
    return progress


def latest_runs(member: Membership, *, limit: int = 30) -> tuple[RunProgress, ...]:
    """Return the newest runs of a member's book, newest first; four queries."""
    ids = list(_in_book(member).order_by("-requested_at", "-pk").values_list("pk", flat=True)[:limit])
    return progress_of(ids, member=member)


def current_run(member: Membership) -> RunProgress | None:
    """Return the newest run of the firm as a whole, open or ended."""
    ids = list(
        _in_book(member).filter(scope=RunScope.FIRM).order_by("-requested_at", "-pk").values_list("pk", flat=True)[:1]
    )
    found = progress_of(ids, member=member)
    return found[0] if found else None


def progress_of(run_ids: Collection[int], *, member: Membership | None = None) -> tuple[RunProgress, ...]:
    """Return how far runs are, in the order of their ids given; three queries."""
    accounts = RunAccount.objects.filter(run_id__in=run_ids)
    if member is not None and member.role == Role.ADVISOR:
        accounts = accounts.filter(account__household__in=households_in_book(member))
    counts: dict[tuple[int, str], int] = {}
    for run_id, status, count in accounts.values_list("run_id", "status").annotate(number=Count("pk")):
        counts[run_id, status] = count
    chunks: dict[int, dict[str, int]] = {}
    rows = Run.objects.filter(pk__in=run_ids).select_related("requested_by", "household", "account", "change")
    told = {run.pk: run for run in rows}
    for run_id, status, count in (
        Run.objects.filter(pk__in=run_ids).values_list("pk", "chunks__status").annotate(number=Count("chunks"))
    ):
        if status:
            chunks.setdefault(run_id, {})[status] = count
    return tuple(_progress(told[pk], counts, chunks.get(pk, {})) for pk in run_ids if pk in told)


def _progress(run: Run, counts: Mapping[tuple[int, str], int], chunks: Mapping[str, int]) -> RunProgress:
    of = {status: counts.get((run.pk, status), 0) for status in RunAccountStatus.values}
    return RunProgress(
        run_id=run.pk,
        status=run.status,
        scope=run.scope,
        subject=_subject(run),
        household_id=run.household_id or (run.account.household_id if run.account else None),
        change_id=run.change_id,
        as_of_on=run.as_of_on,
        requested_at=run.requested_at,
        requested_by=run.requested_by.full_name if run.requested_by else "the system",
        started_at=run.started_at,
        finished_at=run.finished_at,
        is_cancel_asked=run.cancel_asked_at is not None,
        engine_version=run.engine_version,
        total_count=sum(of.values()),
        done_count=of[RunAccountStatus.DONE],
        held_count=of[RunAccountStatus.HELD],
        failed_count=of[RunAccountStatus.FAILED],
        cancelled_count=of[RunAccountStatus.CANCELLED],
        chunk_counts={status: chunks.get(status, 0) for status in ChunkStatus.values},
    )


def _subject(run: Run) -> str:
    if run.account is not None:
        return f"{run.account.name} ··{run.account.number_last4}"
    if run.change is not None:
        return run.change.title
    return run.household.name if run.household else ""


def chunks_to_watch(run_id: int) -> tuple[ChunkAtWork, ...]:
    """Return the chunks of a run that are at work, split or parked; one query."""
    rows = Chunk.objects.filter(run_id=run_id, status__in=[ChunkStatus.LEASED, ChunkStatus.SPLIT, ChunkStatus.PARKED])
    return tuple(
        ChunkAtWork(
            number=row.number,
            status=row.status,
            account_count=row.account_count,
            worker=row.worker,
            attempts=row.attempts,
            leased_until_at=row.leased_until_at,
            message=row.message,
        )
        for row in rows.annotate(account_count=Count("accounts")).order_by("number")
    )


def run_failures(run_id: int, *, member: Membership | None = None, limit: int = 200) -> tuple[RunFailure, ...]:
    """Return the accounts of a run that have no proposal, the failed first; one query."""
    rows = RunAccount.objects.filter(
        run_id=run_id, status__in=[RunAccountStatus.FAILED, RunAccountStatus.HELD]
    ).select_related("account__household")
    if member is not None and member.role == Role.ADVISOR:
        rows = rows.filter(account__household__in=households_in_book(member))
    return tuple(
        RunFailure(
            account_id=row.account_id,
            household_id=row.account.household_id,
            label=f"{row.account.name} ··{row.account.number_last4}",
            household=row.account.household.name,
            status=row.status,
            message=row.message,
        )
        for row in rows.order_by("status", "account__household__name", "pk")[:limit]
    )
