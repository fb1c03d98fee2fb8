"""
Lower bounds for what is not convex: at any prices a problem falls apart into risk places and identity groups.

A convex solve leaves open what may not be traded together. Its prices give a function that lies below the objective and
is a sum over places; its exact minimum over the branches of every place, and of every identity group, is a rigorous
bound on all answers of that regime (engine.md B6). So is that of any mix of two such functions: between the prices of
two solutions there are often much better ones than either.

A position's pair lies within one risk place, and a security in one identity group: so groups are disjoint, and within a
group each place chooses by itself once the group's closed side is given. The enumeration is nested and exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rebalancing.engine.kernels import branches
from rebalancing.engine.kernels.branches import PlaceArrays, Sides
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import Query, Solution
from rebalancing.engine.universe import Flags, Matrix, Places, Vector

GOLDEN = (5.0**0.5 - 1) / 2
MIX_TRIALS = 5
GIVEN_BACK = 0.999
NO_PLACES = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lists:
    """Couples of lists of segments, (m,) purchases and sales each, one behind the other."""

    first_buy: Places
    buys: Places
    first_sale: Places
    sales: Places

    @property
    def count(self) -> int:
        return int(self.first_buy.size - 1)

    def traded_usd(self, traded_usd: Vector) -> Matrix:
        """Return the dollars traded on both sides, (m, 2)."""
        return np.asarray(
            branches.traded_sides(self.first_buy, self.buys, self.first_sale, self.sales, traded_usd), dtype=np.float64
        )

    def close(self, decided: Sides, closed: Flags) -> None:
        """Close in place the purchases (1) or the sales (2) of what is decided, (N,)."""
        branches.close_sides(decided, self.first_buy, self.buys, self.first_sale, self.sales, closed)

    def charge(self, charged: Sides, cost: Vector, extra: Vector) -> None:
        """Add in place to the cost (N,) of the purchases (1) or the sales (2) that are charged."""
        branches.charge_sides(charged, cost, self.first_buy, self.buys, self.first_sale, self.sales, extra)

    def buys_of(self, at: int) -> Places:
        return self.buys[self.first_buy[at] : self.first_buy[at + 1]]

    def sales_of(self, at: int) -> Places:
        return self.sales[self.first_sale[at] : self.first_sale[at + 1]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coupled:
    """
    What couples the trades of a problem, prepared once: it does not depend on prices, choices or regimes.

    `exclusives` are those of the problem without pinned trades, in its order; `pair_place`, `pair_local` (m,) say which
    position each is about, `cluster` (m,) which identity group (-1 where it is not of that kind).
    """

    places: PlaceArrays
    exclusives: Lists
    transfers: Lists
    transfer_cost: Vector
    transfer_place: Places
    pair_place: Places
    pair_local: Places
    cluster: Places


def couple(problem: Problem) -> Coupled:
    """Prepare what the bounds and the choices of a problem share."""
    position = problem.segments.place
    buys, sales = [pair.buys for pair in problem.exclusives], [pair.sales for pair in problem.exclusives]
    exclusives = _lists(buys, sales, kept=problem.segments.lower_usd <= 0)
    transfers = _lists([item.buys for item in problem.transfers], [item.sales for item in problem.transfers])
    least, most = _position_range(buys, sales, position)
    is_pair = least == most
    local = _numbered_within(problem.risk_place)
    return Coupled(
        places=_place_arrays(problem, exclusives, transfers, is_pair=is_pair, local=local),
        exclusives=exclusives,
        transfers=transfers,
        transfer_cost=np.array([item.cost for item in problem.transfers], dtype=np.float64),
        transfer_place=problem.risk_place[position[transfers.buys[transfers.first_buy[:-1]]]],
        pair_place=np.where(is_pair, problem.risk_place[least], -1),
        pair_local=np.where(is_pair, local[least], -1),
        cluster=np.where(is_pair, -1, np.cumsum(~is_pair) - 1),
    )


def _position_range(buys: Sequence[Places], sales: Sequence[Places], position: Places) -> tuple[Places, Places]:
    """Return the first and the last position of each exclusive: the same where it is about one, not about a group."""
    if not buys:
        return NO_PLACES, NO_PLACES
    both = [side for pair in zip(buys, sales, strict=True) for side in pair]
    starts = np.cumsum([0, *(side.size for side in both)])[:-1:2]
    where = position[np.concatenate(both)]
    return np.minimum.reduceat(where, starts), np.maximum.reduceat(where, starts)


def _lists(buys: Sequence[Places], sales: Sequence[Places], *, kept: Flags | None = None) -> Lists:
    """Put lists one behind the other, without the segments that are not to be `kept` (N,)."""
    first_buy, bought = _joined(buys, kept)
    first_sale, sold = _joined(sales, kept)
    return Lists(first_buy=first_buy, buys=bought, first_sale=first_sale, sales=sold)


def _joined(lists: Sequence[Places], kept: Flags | None) -> tuple[Places, Places]:
    owner = np.repeat(np.arange(len(lists)), [one.size for one in lists])
    joined = np.concatenate([NO_PLACES, *lists]).astype(np.int64)
    if kept is not None:
        owner, joined = owner[kept[joined]], joined[kept[joined]]
    sizes = np.bincount(owner, minlength=len(lists)) if len(lists) else NO_PLACES
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), joined


def _numbered_within(owner: Places) -> Places:
    """Number the entries of every owner from 0."""
    order = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner)
    number = np.empty(owner.size, dtype=np.int64)
    number[order] = np.arange(owner.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return number


def _place_arrays(
    problem: Problem,
    exclusives: Lists,
    transfers: Lists,
    *,
    is_pair: Flags,
    local: Places,
) -> PlaceArrays:
    segments, count = problem.segments, problem.risk_count
    place = problem.risk_place[segments.place]
    order = np.argsort(place, kind="stable")
    cluster, cluster_first, cluster_place = np.full(count, -1, dtype=np.int64), [0], [NO_PLACES]
    for number, at in enumerate(np.flatnonzero(~is_pair).tolist()):
        members = np.unique(place[np.concatenate([exclusives.buys_of(at), exclusives.sales_of(at)])])
        assert (cluster[members] < 0).all(), "a security is in one identity group"
        cluster[members] = number
        cluster_first.append(cluster_first[-1] + members.size)
        cluster_place.append(members.astype(np.int64))
    risk = np.zeros((count, 3))
    for block in problem.blocks:
        here = slice(block.first_place, block.first_place + block.count)
        risk[here, branches.CURVATURE] = block.aversion * block.terms.specific / block.value_usd
        risk[here, branches.ACTIVE] = block.held_usd(problem.held_usd) - block.target_usd
    for item in problem.transfers:
        risk[place[item.buys], branches.COST] = item.cost
    tags = (
        np.arange(segments.count),
        segments.is_buy,
        local[segments.place],
        _sides(segments.count, exclusives, is_pair),
        _sides(segments.count, exclusives, ~is_pair),
        _sides(segments.count, transfers, np.ones(transfers.count, dtype=bool)),
    )
    sizes = (problem.risk_weight[segments.place], segments.lower_usd, segments.upper_usd)
    return PlaceArrays(
        tags=np.column_stack(tags).astype(np.int64)[order],
        sizes=np.column_stack(sizes)[order],
        first=np.concatenate([[0], np.cumsum(np.bincount(place, minlength=count))]).astype(np.int64),
        risk=risk,
        cluster=cluster,
        cluster_first=np.array(cluster_first, dtype=np.int64),
        cluster_place=np.concatenate(cluster_place),
    )


def _sides(count: int, lists: Lists, chosen: Flags) -> Sides:
    """Mark the purchases (1) and sales (2) of some of these lists, (N,)."""
    sides = np.zeros(count, dtype=np.int8)
    sides[lists.buys[np.repeat(chosen, np.diff(lists.first_buy))]] = 1
    sides[lists.sales[np.repeat(chosen, np.diff(lists.first_sale))]] = 2
    return sides


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """
    What a dollar traded of each segment costs, (N,), transfers apart, and a weighed dollar held of each place.

    `bend` (places,) multiplies the curvature of each place, None as 1: a cap on tracking error that is paid for bends
    the risk of its block.
    """

    traded: Vector
    held: Vector
    bend: Vector | None = None

    def mixed(self, other: "Prices", share: float) -> "Prices":
        """Return the prices with that share of the others."""
        bend: Vector | None = None
        if self.bend is not None or other.bend is not None:
            mine, theirs = (1.0 if one is None else one for one in (self.bend, other.bend))
            bend = np.asarray((1 - share) * mine + share * theirs)
        return Prices(
            traded=(1 - share) * self.traded + share * other.traded,
            held=(1 - share) * self.held + share * other.held,
            bend=bend,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """
    A separable function that lies below the objective of one regime wherever the rows are kept.

    It is constant_usd + the Lagrangian of every place at these prices; transfers are not paid for in it. Every solved
    query gives one, and so does every mix of two.
    """

    constant_usd: float
    prices: Prices

    def mixed(self, other: "Support", share: float) -> "Support":
        """Return the function with that share of the other."""
        return Support(
            constant_usd=(1 - share) * self.constant_usd + share * other.constant_usd,
            prices=self.prices.mixed(other.prices, share),
        )


def prices_of(query: Query, solution: Solution) -> Prices:
    """Read the prices of a solution, without what its query charged for transfers."""
    paid = solution.segment_prices
    free = paid if query.extra_cost is None else np.asarray(paid - query.extra_cost)
    return Prices(traded=free, held=solution.coupling_prices)


def support_of(
    query: Query, solution: Solution, *, coupled: Coupled, shut: Flags | None = None, is_bent: bool = False
) -> Support:
    """
    Read a solved query as a function below the objective; `shut` (N,) are the segments it kept closed, if known.

    The dual value is a constant and the minimum of every place over what was open. Under a cap on tracking error a
    place bends more than its price says, which `is_bent` makes use of: there the solution's own trades stand for that
    minimum, and are above it.
    """
    prices = prices_of(query, solution)
    if solution.tracking_prices:
        prices = _bent(query, solution, prices) if is_bent else prices
        places, paid = bent_places(coupled.places, prices), solution.segment_prices
        least = branches.spent_total(places, paid, solution.traded_usd, prices.held)
    else:
        is_open = ~(query.shut() if shut is None else shut)
        least = branches.open_total(coupled.places, solution.segment_prices, is_open, prices.held)
    return Support(constant_usd=solution.bound_usd - least, prices=prices)


def _bent(query: Query, solution: Solution, prices: Prices) -> Prices:
    """
    Give back to the curvature what a paid cap made of it; the price of holding has it as a slope where it stands.

    A little less than all of it is given back: any part of it leaves the function below the objective.
    """
    problem = query.problem
    held, bend = prices.held.copy(), np.ones(problem.risk_count)
    after = problem.held_after_usd(solution.traded_usd)
    for block in problem.blocks:
        error = float(np.sqrt(block.variance(after)))
        paid = solution.tracking_prices.get(block.name, 0.0)
        if paid <= 0 or error <= 0:
            continue
        here = slice(block.first_place, block.first_place + block.count)
        pull = GIVEN_BACK * paid / (block.aversion * error)
        own = block.aversion * block.terms.specific / block.value_usd
        held[here] -= pull * own * (block.held_usd(after) - block.target_usd)
        bend[here] += pull
    return Prices(traded=prices.traded, held=held, bend=bend)


def bent_places(places: PlaceArrays, prices: Prices) -> PlaceArrays:
    """Return the places with the curvature that the prices give back to them."""
    if prices.bend is None:
        return places
    risk = places.risk.copy()
    risk[:, branches.CURVATURE] *= prices.bend
    return places._replace(risk=risk)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Within:
    """What decisions leave: the segments that are open, (N,), and whose payer of a transfer is decided."""

    coupled: Coupled
    is_open: Flags
    charged: Sides

    def bound_usd(self, support: Support) -> float:
        """Bound every answer from below that keeps to the decisions, makes all other choices, and pays transfers."""
        return support.constant_usd + float(self.place_values_usd(support.prices).sum())

    def place_values_usd(self, prices: Prices) -> Vector:
        """Return the least Lagrangian of every place, (places,); an identity group's stands at its first place."""
        places, traded = self._charged(prices)
        found = branches.place_values(places, traded, self.is_open, prices.held)
        return np.asarray(found, dtype=np.float64)

    def branch_values_usd(self, prices: Prices, exclusives: Places) -> Matrix:
        """
        Return the Lagrangian of some exclusives without the purchases, and without the sales, (m, 2).

        Everything else that is coupled with them is minimised along.
        """
        places, traded = self._charged(prices)
        coupled = self.coupled
        found = branches.branch_values(
            places,
            traded,
            self.is_open,
            prices.held,
            coupled.pair_place[exclusives],
            coupled.pair_local[exclusives],
            coupled.cluster[exclusives],
        )
        return np.asarray(found, dtype=np.float64)

    def best_mix(
        self, one: Support, bound_usd: float, other: Support, *, enough_usd: float = float("inf")
    ) -> tuple[Support, float]:
        """
        Return the best of the mixes of two, or the first whose bound is enough; that of `one` is known.

        The bound is concave in the share of the other, so that a golden section finds the best.
        """
        best, low, high = (one, bound_usd), 0.0, 1.0

        def trial(share: float) -> float:
            nonlocal best
            mix = one.mixed(other, share)
            bound = self.bound_usd(mix)
            if bound > best[1]:
                best = mix, bound
            return bound

        if trial(1.0) >= enough_usd:
            return best
        near, far = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        near_usd, far_usd = trial(near), trial(far)
        for _ in range(MIX_TRIALS):
            if best[1] >= enough_usd:
                break
            if near_usd >= far_usd:
                high, far, far_usd = far, near, near_usd
                near = high - GOLDEN * (high - low)
                near_usd = trial(near)
            else:
                low, near, near_usd = near, far, far_usd
                far = low + GOLDEN * (high - low)
                far_usd = trial(far)
        return best

    def _charged(self, prices: Prices) -> tuple[PlaceArrays, Vector]:
        """Return arrays and prices (N,) in which transfers whose payer is decided are part of the prices."""
        coupled, charged = self.coupled, self.charged
        places = bent_places(coupled.places, prices)
        if not charged.any():
            return places, prices.traded
        traded, risk = prices.traded.copy(), places.risk.copy()
        coupled.transfers.charge(charged, coupled.transfer_cost, traded)
        risk[coupled.transfer_place[charged != 0], branches.COST] = 0.0
        return places._replace(risk=risk), traded


def separable_bound_usd(
    free: Query, solution: Solution, *, solved: Query | None = None, coupled: Coupled | None = None
) -> float:
    """
    Bound from below every answer within `free`'s segments, rows and regimes that makes its choices and pays transfers.

    `solved` is the query that the solution answers (`free` where none is given): its choices closed more segments.
    """
    solved, coupled = solved or free, coupled or couple(free.problem)
    nobody = np.zeros(coupled.transfers.count, dtype=np.int8)
    within = Within(coupled=coupled, is_open=~free.shut(), charged=nobody)
    return within.bound_usd(support_of(solved, solution, coupled=coupled))
