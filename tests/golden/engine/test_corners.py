"""Cases in which an honest answer is hard: no rule is broken for nothing, nothing is left undone that can be done."""

from decimal import Decimal
from pathlib import Path

import pytest

from rebalancing.engine.case import parse_case
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.verify import verify

CORNERS = Path(__file__).parent / "corners"
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")


def answer(name: str) -> Outcome:
    """Solve a corner; its answer is verified before it is looked at."""
    case = parse_case((CORNERS / f"{name}.json").read_bytes())
    outcome = rebalance(case, fallback=solve_convex)
    found = verify(case, outcome)
    assert found.is_clean, (found.faults, found.failed)
    if outcome.status != "invalid":
        assert outcome.lower_bound <= outcome.objective * (1 + 1e-9)
    return outcome


def gave_way(outcome: Outcome) -> dict[str, str]:
    return {one.rule: one.by for account in outcome.accounts for one in account.relaxed}


def test_rules_that_give_way_do_not_stop_all_trades() -> None:
    """Cash beyond its ceiling could be burnt by buying and selling at once, which nobody does."""
    outcome = answer("ceiling_beside_a_gain")

    (trade,) = outcome.accounts[0].trades
    assert (trade.side, trade.security, trade.quantity) == ("buy", "VTI", Decimal(225))
    assert gave_way(outcome) == {"cash_ceiling": "0.309910 weight"}
    assert outcome.objective == pytest.approx(2452.27, abs=0.01)


def test_one_account_that_cannot_keep_its_rules_does_not_stop_the_other() -> None:
    assert [len(account.trades) for account in answer("one_bad_account_of_two").accounts] == [1, 1]


def test_cash_is_raised_though_a_softer_rule_gives_way() -> None:
    assert "cash_raise" not in gave_way(answer("cash_to_raise"))


def test_never_own_is_obeyed_though_turnover_and_tracking_error_give_way() -> None:
    rules = gave_way(answer("never_own_beside_turnover"))

    assert not any(rule.startswith("never_own") for rule in rules)
    assert "max_turnover" in rules


def test_cash_comes_before_turnover_and_tracking_error_together() -> None:
    rules = gave_way(answer("turnover_beside_tracking_error"))

    assert "cash_raise" not in rules
    assert {"max_turnover", "max_tracking_error"} <= set(rules)


@pytest.mark.parametrize(
    "name", ["never_sell_the_only_holding", "overdrawn_and_never_sold", "never_buy_in_a_tiny_account"]
)
def test_what_the_client_never_wants_is_not_done_for_nothing(name: str) -> None:
    outcome = answer(name)

    assert (outcome.status, gave_way(outcome)) == ("no_trade", {})


def test_a_loss_is_not_washed_where_doing_nothing_breaks_nothing() -> None:
    outcome = answer("a_washed_loss_of_two_accounts")

    assert gave_way(outcome) == {}
    assert not any(account.trades for account in outcome.accounts)


def test_a_softer_rule_is_not_broken_where_nothing_harder_is_cured() -> None:
    assert "max_turnover" not in gave_way(answer("turnover_of_a_tiny_household"))


def test_a_loss_that_may_not_be_sold_bars_no_purchase() -> None:
    outcome = answer("a_loss_that_cannot_be_sold")

    assert [(trade.side, trade.security) for trade in outcome.accounts[0].trades] == [("buy", "B")]
    assert outcome.objective < 9379


def test_a_pin_that_overdraws_the_account_is_a_fault_and_no_proposal() -> None:
    outcome = answer("pinned_beyond_the_cash")

    assert outcome.status == "invalid"
    assert [fault.path for fault in outcome.faults] == ["accounts[0].trading.pinned"]
    assert "no_overdraft" in outcome.faults[0].message
