"""Every rule of docs/case.md has trades that satisfy it and trades that break it, by an amount worked out by hand."""

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from portfolios.ledger.tax import Gains
from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.outcome import Check
from rebalancing.engine.types import Account, Household
from rebalancing.engine.verify import declare, judge_trades, verify
from tests import cases as c
from tests.unit.engine.verify_scenarios import (
    CLIENT,
    GIVEN_RECENTLY,
    HELD,
    LAW,
    MARKET,
    SELL_GAIN,
    SELL_LOSS,
    TARGET,
    WASH,
    Scenario,
    a_case,
    trades,
)
from tests.unit.engine.verify_scenarios_account import ACCOUNT, TAXATION

SCENARIOS = (*LAW, *CLIENT, *WASH, *ACCOUNT, *TAXATION)


@pytest.mark.parametrize("told", SCENARIOS)
def test_a_rule_passes_the_trades_that_keep_it(told: Scenario) -> None:
    case = told.build()

    judgement = judge_trades(case, {"A1": trades(case, *told.keeps)})

    found = {finding.rule: finding for finding in judgement.findings["A1"]}
    assert told.rule.startswith(("quantity_step", "wash_sale", "min_")) or told.rule in found
    assert told.rule not in found or not found[told.rule].is_broken
    assert judgement.excess_by_rank()[Rank.LAW] == 0


@pytest.mark.parametrize("told", SCENARIOS)
def test_a_rule_fails_the_trades_that_break_it_by_the_amount(told: Scenario) -> None:
    case = told.build()

    judgement = judge_trades(case, {"A1": trades(case, *told.breaks)})

    found = {finding.rule: finding for finding in judgement.findings["A1"]}[told.rule]
    assert found.is_broken
    assert (found.rank, found.by, found.excess) == (told.rank, told.by, Decimal(told.excess))


@pytest.mark.parametrize("told", SCENARIOS)
def test_a_broken_rule_fails_the_check_unless_it_is_declared(told: Scenario) -> None:
    case = told.build()
    made = trades(case, *told.breaks)
    broken = next(f for f in judge_trades(case, {"A1": made}).findings["A1"] if f.rule == told.rule)

    silent = verify(case, c.outcome(case, made)).checks["A1"]
    declared = verify(case, c.outcome(case, made, relaxed=[declare(broken, because="something harder")])).checks["A1"]

    assert verdict(silent, told.rule) == "fail"
    assert verdict(declared, told.rule) == ("fail" if told.rank is Rank.LAW else "relaxed")


def verdict(checks: tuple[Check, ...], rule: str) -> str:
    return next(check.verdict for check in checks if check.rule == rule)


def test_a_declared_amount_that_is_not_the_amount_fails() -> None:
    case = a_case(tax={"budget_tax": "200"})
    made = trades(case, SELL_GAIN)
    broken = next(f for f in judge_trades(case, {"A1": made}).findings["A1"] if f.rule == "tax_budget")

    checks = verify(case, c.outcome(case, made, relaxed=[declare(replace(broken, by="12.00 dollars"), because="x")]))

    assert verdict(checks.checks["A1"], "tax_budget") == "fail"


def test_a_harvest_that_falls_short_of_the_request_is_a_note_and_no_failure() -> None:
    case = a_case(tax={"forced_harvest": {"amount": "800", "short_only_amount": "100"}})

    verification = verify(case, c.outcome(case, trades(case, SELL_LOSS)))

    assert verdict(verification.checks["A1"], "forced_harvest") == "relaxed"
    assert verification.is_clean


def test_a_location_veto_bars_the_purchase_in_that_tax_status_only() -> None:
    household = {"mode": "guardrail", "location": ({"tax_status": "taxable", "asset_class": "bonds"},)}
    case = msgspec.structs.replace(a_case(), household=msgspec.convert(household, type=Household))

    found = {f.rule: f for f in judge_trades(case, {"A1": trades(case, "buy 2 BND")}).findings["A1"]}

    assert found["location bonds"].excess == 160
    assert found["location bonds"].rank is Rank.LAW


