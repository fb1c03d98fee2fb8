"""The convex problem as pure arrays, and what is said of it: all amounts in fractions of the value managed."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from portfolios.ledger.errors import BadInput

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# A bound beyond this is no bound.
INFINITE = 1e19
Status = Literal["optimal", "infeasible", "unresolved"]
Method = Literal["newton", "interior_point"]

_REAL = ("factor_target", "curvature", "target", "linear", "top", "cost", "most", "a_val", "g_val")
_ROWS = ("low", "high", "cap_low", "cap_high")
_PLACES = ("seg_ptr", "a_ptr", "a_row", "g_ptr", "g_row")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """
    A separable-plus-factors quadratic program in which every segment is a sale from the top.

        x_i = top_i - (sum of s_l over the segments of i)
        minimise    1/2 |C'x - r|^2 + sum_i 1/2 delta_i (x_i - g_i)^2 + scale (h'x + e's)
        subject to  0 <= s_l <= v_l,  low_j <= (A x + G s)_j <= high_j

    n securities, N segments grouped by security, k factors, R rows; |bound| > INFINITE stands for none. A row's
    multiplier stays in [cap_low, cap_high], which holds 0. A row that is not hard costs cap x excess beyond its bounds
    (caps times `price_scale` as well); the caps of a hard row are only the limit at which it is taken for violated.
    """

    exposures: Matrix  # C (n, k)
    factor_target: Vector  # r (k,)
    curvature: Vector  # delta (n,), >= 0
    target: Vector  # g (n,)
    linear: Vector  # h (n,)
    top: Vector  # (n,)
    seg_ptr: Places  # (n + 1,)
    cost: Vector  # e (N,)
    most: Vector  # v (N,), >= 0
    a_ptr: Places  # (n + 1,): A by security
    a_row: Places
    a_val: Vector
    g_ptr: Places  # (N + 1,): G by segment
    g_row: Places
    g_val: Vector
    low: Vector  # (R,)
    high: Vector
    cap_low: Vector
    cap_high: Vector
    is_hard: Flags
    price_scale: float = 1.0  # multiplies h, e and the caps of rows that are not hard

    def __post_init__(self) -> None:
        for name in _REAL + _ROWS:
            _freeze(self, name, np.float64, dimensions=1)
        for name in _PLACES:
            _freeze(self, name, np.int64, dimensions=1)
        _freeze(self, "exposures", np.float64, dimensions=2)
        _freeze(self, "is_hard", np.bool_, dimensions=1)
        self._check_shapes()
        rows = self.row_count
        if ((self.most < 0).any() or (self.curvature < 0).any()) or not self.price_scale > 0:
            raise BadInput("A segment's size, a curvature and the price scale cannot be negative.")
        if rows and ((self.low > self.high).any() or (self.cap_low > 0).any() or (self.cap_high < 0).any()):
            raise BadInput("A row's bounds are crossed, or its caps do not hold zero.")

    def _check_shapes(self) -> None:
        n, k = self.exposures.shape
        segments, rows = self.cost.size, self.low.size
        sizes = (
            (n, ("curvature", "target", "linear", "top")),
            (n + 1, ("seg_ptr", "a_ptr")),
            (segments, ("most",)),
            (segments + 1, ("g_ptr",)),
            (rows, ("high", "cap_low", "cap_high", "is_hard")),
            (k, ("factor_target",)),
            (self.a_row.size, ("a_val",)),
            (self.g_row.size, ("g_val",)),
        )
        wrong = [name for size, names in sizes for name in names if getattr(self, name).size != size]
        ends = ((self.seg_ptr, segments), (self.a_ptr, self.a_row.size), (self.g_ptr, self.g_row.size))
        if wrong or any(pointers[0] != 0 or pointers[-1] != end for pointers, end in ends):
            raise BadInput(f"The arrays of a program disagree: {', '.join(wrong) or 'pointers'}.")

    @property
    def security_count(self) -> int:
        return self.curvature.size

    @property
    def segment_count(self) -> int:
        return self.cost.size

    @property
    def row_count(self) -> int:
        return self.low.size


def _freeze(program: Program, name: str, kind: type, *, dimensions: int) -> None:
    """Keep a read-only view in the one memory layout that the kernels are compiled for."""
    given = getattr(program, name)
    if isinstance(given, np.ndarray) and _is_frozen(given, kind, dimensions):
        return
    array: npt.NDArray[np.generic] = np.ascontiguousarray(given, dtype=kind).view()
    if array.ndim != dimensions:
        raise BadInput(f"{name} has {array.ndim} dimensions instead of {dimensions}.")
    array.flags.writeable = False
    object.__setattr__(program, name, array)


def _is_frozen(array: npt.NDArray[np.generic], kind: type, dimensions: int) -> bool:
    flags = array.flags
    return array.dtype == kind and array.ndim == dimensions and flags.c_contiguous and not flags.writeable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """
    What the solver says of a program.

    `bound` is rigorous whatever the status (-inf once infeasible), and never above `objective`. `conflict` names the
    rows whose combination `certificate` no point of the box can meet. A multiplier > 0 presses against `high`.
    """

    sold: Vector  # s (N,), exactly 0 or v where it is at an end
    held: Vector  # x (n,)
    factor_prices: Vector  # z (k,)
    row_prices: Vector  # y (R,)
    activity: Vector  # A x + G s (R,)
    objective: float
    bound: float
    status: Status
    method: Method
    violation: float  # the largest of a hard row
    iterations: int
    conflict: tuple[int, ...] = ()
    certificate: Vector = field(default_factory=lambda: np.zeros(0))  # (R,) once infeasible
