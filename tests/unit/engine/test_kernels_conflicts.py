"""Where hard rows conflict, the answer says so with a proof that names them, checked here by its formula."""

from collections import Counter

import numpy as np
import pytest

from rebalancing.engine.kernels.certificate import certificate_margin
from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Answer, Program
from tests.drawn_programs import Draw, dense_rows, draw_program, plain_margin, solve_by_clarabel, with_rows


def check_proof(program: Program, answer: Answer) -> None:
    """Check that the certificate holds, that it speaks only of hard rows, and that no row of it can be left out."""
    assert answer.status == "infeasible"
    assert answer.bound == float("-inf")
    proof = answer.certificate
    assert plain_margin(program, proof) > 0
    assert certificate_margin(program, proof) == pytest.approx(plain_margin(program, proof), abs=1e-9)
    assert answer.conflict == tuple(np.flatnonzero(proof))
    assert program.is_hard[list(answer.conflict)].all()
    for row in answer.conflict:
        without = proof.copy()
        without[row] = 0.0
        assert certificate_margin(program, without) <= 0


def test_two_bands_that_exclude_each_other_are_named_and_no_other() -> None:
    base = draw_program(3, Draw(bands=0, gain_rows=0, soft_rows=0))
    everything, first = np.ones(base.security_count), np.eye(base.security_count)[0]
    most = float(base.top.sum())
    program = with_rows(
        base,
        held=np.vstack([everything, first, everything]),
        sold=np.zeros((3, base.segment_count)),
        low=[0.9 * most, -1e20, -1e20],
        high=[1e20, float(base.top[0]), 0.8 * most],
        cap_low=[-1e3] * 3,
        cap_high=[1e3] * 3,
        is_hard=[True] * 3,
    )

    answer = solve_program(program)

    check_proof(program, answer)
    assert answer.conflict == (0, 2)
    assert answer.violation == pytest.approx(0.05 * most, abs=0.06 * most)


def test_a_bound_out_of_reach_conflicts_with_the_box_alone() -> None:
    base = draw_program(3, Draw(bands=0, gain_rows=0, soft_rows=0))
    program = with_rows(
        base,
        held=np.ones((1, base.security_count)),
        sold=np.zeros((1, base.segment_count)),
        low=[float(base.top.sum()) + 1e-4],
        high=[1e20],
        cap_low=[-1e3],
        cap_high=[1e3],
        is_hard=[True],
    )

    answer = solve_program(program)

    check_proof(program, answer)
    assert answer.conflict == (0,)


def test_a_row_that_may_give_way_is_never_part_of_a_conflict() -> None:
    base = draw_program(3, Draw(bands=0, gain_rows=0, soft_rows=0))
    program = with_rows(
        base,
        held=np.ones((1, base.security_count)),
        sold=np.zeros((1, base.segment_count)),
        low=[float(base.top.sum()) + 1.0],
        high=[1e20],
        cap_low=[-500.0],
        cap_high=[0.0],
        is_hard=[False],
    )

    answer = solve_program(program)

    assert answer.status == "optimal"
    assert answer.activity[0] == pytest.approx(base.top.sum())
    assert answer.row_prices == pytest.approx([-500.0])


def test_no_program_without_a_feasible_point_goes_unproved() -> None:
    said: Counter[str] = Counter()

    for seed in range(60):
        program = draw_program(seed, Draw(securities=8, bands=5, impossible=True))
        answer = solve_program(program)
        said[answer.status] += 1
        if answer.status == "infeasible":
            check_proof(program, answer)
        else:
            status, _ = solve_by_clarabel(program)
            assert status == "Solved"

    assert said["infeasible"] > 10
    assert said["optimal"] > 10
    assert said["unresolved"] == 0


def test_without_any_segment_the_rows_in_the_way_are_named() -> None:
    base = draw_program(5, Draw(lots=0, gain_rows=0, soft_rows=0))
    held, _ = dense_rows(base)
    program = with_rows(
        base,
        held=held,
        sold=np.zeros((len(held), 0)),
        low=[*(base.low[:-1]), base.high[-1] + 0.1],
        high=[*(base.high[:-1]), base.high[-1] + 0.2],
        cap_low=base.cap_low,
        cap_high=base.cap_high,
        is_hard=base.is_hard,
    )

    answer = solve_program(program)

    check_proof(program, answer)
    assert answer.conflict == (base.row_count - 1,)
