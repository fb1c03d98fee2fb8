"""The convex problem in cvxpy: two solvers agree, prices are right, and what does not fit is said to be infeasible."""

from dataclasses import replace

import numpy as np
import pytest

from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem, Query, build_problem
from rebalancing.engine.reference import Backend, solve_convex, solve_with
from rebalancing.engine.types import Case
from rebalancing.engine.wash_sales import open_wash_state
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_problem import a_case, constraint, problem_of

AGREEMENT = 1e-4


def query_of(problem: Problem, **fields: c.Wired) -> Query:
    closed = np.zeros(problem.segments.count, dtype=bool)
    return Query(**{"problem": problem, "regime": 1, "closed": closed, **fields})


def first_problem(case: Case) -> Problem:
    return build_problem(case.accounts[0], case=case, wash=open_wash_state(case))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("regime", [1, 2])
def test_osqp_and_clarabel_agree(seed: int, regime: int) -> None:
    problem = first_problem(drawn_case(seed, value_usd=10.0 ** (4.7 + seed % 4), ruled=seed % 2 == 0))

    first = solve_with(query_of(problem, regime=regime), backend="clarabel")
    second = solve_with(query_of(problem, regime=regime), backend="osqp")

    assert first.status == second.status
    if first.status == "optimal":
        scale = max(abs(first.objective_usd), 1e-5 * problem.value_usd)
        assert abs(first.objective_usd - second.objective_usd) <= AGREEMENT * scale


@pytest.mark.parametrize("seed", range(8))
def test_the_piece_of_the_tax_is_never_below_the_tax_itself(seed: int) -> None:
    problem = first_problem(drawn_case(seed, ruled=False))

    solutions = [solve_convex(query_of(problem, regime=regime)) for regime in (1, 2)]

    true = [problem.objective_usd(solution.traded_usd) for solution in solutions]
    claimed = [solution.objective_usd for solution in solutions]
    assert all(mine >= theirs - 1e-3 for mine, theirs in zip(claimed, true, strict=True))
    assert min(claimed) == pytest.approx(min(true), rel=1e-6, abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_no_random_point_beats_the_optimum(seed: int) -> None:
    problem = first_problem(drawn_case(seed, ruled=False))
    dice = np.random.default_rng(seed)

    bound = min(solve_convex(query_of(problem, regime=regime)).bound_usd for regime in (1, 2))

    rows = problem.all_rows(1)
    for size in (1e-4, 1e-3, 1e-2, 0.1):
        point = dice.uniform(0, size, problem.segments.count) * problem.segments.upper_usd
        if all(row.violation_usd(point) == 0 for row in rows):
            assert problem.objective_usd(point) >= bound


@pytest.mark.parametrize("backend", ["clarabel", "osqp"])
def test_the_price_of_a_row_is_what_a_dollar_of_it_saves(backend: Backend) -> None:
    problem = problem_of(a_case(cash_needs={"reserve_amount": "1500"}, trading={"tracking_preference": 10}))
    at = next(at for at, row in enumerate(problem.rows) if row.rule == "cash_reserve")
    rows = list(problem.rows)
    rows[at] = replace(rows[at], low_usd=rows[at].low_usd - 1.0)

    tight = solve_with(query_of(problem), backend=backend)
    loose = solve_with(query_of(replace(problem, rows=tuple(rows))), backend=backend)

    assert tight.objective_usd - loose.objective_usd == pytest.approx(-tight.row_prices[at], rel=0.05)
    assert tight.row_prices[at] < -0.01


def test_rules_that_do_not_fit_are_infeasible_and_their_least_violation_is_found() -> None:
    problem = problem_of(a_case(class_limits={"bonds": (0.9, 1.0)}, **constraint("never_sell", security="AAA")))

    hard = solve_convex(query_of(problem))
    least = solve_convex(query_of(problem, goal=Rank.CLASS_LIMITS))

    assert hard.status == "infeasible"
    assert least.objective_usd == pytest.approx(4000 * 0.9 - 2000, rel=1e-3)  # 1,000 held, 1,000 of cash to buy more
    loosened = solve_convex(query_of(problem, allowed={Rank.CLASS_LIMITS: least.objective_usd}))
    assert loosened.status == "optimal"


def test_a_cap_on_tracking_error_is_kept_and_priced() -> None:
    case = a_case(trading={"tracking_preference": 1, "max_tracking_error": 0.03}, tax={"short_gains": "forbid"})
    problem = problem_of(case)

    solution = solve_convex(query_of(problem))

    active = (problem.held_after_usd(solution.traded_usd) - problem.target_usd) / problem.value_usd
    assert problem.risk.variance(active) ** 0.5 <= 0.03 + 1e-6
    free = solve_convex(query_of(problem_of(a_case(trading={"tracking_preference": 1}, tax={"short_gains": "forbid"}))))
    assert free.objective_usd <= solution.objective_usd + 1e-4
    assert solve_with(query_of(problem), backend="osqp").status == "failed"


def test_an_account_with_nothing_to_trade_is_solved() -> None:
    market = (c.security("AAA", 100, buyable=False),)
    case = c.case(market, (c.account(cash=100, lots=(c.lot("L1 AAA 1 @ ? 2020-01-01"),), target={"CASH": 1.0}),))

    solution = solve_convex(query_of(problem_of(case)))

    assert solution.status == "optimal"
    assert solution.objective_usd == pytest.approx(problem_of(case).objective_usd(np.zeros(0)))
