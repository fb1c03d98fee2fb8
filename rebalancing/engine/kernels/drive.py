"""
The door of the kernels: Newton on the dual; where it is stuck, the interior-point method and Newton from there.

    answer = solve_program(program)
    answer = solve_program(changed, start=answer)

An answer is optimal only if every hard row is met. Where one stays violated, either a certificate proves that the hard
rows conflict, or the caps were too low and are raised.
"""

from typing import NamedTuple

import numpy as np

from portfolios.ledger.errors import BadInput
from rebalancing.engine.kernels.certificate import sharpen
from rebalancing.engine.kernels.compiled import inner, kernel
from rebalancing.engine.kernels.drive_fallback import least_violation, with_sizes
from rebalancing.engine.kernels.dual import bound_of, hard_violation, holdings, objective_of
from rebalancing.engine.kernels.dual_terms import ProgramArrays, Terms, make_terms, program_arrays, row_activity
from rebalancing.engine.kernels.interior_point import interior_point
from rebalancing.engine.kernels.newton import Found, newton
from rebalancing.engine.kernels.program import Answer, Method, Program, Status, Vector

# Residuals of rows at which Newton is done (of factors: ten times that), and what a hard row may be missed by.
TOLERANCE = 1e-10
FEASIBLE = 1e-8
# The proximal term per squared fraction of value: it decides ties and never shows in the answer.
SOFTNESS = 1e-6
# Below this curvature a security counts as without own risk.
FLAT = 1e-6
MOST_STEPS, MOST_POLISH_STEPS, MOST_ROUNDS = 40, 30, 12
MOST_POLISHES = 3
INTERIOR_TOLERANCE, MOST_INTERIOR_STEPS = 1e-9, 100
WHOLE_PROGRAM, LEAST_VIOLATION = 0, 1
CAP_SCALES = (1.0, 1e2, 1e4)


class Try(NamedTuple):
    """One attempt: the point, its multipliers, and what is true of them."""

    z: Vector
    y: Vector
    x: Vector
    s: Vector
    activity: Vector
    solved: bool
    steps: int
    objective: float
    bound: float
    violation: float


def solve_program(program: Program, *, start: Answer | None = None) -> Answer:
    """
    Solve a program, from the multipliers and sales of another answer of the same shapes if there is one.

    :raises BadInput: `start` has other shapes
    """
    arrays = program_arrays(program)
    z, y, s = _starting_point(program, start)
    tried = try_newton(arrays, z, y, s, 1.0, MOST_STEPS)
    steps = tried.steps
    if tried.solved and tried.violation <= FEASIBLE:
        return _answer(tried, "optimal", "newton", steps)
    if start is not None:
        tried = try_newton(arrays, np.zeros_like(z), np.zeros_like(y), np.zeros_like(s), 1.0, MOST_STEPS)
        steps += tried.steps
        if tried.solved and tried.violation <= FEASIBLE:
            return _answer(tried, "optimal", "newton", steps)
    return _solve_hard_case(arrays, tried, steps)


def _starting_point(program: Program, start: Answer | None) -> tuple[Vector, Vector, Vector]:
    """Return z, y, s to start from."""
    sizes = (program.factor_target.size, program.row_count, program.segment_count)
    if start is None:
        return np.zeros(sizes[0]), np.zeros(sizes[1]), np.zeros(sizes[2])
    if (start.factor_prices.size, start.row_prices.size, start.sold.size) != sizes:
        raise BadInput("The answer to start from belongs to a program of other shapes.")
    return start.factor_prices, start.row_prices, np.minimum(start.sold, program.most)


def _solve_hard_case(arrays: ProgramArrays, tried: Try, steps: int) -> Answer:
    """Prove a conflict, or solve with caps that suffice, by the interior-point method where Newton was stuck."""
    method: Method = "newton"
    for hard_scale in CAP_SCALES:
        proof = prove_conflict(arrays, tried.y)
        if proof.any():
            return _infeasible(tried, method, steps, proof)
        if hard_scale > 1.0 or not tried.solved:
            tried, method = try_interior(arrays, hard_scale, WHOLE_PROGRAM), "interior_point"
            steps += tried.steps
            proof = prove_conflict(arrays, tried.y)
            if proof.any():
                return _infeasible(tried, method, steps, proof)
            polished = _polish(arrays, tried, hard_scale)
            steps += polished.steps
            if polished.solved:
                tried, method = polished, "newton"
        if tried.solved and tried.violation <= FEASIBLE:
            return _answer(tried, "optimal", method, steps)
        proof = prove_conflict(arrays, tried.y)
        if not proof.any():
            proof = prove_conflict(arrays, try_interior(arrays, 1.0, LEAST_VIOLATION).y)
        if proof.any():
            return _infeasible(tried, method, steps, proof)
    return _answer(tried, "unresolved", method, steps)


