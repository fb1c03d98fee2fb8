"""The stress line judges answers by code of its own: a clean set is clean, and a false answer is seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Answer
from rebalancing.management.bench.measuring import Effort
from rebalancing.management.bench.stress_lines import Tally, stress_lines, stress_programs


def test_ordinary_and_tortured_programs_come_in_turn_and_the_same_every_time() -> None:
    first, again = list(stress_programs(6)), list(stress_programs(6))

    assert [name.split()[0] for name, _ in first] == ["ordinary", "torture"] * 3
    assert all(np.array_equal(one.cost, other.cost) for (_, one), (_, other) in zip(first, again, strict=True))


def test_a_small_stress_run_finds_nothing_to_complain_of() -> None:
    (line,) = stress_lines(Effort(stress=30, checked=10))

    assert line.is_met is True, line
    assert line.measured.startswith("30 solved: 0 crashes, 0 unresolved, 0 of")


@pytest.mark.parametrize(
    ("lie", "seen"),
    [
        (lambda answer: replace(answer, bound=answer.objective + 1e-3), "bounds_above"),
        (lambda answer: replace(answer, sold=answer.sold * 0.0), "false_answers"),
    ],
)
def test_an_answer_that_is_not_true_is_seen(lie: Callable[[Answer], Answer], seen: str) -> None:
    program = next(program for _, program in stress_programs(2))
    tally = Tally()

    tally._judge(program, lie(solve_program(program)))

    assert getattr(tally, seen) == 1
    assert not tally.is_clean
