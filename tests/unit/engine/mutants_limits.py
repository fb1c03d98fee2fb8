"""Mutants of cash, ranges, classes, taxes, tracking error, trading limits and households: one cent or one share off."""

import msgspec
import pytest
from _pytest.mark import ParameterSet

from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.types import Case, Household
from tests import cases as c
from tests.unit.engine.mutants import Mutant, Words, by_case, by_trades, told
from tests.unit.engine.verify_scenarios import SELL_GAIN, SELL_LOSS, a_case, constraint, trades


def cash(**needs: c.Wired) -> dict[str, c.Wired]:
    return {"cash_needs": needs}


def tax(**block: c.Wired) -> dict[str, c.Wired]:
    return {"tax": block}


def trading(**limits: c.Wired) -> dict[str, c.Wired]:
    return {"trading": limits}


def energy(**bounds: c.Wired) -> dict[str, c.Wired]:
    return {"constraints": constraint("range", sector="Energy", **bounds)}


def classes(asset_class: str, low: float, high: float) -> dict[str, c.Wired]:
    return {"class_limits": {asset_class: (low, high)}}


# Of a value of 10,000, one cent is 0.000001. Buying 16 XOM leaves 2,000 - 1,600 - 0.32 = 399.68 in cash.
BUY_16, BUY_ONE, SELL_ONE = ("buy 16 XOM",), ("buy 1 XOM",), ("sell 1 XOM < L3 1",)
CASH = (
    by_case(
        "a cent", "cash_raise", ("sell 5 AAPL < L2 5",), cash(**{"raise": "2999.80"}), cash(**{"raise": "2999.81"})
    ),
    by_case("a cent", "cash_reserve", BUY_16, cash(reserve_amount="399.68"), cash(reserve_amount="399.69")),
    by_case("a cent by weight", "cash_reserve", BUY_16, cash(reserve_weight=0.039968), cash(reserve_weight=0.039969)),
    by_case(
        "a cent of the reserve beside what is raised",
        "cash_reserve",
        BUY_16,
        cash(reserve_amount="99.68", **{"raise": "300"}),
        cash(reserve_amount="99.69", **{"raise": "300"}),
    ),
    by_case("a cent", "cash_ceiling", BUY_16, cash(max_weight=0.039968), cash(max_weight=0.039967)),
    by_trades("one share not bought", "cash_ceiling", BUY_16, ("buy 15 XOM",), **cash(max_weight=0.04)),
)
CLASSES = (
    by_case(
        "a cent above", "class_limits us_large", BUY_ONE, classes("us_large", 0, 0.81), classes("us_large", 0, 0.809999)
    ),
    by_case(
        "a cent below", "class_limits us_large", BUY_ONE, classes("us_large", 0.81, 1), classes("us_large", 0.810001, 1)
    ),
    by_case(
        "a cent of cash above", "class_limits cash", BUY_16, classes("cash", 0, 0.039968), classes("cash", 0, 0.039967)
    ),
    by_trades("one share", "class_limits us_large", BUY_ONE, ("buy 2 XOM",), **classes("us_large", 0, 0.81)),
)
RANGES = (
    by_case(
        "a cent above by weight", "range sector Energy", BUY_ONE, energy(max_weight=0.21), energy(max_weight=0.209999)
    ),
    by_case(
        "a cent below by weight", "range sector Energy", SELL_ONE, energy(min_weight=0.19), energy(min_weight=0.190001)
    ),
    by_case(
        "a cent above by value", "range sector Energy", BUY_ONE, energy(max_value="2100"), energy(max_value="2099.99")
    ),
    by_case(
        "a cent below by value", "range sector Energy", SELL_ONE, energy(min_value="1900"), energy(min_value="1900.01")
    ),
    by_trades(
        "one share above by quantity", "range sector Energy", BUY_ONE, ("buy 2 XOM",), **energy(max_quantity="21")
    ),
    by_trades(
        "one share below by quantity",
        "range sector Energy",
        SELL_ONE,
        ("sell 2 XOM < L3 2",),
        **energy(min_quantity="19"),
    ),
    *(
        by_trades(
            "one share",
            f"range {kind} {of}",
            BUY_ONE,
            ("buy 2 XOM",),
            constraints=constraint("range", **{kind: of}, max_weight=0.21),
        )
        for kind, of in {"security": "XOM", "industry": "Oil", "screen": "fossil", "identity_group": "XOM"}.items()
    ),
    by_trades(
        "one share",
        "range country US",
        ("sell 1 AAPL < L2 1",),
        ("sell 2 AAPL < L2 2",),
        constraints=constraint("range", country="US", min_weight=0.58),
    ),
)
# L2 realises 100 a share long-term at 23.8 %, L3 20 a share short-term at 40.8 %, L1 loses 50 a share short-term.
TAXES = (
    by_case("a cent", "tax_budget", (SELL_GAIN,), tax(budget_tax="238.00"), tax(budget_tax="237.99")),
    by_case(
        "a cent used before",
        "tax_budget",
        (SELL_GAIN,),
        tax(budget_tax="300", tax_used="62.00"),
        tax(budget_tax="300", tax_used="62.01"),
    ),
    by_case(
        "a cent used before, derived",
        "tax_budget",
        (SELL_GAIN,),
        tax(budget_tax="309.40", realized_long="300"),
        tax(budget_tax="309.39", realized_long="300"),
    ),
    by_trades(
        "gains of another term",
        "tax_budget",
        (SELL_GAIN,),
        ("sell 11 AAPL < L2 10, L1 1", "sell 8 XOM < L3 8"),
        **tax(budget_tax="238"),
    ),
    by_case("a cent", "max_net_gain", (SELL_GAIN,), tax(max_net_gain="1000"), tax(max_net_gain="999.99")),
    by_case(
        "a cent realised before",
        "max_net_gain",
        (SELL_GAIN,),
        tax(max_net_gain="1500", realized_long="500"),
        tax(max_net_gain="1500", realized_long="500.01"),
    ),
    by_trades(
        "one share",
        "never_realize_gains",
        (SELL_LOSS,),
        ("sell 11 AAPL < L1 10, L2 1",),
        **tax(never_realize_gains=True),
    ),
    by_trades("one share", "short_gains", (SELL_GAIN,), (SELL_GAIN, *SELL_ONE), **tax(short_gains="forbid")),
    by_trades("one share, avoided", "short_gains", (SELL_GAIN,), (SELL_GAIN, *SELL_ONE), **tax(short_gains="avoid")),
    by_case(
        "a gain that was long-term a day earlier",
        "short_gains",
        ("sell 1 XOM < D1 1",),
        {**tax(short_gains="forbid"), "lots": (c.lot("D1 XOM 20 @ 80 2025-03-01"),)},
        {**tax(short_gains="forbid"), "lots": (c.lot("D1 XOM 20 @ 80 2025-03-02"),)},
    ),
    by_case(
        "the last day of preserved losses",
        "forced_harvest",
        (SELL_GAIN,),
        tax(forced_harvest={"amount": "0", "preserve_until": "2026-03-01"}),
        tax(forced_harvest={"amount": "0", "preserve_until": "2026-03-02"}),
    ),
)
LIMITS = (
    by_case("a cent", "max_turnover", (SELL_GAIN,), trading(max_turnover=0.1), trading(max_turnover=0.099999)),
    by_trades("one share", "max_turnover", (SELL_GAIN,), (SELL_GAIN, "buy 1 XOM"), **trading(max_turnover=0.1)),
    by_trades("one trade", "max_trades", (SELL_GAIN,), (SELL_GAIN, "buy 1 XOM"), **trading(max_trades=1)),
    by_case("a cent", "min_trade XOM", ("buy 3 XOM",), trading(min_trade="300"), trading(min_trade="300.01")),
    by_trades(
        "one share short of the whole position",
        "min_trade XOM",
        ("sell 20 XOM < L3 20",),
        ("sell 19 XOM < L3 19",),
        **trading(min_trade="2000"),
    ),
    by_case("a cent", "min_position XOM", BUY_ONE, trading(min_position="2100"), trading(min_position="2100.01")),
    by_trades(
        "one share left",
        "min_position XOM",
        ("sell 20 XOM < L3 20",),
        ("sell 19 XOM < L3 19",),
        **trading(min_position="200"),
    ),
)