def _polish(arrays: ProgramArrays, tried: Try, hard_scale: float) -> Try:
    """Run Newton from where the interior-point method ended; stuck, again from there, about a new proximal centre."""
    for _ in range(MOST_POLISHES):
        tried = try_newton(arrays, tried.z, tried.y, tried.s, hard_scale, MOST_POLISH_STEPS)
        if tried.solved:
            break
    return tried


def _answer(tried: Try, status: Status, method: Method, steps: int) -> Answer:
    return Answer(
        sold=tried.s,
        held=tried.x,
        factor_prices=tried.z,
        row_prices=tried.y,
        activity=tried.activity,
        objective=tried.objective,
        bound=min(tried.bound, tried.objective),
        status=status,
        method=method,
        violation=tried.violation,
        iterations=steps,
    )


def _infeasible(tried: Try, method: Method, steps: int, proof: Vector) -> Answer:
    return Answer(
        sold=tried.s,
        held=tried.x,
        factor_prices=tried.z,
        row_prices=tried.y,
        activity=tried.activity,
        objective=tried.objective,
        bound=float("-inf"),
        status="infeasible",
        method=method,
        violation=tried.violation,
        iterations=steps,
        conflict=tuple(int(row) for row in np.flatnonzero(proof)),
        certificate=proof,
    )


@inner
def needed_softness(terms: Terms) -> float:
    """Return the proximal term where prices of segments depend on rows or a security has no risk of its own, else 0."""
    if terms.g_row.size > 0:
        return SOFTNESS
    for i in range(terms.curvature.size):
        if terms.curvature[i] < FLAT:
            return SOFTNESS
    return 0.0


@kernel
def try_newton(arrays: ProgramArrays, z: Vector, y: Vector, s: Vector, hard_scale: float, most_steps: int) -> Try:
    """Run Newton from (z, y, s) and look at what it found; all in one call, since calls from outside are slow."""
    terms = make_terms(arrays, hard_scale)
    found = newton(terms, z, y, s, needed_softness(terms), most_steps, MOST_ROUNDS, TOLERANCE)
    return look_at(terms, found)


@inner
def look_at(terms: Terms, found: Found) -> Try:
    """Compute value, bound and violation of a point."""
    return Try(
        found.z,
        found.y,
        found.x,
        found.s,
        found.activity,
        found.solved,
        found.steps,
        objective_of(terms, found.x, found.s, found.activity),
        bound_of(terms, found.z, found.y),
        hard_violation(terms, found.activity),
    )


@kernel
def try_interior(arrays: ProgramArrays, hard_scale: float, asked: int) -> Try:
    """Run the interior-point method on the segments that have a size, for the program or only for its violations."""
    terms = make_terms(arrays, hard_scale)
    sized = with_sizes(terms)
    posed = sized.terms if asked == WHOLE_PROGRAM else least_violation(sized.terms)
    reached = interior_point(posed, INTERIOR_TOLERANCE, MOST_INTERIOR_STEPS)
    s = np.zeros(terms.most.size)
    for at in range(sized.places.size):
        s[sized.places[at]] = min(max(reached.s[at], 0.0), terms.most[sized.places[at]])
    x, activity = holdings(terms, s), np.empty(terms.low.size)
    row_activity(terms, x, s, activity)
    z = reached.z if asked == WHOLE_PROGRAM else np.zeros(terms.factor_target.size)
    return look_at(terms, Found(z, reached.y, x, s, activity, reached.solved, reached.steps))


@kernel
def prove_conflict(arrays: ProgramArrays, y: Vector) -> Vector:
    """Return y as a certificate of few rows, or zeros where it proves nothing."""
    return sharpen(make_terms(arrays, 1.0), y)
