"""The parts of the solver, each against what it stands for."""

import numpy as np
import pytest

from rebalancing.engine.kernels.cholesky import factorise, solve_factorised
from rebalancing.engine.kernels.drive import WHOLE_PROGRAM, solve_program, try_interior
from rebalancing.engine.kernels.dual_terms import by_row, program_arrays
from rebalancing.engine.kernels.walk import soft_sale, tied_price, walk
from tests.drawn_programs import Draw, draw_program, plain_violation


def test_a_definite_matrix_is_factorised_and_solved() -> None:
    rng = np.random.default_rng(1)
    half = rng.normal(size=(7, 7))
    matrix, right = half @ half.T + np.eye(7), rng.normal(size=7)
    factor, solution = matrix.copy(), right.copy()

    dropped = factorise(factor, 7)
    solve_factorised(factor, 7, solution)

    assert dropped == 0
    np.testing.assert_allclose(matrix @ solution, right, atol=1e-10)


def test_a_coordinate_that_repeats_another_is_dropped() -> None:
    column = np.array([[1.0, 2.0, 2.0]])
    matrix = column.T @ column + np.diag([1.0, 0.0, 0.0])
    right = matrix @ np.array([1.0, 1.0, 1.0])
    factor, solution = matrix.copy(), right.copy()

    dropped = factorise(factor, 3)
    solve_factorised(factor, 3, solution)

    assert dropped == 1
    assert np.isfinite(solution).all()
    np.testing.assert_allclose(matrix @ solution, right, atol=1e-9)


def test_a_matrix_by_place_is_turned_into_rows() -> None:
    pointers, rows, values = np.array([0, 2, 2, 3]), np.array([1, 0, 1]), np.array([5.0, 6.0, 7.0])

    starts, places, turned = by_row(pointers, rows, values, 3)

    assert starts.tolist() == [0, 1, 3, 3]
    assert places.tolist() == [0, 0, 2]
    assert turned.tolist() == [6.0, 5.0, 7.0]


@pytest.mark.parametrize("curvature", [0.0, 0.3, 4.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_tie_is_shared_so_that_the_marginal_price_is_right(seed: int, curvature: float) -> None:
    rng = np.random.default_rng(seed)
    start, most = 0.1 + rng.normal(0, 1e-7, 5), rng.uniform(0.05, 0.3, 5)
    q, target, top, softness = 0.1 - curvature * 0.2, 0.0, float(most.sum()), 1e-6

    p = tied_price(0, 5, 0.2, q, curvature, target, top, softness, start, most)

    sold = np.array(
        [soft_sale(p, float(begin), softness, float(size)) for begin, size in zip(start, most, strict=True)]
    )
    assert p == pytest.approx(q + curvature * (top - sold.sum() - target), abs=1e-9)


def test_a_walk_sells_whole_segments_first_and_stops_inside_the_last() -> None:
    order, start, most = np.array([1, 0, 2]), np.array([0.3, 0.1, 0.9]), np.array([0.5, 0.2, 1.0])

    stop = walk(0, 3, 0.8, 1.0, 1.0, 0.0, order, start, most)

    assert (stop.full, stop.part) == (1, pytest.approx(0.3))
    assert stop.price == pytest.approx(0.3)
    assert stop.held == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(6))
def test_the_interior_point_comes_to_the_same_value(seed: int) -> None:
    program = draw_program(seed, Draw(securities=20, shut_frac=0.1))

    tried = try_interior(program_arrays(program), 1.0, WHOLE_PROGRAM)

    assert tried.solved
    assert plain_violation(program, tried.s) <= 1e-8
    assert tried.objective == pytest.approx(solve_program(program).objective, rel=1e-7)
    assert tried.bound <= tried.objective + 1e-9
