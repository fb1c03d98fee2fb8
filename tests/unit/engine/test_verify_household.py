"""
Households are judged on the after-tax dollars of all accounts, with numbers worked by hand.

A taxable account holds 100 A worth 10,000; a retirement account holds 10,000 in cash, worth 0.70 a dollar after tax.
V_H = 10,000 + 0.70 x 10,000 = 17,000. The taxable one sells 20 A of a lot that cost 80 a share; the other buys 20 A
and 100 B at 50: worth after tax 10,000 - 2,000 + 0.70 x 2,000 = 9,400 of A, and 0.70 x 5,000 = 3,500 of B.
"""

import math

import msgspec
import pytest

from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.outcome import Outcome, Trade
from rebalancing.engine.types import Case
from rebalancing.engine.verify import declare, verify
from tests import cases as c

MARKET = (c.security("A", 100), c.security("B", 50, "bonds"))
TARGET = {"A": 0.5, "B": 0.4, "CASH": 0.1}
UNIFIED = {"mode": "unified", "target": TARGET, "tracking_preference": 10, "transfer_cost_bps": 10}


def a_case(household: dict[str, c.Wired] | None = None, **fields: c.Wired) -> Case:
    """Two accounts; `fields` go to the taxable one."""
    plain: dict[str, c.Wired] = {"lots": (c.lot("L1 A 100 @ 80 2020-06-03"),), "target": {"A": 1.0}, **fields}
    taxable = c.account("TAX", **plain)
    deferred = c.account("IRA", status="deferred", cash=10_000, after_tax_weight=0.7, target={"B": 1.0})
    return c.case(MARKET, (taxable, deferred), household=UNIFIED if household is None else household)


def swap(case: Case) -> dict[str, tuple[Trade, ...]]:
    sold = (c.trade(case, "sell 20 A", "L1 20", owner="TAX"),)
    bought = (c.trade(case, "buy 20 A", owner="IRA"), c.trade(case, "buy 100 B", owner="IRA"))
    return {"TAX": sold, "IRA": bought}


def variance(a: float, b: float) -> float:
    """Of active weights: one factor of variance 0.0256 with exposures 1 and 1.1, specific 0.04 and 0.044."""
    return float(0.0256 * (a + 1.1 * b) ** 2 + 0.04 * a**2 + 0.044 * b**2)


def test_a_unified_household_bears_the_risk_of_its_after_tax_dollars() -> None:
    case = a_case()

    household = judge_trades(case, swap(case)).measures.household

    assert household is not None
    before, after = variance(10 / 17 - 0.5, -0.4), variance(9.4 / 17 - 0.5, 3.5 / 17 - 0.4)
    assert household.value_usd == 17_000
    assert household.tracking_error_before == pytest.approx(math.sqrt(before), rel=1e-12)
    assert household.tracking_error_after == pytest.approx(math.sqrt(after), rel=1e-12)
    assert household.risk_before_usd == pytest.approx(17_000 * 1000 / 2 * before, rel=1e-12)  # preference 10: 1000
    assert household.risk_after_usd == pytest.approx(17_000 * 1000 / 2 * after, rel=1e-12)
    assert household.transfer_usd == 2  # 10 basis points of the 2,000 of A that change accounts


def test_the_objective_of_a_unified_household_adds_every_term_once() -> None:
    case = a_case()

    measures = judge_trades(case, swap(case)).measures

    risk = 17_000 * 1000 / 2 * variance(9.4 / 17 - 0.5, 3.5 / 17 - 0.4)
    tax = 400 * 0.238 * (1 - 1.06**-10)  # a gain of 20 a share, less what selling later would have cost
    cost = 0.0002 * (2000 + 2000 + 5000)
    assert measures.objective_usd == pytest.approx(risk + tax + cost + 2.0, abs=1e-9)
    assert measures.objective_before_usd == pytest.approx(17_000 * 500 * variance(10 / 17 - 0.5, -0.4), abs=1e-9)


