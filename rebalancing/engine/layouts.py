"""
The matrices of a query's program: what all queries with the same rows have in common.

Every open segment becomes a sale from the top: of a purchase, what is *not* bought is sold. So one sorted walk serves
lots and purchases alike. What several rules of one rank may give way together, and a tax that is the largest of several
affine pieces, become virtual securities without risk whose holding is the amount.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import Query
from rebalancing.engine.taxes import Hinge, Piece
from rebalancing.engine.universe import Matrix, Places, Vector

BPS = 1e-4
ALLOWED_TOLERANCE_FRAC = 1e-6
ALLOWED_TOLERANCE_BPS = 1e-4
# Rows give by this much, so that rules which just fit together leave the solver an inside to work in.
ROW_TOLERANCE_BPS = 1e-5
FAR = 1e20
CAP_FACTOR = 10.0


@dataclass(slots=True, kw_only=True)
class Band:
    """One row of the program, in dollars of the query, and which rows of the problem it stands for."""

    row: int
    low_usd: float
    high_usd: float
    low_row: int = -1
    high_row: int = -1
    cap_low: float = -FAR
    cap_high: float = FAR
    virtual: list[tuple[int, float]] = field(default_factory=list)


class Layout:
    """
    What the programs of all queries with the same rows have in common: the matrices. Choices change only the arrays.

    Rows of the program come from `sources`: a matrix over positions and one over segments, in dollars.
    """

    def __init__(self, query: Query) -> None:
        problem = query.problem
        self.problem, self.goal, self.allowed = problem, query.goal, dict(query.allowed)
        self.unit_usd = max(problem.gross_usd, 1.0)
        self.rows = problem.all_rows(query.regimes)
        self.terms = problem.tax_terms(query.regimes)
        self.bands: list[Band] = []
        self.sources: list[Row] = []
        self.virtual_most_usd: list[float] = []
        self.virtual_cost: list[float] = []
        self.tax_slope = np.zeros(problem.segments.count)
        self.constant_usd = 0.0
        self.movable = ~query.shut_by_rules() & (problem.segments.upper_usd > problem.segments.lower_usd)
        self._add_rules()
        if self.goal is None:
            self._add_taxes()
        self._order()
        self.marginal = _largest_marginal_risk(self)

    # -- rules -----------------------------------------------------------------------------------------------------

    def is_elastic(self, rank: Rank) -> bool:
        return self.allowed.get(rank, 0.0) > 0

    def _add_rules(self) -> None:
        merged: dict[tuple[int, int], Band] = {}
        elastic: dict[Rank, list[int]] = {}
        for at, row in enumerate(self.rows):
            if self.goal is not None and row.rank > self.goal:
                continue
            if self.is_elastic(row.rank):
                elastic.setdefault(row.rank, []).append(at)
            elif not row.is_closing:
                self._add_hard(at, row, merged)
        for rank, places in elastic.items():
            self._add_elastic(rank, places)

    def _add_hard(self, at: int, row: Row, merged: dict[tuple[int, int], Band]) -> None:
        """Add a row, or tighten the one that speaks of the same arrays (the rules on cash do) where both fit."""
        band = merged.get((id(row.weights), id(row.values)))
        if band is None or max(band.low_usd, row.low_usd) > min(band.high_usd, row.high_usd):
            source = self._source(row) if band is None else band.row
            band = Band(row=source, low_usd=-INF, high_usd=INF)
            merged[id(row.weights), id(row.values)] = band
            self.bands.append(band)
        if row.low_usd > row.high_usd:  # a rule that contradicts itself: no band holds both
            self.bands.append(Band(row=band.row, low_usd=row.low_usd, high_usd=INF, low_row=at))
        elif row.low_usd > band.low_usd:
            band.low_usd, band.low_row = row.low_usd, at
        if row.high_usd < band.high_usd:
            band.high_usd, band.high_row = row.high_usd, at

    def _is_budget(self, at: int) -> bool:
        return self.rows[at].rule == "tax_budget"

    def _source(self, row: Row) -> int:
        self.sources.append(row)
        return len(self.sources) - 1

    def _add_elastic(self, rank: Rank, places: list[int]) -> None:
        """Let the rows of a rank give way by what the rank may be violated altogether."""
        allowed = self.allowed[rank] * (1 + ALLOWED_TOLERANCE_FRAC) + ALLOWED_TOLERANCE_BPS * BPS * self.unit_usd
        slacks: dict[str, int] = {}
        for at in places:
            row = self.rows[at]
            name = row.slack or f"{at}"
            slack = slacks.get(name)
            if slack is None:
                slack = slacks[name] = self._virtual(allowed, cost=0.0)
            source = self._source(row)
            if row.high_usd < INF:
                band = Band(row=source, low_usd=-INF, high_usd=row.high_usd, high_row=at, virtual=[(slack, -1.0)])
                self.bands.append(band)
            if row.low_usd > -INF:
                band = Band(row=source, low_usd=row.low_usd, high_usd=INF, low_row=at, virtual=[(slack, 1.0)])
                self.bands.append(band)
        if len(slacks) > 1:
            nothing = self._source(Row(rule="", rank=rank))
            shares = [(slack, 1.0) for slack in slacks.values()]
            self.bands.append(Band(row=nothing, low_usd=-INF, high_usd=allowed, virtual=shares))

    def _virtual(self, most_usd: float, *, cost: float) -> int:
        self.virtual_most_usd.append(most_usd)
        self.virtual_cost.append(cost)
        return len(self.virtual_most_usd) - 1

    # -- taxes -----------------------------------------------------------------------------------------------------

    def _add_taxes(self) -> None:
        for at, term in enumerate(self.terms):
            self.constant_usd += term.constant_usd
            book = self.problem.returns[at]
            if book.can_change:
                self.tax_slope[book.segments] += term.total * book.both
            flat = [hinge for hinge in term.hinges if len(hinge.pieces) == 1]
            for hinges in (_along(flat, total=False), _along(flat, total=True)):
                self._add_bent(at, hinges)
            for hinge in term.hinges:
                if len(hinge.pieces) > 1:
                    self._add_envelope(at, hinge)

    def _add_bent(self, at: int, hinges: Sequence[Hinge]) -> None:
        """
        Add a function of S' or of z' that bends up at one or two places, as a band whose multiplier is capped.

        Two bends w1 at b1 < w2 at b2 are the slope w1 and a band [b1, b2] with a multiplier between -w1 and w2.
        """
        if not hinges:
            return
        book = self.problem.returns[at]
        ordered = sorted(hinges, key=lambda hinge: hinge.pieces[0].offset_usd)
        source = self._gain_source(at, ordered[0].pieces[0])
        if len(ordered) == 1:
            band = Band(row=source, low_usd=-INF, high_usd=ordered[0].pieces[0].offset_usd)
            band.cap_low, band.cap_high = 0.0, ordered[0].weight
            self.bands.append(band)
            return
        first, second = ordered
        low, high = first.pieces[0].offset_usd, second.pieces[0].offset_usd
        self.tax_slope[book.segments] += first.weight * book.piece_values(first.pieces[0])
        self.constant_usd -= first.weight * low
        band = Band(row=source, low_usd=low, high_usd=high)
        band.cap_low, band.cap_high = -first.weight, second.weight
        self.bands.append(band)

    def _gain_source(self, at: int, piece: Piece) -> int:
        book = self.problem.returns[at]
        return self._source(Row(rule="", rank=Rank.TAX_LIMITS, segments=book.segments, values=book.piece_values(piece)))

    def _add_envelope(self, at: int, hinge: Hinge) -> None:
        """Add weight x max(0, pieces) as a virtual amount t >= every piece."""
        book, segments = self.problem.returns[at], self.problem.segments
        reach = 0.0
        for piece in hinge.pieces:
            values = book.piece_values(piece)
            most = np.maximum(values * segments.lower_usd[book.segments], values * segments.upper_usd[book.segments])
            reach = max(reach, float(most.sum()) - piece.offset_usd)
        amount = self._virtual(reach, cost=hinge.weight)
        for piece in hinge.pieces:
            self.bands.append(
                Band(
                    row=self._gain_source(at, piece),
                    low_usd=-INF,
                    high_usd=piece.offset_usd,
                    virtual=[(amount, -1.0)],
                )
            )

    # -- matrices --------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        """Sort segments by risk place, and build the matrices of all rows once."""
        problem = self.problem
        self.places = problem.risk_place[problem.segments.place]
        self.order: Places = np.argsort(self.places, kind="stable")
        self.weight = problem.risk_weight[problem.segments.place][self.order]
        self.sign = problem.segments.sign[self.order]
        self.real = problem.risk_count
        self.virtuals = len(self.virtual_most_usd)
        self.count = self.real + self.virtuals
        counts = np.bincount(self.places, minlength=self.real)
        self.seg_ptr = np.concatenate([[0], np.cumsum(np.concatenate([counts, np.ones(self.virtuals)]))]).astype(
            np.int64
        )
        held, traded = _matrices(self.sources, problem)
        if all(block.name != "household" for block in problem.blocks):
            self.held_rows, self.traded_rows = held, traded
        else:
            self.held_rows = sp.csr_matrix(held.shape)
            self.traded_rows = sp.csr_matrix(held @ _flow(problem) + traded)
        self.risk_matrix, self.curvature, self.risk_target = _risk_arrays(problem, self.unit_usd, self.virtuals)
        self._compress()

    def _compress(self) -> None:
        """Write the matrices of the bands as the kernels read them: by security, and by segment in their order."""
        pick = [band.row for band in self.bands]
        real = self.held_rows[pick]
        entries = [(at, place, share) for at, band in enumerate(self.bands) for place, share in band.virtual]
        at, place, share = (np.array(column) for column in zip(*entries, strict=True)) if entries else ([], [], [])
        virtual = sp.csr_matrix((share, (at, place)), shape=(len(pick), self.virtuals))
        own = real if real.nnz else sp.csr_matrix((len(pick), self.real))
        held = sp.csc_matrix(sp.hstack([own, virtual]))
        self.a_ptr, self.a_row, self.a_val = _arrays(held)
        self.traded_bands = sp.csr_matrix(self.traded_rows[pick])
        self.held_bands = sp.csr_matrix(real)
        scaled = self.traded_bands
        if self.order.size:
            scaled = scaled[:, self.order] @ sp.diags(-self.sign / self.weight)
        unsold = sp.csr_matrix((len(pick), self.virtuals))
        self.g_ptr, self.g_row, self.g_val = _arrays(sp.csc_matrix(sp.hstack([scaled, unsold])))
        self.low = np.array([band.low_usd for band in self.bands]) / self.unit_usd
        self.high = np.array([band.high_usd for band in self.bands]) / self.unit_usd
        self.cap_low = np.array([band.cap_low for band in self.bands])
        self.cap_high = np.array([band.cap_high for band in self.bands])
        self.is_budget = np.array([band.high_row >= 0 and self._is_budget(band.high_row) for band in self.bands])
        self.held_before = self.held_bands @ self.problem.held_usd / self.unit_usd


def _arrays(matrix: sp.csc_matrix) -> tuple[Places, Places, Vector]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float64)


def _along(hinges: Sequence[Hinge], *, total: bool) -> list[Hinge]:
    return [hinge for hinge in hinges if (hinge.pieces[0].total != 0) == total]


def _flow(problem: Problem) -> sp.csr_matrix:
    segments = problem.segments
    sides = (segments.sign, (segments.place, np.arange(segments.count)))
    return sp.csr_matrix(sides, shape=(problem.position_count, segments.count))


def _matrices(rows: Sequence[Row], problem: Problem) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return the parts of rows on positions (rows, P) and on segments (rows, N)."""

    def stack(columns: list[Places], values: list[Vector], width: int) -> sp.csr_matrix:
        if not rows:
            return sp.csr_matrix((0, width))
        starts = np.concatenate([[0], np.cumsum([one.size for one in columns])])
        shape = (len(rows), width)
        return sp.csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=shape)

    held = stack([row.positions for row in rows], [row.weights for row in rows], problem.position_count)
    return held, stack([row.segments for row in rows], [row.values for row in rows], problem.segments.count)


