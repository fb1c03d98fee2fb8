"""What a proposal's state allows: a point that passes and one that does not for every rule."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from advisors.errors import Invalid
from portfolios.ledger.wash_sales import RecentTrade, Side, group_windows
from rebalancing import rules
from rebalancing.rules import PriceMove, ProposalFacts, TradeFacts, TradeLot
from rebalancing.states import Status

AS_OF = date(2026, 3, 2)

PROPOSED = ProposalFacts(
    proposal_id=1,
    label="Joint ··4471",
    status=Status.PROPOSED,
    is_discretionary=True,
    as_of_on=AS_OF,
    business_on=AS_OF,
    trade_count=9,
)
APPROVED = replace(PROPOSED, status=Status.APPROVED)


def moved(now: str | None) -> PriceMove:
    return PriceMove(symbol="AAPL", case_usd=Decimal(100), now_usd=None if now is None else Decimal(now))


def test_an_untouched_proposal_is_fresh() -> None:
    assert rules.stale_reasons(APPROVED) == ()
    rules.check_is_fresh([APPROVED])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"business_on": date(2026, 3, 3)}, "business date"),
        ({"moves": (moved("102.01"),)}, "AAPL moved 2.0%"),
        ({"moves": (moved("97.99"),)}, "AAPL moved"),
        ({"moves": (moved(None),)}, "AAPL has no price"),
        ({"is_position_changed": True}, "positions"),
        ({"is_preference_changed": True}, "preferences"),
        ({"is_guidance_changed": True}, "guidance"),
        ({"actions": ("corporate action on AAPL, split of 2026-03-02",)}, "corporate action on AAPL"),
    ],
)
def test_each_change_of_the_world_makes_a_proposal_stale(change: dict[str, object], word: str) -> None:
    stale = replace(APPROVED, **change)  # type: ignore[arg-type]

    assert word in rules.stale_reasons(stale)[0]
    with pytest.raises(rules.ProposalStale, match="only a new run helps"):
        rules.check_can_release([stale])
    with pytest.raises(rules.ProposalStale):
        rules.check_can_approve([replace(stale, status=Status.PROPOSED)])


def test_prices_within_tolerance_stay_fresh() -> None:
    assert rules.stale_reasons(replace(APPROVED, moves=(moved("102"), moved("98")))) == ()
    assert rules.stale_reasons(replace(APPROVED, moves=(moved("104"),), tolerance_frac=Decimal("0.05"))) == ()


def test_what_has_orders_is_never_stale() -> None:
    released = replace(APPROVED, status=Status.RELEASED, is_position_changed=True)

    assert rules.stale_reasons(released) == ()


def test_one_stale_account_makes_its_tax_household_stale() -> None:
    other = replace(APPROVED, proposal_id=2, label="IRA ··1", is_position_changed=True)

    with pytest.raises(rules.ProposalStale, match="IRA ··1: its positions"):
        rules.check_can_release([APPROVED, other])


def test_a_non_discretionary_proposal_needs_its_advisor_first() -> None:
    waiting = replace(PROPOSED, is_discretionary=False)

    with pytest.raises(Invalid, match="its advisor has to approve first"):
        rules.check_can_approve([waiting])
    rules.check_can_approve_as_advisor([waiting])
    rules.check_can_approve([replace(waiting, status=Status.ADVISOR_APPROVED)])


def test_one_waiting_account_holds_back_its_household() -> None:
    waiting = replace(PROPOSED, is_discretionary=False, label="Trust ··9")

    with pytest.raises(Invalid, match="Trust ··9"):
        rules.check_can_approve([PROPOSED, waiting])


def test_a_discretionary_proposal_needs_no_advisor() -> None:
    assert rules.can_approve([PROPOSED])
    with pytest.raises(rules.StatusPassed, match="discretionary"):
        rules.check_can_approve_as_advisor([PROPOSED])


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.APPROVED])
def test_only_the_approved_is_released(status: Status) -> None:
    assert not rules.can_release([replace(APPROVED, status=status)])


def test_an_account_without_trades_does_not_hold_back_the_others() -> None:
    quiet = replace(PROPOSED, proposal_id=2, status=Status.NO_TRADE)

    assert rules.can_release([APPROVED, quiet])
    with pytest.raises(rules.StatusPassed, match="nothing to decide"):
        rules.check_can_release([quiet])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"holds": ("Split of NVDA to confirm",)}, "held: Split"),
        ({"failed_checks": ("wash_sale VTI",)}, "failed wash_sale VTI"),
        ({"pending_order_count": 1}, "1 order is still open"),
        ({"pending_order_count": 3}, "3 orders are still open"),
        ({"wash_conflicts": ("buying VTI before 2026-04-01 would wash a loss",)}, "buying VTI"),
    ],
)
def test_each_bar_holds_back_the_release_and_is_named(change: dict[str, object], word: str) -> None:
    barred = replace(APPROVED, **change)  # type: ignore[arg-type]

    with pytest.raises(rules.NotReleasable, match=word):
        rules.check_can_release([barred])
    assert not rules.can_release([barred])
    assert rules.can_approve([replace(barred, status=Status.PROPOSED)])


def test_every_bar_is_named_at_once() -> None:
    barred = replace(APPROVED, holds=("Break",), pending_order_count=1)

    with pytest.raises(rules.NotReleasable) as refused:
        rules.check_can_release([barred, replace(APPROVED, label="IRA", failed_checks=("a", "b", "c", "d", "e"))])

    assert len(refused.value.faults) == 3
    assert "a, b, c and 2 more" in refused.value.faults[2]


def test_an_override_lets_a_failed_check_pass_and_nothing_else() -> None:
    failed = replace(APPROVED, failed_checks=("max_trades",))

    rules.check_can_override([failed], reason="client insists")
    rules.check_can_release([replace(failed, is_overridden=True)])
    with pytest.raises(rules.NotReleasable):
        rules.check_can_release([replace(failed, is_overridden=True, holds=("Break",))])
    with pytest.raises(Invalid, match="No failed check"):
        rules.check_can_override([APPROVED], reason="client insists")


@pytest.mark.parametrize("reason", ["", "   ", "no"])
def test_sending_back_and_rejecting_need_a_reason(reason: str) -> None:
    with pytest.raises(Invalid, match="reason for sending back"):
        rules.check_can_send_back([PROPOSED], reason=reason)
    with pytest.raises(Invalid, match="reason for rejecting"):
        rules.check_can_reject([PROPOSED], reason=reason)


def test_a_released_proposal_cannot_be_sent_back() -> None:
    with pytest.raises(rules.StatusPassed, match="is released by now"):
        rules.check_can_send_back([replace(PROPOSED, status=Status.RELEASED)], reason="too late for this")


def recent(side: Side, *, days_ago: int, loss: str = "0", account: str = "2") -> RecentTrade:
    return RecentTrade(
        account=account,
        security="VTI",
        group="TOTAL-US",
        traded_on=date.fromordinal(AS_OF.toordinal() - days_ago),
        side=side,
        units=Decimal(10),
        loss_usd=Decimal(loss),
    )


def trade(side: Side, *, gain: str = "-50", is_taxable: bool = True) -> TradeFacts:
    lots = (TradeLot(acquired_on=date(2025, 1, 2), gain_usd=Decimal(gain)),) if side is Side.SELL else ()
    return TradeFacts(account="1", symbol="ITOT", group="TOTAL-US", side=side, is_taxable=is_taxable, lots=lots)


def test_a_purchase_after_a_loss_sale_in_the_tax_household_is_a_wash() -> None:
    windows = group_windows([recent(Side.SELL, days_ago=30, loss="12.50")], as_of=AS_OF)

    assert "buying ITOT before 2026-03-03" in rules.wash_conflicts([trade(Side.BUY)], windows)[0]
    assert rules.wash_conflicts([trade(Side.BUY)], windows, accepted=frozenset({"TOTAL-US"})) == ()


def test_a_purchase_after_a_gain_or_a_day_later_is_none() -> None:
    gain = group_windows([recent(Side.SELL, days_ago=3)], as_of=AS_OF)
    old = group_windows([recent(Side.SELL, days_ago=31, loss="12.50")], as_of=AS_OF)

    assert rules.wash_conflicts([trade(Side.BUY)], gain) == ()
    assert rules.wash_conflicts([trade(Side.BUY)], old) == ()


def test_a_loss_sale_after_a_purchase_in_the_tax_household_is_a_wash() -> None:
    windows = group_windows([recent(Side.BUY, days_ago=0)], as_of=AS_OF)

    assert "loss on ITOT before 2026-04-02" in rules.wash_conflicts([trade(Side.SELL)], windows)[0]


def test_a_gain_or_a_loss_without_tax_is_never_washed() -> None:
    windows = group_windows([recent(Side.BUY, days_ago=0)], as_of=AS_OF)

    assert rules.wash_conflicts([trade(Side.SELL, gain="50")], windows) == ()
    assert rules.wash_conflicts([trade(Side.SELL, is_taxable=False)], windows) == ()


def test_positions_that_an_action_changed_are_told_as_the_action_alone() -> None:
    said = ("corporate action on AAPL, split of 2026-03-02",)

    assert rules.stale_reasons(replace(APPROVED, actions=said, is_position_changed=True)) == said


def test_an_action_ahead_bars_a_release_and_no_approval() -> None:
    ahead = replace(APPROVED, actions_ahead=("corporate action on AAPL, split of 2026-03-03",))

    with pytest.raises(rules.NotReleasable, match="its units are those of before the corporate action on AAPL"):
        rules.check_can_release([ahead])
    rules.check_can_approve([replace(ahead, status=Status.PROPOSED)])