def test_each_account_is_credited_with_the_risk_that_its_own_trades_remove() -> None:
    case = a_case()

    tax, ira = judge_trades(case, swap(case)).measures.accounts

    # Mean active weights: A (10 + 9.4) / 34 - 0.5, B 3.5 / 34 - 0.4; the taxable account moves A by -2,000 / 17,000.
    a, b = 19.4 / 34 - 0.5, 3.5 / 34 - 0.4
    slope = 17_000 * 1000 * (0.0256 * (a + 1.1 * b) + 0.04 * a)
    assert tax.after.risk_usd - tax.before.risk_usd == pytest.approx(slope * -2 / 17, rel=1e-12)
    assert tax.before.risk_usd / ira.before.risk_usd == pytest.approx(10 / 7)
    assert (tax.after.transfer_usd, ira.after.transfer_usd) == (1.0, 1.0)


def test_an_account_of_a_unified_household_is_compared_with_the_household_target() -> None:
    case = a_case()

    tax, ira = judge_trades(case, swap(case)).measures.accounts

    assert tax.tracking_error_before == pytest.approx(math.sqrt(variance(0.5, -0.4)), rel=1e-12)
    assert ira.tracking_error_after == pytest.approx(math.sqrt(variance(0.2 - 0.5, 0.5 - 0.4)), rel=1e-12)


def test_in_a_unified_household_own_class_limits_and_tracking_caps_fall_away() -> None:
    case = a_case(class_limits={"bonds": (0.5, 1.0)}, trading={"max_tracking_error": 0.0001})

    findings = judge_trades(case, {}).findings["TAX"]

    assert not any(finding.rule.startswith("class_limits") for finding in findings)
    assert not next(finding for finding in findings if finding.rule == "max_tracking_error").is_broken


@pytest.mark.parametrize(
    ("asset_class", "limits", "excess"),
    [
        ("us_large", (0.0, 0.5), "900"),  # 9,400 of 17,000, at most 8,500
        ("bonds", (0.3, 1.0), "1600"),  # 3,500, at least 5,100
        ("cash", (0.0, 0.2), "698.62"),  # 1,999.60 + 0.70 x 2,998.60, at most 3,400
    ],
)
@pytest.mark.parametrize("mode", ["unified", "guardrail"])
def test_limits_of_the_household_count_dollars_after_tax(
    mode: str, asset_class: str, limits: tuple[float, float], excess: str
) -> None:
    case = a_case({**UNIFIED, "mode": mode, "class_limits": {asset_class: limits}})

    judged = judge_trades(case, swap(case))

    rule = f"household_class_limits {asset_class}"
    found = [next(f for f in findings if f.rule == rule) for findings in judged.findings.values()]
    assert [f"{finding.excess.normalize():f}" for finding in found] == [excess, excess]
    assert judged.excess_by_rank()[Rank.CLASS_LIMITS] == found[0].excess


def test_a_guardrail_keeps_the_accounts_own_targets_and_limits() -> None:
    case = a_case(
        {**UNIFIED, "mode": "guardrail"}, class_limits={"us_large": (0.0, 0.7)}, trading={"tracking_preference": 1}
    )

    judged = judge_trades(case, swap(case))
    tax = judged.measures.accounts[0]

    assert judged.measures.household is None
    assert tax.tracking_error_after == pytest.approx(math.sqrt(variance(0.8 - 1.0, 0.0)), rel=1e-12)
    assert tax.after.risk_usd == pytest.approx(10_000 * 10 / 2 * variance(0.2, 0.0), rel=1e-12)
    assert tax.after.transfer_usd == 0
    assert next(f for f in judged.findings["TAX"] if f.rule == "class_limits us_large").excess == 1000


def test_what_is_only_sold_or_only_bought_changes_no_account_and_costs_no_transfer() -> None:
    case = a_case()
    made = {"IRA": (c.trade(case, "buy 20 A", owner="IRA"),)}

    household = judge_trades(case, made).measures.household

    assert household is not None
    assert household.transfer_usd == 0


