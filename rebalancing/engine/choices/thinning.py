"""
Leave out the trades that are too small, not worth their ticket, or too many, account by account.

None of this is in the bound, which knows nothing of counts: it stays below.
"""

from dataclasses import dataclass, replace

import numpy as np

from rebalancing.engine.bounds import Coupled, Within, couple, prices_of
from rebalancing.engine.choices.plan import Plan, conflicting, dust_usd
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import ConvexSolver, Query
from rebalancing.engine.universe import Flags, Places, Vector

MOST_THINNINGS = 12
MOST_SETTLINGS = 4
# Leaving out a trade below the least size may cost a tenth of a basis point.
SMALL_TRADE_FRAC = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """
    What the accounts ask of the number and the size of trades: by position (P,) and, `most`, by account.

    `account` (P,) numbers the accounts; `most` is their max_trades, infinity without one. `is_pinned` positions trade
    whatever happens. `small` is half the least size of a trade.
    """

    account: Places
    small: Vector
    ticket: Vector
    most: Vector
    is_pinned: Flags

    @property
    def ask_anything(self) -> bool:
        return bool(self.small.any() or self.ticket.any() or np.isfinite(self.most).any())


def read_terms(problem: Problem) -> Terms:
    """Read what every account asks."""
    counts = [universe.count for universe in problem.universes]
    asked = [universe.account.trading for universe in problem.universes]
    pinned = np.bincount(problem.segments.place, weights=problem.segments.lower_usd, minlength=problem.position_count)
    return Terms(
        account=np.repeat(np.arange(len(counts)), counts),
        small=np.repeat([float(trading.min_trade) / 2 for trading in asked], counts),
        ticket=np.repeat([float(trading.ticket_cost) for trading in asked], counts),
        most=np.array([np.inf if trading.max_trades is None else float(trading.max_trades) for trading in asked]),
        is_pinned=pinned > 0,
    )


def thin_out(plan: Plan, *, solver: ConvexSolver, coupled: Coupled | None = None) -> Plan:
    """
    Close the trades that should go, and solve for what is left; `coupled` belongs to the plan's problem, if at hand.

    Half of what is too many goes at a time, the least worth first, fewer where a rule needs them.
    """
    terms = read_terms(plan.problem)
    if not terms.ask_anything:
        return plan
    coupled = coupled or couple(plan.problem)
    protected = terms.is_pinned.copy()
    most = plan.problem.position_count
    for _ in range(MOST_THINNINGS):
        dropped = not_worth_it(plan, terms, protected)[:most]
        if dropped.size == 0:
            return plan
        gone = np.zeros(protected.size, dtype=bool)
        gone[dropped] = True
        closed = plan.query.closed | (gone[plan.problem.segments.place] & (plan.problem.segments.lower_usd <= 0))
        thinner = _settled(plan, replace(plan.query, closed=closed, start=plan.solution), solver, coupled)
        if thinner.solution.status == "optimal" and _is_acceptable(thinner, plan, terms, protected):
            plan = thinner
        elif dropped.size == 1:
            protected[dropped] = True
        else:
            most = (dropped.size + 1) // 2
    return plan


def _settled(plan: Plan, query: Query, solver: ConvexSolver, coupled: Coupled) -> Plan:
    """Solve a query; where what is left of the trades conflicts anew, decide that by the Lagrangian as well."""
    nobody = np.zeros(coupled.transfers.count, dtype=np.int8)
    solution = solver(query)
    for _ in range(MOST_SETTLINGS):
        if solution.status != "optimal":
            break
        both = coupled.exclusives.traded_usd(solution.traded_usd).min(axis=1, initial=np.inf)
        conflicts = np.flatnonzero(both > dust_usd(query.problem))
        if conflicts.size == 0:
            break
        within = Within(coupled=coupled, is_open=~query.shut(), charged=nobody)
        values = within.branch_values_usd(prices_of(query, solution), conflicts)
        decided = np.zeros(coupled.exclusives.count, dtype=np.int8)
        decided[conflicts] = np.where(values[:, 0] <= values[:, 1], 1, 2)
        closed = query.closed.copy()
        coupled.exclusives.close(decided, closed)
        query = replace(query, closed=closed, start=solution)
        solution = solver(query)
    return replace(plan, query=query, solution=solution)


