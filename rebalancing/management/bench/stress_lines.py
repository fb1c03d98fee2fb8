"""The line of the table that tries to break the kernels: thousands of random programs, half of them a torture set."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rebalancing.engine.kernels.certificate import certificate_margin
from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Answer, Program
from rebalancing.management.bench.baselines import solve_clarabel
from rebalancing.management.bench.drawing import AccountShape, draw_account, draw_market
from rebalancing.management.bench.measuring import Effort, within
from rebalancing.management.bench.programs import excess_of, objective_of, program_of
from rebalancing.management.bench.report import Line
from rebalancing.management.bench.torture import torture_program

ORDINARY_SIZES = (30, 60, 120, 250, 500)
AGREEMENT = 1e-6
CHECK_TOLERANCE = 1e-10
LEAST_OBJECTIVE = 1e-3  # below it, a difference is told against a thousandth of value
BOUND_ROUNDING = 1e-12
MOST_EXCESS = 1e-8


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was seen so far."""

    count: int = 0
    crashed: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    bounds_above: int = 0
    false_answers: int = 0
    worst_excess: float = 0.0
    worst_gap: float = 0.0
    checked: int = 0
    disagreed: list[str] = field(default_factory=list)
    worst_difference: float = 0.0

    @property
    def is_clean(self) -> bool:
        faults = len(self.crashed) + self.statuses["unresolved"] + self.bounds_above + self.false_answers
        return not faults and not self.disagreed

    def add(self, name: str, program: Program, *, is_checked: bool) -> None:
        """Solve a program and judge the answer by other code than the solver's."""
        self.count += 1
        try:
            answer = solve_program(program)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what this line counts
            self.crashed.append(f"{name}: {type(error).__name__}")
            return
        self.statuses[answer.status] += 1
        self.methods[answer.method] += 1
        if answer.status == "optimal":
            self._judge(program, answer)
        elif answer.status == "infeasible" and certificate_margin(program, answer.certificate) <= 0:
            self.false_answers += 1
        if is_checked:
            self._check(name, program, answer)

    def _judge(self, program: Program, answer: Answer) -> None:
        objective = objective_of(program, answer.sold)
        scale = max(LEAST_OBJECTIVE, abs(objective))
        self.bounds_above += answer.bound > objective + BOUND_ROUNDING + CHECK_TOLERANCE * scale
        self.worst_gap = max(self.worst_gap, (objective - answer.bound) / scale)
        excess = excess_of(program, answer.sold)
        self.worst_excess = max(self.worst_excess, excess)
        self.false_answers += excess > MOST_EXCESS

    def _check(self, name: str, program: Program, answer: Answer) -> None:
        """Compare with Clarabel, where that one is sure of its answer."""
        other = solve_clarabel(program, CHECK_TOLERANCE)
        if not other.is_solved or excess_of(program, other.sold) > MOST_EXCESS:
            return
        self.checked += 1
        if answer.status != "optimal":
            self.disagreed.append(f"{name} {answer.status}")
            return
        theirs = objective_of(program, other.sold)
        difference = abs(objective_of(program, answer.sold) - theirs) / max(LEAST_OBJECTIVE, abs(theirs))
        self.worst_difference = max(self.worst_difference, difference)
        if difference > AGREEMENT:
            self.disagreed.append(f"{name} {difference:.0e}")


def stress_lines(effort: Effort) -> Iterator[Line]:
    """Solve and judge; tell what was seen."""
    tally = Tally()
    every = max(1, effort.stress // effort.checked)
    for at, (name, program) in enumerate(within(stress_programs(effort.stress), seconds=effort.stress_seconds)):
        tally.add(name, program, is_checked=at % every == 0)
    yield Line(
        what=f"stress: {effort.stress:,} random accounts, every second one of the torture set",
        goal="0 crashes, 0 unresolved, Clarabel agrees to 1e-6, bound <= objective",
        measured=f"{tally.count:,} solved: {len(tally.crashed)} crashes, {tally.statuses['unresolved']} unresolved, "
        f"{len(tally.disagreed)} of {tally.checked} disagree, {tally.bounds_above} bounds above",
        is_met=False if not tally.is_clean else (True if tally.count >= effort.stress else None),
        note=_told(tally),
    )


def stress_programs(count: int) -> Iterator[tuple[str, Program]]:
    """Yield named programs: an ordinary account and one of the torture set in turn."""
    for seed in range(count // 2):
        dice = np.random.default_rng([77, seed])
        market = draw_market(int(dice.integers(40)), count=int(dice.choice(ORDINARY_SIZES)))
        shape = AccountShape(extra_bands=int(dice.choice([0, 25])))
        yield f"ordinary {seed}", program_of(draw_account(market, seed, shape), has_tax_rows=dice.random() < 0.7)
        yield f"torture {seed}", torture_program(seed)


def _told(tally: Tally) -> str:
    methods = ", ".join(f"{name} {count:,}" for name, count in tally.methods.most_common())
    told = (
        f"{tally.statuses['optimal']:,} optimal, {tally.statuses['infeasible']:,} infeasible, each with a certificate "
        f"that separate code confirms; methods: {methods}. Largest relative gap {tally.worst_gap:.0e}, largest miss of "
        f"a hard row {tally.worst_excess:.0e}, largest difference to Clarabel {tally.worst_difference:.0e}"
    )
    named = [*tally.crashed, *tally.disagreed]
    more = f"; {tally.false_answers} answers that the check refused" if tally.false_answers else ""
    return told + more + (f"; such as {', '.join(named[:5])}." if named else ".")
