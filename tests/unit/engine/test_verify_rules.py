"""Every rule of docs/case.md has trades that satisfy it and trades that break it, by an amount worked out by hand."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

import msgspec
import pytest
from _pytest.mark import ParameterSet

from portfolios.ledger.tax import Gains
from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.outcome import Check, Trade
from rebalancing.engine.types import Account, Case, Household
from rebalancing.engine.verify import declare, judge_trades, verify
from tests import cases as c

MARKET = (
    c.security("AAPL", 200, sector="Technology", country="US"),
    c.security("MSFT", 400, sector="Technology", country="US", identity_group="MICRO"),
    c.security("XOM", 100, sector="Energy", industry="Oil", screens=("fossil",)),
    c.security("CVX", 150, sector="Energy", industry="Oil", screens=("fossil",), buyable=False),
    c.security("BND", 80, "bonds", quantity_step="0.01"),
)
HELD = (
    c.lot("L1 AAPL 10 @ 250 2025-06-03"),  # a short-term loss of 50 a share
    c.lot("L2 AAPL 10 @ 100 2020-06-03"),  # a long-term gain of 100 a share
    c.lot("L3 XOM 20 @ 80 2025-09-01"),  # a short-term gain of 20 a share
    c.lot("L4 MSFT 5 @ 400 2020-06-03"),  # neither gain nor loss
)  # 4,000 + 2,000 + 2,000, with 2,000 cash: a value of 10,000
TARGET = {"AAPL": 0.4, "MSFT": 0.2, "XOM": 0.2, "BND": 0.1, "CASH": 0.1}


def a_case(
    *,
    recent: tuple[str, ...] = (),
    others: tuple[Account, ...] = (),
    tax: Mapping[str, c.Wired] | None = None,
    **fields: c.Wired,
) -> Case:
    """One taxable account worth 10,000; `tax`, `trading`, `cash_needs`, `constraints` as on the wire."""
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {"cash": 2000, "lots": HELD, "target": TARGET, "tax": return_of, **fields}
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if "loss" in words else "0") for words in recent]
    return c.case(MARKET, (c.account(**held), *others), recent_trades=trades)


def trades(of_case: Case, *words: str) -> tuple[Trade, ...]:
    """Read `sell 5 AAPL < L1 5, L2 1` and `buy 2 MSFT`."""
    parsed = []
    for text in words:
        head, _, lots = text.partition(" < ")
        parsed.append(c.trade(of_case, head, *(lots.split(", ") if lots else ())))
    return tuple(parsed)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    rule: str
    rank: Rank
    build: Callable[[], Case]
    keeps: tuple[str, ...]
    breaks: tuple[str, ...]
    by: str
    excess: str


def scenario(
    rule: str, rank: Rank, keeps: tuple[str, ...], breaks: tuple[str, ...], by: str, excess: str, **fields: c.Wired
) -> ParameterSet:
    made = Scenario(
        rule=rule, rank=rank, build=partial(a_case, **fields), keeps=keeps, breaks=breaks, by=by, excess=excess
    )
    return pytest.param(made, id=f"{rule} / {' + '.join(breaks) or 'nothing'}")


def constraint(verb: str, **fields: c.Wired) -> tuple[dict[str, c.Wired], ...]:
    return ({"verb": verb, **fields},)


SELL_LOSS = "sell 10 AAPL < L1 10"
SELL_GAIN = "sell 10 AAPL < L2 10"
SELL_SHORT_GAIN = "sell 10 XOM < L3 10"
BUY_AAPL = "buy 5 AAPL"
SPOUSE = c.account("A2", cash="1000", lots=(c.lot("P1 AAPL 1 @ 300 2026-02-20"),), target={"CASH": 1.0})
IRA = c.account("A2", status="deferred", cash="1000", lots=SPOUSE.lots, target={"CASH": 1.0})
GIVEN_RECENTLY = (msgspec.structs.replace(HELD[0], id="N1", acquired=dt.date(2026, 2, 20), wash_acquisition=False),)
LAW = (
    scenario("quantity_step XOM", Rank.LAW, ("buy 1 XOM",), ("buy 1.5 XOM",), "0.5 shares", "50"),
    scenario("quantity_step BND", Rank.LAW, ("buy 1.25 BND",), ("buy 1.255 BND",), "0.005 shares", "1"),
    scenario("no_overdraft", Rank.LAW, ("buy 19 XOM",), ("buy 25 XOM",), "500.50 dollars", "500.50"),
    scenario("never_short", Rank.LAW, ("sell 20 XOM < L3 20",), ("sell 21 XOM < L3 20",), "100.00 dollars", "100"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4",), "1 mistake", "1"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L1 5",), "2 mistakes", "2"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4, L3 1",), "2 mistakes", "2"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("buy 5 XOM < L3 5",), "1 mistake", "1"),
    scenario("one_side", Rank.LAW, ("buy 5 XOM",), ("buy 5 XOM", "sell 3 XOM < L3 3"), "300.00 dollars", "300"),
    scenario("not_buyable", Rank.LAW, ("buy 1 XOM",), ("buy 1 CVX",), "150.00 dollars", "150"),
    scenario(
        "unknown_basis",
        Rank.LAW,
        ("sell 5 AAPL < L1 5",),
        ("sell 5 MSFT < U1 5",),
        "2000.00 dollars",
        "2000",
        lots=(*HELD[:3], c.lot("U1 MSFT 5 @ ? 2020-06-03")),
    ),
    scenario(
        "gift",
        Rank.LAW,
        (SELL_LOSS,),
        ("sell 4 MSFT < G1 4",),
        "1600.00 dollars",
        "1600",
        lots=(*HELD[:3], c.lot("G1 MSFT 5 @ 10 2020-06-03", gift=True)),
    ),
    scenario(
        "hold_only XOM",
        Rank.LAW,
        ("sell 1 XOM < L3 1",),
        ("buy 1 XOM",),
        "100.00 dollars",
        "100",
        substitutes=({"for": "CVX", "use": "XOM", "hold_only": True},),
    ),
    scenario(
        "pinned XOM",
        Rank.LAW,
        ("buy 3 XOM",),
        ("buy 5 XOM",),
        "2 shares",
        "200",
        trading={"pinned": ({"security": "XOM", "side": "buy", "quantity": "3"},)},
    ),
    scenario(
        "pinned AAPL",
        Rank.LAW,
        ("sell 3 AAPL < L2 3",),
        ("sell 3 AAPL < L1 3",),
        "3 shares",
        "600",
        trading={
            "pinned": (
                {"security": "AAPL", "side": "sell", "quantity": "3", "lots": ({"lot": "L2", "quantity": "3"},)},
            )
        },
    ),
    scenario(
        "pinned XOM",
        Rank.LAW,
        (),
        ("sell 1 XOM < L3 1",),
        "1 shares",
        "100",
        trading={"pinned": ({"security": "XOM", "side": "none"},)},
    ),
    scenario(
        "never_trade identity_group MICRO",
        Rank.LAW,
        (BUY_AAPL,),
        ("buy 1 MSFT",),
        "1 shares",
        "400",
        constraints=constraint("never_trade", identity_group="MICRO"),
    ),
    scenario(
        "never_trade identity_group MICRO",
        Rank.LAW,
        (BUY_AAPL,),
        ("sell 2 MSFT < L4 2",),
        "2 shares",
        "800",
        constraints=constraint("never_trade", identity_group="MICRO"),
    ),
)
CLIENT = (
    scenario(
        "never_buy security XOM",
        Rank.CLIENT_NEVER,
        (SELL_SHORT_GAIN,),
        ("buy 2 XOM",),
        "2 shares",
        "200",
        constraints=constraint("never_buy", security="XOM"),
    ),
    scenario(
        "never_buy sector Technology",
        Rank.CLIENT_NEVER,
        (SELL_LOSS, "buy 1 XOM"),
        ("buy 1 MSFT", BUY_AAPL),
        "1400.00 dollars",
        "1400",
        constraints=constraint("never_buy", sector="Technology"),
    ),
    scenario(
        "never_sell country US",
        Rank.CLIENT_NEVER,
        (SELL_SHORT_GAIN, BUY_AAPL),
        (SELL_GAIN,),
        "10 shares",
        "2000",
        constraints=constraint("never_sell", country="US"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.CLIENT_NEVER,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "5 shares",
        "500",
        constraints=constraint("never_own", screen="fossil", disposal="now"),
    ),
    scenario(
        "never_own industry Oil",
        Rank.CLIENT_NEVER,
        ("sell 20 XOM < L3 20",),
        (),
        "20 shares",
        "2000",
        constraints=constraint("never_own", industry="Oil"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.WISHES,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "5 shares",
        "500",
        constraints=constraint("never_own", screen="fossil", disposal="within_budget"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.CLIENT_NEVER,
        ("sell 15 XOM < L3 15",),
        ("buy 1 XOM",),
        "1 shares",
        "100",
        constraints=constraint("never_own", screen="fossil", disposal="keep"),
    ),
    scenario(
        "range sector Energy",
        Rank.WISHES,
        ("buy 5 XOM",),
        ("buy 6 XOM",),
        "0.010000 weight",
        "100",
        constraints=constraint("range", sector="Energy", min_weight=0.15, max_weight=0.25),
    ),
    scenario(
        "range sector Energy",
        Rank.WISHES,
        ("sell 5 XOM < L3 5",),
        ("sell 6 XOM < L3 6",),
        "0.010000 weight",
        "100",
        constraints=constraint("range", sector="Energy", min_weight=0.15, max_weight=0.25),
    ),
    scenario(
        "range security MSFT",
        Rank.WISHES,
        ("buy 2 MSFT",),
        ("buy 3 MSFT",),
        "200.00 dollars",
        "200",
        constraints=constraint("range", security="MSFT", max_value="3000"),
    ),
    scenario(
        "range security MSFT",
        Rank.WISHES,
        ("sell 1 MSFT < L4 1",),
        ("sell 3 MSFT < L4 3",),
        "1 shares",
        "400",
        constraints=constraint("range", security="MSFT", min_quantity="3", max_quantity="6"),
    ),
)
WASH = (
    scenario(
        "wash_sale AAPL",
        Rank.WASH_SALE,
        (SELL_GAIN,),
        (SELL_LOSS,),
        "500.00 dollars",
        "500",
        recent=("A9 buy 1 AAPL 2026-01-31",),
    ),
    scenario("wash_sale AAPL", Rank.WASH_SALE, (SELL_GAIN,), (SELL_LOSS,), "500.00 dollars", "500", others=(SPOUSE,)),
    scenario("wash_sale AAPL", Rank.WASH_SALE, (SELL_GAIN,), (SELL_LOSS,), "500.00 dollars", "500", others=(IRA,)),
    scenario(
        "wash_sale AAPL",
        Rank.WASH_SALE,
        ("buy 1 XOM",),
        ("buy 2 AAPL",),
        "400.00 dollars",
        "400",
        recent=("A9 sell 1 AAPL 2026-01-31 loss",),
    ),
)
ACCOUNT = (
    scenario(
        "cash_raise",
        Rank.CASH,
        (SELL_GAIN,),
        ("sell 4 AAPL < L2 4",),
        "200.16 dollars",
        "200.16",
        cash_needs={"raise": "3000"},
    ),
    scenario(
        "cash_reserve",
        Rank.CASH,
        ("buy 9 XOM",),
        ("buy 12 XOM",),
        "200.24 dollars",
        "200.24",
        cash_needs={"reserve_amount": "1000", "reserve_weight": 0.09},
    ),
    scenario(
        "cash_reserve",
        Rank.CASH,
        ("buy 4 XOM",),
        ("buy 9 XOM",),
        "400.18 dollars",
        "400.18",
        cash_needs={"reserve_amount": "1000", "reserve_weight": 0.15},
    ),
    scenario(
        "cash_ceiling",
        Rank.WISHES,
        ("buy 16 XOM",),
        ("buy 13 XOM",),
        "0.019974 weight",
        "199.74",
        cash_needs={"max_weight": 0.05},
    ),
    scenario(
        "class_limits us_large",
        Rank.CLASS_LIMITS,
        ("buy 1 XOM",),
        ("sell 10 XOM < L3 10",),
        "0.050000 weight",
        "500",
        class_limits={"us_large": (0.75, 0.9)},
    ),
    scenario(
        "class_limits cash",
        Rank.CLASS_LIMITS,
        ("buy 12 XOM",),
        ("buy 5 XOM",),
        "0.049990 weight",
        "499.90",
        class_limits={"cash": (0.0, 0.1)},
    ),
    scenario(
        "max_turnover",
        Rank.TRADING,
        ("sell 10 AAPL < L2 10",),
        ("sell 10 AAPL < L2 10", "buy 10 XOM"),
        "0.050000 weight",
        "500",
        trading={"max_turnover": 0.1},
    ),
    scenario(
        "max_trades",
        Rank.TRADING,
        (SELL_GAIN,),
        (SELL_GAIN, "buy 1 XOM"),
        "1 trades",
        "1",
        trading={"max_trades": 1},
    ),
    scenario(
        "min_trade XOM",
        Rank.TRADING,
        ("buy 3 XOM",),
        ("buy 1 XOM",),
        "150.00 dollars",
        "150",
        trading={"min_trade": "250"},
    ),
    scenario(
        "min_trade XOM",
        Rank.TRADING,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "300.00 dollars",
        "300",
        trading={"min_trade": "1800"},
    ),
    scenario(
        "min_position XOM",
        Rank.TRADING,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "100.00 dollars",
        "100",
        trading={"min_position": "600"},
    ),
)
TAXATION = (  # L2 realises 100 a share long (23.8 %), L3 20 a share short (40.8 %), L1 loses 50 a share short
    scenario(
        "tax_budget",
        Rank.TAX_LIMITS,
        ("sell 8 AAPL < L2 8",),
        (SELL_GAIN,),
        "38.00 dollars",
        "38",
        tax={"budget_tax": "200"},
    ),
    scenario(
        "tax_budget",
        Rank.TAX_LIMITS,
        (SELL_GAIN, "sell 5 XOM < L3 5"),  # 238 + 40.80 are within 400 less 100 used
        (SELL_GAIN, SELL_SHORT_GAIN),  # 238 + 81.60 are not
        "19.60 dollars",
        "19.60",
        tax={"budget_tax": "400", "tax_used": "100"},
    ),
    scenario(
        "tax_budget",
        Rank.TAX_LIMITS,
        (SELL_LOSS,),
        ("sell 1 AAPL < L2 1",),
        "23.80 dollars",
        "23.80",
        tax={"budget_tax": "0", "realized_long": "5000"},
    ),
    scenario(
        "max_net_gain",
        Rank.TAX_LIMITS,
        ("sell 5 AAPL < L2 5",),
        (SELL_GAIN,),
        "300.00 dollars",
        "300",
        tax={"max_net_gain": "1000", "realized_long": "300"},
    ),
    scenario(
        "max_net_gain",
        Rank.TAX_LIMITS,
        (SELL_LOSS,),
        ("sell 1 AAPL < L2 1",),
        "100.00 dollars",
        "100",
        tax={"max_net_gain": "1000", "realized_long": "5000"},
    ),
    scenario(
        "never_realize_gains",
        Rank.TAX_LIMITS,
        (SELL_LOSS,),
        ("sell 11 AAPL < L1 10, L2 1",),
        "100.00 dollars",
        "100",
        tax={"never_realize_gains": True},
    ),
    scenario(
        "short_gains",
        Rank.TAX_LIMITS,
        (SELL_GAIN,),
        (SELL_LOSS, SELL_SHORT_GAIN),
        "200.00 dollars",
        "200",
        tax={"short_gains": "forbid"},
    ),
    scenario(
        "short_gains",
        Rank.WISHES,
        (SELL_GAIN,),
        (SELL_SHORT_GAIN,),
        "200.00 dollars",
        "200",
        tax={"short_gains": "avoid"},
    ),
    scenario(
        "forced_harvest",
        Rank.WISHES,
        (SELL_LOSS,),
        (SELL_GAIN,),
        "1000.00 dollars",
        "1000",
        tax={"forced_harvest": {"amount": "400", "preserve_until": "2026-12-31"}},
    ),
)
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
