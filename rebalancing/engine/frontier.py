"""
Questions around a case: tax against tracking error, what if, what does an override cost, and a plan over years.

Curves are of the convex problem with its choices made, in dollars before shares: every point carries its own bound, and
starts from its neighbour. What-ifs and plans over years run the whole pipeline, as often as they have to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np

from rebalancing.engine.advance import carry_out, next_year
from rebalancing.engine.case import check_case
from rebalancing.engine.choices.plan import Plan
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.pipeline import Stopwatch, rebalance
from rebalancing.engine.problem import Problem, build_problem
from rebalancing.engine.query import ConvexSolver, Solution
from rebalancing.engine.relax import find_plan
from rebalancing.engine.risk import risk_aversion
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import BadCase, Case, Fault, Pinned, Wire

PREFERENCES = (1.0, 10.0)
MOST_YEARS = 10
SETTLED_FRAC = 1e-3


class Point(Wire, frozen=True):
    """
    One point of a frontier.

    `setting` is the tracking preference (any number from 1 to 10) or the tax budget in dollars; `tax` is what this
    year's returns show of it, `tracking_error` that of all accounts, weighed by value; `objective` and `lower_bound` in
    dollars, at the setting.
    """

    setting: float
    tax: float
    tracking_error: float
    cost: float
    turnover: float
    objective: float
    lower_bound: float


class Frontier(Wire, frozen=True):
    """A curve, `over` tracking preference or tax budget, from the lowest up; `here` is where the case stands."""

    over: str
    value: float
    points: tuple[Point, ...]
    here: Point


class YearStep(Wire, frozen=True):
    """A year of a transition: what its trades cost in tax, what is still off target, and how far it has come."""

    year: int
    tax: float
    short_gain: Decimal
    long_gain: Decimal
    turnover: float
    tracking_error_before: float
    tracking_error_after: float
    progress: float
    status: str


def checked(case: Case) -> Case:
    """
    Return a case that can be solved.

    :raises BadCase: it cannot; names every fault
    """
    check_case(case)
    return case


def tracking_frontier(case: Case, *, points: int = 20, fallback: ConvexSolver | None = None) -> Frontier:
    """
    Trace tax against tracking error from tracking preference 1 to 10.

    The choices (either-or, regime of the tax) are those of the case as it stands; only the weight of risk moves.
    :raises BadCase: the case has faults
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    solver = CertifyingSolver(fallback)
    problem = build_problem(checked(case))
    plan = _plan(problem, solver)
    here = _point(plan.problem, plan.solution, setting=_preference(case))
    found: list[Point] = []
    start: Solution | None = plan.solution
    for preference in np.linspace(*PREFERENCES, points):
        query = replace(plan.query, aversion=risk_aversion(float(preference)), start=start)
        solution = solver(query)
        if solution.status != "optimal":
            continue
        found.append(_point(problem, solution, setting=float(preference)))
        start = solution
    return Frontier(over="tracking_preference", value=problem.value_usd, points=tuple(found), here=here)


def budget_frontier(case: Case, *, points: int = 20, fallback: ConvexSolver | None = None) -> Frontier:
    """
    Trace tax against tracking error from no tax at all to as much as the case would pay without a budget.

    :raises BadCase: the case has faults
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    solver = CertifyingSolver(fallback)
    problem = build_problem(checked(case))
    plan = _plan(problem, solver)
    here = _point(plan.problem, plan.solution, setting=_tax(plan.problem, plan.solution))
    free = _plan(with_room(problem, None), solver)
    most = max(_tax(free.problem, free.solution), 0.0)
    found: list[Point] = []
    start: Solution | None = free.solution
    rooms = np.linspace(most, 0.0, points) if most > 0 else np.zeros(1)
    capped = with_room(problem, float(most))
    for room in rooms:
        query = replace(free.query, problem=capped, budget_cut_usd=most - float(room), start=start)
        solution = solver(query)
        if solution.status != "optimal":
            continue
        found.append(_point(capped, solution, setting=float(room)))
        start = solution
    return Frontier(over="tax_budget", value=problem.value_usd, points=tuple(reversed(found)), here=here)


def with_room(problem: Problem, room_usd: float | None) -> Problem:
    """Return the problem with this much room in the tax budget of every return, None for no budget."""
    returns = tuple(replace(book, room_usd=room_usd) for book in problem.returns)
    return replace(problem, returns=returns)


def _plan(problem: Problem, solver: ConvexSolver) -> Plan:
    plan = find_plan(problem, solver=solver)
    if plan is None:
        raise BadCase((Fault(path="accounts", message="what is pinned contradicts itself: there is no plan"),))
    return plan


def _preference(case: Case) -> float:
    if case.household is not None and case.household.mode == "unified":
        return float(case.household.tracking_preference)
    return float(np.mean([account.trading.tracking_preference for account in case.accounts]))


def _tax(problem: Problem, solution: Solution) -> float:
    return sum(book.caused_usd(solution.traded_usd) for book in problem.returns if book.can_change)


def _point(problem: Problem, solution: Solution, *, setting: float) -> Point:
    traded = solution.traded_usd
    held = problem.held_after_usd(traded)
    value = sum(block.value_usd for block in problem.blocks)
    error = sum(float(np.sqrt(max(block.variance(held), 0.0))) * block.value_usd for block in problem.blocks) / value
    return Point(
        setting=setting,
        tax=_tax(problem, solution),
        tracking_error=error,
        cost=float(problem.spread @ traded),
        turnover=float(traded.sum()) / 2 / problem.value_usd,
        objective=solution.objective_usd,
        lower_bound=min(solution.bound_usd, solution.objective_usd),
    )


def what_if(
    case: Case,
    pins: Mapping[str, Sequence[Pinned]],
    *,
    fallback: ConvexSolver | None = None,
    stopwatch: Stopwatch | None = None,
) -> Outcome:
    """
    Solve again around trades that somebody pinned, forbade (side `none`) or resized, by account id.

    A pin replaces an earlier one of the same security.
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    return rebalance(pinned_case(case, pins), fallback=fallback, stopwatch=stopwatch)