def _risk_arrays(problem: Problem, unit_usd: float, virtuals: int) -> tuple[Matrix, Vector, Vector]:
    """Return C (n, k), delta (n,) and g (n,) of all blocks, virtual securities last, in fractions of `unit_usd`."""
    factors = sum(block.terms.loadings.shape[1] for block in problem.blocks)
    count = problem.risk_count + virtuals
    exposures, curvature, target = np.zeros((count, factors)), np.zeros(count), np.zeros(count)
    factor = 0
    for block in problem.blocks:
        pull = block.aversion * unit_usd / block.value_usd
        here = slice(block.first_place, block.first_place + block.count)
        size = block.terms.loadings.shape[1]
        exposures[here, factor : factor + size] = np.sqrt(pull) * block.terms.loadings
        curvature[here] = pull * block.terms.specific
        target[here] = block.target_usd / unit_usd
        factor += size
    return exposures, curvature, target


def _largest_marginal_risk(layout: Layout) -> float:
    """Return the largest price, either way, that risk puts on a dollar of what is held."""
    problem = layout.problem
    held = np.bincount(problem.risk_place, weights=problem.risk_weight * problem.held_usd, minlength=layout.real)
    active = np.concatenate([held / layout.unit_usd, np.zeros(layout.virtuals)]) - layout.risk_target
    marginal = layout.risk_matrix @ (layout.risk_matrix.T @ active) + layout.curvature * active
    return float(np.abs(marginal).max(initial=0.0))
