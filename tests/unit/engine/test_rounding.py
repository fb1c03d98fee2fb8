"""From dollars to whole steps of named lots: exact quantities, rules first, and no move left that helps."""

from decimal import Decimal

import numpy as np
import pytest

from rebalancing.engine.reference import solve_convex
from rebalancing.engine.relax import find_plan
from rebalancing.engine.rounding.lattice import build_lattice, rounded_trades
from rebalancing.engine.rounding.moves import apply_move, list_moves, score_moves, state_of
from rebalancing.engine.rounding.nearest import nearest_grains
from rebalancing.engine.rounding.search import round_plan
from rebalancing.engine.types import Case
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_pipeline import solved, traded
from tests.unit.engine.test_problem import a_case, dollars, problem_of


def fractional_case() -> Case:
    market = (c.security("AAA", 100), c.security("FFF", 20, quantity_step="0.001"))
    lots = (c.lot("L1 AAA 3.5 @ 60 2020-01-02"), c.lot("L2 AAA 2.25 @ 80 2020-01-02"))
    return c.case(market, (c.account(cash=500, lots=lots, target={"FFF": 0.9, "CASH": 0.1}),))


def test_the_grid_holds_lots_and_steps_exactly() -> None:
    lattice = build_lattice(problem_of(fractional_case()))

    assert lattice.grain == (Decimal("0.01"), Decimal("0.001"))
    assert lattice.step.tolist() == [100, 1]
    assert lattice.held.tolist() == [575, 0]
    assert lattice.can_close.tolist() == [True, False]


def test_a_sale_that_closes_takes_the_fractions_with_it() -> None:
    problem = problem_of(fractional_case())
    lattice = build_lattice(problem)
    planned = dollars(problem, L1=350, L2=224)

    grains = nearest_grains(lattice, planned, prices=np.zeros(problem.segments.count))

    (trade,) = rounded_trades(lattice, grains)
    assert trade.quantity == Decimal("5.75")
    assert trade.lots == {"L1": Decimal("3.50"), "L2": Decimal("2.25")}


def test_a_partial_sale_is_a_multiple_of_the_step() -> None:
    problem = problem_of(fractional_case())
    lattice = build_lattice(problem)

    grains = nearest_grains(lattice, dollars(problem, L1=350, L2=60), prices=np.zeros(problem.segments.count))

    (trade,) = rounded_trades(lattice, grains)
    assert trade.quantity == 4
    assert trade.lots == {"L1": Decimal("3.50"), "L2": Decimal("0.50")}


@pytest.mark.parametrize("seed", range(4))
def test_every_move_leads_where_it_says(seed: int) -> None:
    problem = problem_of(drawn_case(seed, count=6))
    lattice = build_lattice(problem)
    plan = find_plan(problem, solver=solve_convex)
    assert plan is not None
    closed = np.zeros(problem.segments.count, dtype=bool)
    state = state_of(lattice, nearest_grains(lattice, plan.solution.traded_usd, prices=plan.solution.segment_prices))

    moves = list_moves(lattice, state, closed=closed)
    scores = score_moves(lattice, state, moves)

    assert moves.count > 0
    for at in range(moves.count):
        after = apply_move(lattice, state, moves, at)
        assert after.objective_usd - state.objective_usd == pytest.approx(scores.objective_change[at], abs=1e-5)
        assert after.violations == pytest.approx(scores.violations[at], abs=1e-5)


def test_the_search_keeps_the_rules_that_the_plan_kept() -> None:
    for seed in range(6):
        problem = problem_of(drawn_case(seed))
        plan = find_plan(problem, solver=solve_convex)
        assert plan is not None
        rounded = round_plan(plan, solver=solve_convex)
        if not plan.query.allowed and not plan.causes:
            assert rounded.violations.sum() == 0.0


def test_trades_are_as_large_as_the_least_trade_or_close_the_position() -> None:
    case = a_case(trading={"min_trade": "300", "tracking_preference": 10})

    outcome = solved(case)

    held = {"AAA": 20, "BBB": 20}
    for trade in outcome.accounts[0].trades:
        is_closed = trade.side == "sell" and trade.quantity == held[trade.security]
        assert is_closed or trade.quantity * trade.price >= 300


def test_a_dear_ticket_keeps_small_trades_away() -> None:
    free = traded(solved(a_case()))
    dear = traded(solved(a_case(trading={"ticket_cost": "30"})))

    assert len(dear) < len(free)


def test_doing_nothing_wins_where_no_trade_is_worth_its_cost() -> None:
    assert solved(a_case(trading={"ticket_cost": "5000"})).status == "no_trade"
