"""The bound is below every answer, whatever the prices; the minimum of a place is the least there is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from rebalancing.engine.bounds import Prices, couple, separable_bound_usd, support_of
from rebalancing.engine.problem import Problem
from rebalancing.engine.universe import Flags, Vector
from tests.unit.engine.choice_scenarios import BPS, Shape, all_answers, capped_problem, desk_of, drawn_problem

# What the reference may be away from the least, in basis points of value.
SOLVED_BPS = 1e-4
SHAPES = (
    Shape(count=4),
    Shape(count=2, accounts=2),
    Shape(count=2, accounts=2, is_unified=True),
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(2))
def test_no_answer_costs_less_than_the_bound_at_the_prices_of_any_other(seed: int, shape: Shape) -> None:
    desk = desk_of(drawn_problem(seed, shape))
    value = desk.problem.value_usd

    for regimes in desk.problem.regimes():
        free = desk.undecided(regimes)
        answers = all_answers(desk, regimes)
        least = min(node.solution.objective_usd for node in answers)
        bounds = [desk.within(free).bound_usd(desk.own_support(node)) for node in answers]

        assert max(bounds) <= least + SOLVED_BPS * BPS * value


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mix_of_two_prices_bounds_too_and_no_worse_than_either(shape: Shape) -> None:
    desk = desk_of(drawn_problem(1, shape))
    regimes = desk.problem.regimes()[0]
    answers = all_answers(desk, regimes)
    within = desk.within(desk.undecided(regimes))
    least = min(node.solution.objective_usd for node in answers)

    for one, other in itertools.pairwise(answers[:12]):
        first, second = desk.own_support(one), desk.own_support(other)
        mix, bound = within.best_mix(first, within.bound_usd(first), second)

        assert within.bound_usd(mix) == pytest.approx(bound)
        assert bound >= max(within.bound_usd(first), within.bound_usd(second))
        assert bound <= least + SOLVED_BPS * BPS * desk.problem.value_usd


@pytest.mark.parametrize("is_bent", [False, True])
def test_a_paid_cap_on_tracking_error_leaves_the_bound_below_every_answer(is_bent: bool) -> None:
    desk = desk_of(capped_problem(0, Shape(count=4), share=0.03))
    regimes = desk.problem.regimes()[0]
    answers = all_answers(desk, regimes)
    within = desk.within(desk.undecided(regimes))
    least = min(node.solution.objective_usd for node in answers)

    supports = [support_of(node.query, node.solution, coupled=desk.coupled, is_bent=is_bent) for node in answers]

    assert any(node.solution.tracking_prices for node in answers)
    for one, other in itertools.pairwise(supports):
        assert within.bound_usd(one.mixed(other, 0.5)) <= least + SOLVED_BPS * BPS * desk.problem.value_usd


def test_the_bound_of_what_is_open_is_above_that_of_the_convex_problem() -> None:
    desk = desk_of(drawn_problem(2, Shape(count=12)))
    root = desk.solve(desk.undecided(desk.problem.regimes()[0]))
    assert root is not None and root.conflicts.size > 0

    bound = separable_bound_usd(root.query, root.solution)

    assert bound > root.solution.bound_usd + 0.1 * BPS * desk.problem.value_usd


def test_without_choices_the_bound_is_the_solvers() -> None:
    desk = desk_of(drawn_problem(0, Shape(count=6)))
    made = desk.undecided(desk.problem.regimes()[0])
    made = made.decide(np.arange(made.decided.size), np.full(made.decided.size, 1, np.int8))
    node = desk.solve(made)
    assert node is not None

    support = support_of(node.query, node.solution, coupled=desk.coupled)

    assert desk.within(made).bound_usd(support) == pytest.approx(node.solution.bound_usd, abs=1e-4)


def least_by_descent(problem: Problem, prices: Prices, place: int, is_open: Flags) -> float:
    """Minimise one place over the ways to close a side of each position, by a general method."""
    segments = problem.segments
    here = np.flatnonzero(problem.risk_place[segments.place] == place)
    weight = (problem.risk_weight[segments.place] * segments.sign)[here]
    curvature, active, _ = couple(problem).places.risk[place]
    positions = np.unique(segments.place[here])

    def lagrangian(traded: Vector) -> float:
        flow = float(weight @ traded)
        own = float(prices.traded[here] @ traded)
        return float(own + prices.held[place] * flow + curvature * flow * (active + flow / 2))

    best = np.inf
    for sides in itertools.product((True, False), repeat=positions.size):
        buys = dict(zip(positions, sides, strict=True))
        usable = [is_open[at] and segments.is_buy[at] == buys[segments.place[at]] for at in here]
        bounds = [(0.0, segments.upper_usd[at] if free else 0.0) for at, free in zip(here, usable, strict=True)]
        found = minimize(lagrangian, np.zeros(here.size), bounds=bounds, method="L-BFGS-B", options={"maxiter": 2000})
        best = min(best, float(found.fun))
    return best


@pytest.mark.parametrize("is_unified", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_place_is_minimised_exactly_over_its_branches(seed: int, is_unified: bool) -> None:
    problem = drawn_problem(seed, Shape(count=5, accounts=2, is_unified=is_unified))
    desk, dice = desk_of(problem), np.random.default_rng(seed)
    prices = Prices(
        traded=problem.cost + dice.normal(0, 0.02, problem.segments.count),
        held=dice.normal(0, 0.01, problem.risk_count),
    )
    free = desk.undecided(problem.regimes()[0])
    free = free.charge(np.arange(free.charged.size), np.ones(free.charged.size, np.int8))
    within = desk.within(free)
    paid = prices.traded.copy()
    desk.coupled.transfers.charge(free.charged, desk.coupled.transfer_cost, paid)

    values = within.place_values_usd(prices)

    for place in np.flatnonzero(desk.coupled.places.cluster < 0):
        charged = Prices(traded=paid, held=prices.held)
        least = least_by_descent(problem, charged, int(place), within.is_open)
        assert values[place] == pytest.approx(least, rel=1e-4, abs=1e-2)


def test_a_group_is_worth_the_better_of_its_sides() -> None:
    desk = desk_of(drawn_problem(0, Shape(count=4, accounts=2)))
    groups = np.flatnonzero(desk.coupled.cluster >= 0)
    within = desk.within(desk.undecided(desk.problem.regimes()[0]))
    dice = np.random.default_rng(3)
    prices = Prices(
        traded=desk.problem.cost + dice.normal(0, 0.02, desk.problem.segments.count),
        held=dice.normal(0, 0.01, desk.problem.risk_count),
    )

    both = within.branch_values_usd(prices, groups)

    places = desk.coupled.places
    first = places.cluster_place[places.cluster_first[:-1]]
    assert groups.size > 0
    assert both.min(axis=1) == pytest.approx(within.place_values_usd(prices)[first])
    for at, group in enumerate(groups):
        for side in (1, 2):
            closed = desk.undecided(desk.problem.regimes()[0]).decide(groups[[at]], np.array([side], np.int8))
            alone = desk.within(closed).branch_values_usd(prices, np.array([group]))
            assert alone.min() == pytest.approx(both[at, side - 1])


def test_a_transfer_is_paid_once_by_the_lesser_side() -> None:
    desk = desk_of(drawn_problem(1, Shape(count=2, accounts=2, is_unified=True)))
    free = desk.undecided(desk.problem.regimes()[0])
    assert free.charged.size > 0
    dice = np.random.default_rng(5)
    count, places = desk.problem.segments.count, desk.problem.risk_count

    for _ in range(20):
        prices = Prices(traded=dice.normal(0, 0.01, count), held=dice.normal(0, 0.01, places))
        least = desk.within(free).place_values_usd(prices)
        by_side = [
            desk.within(free.charge(np.arange(free.charged.size), np.full(free.charged.size, side, np.int8)))
            for side in (1, 2)
        ]
        charged = np.minimum(*(within.place_values_usd(prices) for within in by_side))
        alone = desk.coupled.places.cluster < 0
        assert least[alone] == pytest.approx(charged[alone])


def test_pinned_trades_are_nobodys_choice() -> None:
    problem = drawn_problem(0, Shape(count=4))
    lower = np.where(problem.segments.is_buy, problem.segments.upper_usd / 2, 0.0)

    coupled = couple(replace(problem, segments=replace(problem.segments, lower_usd=lower)))

    assert coupled.exclusives.buys.size == 0
    assert coupled.exclusives.sales.size > 0
