"""Compile every kernel before anyone waits for it."""

import math

import numpy as np

from rebalancing.engine.kernels.certificate import certificate_margin
from rebalancing.engine.kernels.drive import WHOLE_PROGRAM, prove_conflict, solve_program, try_interior
from rebalancing.engine.kernels.dual import dual_value, objective_value
from rebalancing.engine.kernels.dual_terms import program_arrays
from rebalancing.engine.kernels.lattice import lattice_hurdle
from rebalancing.engine.kernels.program import Answer, Program


def warm_up() -> Answer:
    """
    Load or compile all kernels by solving a program of two securities, every way there is.

    Takes seconds on a machine that has never compiled them, a moment otherwise.
    """
    program = _two_securities()
    arrays = program_arrays(program)
    answer = solve_program(program, start=solve_program(program))
    dual_value(program, answer.factor_prices, answer.row_prices)
    objective_value(program, answer.sold)
    certificate_margin(program, answer.row_prices)
    prove_conflict(arrays, answer.row_prices)
    try_interior(arrays, 1.0, WHOLE_PROGRAM)
    lattice_hurdle(10, 30.0, math.inf, 0.05, 60, 20, 0.1, 0.1, 4e-4, 0.77)
    return answer


def _two_securities() -> Program:
    """Return one factor, three segments and two rows: half of each security is to be held."""
    return Program(
        exposures=np.ones((2, 1)),
        factor_target=np.zeros(1),
        curvature=np.ones(2),
        target=np.full(2, 0.5),
        linear=np.zeros(2),
        top=np.array([0.9, 0.4]),
        seg_ptr=np.array([0, 2, 3]),
        cost=np.array([0.01, 0.02, 0.0]),
        most=np.array([0.3, 0.6, 0.4]),
        a_ptr=np.array([0, 1, 2]),
        a_row=np.array([0, 0]),
        a_val=np.ones(2),
        g_ptr=np.array([0, 1, 2, 2]),
        g_row=np.array([1, 1]),
        g_val=np.array([0.1, 0.3]),
        low=np.array([0.9, -1e20]),
        high=np.array([1.0, 0.05]),
        cap_low=np.full(2, -10.0),
        cap_high=np.full(2, 10.0),
        is_hard=np.array([True, False]),
    )
