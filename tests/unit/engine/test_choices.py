"""Buy or sell, never both; the bound is below every answer; small and surplus trades go."""

import msgspec
import numpy as np
import pytest

from rebalancing.engine.choices import Plan, choose, conflicting, thin_out
from rebalancing.engine.problem import Problem
from rebalancing.engine.reference import solve_convex
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_problem import a_case, problem_of


def plan_of(problem: Problem) -> Plan:
    plan = choose(problem, solver=solve_convex, allowed={})
    assert plan is not None
    return plan


def count_of(plan: Plan) -> int:
    segments = plan.problem.segments
    return np.unique(segments.security[plan.solution.traded_usd > 1.0]).size


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_both_bought_and_sold(seed: int) -> None:
    problem = problem_of(drawn_case(seed, ruled=False))

    plan = plan_of(problem)

    assert conflicting(problem, plan.solution.traded_usd) == []


@pytest.mark.parametrize("seed", range(10))
def test_the_bound_is_below_the_answer_and_close_to_it(seed: int) -> None:
    problem = problem_of(drawn_case(seed, ruled=False))

    plan = plan_of(problem)

    gap_bps = (problem.objective_usd(plan.solution.traded_usd) - plan.bound_usd) / problem.value_usd * 1e4
    assert -1e-3 < gap_bps < 6


def test_a_loss_is_not_sold_beside_a_purchase_of_the_same_group() -> None:
    problem = problem_of(a_case(target={"AA2": 0.9, "CASH": 0.1}, trading={"tracking_preference": 10}))

    traded = plan_of(problem).solution.traded_usd

    bought = traded[problem.segments.is_buy & (problem.segments.security <= 1)].sum()
    assert min(bought, traded[0]) < 1e-3  # AA2 is of AAA's group, and L1 is a loss


def test_no_more_trades_are_planned_than_allowed() -> None:
    free = plan_of(problem_of(drawn_case(2, ruled=False)))
    case = drawn_case(2, ruled=False)
    account = case.accounts[0]
    trading = msgspec.structs.replace(account.trading, max_trades=4)
    few = msgspec.structs.replace(case, accounts=(msgspec.structs.replace(account, trading=trading),))

    plan = plan_of(problem_of(few))

    assert count_of(free) > 4
    assert count_of(plan) <= 4
    assert plan.bound_usd <= plan.solution.objective_usd


def test_a_plan_with_nothing_to_thin_out_stays_as_it_is() -> None:
    plan = plan_of(problem_of(a_case()))

    assert thin_out(plan, solver=solve_convex) is plan