def test_the_lesser_side_is_what_changes_accounts() -> None:
    case = a_case()
    made = {**swap(case), "TAX": (c.trade(case, "sell 5 A", "L1 5", owner="TAX"),)}

    household = judge_trades(case, made).measures.household

    assert household is not None
    assert float(household.transfer_usd) == 0.5  # 500 sold, 2,000 bought


def test_a_loss_sold_in_one_account_meets_the_purchase_in_another() -> None:
    case = a_case(lots=(c.lot("L1 A 100 @ 110 2020-06-03"),))

    findings = judge_trades(case, swap(case)).findings

    excess = {name: next(f.excess for f in found if f.rule == "wash_sale A") for name, found in findings.items()}
    assert excess == {"TAX": 200, "IRA": 2000}


def an_outcome(case: Case) -> Outcome:
    return c.outcome(case, swap(case))


def test_an_honest_outcome_of_a_unified_household_is_clean() -> None:
    case = a_case()

    verification = verify(case, an_outcome(case))

    assert verification.is_clean, (verification.faults, verification.failed)


@pytest.mark.parametrize(
    ("path", "by"),
    [
        ("tracking_error_before", 1e-6),
        ("tracking_error_after", -1e-6),
        ("before.risk", 0.01),
        ("before.cost", 0.01),
        ("after.risk", -0.01),
        ("after.tax", 0.01),
        ("after.waiting", 0.01),
        ("after.cost", 0.01),
        ("after.hurdles", 0.01),
        ("after.transfers", -0.01),
    ],
)
def test_a_figure_of_the_household_that_is_not_true_is_a_fault(path: str, by: float) -> None:
    case = a_case()
    plain = msgspec.to_builtins(an_outcome(case))
    *parents, last = path.split(".")
    at = plain["household"]
    for parent in parents:
        at = at[parent]
    at[last] += by

    faults = verify(case, msgspec.convert(plain, type=Outcome)).faults

    assert any(fault.startswith(f"household: {path} is reported as") for fault in faults), faults


def test_the_household_is_reported_where_it_is_unified_and_nowhere_else() -> None:
    unified, guarded = a_case(), a_case({**UNIFIED, "mode": "guardrail"})
    silent = msgspec.structs.replace(an_outcome(unified), household=None)
    loud = msgspec.structs.replace(an_outcome(guarded), household=an_outcome(unified).household)

    assert "household is missing, the case is a unified household" in verify(unified, silent).faults
    assert "household is reported, the case is no unified household" in verify(guarded, loud).faults


def test_a_broken_limit_of_the_household_is_declared_by_all_its_accounts() -> None:
    case = a_case({**UNIFIED, "class_limits": {"us_large": (0.0, 0.5)}})
    made = swap(case)
    broken = next(f for f in judge_trades(case, made).findings["TAX"] if f.is_broken)
    told = (declare(broken, because="never_sell security A"),)
    honest = c.outcome(case, made, relaxed=told)
    both = tuple(msgspec.structs.replace(account, relaxed=told) for account in honest.accounts)

    assert [check.rule for check in verify(case, honest).failed] == ["household_class_limits us_large"]
    assert verify(case, msgspec.structs.replace(honest, accounts=both)).is_clean


def test_a_unified_household_trades_for_what_it_saves_together() -> None:
    """The swap saves 68,709 dollars, four times V_H at this tracking preference; the sale alone costs 18,712."""
    worth, poor = (a_case(trading={"only_if_benefit_exceeds_bps": bps}) for bps in (100.0, 1e6))
    alone = a_case(trading={"only_if_benefit_exceeds_bps": 1e6})

    bought_alone = {"TAX": swap(alone)["TAX"]}

    assert verify(worth, an_outcome(worth)).is_clean
    assert verify(poor, an_outcome(poor)).is_clean  # the retirement account asks for nothing
    assert any("only_if_benefit" in fault for fault in verify(alone, c.outcome(alone, bought_alone)).faults)