def pinned_case(case: Case, pins: Mapping[str, Sequence[Pinned]]) -> Case:
    """
    Return the case with these pins.

    :raises BadCase: there is no such account
    """
    strangers = sorted(set(pins) - {account.id for account in case.accounts})
    if strangers:
        raise BadCase(tuple(Fault(path="pins", message=f"there is no account {name}") for name in strangers))
    accounts = []
    for account in case.accounts:
        mine = {pin.security: pin for pin in (*account.trading.pinned, *pins.get(account.id, ()))}
        trading = msgspec.structs.replace(account.trading, pinned=tuple(mine.values()))
        accounts.append(msgspec.structs.replace(account, trading=trading))
    return msgspec.structs.replace(case, accounts=tuple(accounts))


class Override(Wire, frozen=True):
    """What pinned trades cost: the objective with and without them, at best somewhere between the two amounts."""

    cost: float
    least_cost: float
    outcome: Outcome


def override_cost(
    case: Case, pins: Mapping[str, Sequence[Pinned]], *, fallback: ConvexSolver | None = None
) -> Override:
    """
    Price an override: what the best outcome around the pins costs more than the best without.

    `cost` compares the two outcomes as proposed; `least_cost` is certain whatever rounding did.
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    free = rebalance(case, fallback=fallback)
    bound = what_if(case, pins, fallback=fallback)
    return Override(cost=bound.objective - free.objective, least_cost=bound.lower_bound - free.objective, outcome=bound)


def transition_plan(case: Case, *, years: int = 5, fallback: ConvexSolver | None = None) -> tuple[YearStep, ...]:
    """
    Plan a move to the target over years: each year inside its budget, planned anew on what the last one left.

    Prices and target stay; lots grow older, losses are carried on. Ends early where a year trades nothing more.
    :raises BadCase: the case has faults
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    if not 1 <= years <= MOST_YEARS:
        raise BadCase((Fault(path="years", message=f"must be between 1 and {MOST_YEARS}, is {years}"),))
    return tuple(_steps(checked(case), years=years, fallback=fallback))


def _steps(case: Case, *, years: int, fallback: ConvexSolver | None) -> Iterator[YearStep]:
    first: float | None = None
    for _ in range(years):
        outcome = rebalance(case, fallback=fallback)
        before, after = _errors(case, outcome)
        first = before if first is None else first
        gone = 1.0 - after / first if first > 0 else 1.0
        yield YearStep(
            year=case.as_of.year,
            tax=float(sum(book.tax_caused for book in outcome.returns)),
            short_gain=sum((account.short_gain for account in outcome.accounts), Decimal(0)),
            long_gain=sum((account.long_gain for account in outcome.accounts), Decimal(0)),
            turnover=float(np.mean([account.turnover for account in outcome.accounts])),
            tracking_error_before=before,
            tracking_error_after=after,
            progress=gone,
            status=outcome.status,
        )
        if after <= SETTLED_FRAC * first or not any(account.trades for account in outcome.accounts):
            return
        case = next_year(carry_out(case, outcome))


def _errors(case: Case, outcome: Outcome) -> tuple[float, float]:
    """Return the tracking error of all accounts before and after, weighed by value."""
    values = [float(universe.value_usd) for universe in build_problem(case).universes]
    before = [account.tracking_error_before for account in outcome.accounts]
    after = [account.tracking_error_after for account in outcome.accounts]
    return float(np.average(before, weights=values)), float(np.average(after, weights=values))
