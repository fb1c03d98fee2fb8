"""
The search over choices: dive to an answer, mend it, fix what cannot be otherwise, and split what is left.

A root leaves everything open, in one regime of the tax. Everything that conflicts in it is decided by the Lagrangian at
its prices; the answer's prices, mixed with those seen before, give better ones, which decide again, until they bound
what they decide. That takes a handful of solves, and mostly proves the answer. What is left is split best first: the
lowest bound is always looked at next, so it stands for everything not looked at (engine.md B6).
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rebalancing.engine.bounds import Support, Within
from rebalancing.engine.choices.decisions import Decisions, Desk, Node
from rebalancing.engine.choices.plan import Plan
from rebalancing.engine.choices.regimes import count_combinations, neighbours, others_below_usd, uniform_regimes
from rebalancing.engine.choices.thinning import thin_out
from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem, Regimes
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.universe import Flags

# The search ends within a hundredth of a basis point, or after so many segments solved beyond the first answers.
CLOSE_FRAC = 1e-6
MOST_WORK = 60_000
LEAST_SOLVES = 8
MOST_SOLVES = 100
MOST_MENDINGS = 6
MOST_MIXES = 8
MOST_TURNS = 16
MOST_COMBINATIONS = 16
# A careful dive decides the clearest quarter of what is open at a time.
CAREFUL_SHARE = 0.25


def choose(
    problem: Problem, *, solver: ConvexSolver, allowed: Mapping[Rank, float], closed: Flags | None = None
) -> Plan | None:
    """
    Solve with all choices made; None where the rules do not fit (then `relax` finds what gives way).

    `closed` starts from choices made before.
    """
    start = np.zeros(problem.segments.count, dtype=bool) if closed is None else closed
    desk = Desk(problem=problem, solver=solver, allowed=dict(allowed), closed=start)
    plan = Search(desk=desk).run()
    return None if plan is None else thin_out(plan, solver=solver, coupled=desk.coupled)


@dataclass(order=True, slots=True)
class _Waiting:
    """A node in the queue, the lowest bound first and then the oldest."""

    bound_usd: float
    number: int
    node: Node = field(compare=False)
    is_root: bool = field(compare=False)


@dataclass(slots=True, kw_only=True)
class Search:
    """
    One search; `best` is the best answer so far, by the true objective.

    `floor_usd` bounds what was looked at and left, `others_usd` every combination of regimes, tried or not. `supports`
    has the best of every root.
    """

    desk: Desk
    best: Node | None = None
    best_usd: float = float("inf")
    queue: list[_Waiting] = field(default_factory=list)
    numbers: int = 0
    floor_usd: float = float("inf")
    others_usd: float = float("-inf")
    supports: dict[Regimes, Support] = field(default_factory=dict)
    most_combinations: int = MOST_COMBINATIONS
    tries_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self.tries_all = count_combinations(self.desk.problem) <= self.most_combinations

    def run(self) -> Plan | None:
        """Search every combination of regimes; where they are many, change one return's at a time while that helps."""
        problem, tried = self.desk.problem, set[Regimes]()
        following = problem.regimes() if self.tries_all else uniform_regimes(problem)
        while following:
            for regimes in following:
                self._open(regimes)
            tried.update(following)
            before = self.best_usd
            self._look()
            if self.tries_all or self.best is None or (self.best_usd >= before and len(tried) > 2):
                break
            following = tuple(one for one in neighbours(problem, self.best.made.regimes) if one not in tried)
        if not self.tries_all:
            self.floor_usd = min(self.floor_usd, self.others_usd)
        return self._plan()

    def _open(self, regimes: Regimes) -> None:
        """Solve a root, everything open in these regimes."""
        root = self.desk.solve(self.desk.undecided(regimes))
        if root is None:
            return
        root = self._bounded(root)
        self._support(root)
        if not self.tries_all:
            others = root.bound_usd + others_below_usd(root.query, root.solution)
            self.others_usd = max(self.others_usd, others)
        self._push(root, is_root=True)

    def _look(self) -> None:
        """Look at the lowest bound in the queue until it is close to the best, or the work is done."""
        desk, budget = self.desk, 0
        while self.queue:
            item = heapq.heappop(self.queue)
            if item.bound_usd >= self.best_usd - self._close_usd() or (not item.is_root and desk.solves >= budget):
                heapq.heappush(self.queue, item)
                break
            if item.is_root:
                self._explore(item.node)
                budget = desk.solves + self._more_solves()
            else:
                self._split(item.node)

    def _more_solves(self) -> int:
        return min(max(MOST_WORK // max(self.desk.problem.segments.count, 1), LEAST_SOLVES), MOST_SOLVES)

    def _close_usd(self) -> float:
        return CLOSE_FRAC * self.desk.problem.value_usd

    def _plan(self) -> Plan | None:
        if self.best is None:
            return None
        bound = min([self.best_usd, self.floor_usd, *(item.bound_usd for item in self.queue)])
        return Plan(
            query=self.best.query,
            solution=self.best.solution,
            bound_usd=bound,
            supports=tuple(self.supports.values()) if self.tries_all else (),
            coupled=self.desk.coupled,
        )

    def _support(self, root: Node) -> None:
        """Keep the best function known to lie below everything in a root's regimes."""
        if root.support is not None:
            self.supports[root.made.regimes] = root.support

    def _push(self, node: Node, *, is_root: bool = False) -> None:
        if node.bound_usd < self.best_usd:
            self.numbers += 1
            heapq.heappush(self.queue, _Waiting(node.bound_usd, self.numbers, node, is_root))

    def _offer(self, node: Node) -> None:
        """Keep a node whose trades make all choices, if it is the best."""
        if node.conflicts.size == 0:
            objective = self.desk.objective_usd(node)
            if objective < self.best_usd:
                self.best, self.best_usd = node, objective

    # -- a root --------------------------------------------------------------------------------------------------------

    def _explore(self, root: Node) -> None:
        """Dive from a root, mend the answer, and put back the root with what the prices on the way proved."""
        seen = [root]
        leaf = self._follow(root, seen) or self._dive(root, seen) or self._one_sided(root, seen)
        root = self._sharpened(root, seen)
        if leaf is not None:
            root = self._mend(root, leaf)
        self._support(root)
        if root.bound_usd < self.best_usd - self._close_usd():
            root = self._fixed(root)
        self._push(root)

    def _follow(self, root: Node, seen: list[Node]) -> Node | None:
        """Try what was best in another regime, where there is one and the choices matter."""
        if self.best is None or root.conflicts.size == 0:
            return None
        node = self._solve(replace(self.best.made, regimes=root.made.regimes), root, seen)
        return node if node is not None and node.conflicts.size == 0 else None

    def _solve(self, made: Decisions, before: Node, seen: list[Node]) -> Node | None:
        node = self.desk.solve(made, start=before.solution)
        if node is not None:
            seen.append(node)
            self._offer(node)
        return node

    def _dive(self, root: Node, seen: list[Node]) -> Node | None:
        """Decide by the root's prices: all at once, or where that has no answer the clearest quarter at a time."""
        self._offer(root)
        return self._finish(root, seen) or self._finish(root, seen, share=CAREFUL_SHARE)

    def _finish(self, node: Node | None, seen: list[Node], *, share: float = 1.0) -> Node | None:
        """Go on deciding until nothing conflicts; None where it cannot be done."""
        for turn in range(2 * MOST_TURNS):
            if node is None:
                return None
            made = self._decided(node, share=share if turn < MOST_TURNS else 1.0)
            if made is node.made:
                return node
            node = self._solve(made, node, seen)
        return None

    def _decided(self, node: Node, *, share: float) -> Decisions:
        """Decide that share of what the node leaves open, the clearest first; the same decisions if nothing is."""
        desk, made = self.desk, node.made
        conflicts = node.conflicts
        if conflicts.size > 0:
            values = desk.within(made).branch_values_usd(node.prices, conflicts)
            lead = values[:, 1] - values[:, 0]
            least = made.decided.size // MOST_TURNS
            first = np.argsort(-np.abs(lead), kind="stable")[: max(int(np.ceil(share * conflicts.size)), least)]
            made = made.decide(conflicts[first], np.where(lead[first] >= 0, 1, 2).astype(np.int8))
        payable, sides, less = desk.uncharged(node)
        if payable.size > 0:
            first = np.argsort(-less, kind="stable")[: int(np.ceil(share * payable.size))]
            made = made.charge(payable[first], sides[first])
        return made

    def _one_sided(self, root: Node, seen: list[Node]) -> Node | None:
        """Answer where the dive ran into a wall: no sales that conflict with purchases, else no such purchases."""
        for side in (2, 1):
            node: Node | None = root
            for _ in range(2 * MOST_TURNS):
                if node is None:
                    break
                if node.conflicts.size == 0:
                    return node
                sides = np.full(node.conflicts.size, side, np.int8)
                node = self._solve(node.made.decide(node.conflicts, sides), node, seen)
        return None

    # -- prices and mending --------------------------------------------------------------------------------------------

    def _bounded(self, node: Node) -> Node:
        """Bound a node by its own prices."""
        support = self.desk.own_support(node)
        bound = self.desk.within(node.made).bound_usd(support)
        return replace(node, support=support, bound_usd=max(bound, node.bound_usd))

    def _sharpened(self, root: Node, seen: Sequence[Node]) -> Node:
        """Raise the bound of a root: by the prices of nodes seen below it, the last first, and by mixes of them."""
        within = self.desk.within(root.made)
        for node in seen[: -MOST_MIXES - 1 : -1]:
            if root.bound_usd >= self.best_usd - self._close_usd():
                break
            root = self._mixed(root, self.desk.own_support(node), within)
        return root

    def _mixed(self, node: Node, other: Support, within: Within) -> Node:
        support = node.support or self.desk.own_support(node)
        enough = self.best_usd - self._close_usd()
        support, bound = within.best_mix(support, node.bound_usd, other, enough_usd=enough)
        return replace(node, support=support, bound_usd=bound)

    def _mend(self, root: Node, leaf: Node) -> Node:
        """Turn round the decisions of an answer that the root's best prices speak against, while that helps."""
        made, tried = leaf.made, {leaf.made.decided.tobytes()}
        for _ in range(MOST_MENDINGS):
            turned = self._turned(root, made, leaf)
            if root.bound_usd >= self.best_usd - self._close_usd() or turned.decided.tobytes() in tried:
                break
            tried.add(turned.decided.tobytes())
            seen: list[Node] = []
            other = self._finish(self._solve(turned, leaf, seen), seen)
            if other is None:
                break
            before = root.bound_usd
            root, made, leaf = self._sharpened(root, seen), other.made, other
            if root.bound_usd <= before and other is not self.best:
                break
        return root

    def _turned(self, root: Node, made: Decisions, leaf: Node) -> Decisions:
        """Decide what was decided by the root's prices, and let the lesser side of every transfer pay."""
        decided = np.flatnonzero((made.decided != 0) & (root.made.decided == 0))
        if decided.size > 0:
            values = self.desk.within(root.made).branch_values_usd(root.prices, decided)
            better = np.where(
                values[:, 0] < values[:, 1], 1, np.where(values[:, 0] > values[:, 1], 2, made.decided[decided])
            )
            made = made.decide(decided, better.astype(np.int8))
        sides = self.desk.coupled.transfers.traded_usd(leaf.solution.traded_usd)
        paid = np.flatnonzero((made.charged != 0) & (root.made.charged == 0))
        return made.charge(paid, np.where(sides[paid, 0] <= sides[paid, 1], 1, 2).astype(np.int8))

    # -- splitting -----------------------------------------------------------------------------------------------------

    def _fixed(self, root: Node) -> Node:
        """Decide within a root whatever could not be otherwise in an answer better than the best."""
        desk, made = self.desk, root.made
        every = np.flatnonzero(made.decided == 0)
        if every.size == 0 or root.support is None or not np.isfinite(self.best_usd):
            return root
        within = desk.within(made)
        values = within.branch_values_usd(root.prices, every)
        lead = values[:, 1] - values[:, 0]
        certain = np.abs(lead) >= self.best_usd - within.bound_usd(root.support)
        if not certain.any():
            return root
        sides = np.where(lead[certain] >= 0, 1, 2).astype(np.int8)
        node = self._solve(made.decide(every[certain], sides), root, [])
        if node is None:
            return replace(root, bound_usd=self.best_usd)
        return self._inherit(node, root)

    def _inherit(self, node: Node, parent: Node) -> Node:
        """Let a node use its parent's prices beside its own."""
        node = self._bounded(node)
        if parent.support is not None and node.conflicts.size > 0:
            node = self._mixed(node, parent.support, self.desk.within(node.made))
        return replace(node, bound_usd=max(node.bound_usd, parent.bound_usd))

    def _split(self, node: Node) -> None:
        """Solve both sides of one open choice; a node without one is as good as its bound says."""
        children = self._children(node)
        if not children:
            self.floor_usd = min(self.floor_usd, node.bound_usd)
        for made in children:
            known = node.bound_usd if node.support is None else self.desk.within(made).bound_usd(node.support)
            if known >= self.best_usd - self._close_usd():
                self.floor_usd = min(self.floor_usd, known)
                continue
            child = self._solve(made, node, [])
            if child is None:
                continue
            child = self._inherit(child, node)
            if child.bound_usd < self.best_usd - self._close_usd():
                self._finish(child, [])
            self._push(child)

    def _children(self, node: Node) -> list[Decisions]:
        desk, made = self.desk, node.made
        conflicts = node.conflicts
        if conflicts.size > 0:
            values = desk.within(made).branch_values_usd(node.prices, conflicts)
            at = conflicts[[int(np.argmin(np.abs(values[:, 1] - values[:, 0])))]]
            return [made.decide(at, np.array([side], dtype=np.int8)) for side in (1, 2)]
        payable, _, less = desk.uncharged(node)
        if payable.size > 0:
            at = payable[[int(np.argmin(less))]]
            return [made.charge(at, np.array([side], dtype=np.int8)) for side in (1, 2)]
        return []
