"""Cholesky factors of small dense matrices that may be singular: a pivot that has vanished drops its coordinate."""

import numpy as np

from rebalancing.engine.kernels.compiled import kernel
from rebalancing.engine.kernels.program import Matrix, Vector

# A pivot this small beside what stood on the diagonal is rounding; the huge one put in its place fixes the coordinate.
VANISHED = 1e-14
DROPPED = 1e60


@kernel
def factorise(matrix: Matrix, size: int) -> int:
    """Overwrite the lower triangle of matrix[:size, :size] by its factor; return how many coordinates were dropped."""
    dropped = 0
    for j in range(size):
        row_j = matrix[j]
        for i in range(j, size):
            row_i = matrix[i]
            rest = row_i[j]
            for at in range(j):
                rest -= row_i[at] * row_j[at]
            if i > j:
                row_i[j] = rest / row_j[j]
                continue
            if not rest > VANISHED * row_j[j]:
                rest = DROPPED
                dropped += 1
            row_j[j] = np.sqrt(rest)
    return dropped


@kernel
def solve_factorised(factor: Matrix, size: int, right: Vector) -> None:
    """Overwrite right[:size] by the solution."""
    for i in range(size):
        row = factor[i]
        rest = right[i]
        for at in range(i):
            rest -= row[at] * right[at]
        right[i] = rest / row[i]
    for i in range(size - 1, -1, -1):
        row = factor[i]
        value = right[i] / row[i]
        right[i] = value
        for at in range(i):
            right[at] -= value * row[at]
