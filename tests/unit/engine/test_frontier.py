"""Curves, what-ifs, overrides and plans over years around a case."""

import itertools
from decimal import Decimal

import pytest

from rebalancing.engine.frontier import (
    Frontier,
    budget_frontier,
    override_cost,
    pinned_case,
    tracking_frontier,
    transition_plan,
    what_if,
)
from rebalancing.engine.pipeline import plan_case
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.sample import sample_case
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import BadCase, Case, Pinned
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_problem import a_case

GAINS: dict[str, c.Wired] = {
    "lots": (c.lot("L1 AAA 35 @ 20 2019-01-02"), c.lot("L2 BBB 5 @ 40 2020-09-01")),
    "cash": 250,
    "target": {"AAA": 0.4, "BBB": 0.55, "CASH": 0.05},
}


def concentrated(**tax: c.Wired) -> Case:
    """Hold 35 shares with a large gain that the target wants sold: 3,500 of 4,000."""
    return a_case(**GAINS, tax=tax)


def gaps(curve: Frontier) -> list[float]:
    return [point.objective - point.lower_bound for point in curve.points]


def test_more_weight_on_the_target_buys_less_tracking_error_with_more_tax() -> None:
    curve = tracking_frontier(concentrated(), points=12)

    assert [point.setting for point in curve.points][:: len(curve.points) - 1] == [1.0, 10.0]
    for one, other in itertools.pairwise(curve.points):
        assert other.tracking_error <= one.tracking_error + 1e-9
        assert other.tax >= one.tax - 1e-6
    assert curve.points[-1].tax > curve.points[0].tax + 50
    assert min(gaps(curve)) >= 0
    assert max(gaps(curve)) < 0.01


@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_point_of_the_curve_is_what_solving_with_that_preference_gives(at: int) -> None:
    case = concentrated()
    curve = tracking_frontier(case, points=10)
    pinned = a_case(**GAINS, trading={"tracking_preference": at + 1})

    plan = plan_case(pinned, solver=CertifyingSolver(solve_convex))

    assert plan is not None
    assert curve.points[at].objective == pytest.approx(plan.solution.objective_usd, abs=1e-4)


def test_a_larger_budget_is_never_worse_and_the_last_one_is_enough() -> None:
    case = concentrated(budget_tax="100", tax_used="0")
    curve = budget_frontier(case, points=9)

    assert curve.points[0].setting == 0.0
    for one, other in itertools.pairwise(curve.points):
        assert other.objective <= one.objective + 1e-6
        assert other.tax <= other.setting + 1e-4
    assert curve.here.tax <= 100 + 1e-4
    assert curve.points[-1].tax == pytest.approx(curve.points[-1].setting, abs=1e-3)


def test_a_forbidden_trade_does_not_happen_and_costs_what_it_brought() -> None:
    case = concentrated()

    priced = override_cost(case, {"A1": [Pinned(security="AAA", side="none")]}, fallback=solve_convex)

    assert all(trade.security != "AAA" for trade in priced.outcome.accounts[0].trades)
    assert priced.cost > 1
    assert priced.least_cost <= priced.cost + 1e-9


def test_a_resized_trade_is_taken_as_given() -> None:
    pin = Pinned(security="BBB", side="buy", quantity=Decimal(3))

    outcome = what_if(concentrated(), {"A1": [pin]}, fallback=solve_convex)

    bought = {trade.security: trade.quantity for trade in outcome.accounts[0].trades if trade.side == "buy"}
    assert bought["BBB"] == 3


def test_a_pin_replaces_an_earlier_one_of_the_same_security() -> None:
    case = pinned_case(a_case(), {"A1": [Pinned(security="AAA", side="none")]})

    again = pinned_case(case, {"A1": [Pinned(security="AAA", side="buy", quantity=Decimal(1))]})

    assert [pin.side for pin in again.accounts[0].trading.pinned] == ["buy"]


def test_a_stranger_is_refused_by_name() -> None:
    with pytest.raises(BadCase, match="there is no account A9"):
        pinned_case(a_case(), {"A9": []})


def test_a_plan_over_years_keeps_each_years_budget_and_comes_nearer() -> None:
    steps = transition_plan(concentrated(budget_tax="120", tax_used="0"), years=4, fallback=solve_convex)

    assert [step.year for step in steps] == [2026, 2027, 2028, 2029][: len(steps)]
    assert all(step.tax <= 120.005 for step in steps)
    assert all(other.progress >= one.progress - 1e-3 for one, other in itertools.pairwise(steps))
    assert steps[-1].progress > steps[0].progress + 0.05
    for one, other in itertools.pairwise(steps):
        assert other.tracking_error_before == pytest.approx(one.tracking_error_after, abs=2e-3)


@pytest.mark.parametrize("years", [0, 11])
def test_years_out_of_reason_are_refused(years: int) -> None:
    with pytest.raises(BadCase, match="must be between 1 and 10"):
        transition_plan(a_case(), years=years)


def test_curves_of_several_accounts_hold_for_their_sum() -> None:
    for case in (sample_case(), drawn_case(4, count=10, accounts=2)):
        curve = tracking_frontier(case, points=5, fallback=solve_convex)

        assert len(curve.points) == 5
        assert curve.points[-1].tracking_error <= curve.points[0].tracking_error + 1e-9
        assert min(gaps(curve)) >= 0
