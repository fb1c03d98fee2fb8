"""Programs are solved to the last digit: as an independent solver does, at kinks and ties, with nothing left over."""

from dataclasses import replace

import numpy as np
import pytest

from portfolios.ledger.errors import BadInput
from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.dual import dual_value, objective_value
from rebalancing.engine.kernels.program import Answer, Program
from rebalancing.engine.kernels.warm import warm_up
from tests.drawn_programs import (
    Draw,
    draw_program,
    held_after,
    plain_objective,
    plain_violation,
    solve_by_clarabel,
    with_rows,
)

KINDS = {
    "plain": Draw(),
    "many securities": Draw(securities=60, factors=10, bands=8, aversion=50.0),
    "no own risk": Draw(riskless_frac=0.4),
    "nobody has risk": Draw(riskless_frac=1.0, factors=0),
    "tied costs": Draw(tied=True, lots=6),
    "repeated rows": Draw(repeated=True),
    "bands of no width": Draw(band_width=0.0),
    "narrow bands, few securities": Draw(securities=5, bands=8, band_width=1e-4),
    "shut segments": Draw(shut_frac=0.3),
    "no factors": Draw(factors=0),
    "no rows": Draw(bands=0, gain_rows=0, soft_rows=0),
    "only soft rows": Draw(bands=0, gain_rows=0, soft_rows=3),
    "no segments": Draw(lots=0, gain_rows=0, soft_rows=0),
    "steep": Draw(aversion=1e4),
    "flat": Draw(aversion=0.1),
}


