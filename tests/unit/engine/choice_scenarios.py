"""Problems with choices to make, and every way to make them, solved one by one."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from rebalancing.engine.choices.decisions import Decisions, Desk, Node
from rebalancing.engine.problem import Problem, Regimes, build_problem
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import Case, Household
from tests.drawn_cases import drawn_case

BPS = 1e-4


def unified(case: Case, *, transfer_cost_bps: float = 10.0) -> Case:
    """Look at the accounts of a case as one household with the target of the first."""
    household = Household(
        mode="unified",
        target=case.accounts[0].target,
        tracking_preference=5,
        transfer_cost_bps=transfer_cost_bps,
    )
    weighed = tuple(
        msgspec.structs.replace(account, after_tax_weight=1.0 if account.tax_status == "taxable" else 0.7)
        for account in case.accounts
    )
    return msgspec.structs.replace(case, household=household, accounts=weighed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a drawn case is."""

    count: int
    accounts: int = 1
    is_unified: bool = False


def drawn_problem(seed: int, shape: Shape) -> Problem:
    case = drawn_case(seed, count=shape.count, accounts=shape.accounts, ruled=False)
    return build_problem(unified(case) if shape.is_unified else case)


def capped_problem(seed: int, shape: Shape, *, share: float) -> Problem:
    """Draw a problem whose accounts may be off their targets by a share of what they are now."""
    case = drawn_case(seed, count=shape.count, accounts=shape.accounts, ruled=False)
    problem = build_problem(case)
    members = []
    for account, block in zip(case.accounts, problem.blocks, strict=True):
        most = share * block.variance(problem.held_usd) ** 0.5
        trading = msgspec.structs.replace(account.trading, max_tracking_error=most)
        members.append(msgspec.structs.replace(account, trading=trading))
    return build_problem(msgspec.structs.replace(case, accounts=tuple(members)))


def desk_of(problem: Problem, *, solver: ConvexSolver | None = None) -> Desk:
    """Return where decisions of a problem are solved, by the fast solver unless told otherwise."""
    nothing = np.zeros(problem.segments.count, dtype=bool)
    return Desk(problem=problem, solver=solver or CertifyingSolver(solve_convex), allowed={}, closed=nothing)


def all_decisions(desk: Desk, regimes: Regimes) -> Iterator[Decisions]:
    """Yield every way to close one side of every exclusive and to charge one side of every transfer."""
    exclusives, transfers = desk.coupled.exclusives.count, desk.coupled.transfers.count
    free = desk.undecided(regimes)
    for sides in itertools.product((1, 2), repeat=exclusives + transfers):
        chosen = np.array(sides, dtype=np.int8)
        made = free.decide(np.arange(exclusives), chosen[:exclusives])
        yield made.charge(np.arange(transfers), chosen[exclusives:])


def all_answers(desk: Desk, regimes: Regimes) -> list[Node]:
    """Return the answer to every way of choosing that has one."""
    found = (desk.solve(made) for made in all_decisions(desk, regimes))
    return [node for node in found if node is not None]
