"""
What each of the client's preferences costs: the case solved again without it, with everything else as it is.

Both sides are plans: choices made, in dollars before shares, each with a lower bound of its own. A rule that has no
price in the plan costs nothing, by that plan's own bound, and is not solved again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from rebalancing.engine.case import check_case
from rebalancing.engine.choices.plan import Plan
from rebalancing.engine.outcome import PreferenceCost
from rebalancing.engine.pipeline import owners, prices_by_account
from rebalancing.engine.problem import Problem, build_problem
from rebalancing.engine.query import ConvexSolver, Multipliers
from rebalancing.engine.relax import find_plan
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import Account, Case

BY_ROW = (
    "never_buy ",
    "never_sell ",
    "range ",
    "cash_reserve",
    "cash_raise",
    "cash_ceiling",
    "max_net_gain",
    "never_realize_gains",
    "short_gains",
    "forced_harvest",
    "max_turnover",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A problem without one preference of some accounts, and what that was; they share a return or are one account."""

    accounts: tuple[str, ...]
    preference: str
    problem: Problem


def price_preferences(
    case: Case, *, account: str | None = None, fallback: ConvexSolver | None = None
) -> tuple[PreferenceCost, ...]:
    """
    Price every preference of a case, the dearest first; nothing where the first rank contradicts itself.

    With `account` only what is that account's, alone or with others.

    Where rules gave way, a preference may be worth less than nothing: without it, harder ones are kept.
    :raises BadCase: the case has faults
    :raises NotCertified: the fast solver could not answer and there is no fallback
    """
    check_case(case)
    solver = CertifyingSolver(fallback)
    problem = build_problem(case)
    plan = find_plan(problem, solver=solver)
    if plan is None:
        return ()
    prices = prices_by_account(plan)
    found = [_price(plan, one, prices=prices, solver=solver) for one in preferences(case, problem, account=account)]
    return tuple(sorted(found, key=lambda cost: (-cost.usd, cost.account or "", cost.preference)))


def preferences(case: Case, problem: Problem, *, account: str | None = None) -> Iterator[Without]:
    """Yield the problem without each preference: rows left out, caps lifted, or built again where it is neither."""
    for without in (*_without_rows(problem), *_without_caps(problem)):
        if account is None or account in without.accounts:
            yield without
    for owner in case.accounts:
        for preference, freed in _variants(owner) if account in {None, owner.id} else ():
            others = tuple(freed if one.id == owner.id else one for one in case.accounts)
            built = build_problem(msgspec.structs.replace(case, accounts=others))
            yield Without(accounts=(owner.id,), preference=preference, problem=built)


def objective_usd(plan: Plan) -> float:
    """Return the true objective of a plan in dollars."""
    return plan.problem.objective_usd(plan.solution.traded_usd)


def _without_rows(problem: Problem) -> Iterator[Without]:
    of_row = [(owners(problem, row), row.rule) for row in problem.rows]
    for key in dict.fromkeys(key for key in of_row if key[1].startswith(BY_ROW)):
        kept = tuple(row for row, own in zip(problem.rows, of_row, strict=True) if own != key)
        yield Without(accounts=key[0], preference=key[1], problem=replace(problem, rows=kept))


def _without_caps(problem: Problem) -> Iterator[Without]:
    for at, book in enumerate(problem.returns):
        if book.room_usd is not None:
            free = (*problem.returns[:at], replace(book, room_usd=None), *problem.returns[at + 1 :])
            members = tuple(
                universe.account.id
                for universe in problem.universes
                if universe.account.is_taxable and (universe.account.tax_return or universe.account.id) == book.id
            )
            yield Without(accounts=members, preference="tax_budget", problem=replace(problem, returns=free))
    for at, block in enumerate(problem.blocks):
        if block.max_tracking_error is not None:
            blocks = (*problem.blocks[:at], replace(block, max_tracking_error=None), *problem.blocks[at + 1 :])
            loose = replace(problem, blocks=blocks)
            yield Without(accounts=(block.name,), preference="max_tracking_error", problem=loose)


def _variants(account: Account) -> Iterator[tuple[str, Account]]:
    """Yield the account without what is no row: what is never traded or owned, and the most trades."""
    for at, rule in enumerate(account.constraints):
        if rule.verb in {"never_trade", "never_own"}:
            rest = (*account.constraints[:at], *account.constraints[at + 1 :])
            yield rule.rule, msgspec.structs.replace(account, constraints=rest)
    if account.trading.max_trades is not None:
        trading = msgspec.structs.replace(account.trading, max_trades=None)
        yield "max_trades", msgspec.structs.replace(account, trading=trading)


def _price(plan: Plan, without: Without, *, prices: Mapping[str, Multipliers], solver: ConvexSolver) -> PreferenceCost:
    usd = 0.0
    if _may_matter(plan, without, prices):
        freed = find_plan(without.problem, solver=solver)
        if freed is not None:
            usd = objective_usd(plan) - objective_usd(freed)
    if not plan.causes:
        usd = max(usd, 0.0)  # less than nothing is the gap of the two plans
    values = {universe.account.id: universe.value_usd for universe in plan.problem.universes}
    return PreferenceCost(
        account=without.accounts[0] if len(without.accounts) == 1 else None,
        preference=without.preference,
        usd=round(usd, 2),
        bps=round(usd / sum(values[name] for name in without.accounts) * 1e4, 4),
    )


def _may_matter(plan: Plan, without: Without, prices: Mapping[str, Multipliers]) -> bool:
    """Tell whether the preference has a price, is no row, or gave way."""
    named = without.preference in plan.causes or without.preference in plan.causes.values()
    is_row = without.preference.startswith((*BY_ROW, "tax_budget", "max_tracking_error"))
    return named or not is_row or any(without.preference in prices[name].rules for name in without.accounts)
