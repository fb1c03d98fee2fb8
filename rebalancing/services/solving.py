"""The only place that runs the engine: a claimed chunk is taken, solved outside any transaction, and stored at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import structlog

from portfolios.ledger.errors import BadInput
from portfolios.models.households import Account
from rebalancing.engine.case import Case, case_hash
from rebalancing.engine.frontier import budget_frontier, override_cost, tracking_frontier, transition_plan, what_if
from rebalancing.engine.kernels.warm import warm_up
from rebalancing.engine.outcome import Outcome, PreferenceCost
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.preferences import price_preferences
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.sample import sample_case
from rebalancing.engine.types import Pinned
from rebalancing.models.questions import QuestionKind
from rebalancing.models.runs import RunAccount, RunAccountStatus
from rebalancing.services import runs
from rebalancing.services.cases import CaseToKeep, KeptCase, keep_cases
from rebalancing.services.impacts import Compared, Weighed, check_unedited, store_impacts
from rebalancing.services.proposals import Solved, store_outcomes
from rebalancing.snapshots.taking import TakenCase, take_cases

logger = structlog.get_logger(__name__)
NOBODY: Final[Mapping[int, str]] = {}


class Engine(Protocol):
    """What answers a case."""

    def __call__(self, case: Case, /, *, fallback: ConvexSolver | None) -> Outcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Who works: its name in the chunk table, the solver to fall back on, its clock, and the engine it runs."""

    name: str
    fallback: ConvexSolver
    clock: Callable[[], datetime]
    engine: Engine = rebalance


def execute_chunk(chunk_id: int, *, worker: Worker) -> bool:
    """
    Work a chunk from claim to proposals, or to the impact of a change; return whether this call did it.

    Whatever goes wrong is the chunk's: it waits for another attempt with its reason, and its neighbours go on.
    """
    claim = runs.claim_chunk(chunk_id, worker=worker.name, now=worker.clock())
    if claim is None:
        return False
    try:
        if claim.change_id is None:
            store_outcomes(claim, list(_solved(claim, worker=worker)), now=worker.clock())
        else:
            store_impacts(claim, list(_compared(claim, worker=worker)), now=worker.clock())
    except runs.LostLease:
        logger.warning("chunk_lost", chunk_id=chunk_id, attempt=claim.attempt)
        return False
    except Exception as error:
        logger.exception("chunk_failed", chunk_id=chunk_id, attempt=claim.attempt)
        runs.give_back_chunk(claim, message=_sentence(error), now=worker.clock())
        return False
    runs.finish_run(claim.run_id, now=worker.clock())
    return True


def drain(*, worker: Worker, run_id: int | None = None) -> Iterator[int]:
    """Work every chunk that can be claimed until none is left, without a queue; yield the id of each one done."""
    while chunk_ids := runs.claimable_chunk_ids(now=worker.clock(), run_id=run_id):
        for chunk_id in chunk_ids:
            if execute_chunk(chunk_id, worker=worker):
                yield chunk_id


def _solved(claim: runs.Claim, *, worker: Worker) -> Iterator[Solved]:
    left = RunAccount.objects.filter(chunk_id=claim.chunk_id, status=RunAccountStatus.WAITING)
    household_of = dict(left.values_list("account_id", "tax_household_id"))
    try:
        taken = take_cases(claim.firm_id, account_ids=household_of, as_of=claim.as_of)
    except BadInput as error:
        yield from _none_taken(household_of, sentence=str(error))
        return
    kept = keep_cases(
        claim.firm_id,
        cases=[
            CaseToKeep(tax_household_id=one.tax_household_id, case=one.case) for one in taken if one.case is not None
        ],
        now=worker.clock(),
    )
    for one in taken:
        runs.renew_lease(claim, now=worker.clock())
        yield _answer(one, kept.get(one.tax_household_id), worker=worker)


def _none_taken(household_of: Mapping[int, int], *, sentence: str) -> Iterator[Solved]:
    """Say of every account why the firm as a whole cannot be analysed."""
    for tax_household_id in sorted(set(household_of.values())):
        failed = {pk: sentence for pk, owner in household_of.items() if owner == tax_household_id}
        taken = TakenCase(
            tax_household_id=tax_household_id, case=None, accounts=(), held=NOBODY, failed=failed, taxes={}
        )
        yield Solved(taken=taken, snapshot=None, outcome=None, failed=NOBODY)


def solve_case(case: Case, *, fallback: ConvexSolver | None) -> Outcome:
    """Ask the engine about one case; nothing is stored."""
    return rebalance(case, fallback=fallback)