@pytest.mark.parametrize(
    ("kept", "fields"),
    [
        pytest.param(SELL_LOSS, {"recent": ("A9 buy 1 AAPL 2026-01-30",)}, id="a purchase 31 days ago"),
        pytest.param("buy 2 AAPL", {"recent": ("A9 sell 1 AAPL 2026-01-30 loss",)}, id="a loss sale 31 days ago"),
        pytest.param("buy 2 AAPL", {"recent": ("A9 sell 1 AAPL 2026-02-20",)}, id="a recent sale without a loss"),
        pytest.param(SELL_LOSS, {"lots": (*HELD, *GIVEN_RECENTLY)}, id="shares that came by gift"),
        pytest.param(
            "sell 5 MSFT < S1 5",
            {"lots": (*HELD[:3], c.lot("S1 MSFT 8 @ 500 2026-02-20")), "recent": ("A1 buy 8 MSFT 2026-02-20",)},
            id="the purchase of the very shares",
        ),
    ],
)
def test_what_is_no_wash_sale_passes(kept: str, fields: dict[str, c.Wired]) -> None:
    case = a_case(**fields)

    judgement = judge_trades(case, {"A1": trades(case, kept)})

    assert not any(finding.is_broken for finding in judgement.findings["A1"])


def test_a_purchase_of_the_same_group_beside_a_loss_sale_is_found_in_both_accounts() -> None:
    twin = c.security("MSFX", 40, identity_group="AAPL")
    other = c.account("A2", status="deferred", cash="1000", target={"CASH": 1.0})
    case = c.case((*MARKET, twin), (c.account(cash=2000, lots=HELD, target=TARGET), other))

    judgement = judge_trades(case, {"A1": trades(case, SELL_LOSS), "A2": (c.trade(case, "buy 5 MSFX", owner="A2"),)})

    excess = {
        name: [f.excess for f in findings if f.rule == "wash_sale AAPL"]
        for name, findings in judgement.findings.items()
    }
    assert excess == {"A1": [500], "A2": [200]}


def test_a_loss_that_a_wash_sale_disallows_counts_nothing_for_the_year() -> None:
    case = a_case(recent=("A9 buy 1 AAPL 2026-02-20",))

    measures = judge_trades(case, {"A1": trades(case, "sell 20 AAPL < L1 10, L2 10")}).measures

    assert measures.returns[0].added == Gains(short_usd=Decimal(0), long_usd=Decimal(1000))


def test_a_loss_outside_taxable_accounts_counts_nothing_and_washes_nothing() -> None:
    case = c.case(MARKET, (c.account(status="deferred", cash=2000, lots=HELD, target=TARGET),))

    judgement = judge_trades(case, {"A1": trades(case, SELL_LOSS)})

    assert judgement.measures.returns == ()
    assert judgement.measures.accounts[0].after.tax_usd == 0
    assert not any(finding.is_broken for finding in judgement.findings["A1"])


def test_a_limit_of_a_shared_return_counts_once() -> None:
    second = c.account("A2", lots=(c.lot("P1 AAPL 5 @ 100 2020-01-01"),), target={"CASH": 1.0})
    tax = {**msgspec.to_builtins(c.TAX), "budget_tax": "100"}
    both = [
        msgspec.convert({**msgspec.to_builtins(a), "tax": tax}, type=Account, strict=False)
        for a in (c.account(cash=2000, lots=HELD, target=TARGET), second)
    ]
    case = c.case(MARKET, both)

    judgement = judge_trades(
        case, {"A1": trades(case, SELL_GAIN), "A2": (c.trade(case, "sell 5 AAPL", "P1 5", owner="A2"),)}
    )

    assert judgement.excess_by_rank()[Rank.TAX_LIMITS] == Decimal("257.00")  # 238 + 119 - 100


def test_a_household_band_is_judged_on_the_sum() -> None:
    household = msgspec.convert({"mode": "guardrail", "class_limits": {"us_large": [0.0, 0.7]}}, type=Household)
    other = c.account("A2", status="exempt", cash="10000", target={"CASH": 1.0})
    case = msgspec.structs.replace(a_case(others=(other,)), household=household)

    calm = judge_trades(case, {})
    wild = judge_trades(case, {"A2": (c.trade(case, "buy 70 XOM", owner="A2"),)})

    assert calm.excess_by_rank()[Rank.CLASS_LIMITS] == 0
    assert wild.excess_by_rank()[Rank.CLASS_LIMITS] == 1000  # 15,000 of 20,000, at most 14,000