def _tracking() -> ParameterSet:
    """The cap is what the trades leave, and then a millionth of a percent less."""
    error = judge_trades(a_case(), {"A1": trades(a_case(), "buy 1 XOM")}).measures.accounts[0].tracking_error_after
    return by_case(
        "a ten-millionth",
        "max_tracking_error",
        BUY_ONE,
        trading(max_tracking_error=error),
        trading(max_tracking_error=error - 1e-7),
    )


def _household(
    name: str, killer: str, words: Words, kept: dict[str, c.Wired], broken: dict[str, c.Wired]
) -> ParameterSet:
    """The account of 10,000 beside 10,000 of cash in a retirement account, a dollar of which is worth 0.70."""
    other = c.account("A2", status="deferred", cash=10_000, after_tax_weight=0.7, target={"CASH": 1.0})

    def case(household: dict[str, c.Wired]) -> Case:
        told_as = {"mode": "guardrail", "target": {"AAPL": 0.6, "BND": 0.4}, **household}
        return msgspec.structs.replace(a_case(others=(other,)), household=msgspec.convert(told_as, type=Household))

    made = Mutant(
        case=case(kept),
        kept=told(case(kept), words),
        mutated=case(broken),
        broken=told(case(broken), words),
        killer=killer,
    )
    return pytest.param(made, id=f"{killer}: {name}")


# After both buy one XOM the class holds 8,100 and 0.70 x 100 of 17,000.
BOTH: dict[str, tuple[str, ...]] = {"A1": BUY_ONE, "A2": BUY_ONE}
BONDS: dict[str, tuple[str, ...]] = {"A1": (), "A2": ("buy 1 BND",)}
IN_TAXABLE = {"location": [{"tax_status": "taxable", "asset_class": "bonds"}]}
IN_DEFERRED = {"location": [{"tax_status": "deferred", "asset_class": "bonds"}]}
CAP = 8170 / 17_000
HOUSEHOLDS = (
    *(
        _household(
            f"a cent ({mode})",
            "household_class_limits us_large",
            BOTH,
            {"mode": mode, "class_limits": {"us_large": (0.0, CAP)}},
            {"mode": mode, "class_limits": {"us_large": (0.0, CAP - 0.01 / 17_000)}},
        )
        for mode in ("unified", "guardrail")
    ),
    *(
        _household(
            f"one bond there ({mode})",
            "location bonds",
            BONDS,
            {"mode": mode, **IN_TAXABLE},
            {"mode": mode, **IN_DEFERRED},
        )
        for mode in ("unified", "guardrail")
    ),
    _household(
        "a cent below",
        "household_class_limits us_large",
        BOTH,
        {"class_limits": {"us_large": (CAP, 1.0)}},
        {"class_limits": {"us_large": (CAP + 0.01 / 17_000, 1.0)}},
    ),
)
TRACKING = (_tracking(),)
