"""
A lower bound for whole shares: every place at the best of nothing, a purchase, a sale, all of it sold, in whole steps.

A support (bounds.py) lies below the objective of a regime and is a sum over places. Trades that keep the steps, the
least sizes and the number of trades minimise it at least as high as trades in dollars do; tickets are paid besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rebalancing.engine.bounds import Coupled, Prices, Support, bent_places
from rebalancing.engine.kernels.branches import FREE, GROUP, NO_BUYS, NO_SALES, SEGMENT
from rebalancing.engine.kernels.lattice_branches import lattice_values, shared_values, spread_flows
from rebalancing.engine.rounding.lattice import Grains, Lattice
from rebalancing.engine.universe import Flags, Places, Vector

NOBODY, SEVERAL = -1, -2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Least:
    """
    The least Lagrangian of a case: in all, and by place with both sides of its group open.

    `flows` (n,) are the grains that attain it, `outer` (n,) the side of its group that was closed for it.
    """

    total_usd: float
    free_usd: Vector
    flows: Grains
    outer: Places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """
    The places of a case on its grid. `with_sizes`: the least sizes and the most trades are kept, not only the steps.

    `owner` (n,) is the one position that trades in a place, -1 if none, -2 if several; `sides` (N,) by slot is the side
    of its identity group that it is on.
    """

    lattice: Lattice
    coupled: Coupled
    is_open: Flags
    with_sizes: bool
    owner: Places
    sides: Places

    def bound_usd(self, support: Support) -> float:
        """Bound every set of trades on the grid from below, tickets included."""
        ticket = self._ticket()
        least = self.least(support.prices, ticket)
        best = support.constant_usd + least.total_usd
        scarcity = self._scarcity(least.free_usd) if self.with_sizes else None
        if scarcity is None:
            return best
        most = np.where(scarcity > 0, self.lattice.board.accounts["most_trades"], 0.0)
        total = self.least(support.prices, ticket + scarcity).total_usd
        return max(best, support.constant_usd + total - float(scarcity @ most))

    def best_grains(self, prices: Prices, grains: Grains) -> Grains:
        """Return the trades, by slot, that are best place by place; of shared places those that `grains` have."""
        charge = self.lattice.board.accounts["ticket"]
        least = self.least(prices, charge)
        if self.with_sizes:
            scarcity = self._scarcity(least.free_usd)
            least = least if scarcity is None else self.least(prices, charge + scarcity)
        found, lattice = grains.copy(), self.lattice
        by_slot = prices.traded[lattice.order] * lattice.grain_usd
        is_open = self.is_open[lattice.order]
        spread_flows(lattice.board, self.owner, by_slot, is_open, self.sides, least.outer, least.flows, found)
        return found

    def _ticket(self) -> Vector:
        """Return what a trade costs at least: nothing where a ticket also helps to get rid of cash."""
        board = self.lattice.board
        capped = (board.rows["high"] < np.inf) @ (board.ticket_row > 0)
        return np.where(capped > 0, 0.0, board.accounts["ticket"])

    def least(self, prices: Prices, charge: Vector) -> Least:
        """Minimise over all places, each group with the better of its sides closed; `charge` (A,) is paid a trade."""
        values, flows = self._values(prices, charge, outer=FREE)
        outer = np.full(self.owner.size, FREE, dtype=np.int64)
        places = self.coupled.places
        total = float(values[places.cluster < 0].sum())
        groups = places.cluster_first.size - 1
        if groups > 0:
            group = np.repeat(np.arange(groups), np.diff(places.cluster_first))
            members = places.cluster_place
            sides = [self._values(prices, charge, outer=side) for side in (NO_BUYS, NO_SALES)]
            sums = [np.bincount(group, weights=found[members], minlength=groups) for found, _ in sides]
            total += float(np.minimum(*sums).sum())
            second = (sums[1] < sums[0])[group]
            flows[members] = np.where(second, sides[1][1][members], sides[0][1][members])
            outer[members] = np.where(second, NO_SALES, NO_BUYS)
        return Least(total_usd=total, free_usd=values, flows=flows, outer=outer)

    def _values(self, prices: Prices, charge: Vector, *, outer: int) -> tuple[Vector, Grains]:
        lattice, places = self.lattice, bent_places(self.coupled.places, prices)
        values, flows = np.zeros(self.owner.size), np.zeros(self.owner.size, dtype=np.int64)
        if (self.owner == SEVERAL).any():
            shared_values(places, self.owner, prices.traded, self.is_open, prices.held, outer, values)
        lattice_values(
            lattice.board,
            self.owner,
            prices.traded[lattice.order] * lattice.grain_usd,
            self.is_open[lattice.order],
            self.sides,
            places.risk,
            prices.held,
            charge,
            self.with_sizes,
            outer,
            values,
            flows,
        )
        return values, flows

    def _scarcity(self, values: Vector) -> Vector | None:
        """Return what one more trade of every account is worth where their number is limited, None where it is not."""
        board = self.lattice.board
        most = board.accounts["most_trades"]
        if not np.isfinite(most).any():
            return None
        worth = np.zeros(most.size)
        single = np.flatnonzero(self.owner >= 0)
        account = board.positions["account"][self.owner[single]]
        for at in np.flatnonzero(np.isfinite(most)):
            ordered = np.sort(values[single[account == at]])
            if most[at] < ordered.size:
                worth[at] = max(0.0, -float(ordered[int(most[at])]))
        return worth


def steps_of(lattice: Lattice, coupled: Coupled, *, shut: Flags, with_sizes: bool) -> Steps:
    """Prepare the places of a case; `shut` (N,) are the segments that no answer may use."""
    problem, board = lattice.problem, lattice.board
    segments = problem.segments
    is_open = ~shut & (segments.upper_usd > 0)
    used = np.unique(segments.place[is_open | (segments.lower_usd > 0)])
    owner = np.full(problem.risk_count, NOBODY, dtype=np.int64)
    place = problem.risk_place[used]
    owner[place] = used
    crowded = np.flatnonzero(np.bincount(place, minlength=problem.risk_count) > 1)
    owner[crowded] = SEVERAL
    group = np.zeros(board.slots.size, dtype=np.int64)
    tags = coupled.places.tags
    group[tags[:, SEGMENT]] = tags[:, GROUP]
    return Steps(
        lattice=lattice,
        coupled=coupled,
        is_open=is_open,
        with_sizes=with_sizes,
        owner=owner,
        sides=group[lattice.order],
    )


def lattice_bound_usd(steps: Steps, supports: Sequence[Support]) -> float:
    """Return the best bound that holds in every regime: the lowest of them."""
    return min((steps.bound_usd(support) for support in supports), default=-np.inf)
