"""What holds of every program: more rules never help, order does not matter, nothing drawn goes unanswered."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Program
from tests.drawn_programs import Draw, dense_rows, draw_program, plain_margin, plain_violation, with_rows

DRAWS = st.builds(
    Draw,
    securities=st.integers(1, 30),
    factors=st.integers(0, 6),
    lots=st.integers(0, 5),
    bands=st.integers(0, 8),
    gain_rows=st.integers(0, 3),
    soft_rows=st.integers(0, 3),
    riskless_frac=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    shut_frac=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    tied=st.booleans(),
    repeated=st.booleans(),
    band_width=st.sampled_from([0.0, 1e-5, 1e-3, 0.05]),
    aversion=st.sampled_from([0.1, 10.0, 100.0, 1e4]),
)
SEEDS = st.integers(0, 10**6)
given_programs = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given_programs
@given(SEEDS, DRAWS)
def test_a_program_with_a_feasible_point_is_solved_with_a_tight_bound(seed: int, draw: Draw) -> None:
    program = draw_program(seed, draw)

    answer = solve_program(program)

    assert answer.status == "optimal"
    assert plain_violation(program, answer.sold) <= 1e-8
    assert answer.bound <= answer.objective <= answer.bound + 1e-8 * max(1.0, abs(answer.objective))


@given_programs
@given(SEEDS, DRAWS)
def test_a_program_is_solved_or_its_conflict_is_proved(seed: int, draw: Draw) -> None:
    program = draw_program(seed, replace(draw, impossible=True))

    answer = solve_program(program)

    assert answer.status in {"optimal", "infeasible"}
    if answer.status == "infeasible":
        assert plain_margin(program, answer.certificate) > 0
    else:
        assert plain_violation(program, answer.sold) <= 1e-8


@given_programs
@given(SEEDS, DRAWS)
def test_leaving_a_row_out_never_makes_the_best_worse(seed: int, draw: Draw) -> None:
    program = draw_program(seed, draw)
    held, sold = dense_rows(program)
    if program.row_count == 0:
        return
    fewer = with_rows(
        program,
        held=held[1:],
        sold=sold[1:],
        low=program.low[1:],
        high=program.high[1:],
        cap_low=program.cap_low[1:],
        cap_high=program.cap_high[1:],
        is_hard=program.is_hard[1:],
    )

    assert solve_program(fewer).bound <= solve_program(program).objective + 1e-9


@given_programs
@given(SEEDS, DRAWS)
def test_the_order_of_rows_and_segments_changes_nothing(seed: int, draw: Draw) -> None:
    program = draw_program(seed, draw)
    turned = _turned_round(program)

    assert solve_program(turned).objective == pytest.approx(solve_program(program).objective, rel=1e-8, abs=1e-9)


def _turned_round(program: Program) -> Program:
    """Return the program with rows, securities and segments in the opposite order."""
    held, sold = dense_rows(program)
    base = replace(
        program,
        exposures=program.exposures[::-1],
        **{name: getattr(program, name)[::-1] for name in ("curvature", "target", "linear", "top", "cost", "most")},
        seg_ptr=program.segment_count - program.seg_ptr[::-1],
    )
    return with_rows(
        base,
        held=held[::-1, ::-1],
        sold=sold[::-1, ::-1],
        low=program.low[::-1],
        high=program.high[::-1],
        cap_low=program.cap_low[::-1],
        cap_high=program.cap_high[::-1],
        is_hard=program.is_hard[::-1],
    )


def test_of_a_thousand_tortured_programs_none_goes_unanswered() -> None:
    rng = np.random.default_rng(2026)
    unresolved, loose, unproved = [], [], []

    for seed in range(1000):
        draw = Draw(
            securities=int(rng.choice([3, 12, 30, 80])),
            factors=int(rng.choice([0, 1, 5, 20])),
            lots=int(rng.choice([1, 3, 8])),
            bands=int(rng.choice([0, 4, 15])),
            gain_rows=int(rng.choice([0, 2])),
            soft_rows=int(rng.choice([0, 2])),
            riskless_frac=float(rng.choice([0.0, 0.2])),
            shut_frac=float(rng.choice([0.0, 0.2])),
            tied=bool(rng.random() < 0.3),
            repeated=bool(rng.random() < 0.3),
            band_width=float(rng.choice([0.0, 1e-6, 1e-4, 0.02])),
            impossible=bool(rng.random() < 0.2),
            aversion=float(rng.choice([0.1, 1.0, 30.0, 1e3, 1e4])),
        )
        program = draw_program(seed, draw)
        answer = solve_program(program)
        if answer.status == "unresolved" or (answer.status == "infeasible" and not draw.impossible):
            unresolved.append((seed, draw))
        elif answer.status == "infeasible" and plain_margin(program, answer.certificate) <= 0:
            unproved.append((seed, draw))
        elif answer.status == "optimal" and answer.objective - answer.bound > 1e-8 * max(1.0, abs(answer.objective)):
            loose.append((seed, draw, answer.objective - answer.bound))

    assert (unresolved, unproved, loose) == ([], [], [])
