"""
Proof that hard rows conflict: a combination y of them that no point of the box can meet (Farkas).

    margin(y) = min over the box of y'(A x + G s) - (sum of high y+ - low y-)  > 0
"""

import numpy as np

from rebalancing.engine.kernels.compiled import inner, kernel
from rebalancing.engine.kernels.dual_terms import ProgramArrays, Terms, make_terms, program_arrays
from rebalancing.engine.kernels.program import INFINITE, Flags, Program, Vector

# A margin is proof when it exceeds what rounding may have added: this share of the sum of all amounts in it.
ROUNDING = 1e-14
# Multipliers this small beside the largest are tried without at once, before one by one.
SMALL = 1e-3


def certificate_margin(program: Program, y: Vector) -> float:
    """Return by how much the combination y of hard rows is out of reach; > 0 proves that they conflict. O(N)."""
    return float(_margin(program_arrays(program), np.asarray(y, np.float64)))


@kernel
def _margin(arrays: ProgramArrays, y: Vector) -> float:
    return margin_of(make_terms(arrays, 1.0), y)


@inner
def margin_of(terms: Terms, y: Vector) -> float:
    """Return the margin less what rounding may have added; multipliers of soft rows and of absent bounds count as 0."""
    price = np.zeros(y.size)
    margin, size = 0.0, 0.0
    for j in range(y.size):
        bound = terms.high[j] if y[j] > 0.0 else terms.low[j]
        if terms.is_hard[j] and abs(bound) < INFINITE:
            price[j] = y[j]
            margin -= bound * y[j]
            size += abs(bound * y[j])
    for i in range(terms.top.size):
        q = 0.0
        for at in range(terms.a_ptr[i], terms.a_ptr[i + 1]):
            q += terms.a_val[at] * price[terms.a_row[at]]
        margin += q * terms.top[i]
        size += abs(q * terms.top[i])
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            key = -q
            for at in range(terms.g_ptr[segment], terms.g_ptr[segment + 1]):
                key += terms.g_val[at] * price[terms.g_row[at]]
            if key < 0.0:
                margin += key * terms.most[segment]
                size -= key * terms.most[segment]
    return margin - ROUNDING * size


@inner
def hard_parts(terms: Terms, y: Vector, least: float) -> Vector:
    """Return the multipliers of hard rows over the largest of them, those below `least` left out."""
    largest = 0.0
    for j in range(y.size):
        if terms.is_hard[j]:
            largest = max(largest, abs(y[j]))
    parts = np.zeros(y.size)
    for j in range(y.size):
        if terms.is_hard[j] and abs(y[j]) > least * largest:
            parts[j] = y[j] / largest
    return parts


@inner
def smallest_untried(values: Vector, tried: Flags) -> int:
    """Return the place of the smallest absolute value that is not zero and was not tried, -1 if there is none."""
    found, smallest = -1, np.inf
    for j in range(values.size):
        if not tried[j] and 0.0 < abs(values[j]) < smallest:
            found, smallest = j, abs(values[j])
    return found


@inner
def sharpen(terms: Terms, y: Vector) -> Vector:
    """
    Return a certificate (largest multiplier 1) of which no row can be left out, or zeros where y proves nothing.

    Small multipliers go first, together; then each row in turn, the smallest first, until all are needed.
    """
    proof, without = hard_parts(terms, y, 0.0), hard_parts(terms, y, SMALL)
    if margin_of(terms, without) > 0.0:
        proof = without
    if not margin_of(terms, proof) > 0.0:
        return np.zeros(y.size)
    tried = np.zeros(y.size, np.bool_)
    while True:
        j = smallest_untried(proof, tried)
        if j < 0:
            return proof
        kept = proof[j]
        proof[j] = 0.0
        if margin_of(terms, proof) > 0.0:
            tried[:] = False
        else:
            proof[j] = kept
            tried[j] = True