def check(program: Program, answer: Answer) -> None:
    """Check what every optimal answer claims, by formulas that share nothing with the kernels."""
    scale = max(1.0, abs(answer.objective))
    assert answer.status == "optimal"
    assert plain_violation(program, answer.sold) <= 1e-8
    assert answer.objective == pytest.approx(plain_objective(program, answer.sold), abs=1e-12 * scale, rel=1e-12)
    assert answer.bound <= answer.objective
    assert answer.objective - answer.bound <= 1e-9 * scale
    np.testing.assert_allclose(answer.held, held_after(program, answer.sold), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_a_drawn_program_is_solved_as_an_independent_solver_does(kind: str, seed: int) -> None:
    program = draw_program(seed, KINDS[kind])

    answer = solve_program(program)

    check(program, answer)
    status, sold = solve_by_clarabel(program)
    if status == "Solved" and plain_violation(program, sold) < 1e-9:
        theirs = plain_objective(program, sold)
        assert answer.objective <= theirs + 1e-8 * max(1.0, abs(theirs))
        assert answer.bound <= theirs + 1e-8 * max(1.0, abs(theirs))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_not_traded_is_exactly_nothing(seed: int) -> None:
    program = draw_program(seed, Draw(securities=40, lots=5))

    sold = solve_program(program).sold

    dust = ((sold > 0) & (sold < 1e-9)) | ((sold < program.most) & (sold > program.most - 1e-9))
    assert not dust.any()
    assert (sold == 0).any()
    assert (sold == program.most).any()


def test_two_lots_of_one_security_share_a_sale_when_a_row_makes_them_equal() -> None:
    # Only 0.1 of gain is allowed; the cheap lot gains 0.5 a dollar, the dear one nothing: both have to be sold.
    program = with_rows(
        _one_security(cost=[0.0, 0.2], most=[0.5, 0.5], top=1.0, target=0.4),
        held=np.zeros((1, 1)),
        sold=np.array([[0.5, 0.0]]),
        low=[-1e20],
        high=[0.1],
        cap_low=[0.0],
        cap_high=[100.0],
        is_hard=[True],
    )

    answer = solve_program(program)

    check(program, answer)
    assert answer.sold == pytest.approx([0.2, 0.2], abs=1e-9)
    assert answer.row_prices == pytest.approx([0.4], abs=1e-8)


def test_a_row_that_is_not_hard_gives_way_at_its_price() -> None:
    # Holding beyond 0.5 costs 0.05 a unit, which is less than what selling costs: the row gives way.
    program = with_rows(
        _one_security(cost=[0.2], most=[1.0], top=1.0, target=1.0),
        held=np.ones((1, 1)),
        sold=np.zeros((1, 1)),
        low=[-1e20],
        high=[0.5],
        cap_low=[0.0],
        cap_high=[0.05],
        is_hard=[False],
    )

    answer = solve_program(program)

    check(program, answer)
    assert answer.sold == pytest.approx([0.0])
    assert answer.objective == pytest.approx(0.05 * 0.5)
    assert answer.row_prices == pytest.approx([0.05])


def test_a_hard_row_whose_cap_is_far_too_low_is_met_all_the_same() -> None:
    program = with_rows(
        _one_security(cost=[5.0], most=[1.0], top=1.0, target=1.0),
        held=np.ones((1, 1)),
        sold=np.zeros((1, 1)),
        low=[-1e20],
        high=[0.5],
        cap_low=[-0.1],
        cap_high=[0.1],
        is_hard=[True],
    )

    answer = solve_program(program)

    check(program, answer)
    assert answer.sold == pytest.approx([0.5])
    assert answer.row_prices[0] > 5.0


@pytest.mark.parametrize("seed", range(5))
def test_a_start_near_the_answer_saves_steps_and_changes_nothing(seed: int) -> None:
    program = draw_program(seed, Draw(securities=60, lots=4))
    changed = replace(program, cost=program.cost * 1.001)
    cold = solve_program(changed)

    warm = solve_program(changed, start=solve_program(program))

    check(changed, warm)
    assert warm.objective == pytest.approx(cold.objective, rel=1e-9)
    assert warm.iterations <= cold.iterations


def test_a_start_of_other_shapes_is_refused() -> None:
    other = solve_program(draw_program(1, Draw(securities=3)))

    with pytest.raises(BadInput, match="other shapes"):
        solve_program(draw_program(1, Draw(securities=12)), start=other)


@pytest.mark.parametrize("scale", [0.2, 3.0])
def test_the_price_scale_multiplies_prices_and_soft_caps_only(scale: float) -> None:
    program = draw_program(4, Draw())
    factor = np.where(program.is_hard, 1.0, scale)
    written_out = replace(
        program,
        cost=scale * program.cost,
        linear=scale * program.linear,
        cap_low=factor * program.cap_low,
        cap_high=factor * program.cap_high,
    )

    scaled = solve_program(replace(program, price_scale=scale))

    check(replace(program, price_scale=scale), scaled)
    assert scaled.objective == pytest.approx(solve_program(written_out).objective, rel=1e-10)


def test_solving_twice_gives_the_same_bits() -> None:
    program = draw_program(9, Draw(securities=50))

    first, second = solve_program(program), solve_program(program)

    assert first.sold.tobytes() == second.sold.tobytes()
    assert first.bound == second.bound


@pytest.mark.parametrize("seed", range(5))
def test_any_multipliers_bound_any_point_from_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = draw_program(seed, Draw(gain_rows=0, bands=0, soft_rows=2))
    z, y = rng.normal(0, 1, program.factor_target.size), rng.uniform(0, 0.1, program.row_count)
    points = rng.random((50, program.segment_count)) * program.most

    least = min(objective_value(program, point) for point in points)

    assert dual_value(program, z, y) <= least
    assert objective_value(program, points[0]) == pytest.approx(plain_objective(program, points[0]), rel=1e-12)


def test_crossed_bounds_and_wrong_lengths_are_refused() -> None:
    program = draw_program(1, Draw())

    with pytest.raises(BadInput, match="crossed"):
        replace(program, low=program.high + 1.0)
    with pytest.raises(BadInput, match="disagree: most"):
        replace(program, most=program.most[1:])
    with pytest.raises(BadInput, match="negative"):
        replace(program, most=-program.most - 1.0)
    with pytest.raises(BadInput, match="dimensions"):
        replace(program, exposures=program.curvature)


def test_the_arrays_of_a_program_cannot_be_written() -> None:
    program = draw_program(1, Draw())

    with pytest.raises(ValueError, match="read-only"):
        program.cost[0] = 1.0


def test_warming_up_solves_a_program() -> None:
    assert warm_up().status == "optimal"


def _one_security(*, cost: list[float], most: list[float], top: float, target: float) -> Program:
    empty, nowhere = np.zeros(0), np.zeros(0, np.int64)
    return Program(
        exposures=np.zeros((1, 0)),
        factor_target=empty,
        curvature=np.ones(1),
        target=np.array([target]),
        linear=np.zeros(1),
        top=np.array([top]),
        seg_ptr=np.array([0, len(cost)]),
        cost=np.array(cost),
        most=np.array(most),
        a_ptr=np.zeros(2, np.int64),
        a_row=nowhere,
        a_val=empty,
        g_ptr=np.zeros(len(cost) + 1, np.int64),
        g_row=nowhere,
        g_val=empty,
        low=empty,
        high=empty,
        cap_low=empty,
        cap_high=empty,
        is_hard=np.zeros(0, np.bool_),
    )