def warm_engine() -> None:
    """Load every kernel and solve a small case with everything in it, so that the first real one never waits."""
    warm_up()
    case = sample_case()
    rebalance(case)
    tracking_frontier(case, points=2)


def answer_about(
    case: Case,
    *,
    kind: QuestionKind,
    points: int,
    years: int,
    pins: Mapping[str, Sequence[Pinned]],
    fallback: ConvexSolver | None,
) -> object:
    """
    Ask the engine about a case around what it would propose; nothing is stored.

    :raises BadCase: the question contradicts the case
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    match kind:
        case QuestionKind.TRACKING:
            return tracking_frontier(case, points=points, fallback=fallback)
        case QuestionKind.BUDGET:
            return budget_frontier(case, points=points, fallback=fallback)
        case QuestionKind.YEARS:
            return transition_plan(case, years=years, fallback=fallback)
        case QuestionKind.WHAT_IF:
            return what_if(case, pins, fallback=fallback)
        case QuestionKind.OVERRIDE:
            return override_cost(case, pins, fallback=fallback)
        case QuestionKind.PREFERENCES:
            return price_preferences(case, fallback=fallback)


def price_account_of(case: Case, account: str) -> tuple[PreferenceCost, ...]:
    """
    Price the preferences of one account of a case with the fast solver alone; nothing is stored.

    :raises NotCertified: it could not answer
    """
    return price_preferences(case, account=account)


def _answer(one: TakenCase, kept: KeptCase | None, *, worker: Worker) -> Solved:
    """Solve one tax household; a failure is its own and never its chunk's."""
    if kept is None:
        return Solved(taken=one, snapshot=None, outcome=None, failed=NOBODY)
    outcome, failed = _ask_engine(kept.case, one, worker=worker)
    taken = replace(one, case=kept.case)
    return Solved(taken=taken, snapshot=kept.snapshot, outcome=outcome, failed=failed)


def _ask_engine(case: Case, one: TakenCase, *, worker: Worker) -> tuple[Outcome | None, Mapping[int, str]]:
    """Return the answer, or none and why, by account."""
    try:
        outcome = worker.engine(case, fallback=worker.fallback)
    except BadInput as error:
        return None, _all_failed(one.accounts, str(error))
    except Exception as error:
        logger.exception("case_failed", tax_household_id=one.tax_household_id)
        return None, _all_failed(one.accounts, _sentence(error))
    if outcome.solver != "newton" and outcome.status != "invalid":
        logger.warning("solver_fallback", case_hash=outcome.case_hash, solver=outcome.solver, status=outcome.status)
    return outcome, _refusals(one.accounts, outcome)


def _compared(claim: runs.Claim, *, worker: Worker) -> Iterator[Compared]:
    """Answer every tax household of a preview twice, on the same facts; what the change does not touch only once."""
    left = RunAccount.objects.filter(chunk_id=claim.chunk_id, status=RunAccountStatus.WAITING)
    ids = list(left.values_list("account_id", flat=True))
    present = take_cases(claim.firm_id, account_ids=ids, as_of=claim.as_of)
    changed = take_cases(claim.firm_id, account_ids=ids, as_of=claim.as_of, change_id=claim.change_id)
    check_unedited(claim)
    for now, then in zip(present, changed, strict=True):
        runs.renew_lease(claim, now=worker.clock())
        before = _weighed(now, worker=worker)
        same = now.case is not None and then.case is not None and case_hash(now.case) == case_hash(then.case)
        yield Compared(now=before, then=before if same else _weighed(then, worker=worker))


def _weighed(one: TakenCase, *, worker: Worker) -> Weighed:
    if one.case is None:
        return Weighed(taken=one, outcome=None, failed=NOBODY)
    outcome, failed = _ask_engine(one.case, one, worker=worker)
    return Weighed(taken=one, outcome=outcome, failed=failed)


def _refusals(accounts: tuple[Account, ...], outcome: Outcome) -> Mapping[int, str]:
    if outcome.status != "invalid":
        return NOBODY
    return _all_failed(accounts, "; ".join(fault.message for fault in outcome.faults) or "The case is invalid.")


def _all_failed(accounts: tuple[Account, ...], sentence: str) -> Mapping[int, str]:
    return {account.pk: sentence for account in accounts}


def _sentence(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return f"The engine failed ({type(error).__name__}): {words[0]}" if words else f"The engine failed: {error!r}"
