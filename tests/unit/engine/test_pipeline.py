"""From case to outcome: order of accounts, what the earlier leave to the later, and outcomes that say no."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from rebalancing.engine.outcome import Outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Case
from rebalancing.engine.verify import verify
from tests import cases as c
from tests.drawn_cases import drawn_case
from tests.unit.engine.test_problem import a_case


def solved(case: Case) -> Outcome:
    outcome = rebalance(case, fallback=solve_convex)
    verification = verify(case, outcome)
    assert verification.is_clean, (verification.faults, verification.failed)
    return outcome


def traded(outcome: Outcome, *, at: int = 0) -> Mapping[str, Decimal]:
    """Return the signed units of each security that an account trades."""
    return {
        trade.security: trade.quantity if trade.side == "buy" else -trade.quantity
        for trade in outcome.accounts[at].trades
    }


@pytest.mark.parametrize("seed", range(8))
def test_a_drawn_case_is_solved_close_to_its_bound_and_verified(seed: int) -> None:
    case = drawn_case(seed, count=10, value_usd=1_000_000.0, accounts=1 + seed % 3)

    outcome = solved(case)

    assert outcome.lower_bound <= outcome.objective
    if seed % 3 == 0 and outcome.status == "optimal":
        assert outcome.gap_bps < 5


def test_the_same_case_gives_the_same_trades() -> None:
    case = drawn_case(3, accounts=2)

    first, second = (rebalance(case, fallback=solve_convex) for _ in range(2))

    assert first == second


def test_a_faulty_case_is_invalid_and_names_its_faults() -> None:
    case = a_case(target={"AAA": 0.5})

    outcome = rebalance(case, fallback=solve_convex)

    assert outcome.status == "invalid"
    assert [fault.path for fault in outcome.faults] == ["accounts[0].target"]


@pytest.mark.parametrize("mode", ["unified", "guardrail"])
def test_households_are_solved_as_one(mode: str) -> None:
    case = drawn_case(1, count=6, accounts=2)
    household = {"mode": mode, "target": case.accounts[0].target if mode == "unified" else {}}
    case = msgspec.convert({**msgspec.to_builtins(case), "household": household}, type=Case, strict=False)

    outcome = solved(case)

    assert outcome.status in ("optimal", "relaxed")
    assert outcome.gap_bps < 20


def test_the_fast_solver_needs_no_other() -> None:
    for seed in range(6):
        outcome = rebalance(drawn_case(seed, count=10))

        assert outcome.solver in ("newton", "interior_point")


def test_a_stopwatch_times_every_step() -> None:
    ticks = iter(range(1000))

    outcome = rebalance(a_case(), fallback=solve_convex, stopwatch=lambda: float(next(ticks)))

    assert min(msgspec.structs.astuple(outcome.timing_ms)) >= 1000.0


def test_an_account_at_its_target_is_left_alone() -> None:
    market = (c.security("AAA", 100), c.security("BBB", 50))
    lots = (c.lot("L1 AAA 50 @ 100 2020-01-02"), c.lot("L2 BBB 100 @ 50 2020-01-02"))
    case = c.case(market, (c.account(cash=0, lots=lots, target={"AAA": 0.5, "BBB": 0.5}),))

    outcome = solved(case)

    assert outcome.status == "no_trade"
    assert outcome.objective == 0.0


def test_trades_below_the_least_benefit_are_not_made() -> None:
    free = solved(a_case())
    held = solved(a_case(trading={"only_if_benefit_exceeds_bps": free.accounts[0].opportunity_bps + 1}))
    made = solved(a_case(trading={"only_if_benefit_exceeds_bps": free.accounts[0].opportunity_bps - 1}))

    assert held.status == "no_trade"
    assert traded(made) == traded(free)


def test_a_later_account_does_not_buy_what_an_earlier_one_harvested() -> None:
    market = (c.security("AAA", 100), c.security("BBB", 50))
    target = {"BBB": 1.0}
    mine = c.account("A1", cash=0, lots=(c.lot("L1 AAA 100 @ 200 2025-06-03"),), target=target)
    alone = c.account("A2", status="deferred", cash=10_000, target={"AAA": 1.0})

    beside = solved(c.case(market, (alone, mine)))
    free = solved(c.case(market, (alone,)))

    assert traded(free)["AAA"] == Decimal(99)
    assert traded(beside, at=1)["AAA"] < 0
    assert "AAA" not in traded(beside)


def test_accounts_of_one_return_share_its_budget() -> None:
    market = (c.security("AAA", 100), c.security("BBB", 50))
    tax = {**msgspec.to_builtins(c.TAX), "budget_tax": "100"}
    members = [
        c.account(
            name, cash=0, tax=tax, lots=(c.lot(f"{name}L AAA 100 @ 50 2020-01-02"),), target={"BBB": 1.0},
            trading={"tracking_preference": 10},
        )
        for name in ("A1", "A2")
    ]  # fmt: skip

    outcome = solved(c.case(market, members))

    assert Decimal(90) < outcome.returns[0].tax_caused <= Decimal(100)
    assert outcome.returns[0].budget_left is not None
    assert outcome.returns[0].budget_left >= 0


def test_a_pinned_trade_is_made_and_the_rest_is_planned_around_it() -> None:
    outcome = solved(a_case(trading={"pinned": ({"security": "BBB", "side": "buy", "quantity": "7"},)}))

    assert traded(outcome)["BBB"] == Decimal(7)
