"""The convex problem in cvxpy and in the kernels: they agree, prices are right, what does not fit is said."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem, Regimes
from rebalancing.engine.query import Query, rows_per_dollar
from rebalancing.engine.reference import Backend, solve_convex, solve_with
from rebalancing.engine.sample import sample_case
from rebalancing.engine.solver import CertifyingSolver, NotCertified
from rebalancing.engine.types import Case, Household, Location
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_problem import a_case, constraint, problem_of

AGREEMENT = 1e-4
SHARED = {"STK": 0.38, "TWIN": 0.2, "FND": 0.4, "CASH": 0.02}
UNIFIED = Household(
    mode="unified",
    target=SHARED,
    class_limits={"bonds": (0.2, 0.35)},
    transfer_cost_bps=5.0,
    location=(Location(tax_status="taxable", asset_class="bonds"),),
)


def query_of(problem: Problem, **fields: c.Wired) -> Query:
    closed = np.zeros(problem.segments.count, dtype=bool)
    return Query(**{"problem": problem, "regimes": problem.regimes()[0], "closed": closed, **fields})


def household_case(household: Household | None) -> Case:
    """Return the sample as a household in which a dollar of the deferred account is worth 70 cents."""
    case = msgspec.structs.replace(sample_case(), household=household)
    first, second = case.accounts
    return msgspec.structs.replace(case, accounts=(first, msgspec.structs.replace(second, after_tax_weight=0.7)))


def agree(problem: Problem, regimes: Regimes) -> None:
    """Solve by the kernels and by cvxpy; hold both objectives, bounds and prices side by side."""
    mine = CertifyingSolver()(query_of(problem, regimes=regimes))
    theirs = solve_convex(query_of(problem, regimes=regimes))

    assert mine.status == theirs.status
    if mine.status != "optimal":
        return
    unit = 1e-6 * problem.value_usd
    assert mine.objective_usd == pytest.approx(theirs.objective_usd, rel=1e-5, abs=1e-2 * unit)
    assert mine.bound_usd <= mine.objective_usd + 1e-9 * problem.value_usd
    assert mine.objective_usd - mine.bound_usd <= 1e-2 * unit
    np.testing.assert_allclose(mine.coupling_prices, theirs.coupling_prices, atol=1e-4)


@pytest.mark.parametrize("seed", range(24))
def test_the_kernels_agree_with_the_reference(seed: int) -> None:
    case = drawn_case(seed, count=6 + 2 * seed, accounts=1 + seed % 3, value_usd=10.0 ** (4.7 + seed % 3))
    problem = problem_of(case)

    for regimes in problem.regimes():
        agree(problem, regimes)


@pytest.mark.parametrize("mode", ["independent", "guardrail", "unified"])
def test_the_kernels_agree_on_every_kind_of_household(mode: str) -> None:
    guardrail = Household(mode="guardrail", class_limits={"bonds": (0.2, 0.35)})
    household = {"independent": None, "guardrail": guardrail, "unified": UNIFIED}[mode]
    problem = problem_of(household_case(household))

    for regimes in problem.regimes():
        agree(problem, regimes)


@pytest.mark.parametrize("seed", range(12))
def test_osqp_and_clarabel_agree(seed: int) -> None:
    problem = problem_of(drawn_case(seed, value_usd=10.0 ** (4.7 + seed % 4), ruled=seed % 2 == 0))

    for regimes in problem.regimes():
        first = solve_with(query_of(problem, regimes=regimes), backend="clarabel")
        second = solve_with(query_of(problem, regimes=regimes), backend="osqp")

        assert first.status == second.status
        if first.status == "optimal":
            scale = max(abs(first.objective_usd), 1e-5 * problem.value_usd)
            assert abs(first.objective_usd - second.objective_usd) <= AGREEMENT * scale


@pytest.mark.parametrize("seed", range(8))
def test_the_piece_of_the_tax_is_never_below_the_tax_itself(seed: int) -> None:
    problem = problem_of(drawn_case(seed, ruled=False))

    solutions = [solve_convex(query_of(problem, regimes=regimes)) for regimes in problem.regimes()]

    true = [problem.objective_usd(solution.traded_usd) for solution in solutions]
    claimed = [solution.objective_usd for solution in solutions]
    assert all(mine >= theirs - 1e-3 for mine, theirs in zip(claimed, true, strict=True))
    assert min(claimed) == pytest.approx(min(true), rel=1e-6, abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_no_random_point_beats_the_optimum(seed: int) -> None:
    problem = problem_of(drawn_case(seed, ruled=False))
    dice = np.random.default_rng(seed)

    bound = min(solve_convex(query_of(problem, regimes=regimes)).bound_usd for regimes in problem.regimes())

    activity = rows_per_dollar(problem, problem.rows)
    for size in (1e-4, 1e-3, 1e-2, 0.1):
        point = dice.uniform(0, size, problem.segments.count) * problem.segments.upper_usd
        if all(row.excess_usd(float(at)) == 0 for row, at in zip(problem.rows, activity @ point, strict=True)):
            assert problem.objective_usd(point) >= bound


@pytest.mark.parametrize("backend", ["clarabel", "osqp", "kernels"])
def test_the_price_of_a_row_is_what_a_dollar_of_it_saves(backend: str) -> None:
    problem = problem_of(a_case(cash_needs={"reserve_amount": "1500"}, trading={"tracking_preference": 10}))
    at = next(at for at, row in enumerate(problem.rows) if row.rule == "cash_reserve")
    rows = list(problem.rows)
    rows[at] = replace(rows[at], low_usd=rows[at].low_usd - 1.0)
    by_backend: dict[str, Backend] = {"clarabel": "clarabel", "osqp": "osqp"}

    def solve(query: Query) -> c.Wired:
        known = by_backend.get(backend)
        return CertifyingSolver()(query) if known is None else solve_with(query, backend=known)

    tight = solve(query_of(problem))
    loose = solve(query_of(replace(problem, rows=tuple(rows))))

    assert tight.objective_usd - loose.objective_usd == pytest.approx(-tight.row_prices[at], rel=0.05)
    assert tight.row_prices[at] < -0.01


def test_rules_that_do_not_fit_are_infeasible_and_their_least_violation_is_found() -> None:
    problem = problem_of(a_case(class_limits={"bonds": (0.9, 1.0)}, **constraint("never_sell", security="AAA")))

    hard = solve_convex(query_of(problem))
    least = solve_convex(query_of(problem, goal=Rank.CLASS_LIMITS))

    assert (hard.status, CertifyingSolver()(query_of(problem)).status) == ("infeasible", "infeasible")
    assert least.objective_usd == pytest.approx(4000 * 0.9 - 2000, rel=1e-3)  # 1,000 held, 1,000 of cash to buy more
    allowed = {Rank.CLASS_LIMITS: least.objective_usd}
    loosened = [solve(query_of(problem, allowed=allowed)) for solve in (solve_convex, CertifyingSolver())]
    assert loosened[0].status == "optimal"
    assert loosened[1].objective_usd == pytest.approx(loosened[0].objective_usd, abs=0.05)


def capped(cap: float | None) -> Case:
    """Hold 3,500 of 4,000 in a security with a large gain that the target wants sold; 0.0305 without a cap."""
    return a_case(
        lots=(c.lot("L1 AAA 35 @ 20 2019-01-02"), c.lot("L2 BBB 5 @ 40 2020-09-01")),
        cash=250,
        target={"AAA": 0.4, "BBB": 0.55, "CASH": 0.05},
        trading={"tracking_preference": 1, **({} if cap is None else {"max_tracking_error": cap})},
        tax={"max_net_gain": "1200"},
    )


@pytest.mark.parametrize("solve", [solve_convex, CertifyingSolver()])
def test_a_cap_on_tracking_error_is_kept_and_priced(solve: c.Wired) -> None:
    problem = problem_of(capped(0.028))
    (block,) = problem.blocks

    solution = solve(query_of(problem))

    assert block.variance(problem.held_after_usd(solution.traded_usd)) ** 0.5 <= 0.028 + 1e-6
    assert solve(query_of(problem_of(capped(None)))).objective_usd < solution.objective_usd - 0.01
    assert solve_with(query_of(problem), backend="osqp").status == "failed"
    looser = solve(query_of(problem_of(capped(0.02805))))
    saved = (solution.objective_usd - looser.objective_usd) / (0.00005 * block.value_usd)
    assert solution.tracking_prices["A1"] == pytest.approx(saved, rel=0.05)


def test_the_kernels_meet_a_cap_as_cheaply_as_a_cone_does() -> None:
    for cap in (0.05, 0.03, 0.027, 0.025):
        problem = problem_of(capped(cap))

        mine, theirs = (solve(query_of(problem)) for solve in (CertifyingSolver(), solve_convex))

        assert mine.objective_usd == pytest.approx(theirs.objective_usd, rel=1e-4, abs=1e-3)
        assert mine.bound_usd <= mine.objective_usd + 1e-6


def test_a_cap_out_of_reach_is_infeasible_and_its_least_excess_is_found() -> None:
    problem = problem_of(capped(0.01))
    query = query_of(problem, goal=Rank.TRACKING_ERROR)

    mine, theirs = CertifyingSolver()(query), solve_convex(query)

    assert CertifyingSolver()(query_of(problem)).status == "infeasible"
    assert mine.objective_usd == pytest.approx(theirs.objective_usd, rel=1e-3, abs=0.01)


def test_an_account_with_nothing_to_trade_is_solved() -> None:
    market = (c.security("AAA", 100, buyable=False),)
    case = c.case(market, (c.account(cash=100, lots=(c.lot("L1 AAA 1 @ ? 2020-01-01"),), target={"CASH": 1.0}),))

    for solve in (solve_convex, CertifyingSolver()):
        solution = solve(query_of(problem_of(case)))

        assert solution.status == "optimal"
        assert solution.objective_usd == pytest.approx(problem_of(case).objective_usd(np.zeros(0)))


def test_a_query_of_a_curve_is_the_query_of_its_plain_problem() -> None:
    problem = problem_of(drawn_case(2, ruled=False))
    query = query_of(problem, aversion=77.0)

    assert CertifyingSolver()(query).objective_usd == pytest.approx(
        CertifyingSolver()(query.plain()).objective_usd, abs=1e-4
    )
    assert solve_convex(query).objective_usd == pytest.approx(CertifyingSolver()(query).objective_usd, abs=1e-2)


def test_a_goal_that_only_the_reference_knows_goes_there_or_is_refused() -> None:
    query = query_of(problem_of(a_case()), goal=Rank.CLASS_LIMITS)
    solver = CertifyingSolver(solve_convex)

    assert solver(query).status == "optimal"
    assert solver.used == "reference"
    with pytest.raises(NotCertified):
        CertifyingSolver()(query)