def _traded_usd(plan: Plan) -> Vector:
    """Return the dollars traded of every position, (P,)."""
    problem = plan.problem
    return np.bincount(
        problem.segments.place, weights=plan.solution.traded_usd, minlength=problem.position_count
    ).astype(np.float64)


def _trade_counts(plan: Plan, terms: Terms) -> Vector:
    """Return how many positions every account trades."""
    is_traded = _traded_usd(plan) > dust_usd(plan.problem)
    return np.bincount(terms.account, weights=is_traded, minlength=terms.most.size).astype(np.float64)


def _is_acceptable(thinner: Plan, plan: Plan, terms: Terms, protected: Flags) -> bool:
    """Tell whether fewer trades may replace a plan: they have to, or what is lost is no more than the tickets saved."""
    problem = plan.problem
    if conflicting(problem, thinner.solution.traded_usd):
        return False
    before, after = _trade_counts(plan, terms), _trade_counts(thinner, terms)
    kept = np.bincount(terms.account, weights=protected, minlength=terms.most.size)
    if (before > np.maximum(terms.most, kept)).any():
        return True
    first = np.searchsorted(terms.account, np.arange(terms.most.size))
    saved = float(terms.ticket[first] @ (before - after))
    lost = thinner.solution.objective_usd - plan.solution.objective_usd
    fewer = max(float((before - after).sum()), 1.0)
    return lost <= saved + SMALL_TRADE_FRAC * problem.value_usd * fewer


def worth_usd(plan: Plan) -> Vector:
    """Return what the trades in each position bring at the plan's prices, (P,); shares of a common risk add up."""
    problem, solution = plan.problem, plan.solution
    segments, traded, count = problem.segments, solution.traded_usd, problem.position_count
    spent = np.bincount(segments.place, weights=solution.segment_prices * traded, minlength=count)
    flow = problem.risk_weight * np.bincount(segments.place, weights=segments.sign * traded, minlength=count)
    slope, curvature = np.empty(problem.risk_count), np.empty(problem.risk_count)
    for block in problem.blocks:
        here = slice(block.first_place, block.first_place + block.count)
        curvature[here] = block.aversion * block.terms.specific / block.value_usd
        active = block.held_usd(problem.held_usd) - block.target_usd
        slope[here] = curvature[here] * active + solution.coupling_prices[here]
    together = np.bincount(problem.risk_place, weights=flow, minlength=problem.risk_count)
    middle = (slope + curvature * together / 2)[problem.risk_place]
    return np.asarray(-(spent + middle * flow))


def not_worth_it(plan: Plan, terms: Terms, protected: Flags) -> Places:
    """Return the positions whose trades should go, the least worth first."""
    problem = plan.problem
    dust = dust_usd(problem)
    traded = _traded_usd(plan)
    left = problem.held_after_usd(plan.solution.traded_usd)
    worth = worth_usd(plan)
    is_free = (traded > dust) & ~protected
    unpaid = (terms.ticket > 0) & (worth < terms.ticket)
    goes = is_free & (unpaid | ((traded < terms.small) & (left > dust)))
    kept = np.bincount(terms.account, weights=protected, minlength=terms.most.size)
    for account in np.flatnonzero(np.isfinite(terms.most)):
        mine = np.flatnonzero(is_free & ~goes & (terms.account == account))
        excess = int(mine.size - max(terms.most[account] - kept[account], 0))
        if excess > 0:
            goes[mine[np.argsort(worth[mine], kind="stable")[: (excess + 1) // 2]]] = True
    found = np.flatnonzero(goes)
    return found[np.argsort(worth[found], kind="stable")]
