"""A program as the quadratic program that general solvers take: sparse, in factor form."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from rebalancing.engine.kernels.program import Program
from rebalancing.management.bench.accounts import Vector
from rebalancing.management.bench.programs import FAR, rows_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuadraticProgram:
    """
    minimise 1/2 v'Pv + q'v, subject to E v = e, low <= G v <= high, least <= v <= most, with v = (sold, held, factors).

    Elastic rows of a program have no place here: only programs with hard rows are written this way.
    """

    hessian: sp.csc_matrix
    linear: Vector
    equalities: sp.csc_matrix
    equal_to: Vector
    rows: sp.csc_matrix
    low: Vector
    high: Vector
    segment_most: Vector
    constant: float

    @property
    def segment_count(self) -> int:
        return int(self.segment_most.size)

    def one_sided(self) -> tuple[sp.csc_matrix, Vector]:
        """Return rows and bounds of segments as H v <= h."""
        has_high, has_low = self.high < FAR / 2, self.low > -FAR / 2
        take = sp.eye(self.segment_count, self.linear.size, format="csc")
        by_row = self.rows.tocsr()
        matrix = sp.vstack([by_row[has_high], -by_row[has_low], take, -take], format="csc")
        zeros = np.zeros(self.segment_count)
        return matrix, np.concatenate([self.high[has_high], -self.low[has_low], self.segment_most, zeros])


def quadratic_of(program: Program) -> QuadraticProgram:
    """Write a program with hard rows as a quadratic program."""
    assert program.is_hard.all() and program.price_scale == 1.0
    (count, factors), segments, rows = program.exposures.shape, program.most.size, program.low.size
    places = np.repeat(np.arange(count), np.diff(program.seg_ptr))
    sales = sp.csc_matrix((np.ones(segments), (places, np.arange(segments))), shape=(count, segments))
    by_held, by_sold = rows_of(program)
    loadings = sp.csc_matrix(-program.exposures.T)
    return QuadraticProgram(
        hessian=sp.diags(np.concatenate([np.zeros(segments), program.curvature, np.ones(factors)])).tocsc(),
        linear=np.concatenate([program.cost, program.linear - program.curvature * program.target, np.zeros(factors)]),
        equalities=sp.bmat([[sales, sp.eye(count), None], [None, loadings, sp.eye(factors)]], format="csc"),
        equal_to=np.concatenate([program.top, -program.factor_target]),
        rows=sp.hstack([by_sold, by_held, sp.csr_matrix((rows, factors))], format="csc"),
        low=program.low,
        high=program.high,
        segment_most=program.most,
        constant=0.5 * float(program.curvature @ program.target**2),
    )
