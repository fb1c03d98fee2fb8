"""
From a query to the arrays that the kernels solve, in fractions of what the case holds, and back from their answer.

How rows and segments are laid out stands in layouts.py; choices change only the arrays that are written here.
"""

from dataclasses import dataclass

import numpy as np

from rebalancing.engine.kernels.program import Answer, Program
from rebalancing.engine.layouts import BPS, CAP_FACTOR, FAR, ROW_TOLERANCE_BPS, Layout
from rebalancing.engine.query import Query
from rebalancing.engine.universe import Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """
    A program with what leads back from its answer: dollars per segment, and the part of the objective left out.

    `pull` (n,) multiplies the risk of each security; `upper_usd`, `fixed_usd` (N,) are what each segment may trade and
    what it has to.
    """

    program: Program
    constant_usd: float
    upper_usd: Vector
    fixed_usd: Vector
    pull: Vector

    def traded_usd(self, layout: Layout, answer: Answer) -> Vector:
        """Return the dollars traded of every segment of the problem, (N,), exact at both ends."""
        count = layout.order.size
        sold, most = answer.sold[:count], self.program.most[:count]
        amount = np.where(layout.sign > 0, most - sold, sold) * layout.unit_usd / layout.weight
        whole = np.where(layout.sign > 0, sold <= 0.0, sold >= most)
        upper = self.upper_usd[layout.order]
        traded = np.empty(count)
        traded[layout.order] = np.where(whole, upper, np.minimum(amount, upper))
        return np.asarray(traded + self.fixed_usd)

    def risk_prices(self, layout: Layout, answer: Answer, *, plain: Vector) -> tuple[Vector, Vector]:
        """
        Return coupling and holding prices by risk place: without and with what its own variance adds.

        `plain` (risk_count,) is the part of the pull that belongs to the objective; the rest is of a cap.
        """
        program, real = self.program, layout.real
        own = (program.curvature * (answer.held - program.target))[:real]
        factors = (program.exposures @ answer.factor_prices)[:real]
        return factors + own * (1.0 - plain / self.pull[:real]), factors + own

    def prices(self, layout: Layout, query: Query, answer: Answer) -> tuple[Vector, Vector]:
        """Return the prices of the problem's rows, and of a dollar traded of every segment."""
        rows = np.zeros(len(layout.rows))
        for band, price in zip(layout.bands, answer.row_prices, strict=True):
            at = band.high_row if price > 0 else band.low_row
            if at >= 0 and price:
                rows[at] += price
        held = answer.row_prices @ layout.held_bands
        segments = query.problem.segments
        traded = answer.row_prices @ layout.traded_bands + segments.sign * held[segments.place]
        own = query.cost + layout.tax_slope if query.goal is None else 0.0
        return rows, np.asarray(own + traded)


def ask(layout: Layout, query: Query, *, pull: Vector) -> Asked:
    """
    Write the program of a query; `pull` (risk_count,) multiplies the risk of each security's block, 1 as it is.

    Segments that are shut or fixed keep their place with nothing to sell.
    """
    problem, unit = layout.problem, layout.unit_usd
    segments = problem.segments
    is_open = layout.movable & ~query.closed
    upper, fixed = np.where(is_open, segments.upper_usd, 0.0), np.where(is_open, 0.0, segments.lower_usd)
    cost = query.cost + layout.tax_slope if query.goal is None else np.zeros(segments.count)
    bought = np.where(segments.is_buy, upper, 0.0)
    base = problem.held_after_usd(bought + fixed)
    top = np.bincount(problem.risk_place, weights=problem.risk_weight * base, minlength=layout.real) / unit
    virtual = np.array(layout.virtual_most_usd) / unit
    # Rows speak of what is held in all, and of sales from the top: both shift their bounds.
    shift = layout.held_before - layout.traded_bands @ (bought + fixed) / unit
    is_hard = layout.cap_high == FAR
    give = np.where(is_hard, ROW_TOLERANCE_BPS * BPS, 0.0)
    # A multiplier above what a rule can be worth.
    cap = CAP_FACTOR * (1.0 + CAP_FACTOR * float(pull.max(initial=1.0)) * layout.marginal)
    scale = np.concatenate([pull, np.ones(layout.virtuals)])
    exposures = layout.risk_matrix if (pull == 1.0).all() else layout.risk_matrix * np.sqrt(scale)[:, None]
    return Asked(
        program=Program(
            exposures=exposures,
            factor_target=exposures.T @ layout.risk_target,
            curvature=layout.curvature * scale,
            target=layout.risk_target,
            linear=np.concatenate([np.zeros(layout.real), layout.virtual_cost]),
            top=np.concatenate([top, virtual]),
            seg_ptr=layout.seg_ptr,
            cost=np.concatenate([(-layout.sign * cost[layout.order]) / layout.weight, np.zeros(layout.virtuals)]),
            most=np.concatenate([upper[layout.order] * layout.weight / unit, virtual]),
            a_ptr=layout.a_ptr,
            a_row=layout.a_row,
            a_val=layout.a_val,
            g_ptr=layout.g_ptr,
            g_row=layout.g_row,
            g_val=layout.g_val,
            low=np.maximum(layout.low + shift - give, -FAR),
            high=np.minimum(layout.high + shift + give - layout.is_budget * query.budget_cut_usd / unit, FAR),
            cap_low=np.where(is_hard, -cap, layout.cap_low),
            cap_high=np.where(is_hard, cap, layout.cap_high),
            is_hard=is_hard,
        ),
        constant_usd=float(cost @ (bought + fixed)) + problem.constant_usd + layout.constant_usd,
        upper_usd=upper,
        fixed_usd=fixed,
        pull=scale,
    )
