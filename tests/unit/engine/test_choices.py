"""Buy or sell, never both; as good as the best way to choose; the bound below; small and surplus trades go."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from rebalancing.engine.choices.plan import Plan, conflicting
from rebalancing.engine.choices.search import Search, choose
from rebalancing.engine.choices.thinning import thin_out
from rebalancing.engine.problem import Problem, build_problem
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import Case
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.choice_scenarios import BPS, Shape, all_answers, capped_problem, desk_of, drawn_problem, unified

# No answer may be worse than the best way to choose by more than this.
WORSE_BPS = 0.02
SHAPES = (
    Shape(count=5),
    Shape(count=2, accounts=2),
    Shape(count=2, accounts=2, is_unified=True),
)


def fast() -> CertifyingSolver:
    return CertifyingSolver(solve_convex)


def plan_of(problem: Problem) -> Plan:
    plan = choose(problem, solver=fast(), allowed={})
    assert plan is not None
    return plan


def with_trading(case: Case, **trading: c.Wired) -> Case:
    accounts = tuple(
        msgspec.structs.replace(account, trading=msgspec.convert(trading, type=type(account.trading)))
        for account in case.accounts
    )
    return msgspec.structs.replace(case, accounts=accounts)


def traded_positions(plan: Plan) -> np.ndarray:
    segments = plan.problem.segments
    return np.unique(segments.place[plan.solution.traded_usd > 1.0])


@pytest.mark.parametrize("accounts", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_both_bought_and_sold(seed: int, accounts: int) -> None:
    problem = drawn_problem(seed, Shape(count=12, accounts=accounts))

    plan = plan_of(problem)

    assert conflicting(problem, plan.solution.traded_usd) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_the_plan_is_as_good_as_the_best_of_all_ways_to_choose(seed: int, shape: Shape) -> None:
    problem = drawn_problem(seed, shape)
    desk = desk_of(problem)
    answers = [node for regimes in problem.regimes() for node in all_answers(desk, regimes)]
    least = min(desk.objective_usd(node) for node in answers)

    plan = plan_of(problem)

    usd = BPS * problem.value_usd
    assert problem.objective_usd(plan.solution.traded_usd) <= least + WORSE_BPS * usd
    assert plan.bound_usd <= least + 1e-4 * usd


@pytest.mark.parametrize("shape", [Shape(count=3), Shape(count=2, accounts=2)])
def test_the_plan_is_as_good_as_the_best_that_the_reference_finds(shape: Shape) -> None:
    problem = drawn_problem(4, shape)
    desk = desk_of(problem, solver=solve_convex)
    answers = [node for regimes in problem.regimes() for node in all_answers(desk, regimes)]
    least = min(desk.objective_usd(node) for node in answers)

    plan = plan_of(problem)

    assert problem.objective_usd(plan.solution.traded_usd) == pytest.approx(
        least, abs=WORSE_BPS * BPS * problem.value_usd
    )


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_plan_is_as_good_as_the_best_where_a_tracking_error_is_capped(seed: int) -> None:
    problem = capped_problem(seed, Shape(count=3), share=0.01)
    desk = desk_of(problem)
    answers = [node for regimes in problem.regimes() for node in all_answers(desk, regimes)]
    least = min(desk.objective_usd(node) for node in answers)

    plan = plan_of(problem)

    usd = BPS * problem.value_usd
    assert plan.solution.tracking_prices["A0"] > 0
    assert problem.objective_usd(plan.solution.traded_usd) <= least + WORSE_BPS * usd
    assert plan.bound_usd <= least + 1e-4 * usd


@pytest.mark.parametrize("shape", [Shape(count=60), Shape(count=20, accounts=3), Shape(count=60, accounts=2)])
@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_below_the_plan_and_within_a_few_hundredths(seed: int, shape: Shape) -> None:
    problem = drawn_problem(seed, shape)

    plan = plan_of(problem)

    gap_bps = (problem.objective_usd(plan.solution.traded_usd) - plan.bound_usd) / problem.value_usd / BPS
    assert -1e-4 < gap_bps < 0.03


def test_a_handful_of_solves_is_enough_for_a_large_account() -> None:
    desk = desk_of(drawn_problem(0, Shape(count=200)))
    desk.solver = fast()

    plan = Search(desk=desk).run()

    assert plan is not None
    assert desk.solves <= 14


def separate_returns(seed: int, *, accounts: int) -> Problem:
    """Let every account file its own return, some of them with a budget."""
    case = drawn_case(seed, count=4, accounts=accounts, ruled=False)
    tax = case.accounts[0].tax
    assert tax is not None
    members = tuple(
        msgspec.structs.replace(
            account,
            tax_status="taxable",
            tax_return=f"R{at}",
            tax=msgspec.structs.replace(tax, harvest="immediate", budget_tax=Decimal(at % 2 * 900) or None),
        )
        for at, account in enumerate(case.accounts)
    )
    return build_problem(msgspec.structs.replace(case, accounts=members))


@pytest.mark.parametrize("seed", range(6))
def test_trying_one_return_after_the_other_finds_what_trying_all_finds(seed: int) -> None:
    problem = separate_returns(seed, accounts=3)
    assert len(problem.regimes()) == 8
    desk = desk_of(problem)
    every = Search(desk=desk).run()

    some = Search(desk=desk, most_combinations=1).run()

    assert every is not None and some is not None
    best, found = (problem.objective_usd(plan.solution.traded_usd) for plan in (every, some))
    assert found == pytest.approx(best, abs=WORSE_BPS * BPS * problem.value_usd)
    assert some.bound_usd <= every.bound_usd + 1e-4 * BPS * problem.value_usd
    assert some.bound_usd > -np.inf


def test_a_loss_is_not_sold_beside_a_purchase_of_the_same_group() -> None:
    market = (
        c.security("AAA", 100, sector="Technology"),
        c.security("AA2", 50, sector="Technology", identity_group="AAA"),
        c.security("BBB", 50, "bonds"),
    )
    lots = (c.lot("L1 AAA 10 @ 130 2025-06-03"), c.lot("L3 BBB 20 @ 40 2025-09-01"))
    account = c.account(cash=1000, lots=lots, target={"AA2": 0.9, "CASH": 0.1}, trading={"tracking_preference": 10})
    problem = build_problem(c.case(market, (account,)))

    traded = plan_of(problem).solution.traded_usd

    segments = problem.segments
    bought = traded[segments.is_buy & (segments.place <= 1)].sum()
    sold = traded[~segments.is_buy & (segments.place == 0)].sum()
    assert max(bought, sold) > 100
    assert min(bought, sold) < 1e-3  # AA2 is of AAA's group, and L1 is a loss


def a_household(*, transfer_cost_bps: float) -> Problem:
    """Two tax-free accounts, one of which holds what the other has the cash to buy, and is to hand it out."""
    market = (c.security("AAA", 100), c.security("BBB", 50, "bonds"))
    first = c.account(
        "A1", status="exempt", cash=0, lots=(c.lot("L1 AAA 50 @ 90 2020-01-02"),), cash_needs={"raise": "2000"}
    )
    second = c.account("A2", status="exempt", cash=5000)
    case = c.case(market, (first, second))
    target = {"AAA": 0.6, "BBB": 0.3, "CASH": 0.1}
    first = msgspec.structs.replace(case.accounts[0], target=target)
    second = msgspec.structs.replace(case.accounts[1], target=target)
    case = msgspec.structs.replace(case, accounts=(first, second))
    return build_problem(unified(case, transfer_cost_bps=transfer_cost_bps))


def moved_usd(problem: Problem) -> float:
    """Return how many dollars of a security are sold in one account and bought in the other."""
    traded = plan_of(problem).solution.traded_usd
    return sum(min(float(traded[item.buys].sum()), float(traded[item.sales].sum())) for item in problem.transfers)


def test_what_moves_between_accounts_is_charged() -> None:
    cheap, dear = a_household(transfer_cost_bps=1), a_household(transfer_cost_bps=2000)

    assert moved_usd(cheap) > 500
    assert moved_usd(dear) < moved_usd(cheap) - 100


def test_the_plan_pays_for_transfers_once() -> None:
    problem = a_household(transfer_cost_bps=30)

    plan = plan_of(problem)

    assert plan.solution.objective_usd == pytest.approx(problem.objective_usd(plan.solution.traded_usd), abs=0.01)
    assert problem.transfer_usd(plan.solution.traded_usd) > 0


def test_each_account_makes_no_more_trades_than_it_may() -> None:
    case = drawn_case(2, count=12, accounts=2, ruled=False)
    free = plan_of(build_problem(case))

    plan = plan_of(build_problem(with_trading(case, max_trades=4)))

    first = plan.problem.universes[1].first_position
    most = [int((traded_positions(free) < first).sum()), int((traded_positions(free) >= first).sum())]
    kept = [int((traded_positions(plan) < first).sum()), int((traded_positions(plan) >= first).sum())]
    assert max(most) > 4
    assert max(kept) <= 4
    assert plan.bound_usd <= plan.solution.objective_usd


def test_trades_not_worth_their_ticket_go() -> None:
    case = drawn_case(4, count=12, ruled=False)
    free = plan_of(build_problem(case))

    plan = plan_of(build_problem(with_trading(case, ticket_cost="60")))

    assert 0 < traded_positions(plan).size < traded_positions(free).size


def test_trades_of_less_than_half_the_least_size_go() -> None:
    case = drawn_case(4, count=12, ruled=False)
    free = plan_of(build_problem(case))
    segments = free.problem.segments
    sizes = np.bincount(segments.place, weights=free.solution.traded_usd)
    least = float(np.sort(sizes[sizes > 1.0])[1]) * 2

    plan = plan_of(build_problem(with_trading(case, min_trade=f"{least:.0f}")))

    left = np.bincount(segments.place, weights=plan.solution.traded_usd)
    assert left[left > 1.0].size < sizes[sizes > 1.0].size


@pytest.mark.parametrize("seed", range(4))
def test_what_thinning_brings_into_conflict_is_decided_too(seed: int) -> None:
    case = drawn_case(seed, count=60, accounts=2, ruled=False)

    plan = plan_of(build_problem(with_trading(case, min_trade="800")))

    segments = plan.problem.segments
    sizes = np.bincount(segments.place, weights=plan.solution.traded_usd, minlength=plan.problem.position_count)
    left = plan.problem.held_after_usd(plan.solution.traded_usd)
    assert conflicting(plan.problem, plan.solution.traded_usd) == []
    assert not ((sizes > 1.0) & (sizes < 400) & (left > 1.0)).any()
    assert plan.bound_usd <= plan.problem.objective_usd(plan.solution.traded_usd) + 1e-6


def test_a_plan_with_nothing_to_thin_out_stays_as_it_is() -> None:
    plan = plan_of(drawn_problem(1, Shape(count=5)))

    assert thin_out(plan, solver=fast()) is plan


def test_there_is_no_plan_where_the_rules_do_not_fit() -> None:
    account = c.account(
        cash=100, lots=(c.lot("L1 AAA 1 @ 90 2020-01-02"),), target={"AAA": 1.0}, cash_needs={"raise": "150"},
        constraints=({"verb": "never_sell", "security": "AAA"},),
    )  # fmt: skip
    problem = build_problem(c.case((c.security("AAA", 100),), (account,)))

    assert choose(problem, solver=fast(), allowed={}) is None


def test_choices_made_before_stay_made() -> None:
    problem = drawn_problem(2, Shape(count=12))
    closed = problem.segments.is_buy.copy()

    plan = choose(problem, solver=fast(), allowed={}, closed=closed)

    assert plan is not None
    assert plan.solution.traded_usd[closed].max() == 0.0
