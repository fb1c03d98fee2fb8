"""
A lower bound for a case of several accounts, which are solved in turn and so may miss the best of all together.

Accounts meet in two places. Wash sales only close more, so each account is bounded beside the past alone. The tax of a
return is the lesser of two convex functions of everybody's gains (engine.md B4); a tangent of either, where the outcome
stands, lies below it and is a price for each dollar of gain, which every account can be bounded against on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.judge.measures import AccountMeasures
from rebalancing.engine.judge.taxation import ReturnBook
from rebalancing.engine.problem import build_problem
from rebalancing.engine.relax import find_plan
from rebalancing.engine.solver import ConvexSolver
from rebalancing.engine.types import Case
from rebalancing.engine.wash_sales import open_wash_state

# Limits of a return bind everybody's trades together; without them the bound is lower, never higher.
RETURN_RULES = frozenset({"tax_budget", "max_net_gain", "forced_harvest"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangent:
    """tax after - tax before >= constant + short x short gains + long x long gains of the whole return."""

    constant_usd: float
    short: float
    long: float


def joint_bound_usd(case: Case, judged: Judgement, *, solver: ConvexSolver) -> float:
    """Bound what any trades of all accounts together can cost, from below."""
    by_return: dict[str, list[AccountMeasures]] = {}
    total = 0.0
    for measured in judged.measures.accounts:
        account = measured.book.account
        if account.is_taxable and account.tax_return is not None:
            by_return.setdefault(account.tax_return, []).append(measured)
        else:
            total += _account_bound_usd(case, measured, tangent=None, solver=solver)
    for book in judged.measures.returns:
        members = by_return[book.id]
        if len(members) == 1:  # the return is this account's alone: its tax and its limits need no tangent
            total += _account_bound_usd(case, members[0], tangent=None, solver=solver)
            continue
        total += min(
            tangent.constant_usd
            + sum(_account_bound_usd(case, measured, tangent=tangent, solver=solver) for measured in members)
            for tangent in tangents(book)
        )
    return total


def tangents(book: ReturnBook) -> Sequence[Tangent]:
    """Touch both convex pieces of the year's tax where the outcome stands; where nothing is harvested, also nothing."""
    rates = book.rates
    short, long = float(rates.short_frac), float(rates.long_frac)
    ordinary, rho = float(rates.ordinary_frac), float(rates.carried_loss_frac)
    deduction = (ordinary - rho) * float(rates.ordinary_offset_usd)
    first_short, first_long = float(book.before.short_usd), float(book.before.long_usd)
    from_short = first_short + float(book.added.short_usd)
    total = from_short + first_long + float(book.added.long_usd)
    here = book.tax_before_usd
    if book.tax.harvest == "off" and book.objective_usd <= 0:
        return (Tangent(constant_usd=0.0, short=0.0, long=0.0),)
    pieces = ((short - long, (long, min(ordinary, long))), (0.0, (short, ordinary)))
    found = []
    for extra, slopes in pieces:
        lines = [(slope, 0.0) for slope in slopes] + [(rho, -deduction)]
        slope, shift = max(lines, key=lambda line: line[0] * total + line[1])
        bend = extra if from_short > 0 else 0.0
        start = bend * first_short + slope * (first_short + first_long) + shift
        found.append(Tangent(constant_usd=start - here, short=bend + slope, long=slope))
    return found


def _account_bound_usd(
    case: Case, measured: AccountMeasures, *, tangent: Tangent | None, solver: ConvexSolver
) -> float:
    problem = build_problem(measured.book.account, case=case, wash=open_wash_state(case))
    if tangent is not None:
        problem = replace(
            problem,
            cost=problem.cost + tangent.short * problem.lots.short_gain + tangent.long * problem.lots.long_gain,
            rows=tuple(row for row in problem.rows if row.rule not in RETURN_RULES),
            year=None,
            room_usd=None,
        )
    plan = find_plan(problem, solver=solver)
    return measured.after.total_usd if plan is None else plan.bound_usd
