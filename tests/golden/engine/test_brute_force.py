"""On cases so small that every set of trades can be tried, the engine finds the best one, and bounds it from below."""

import msgspec
import pytest

from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Case
from rebalancing.engine.verify import judge_trades, verify
from tests import cases as c
from tests.brute_force import best_trades

# Rounding is a search: a set of whole shares this close to the best of all is as good.
ROUNDING_BPS = 2.0
MARKET = (
    c.security("AAA", 100, sector="Technology", identity_group="AAA"),
    c.security("BBB", 150, sector="Energy", screens=("fossil",)),
    c.security("CCC", 120, "bonds"),
)
LOTS = (
    c.lot("L1 AAA 3 @ 130 2025-06-03"),  # a short-term loss of 30 a share
    c.lot("L2 AAA 2 @ 60 2020-01-01"),  # a long-term gain of 40 a share
    c.lot("L3 BBB 2 @ 100 2025-09-01"),  # a short-term gain of 50 a share
)  # 500 + 300, with 350 cash: a value of 1,150
TARGET = {"AAA": 0.3, "BBB": 0.3, "CCC": 0.3, "CASH": 0.1}


def a_case(*, tax: c.Wired = None, recent: tuple[str, ...] = (), **fields: c.Wired) -> Case:
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {"cash": 350, "lots": LOTS, "target": TARGET, "tax": return_of, **fields}
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if "loss" in words else "0") for words in recent]
    return c.case(MARKET, (c.account(**held),), recent_trades=trades)


def one(verb: str, **fields: c.Wired) -> dict[str, c.Wired]:
    return {"constraints": ({"verb": verb, **fields},)}


CASES: dict[str, Case] = {
    "plain": a_case(),
    "taxes first": a_case(trading={"tracking_preference": 1}),
    "target first": a_case(trading={"tracking_preference": 10}),
    "not taxed": c.case(MARKET, (c.account(status="deferred", cash=350, lots=LOTS, target=TARGET),)),
    "from cash": a_case(cash=900, lots=()),
    "nothing harvested": a_case(tax={"harvest": "off"}),
    "gains to use losses up": a_case(tax={"realized_short": "-200", "carryforward_long": "100"}),
    "short gains to shelter": a_case(tax={"realized_short": "400"}),
    "losses beyond the allowance": a_case(tax={"realized_long": "-3010"}),
    "dear tickets": a_case(trading={"ticket_cost": "15"}),
    "never buy": a_case(**one("never_buy", security="CCC")),
    "never sell": a_case(**one("never_sell", security="AAA")),
    "never trade": a_case(**one("never_trade", identity_group="AAA")),
    "never own now": a_case(**one("never_own", screen="fossil")),
    "never own within a budget of nothing": a_case(
        tax={"budget_tax": "0"}, **one("never_own", screen="fossil", disposal="within_budget")
    ),
    "never own kept": a_case(**one("never_own", screen="fossil", disposal="keep")),
    "a cap in weight": a_case(**one("range", security="AAA", max_weight=0.2)),
    "a cap in dollars": a_case(**one("range", security="AAA", max_value="250")),
    "a floor in shares": a_case(**one("range", security="CCC", min_quantity="4")),
    "class limits": a_case(class_limits={"bonds": (0.1, 0.2)}),
    "class limits that nothing fits": a_case(class_limits={"bonds": (0.5, 0.6)}, **one("never_buy", security="CCC")),
    "cash to raise": a_case(cash_needs={"raise": "500"}),
    "cash to keep": a_case(cash_needs={"reserve_amount": "300", "reserve_weight": 0.3}),
    "cash to invest": a_case(cash_needs={"max_weight": 0.05}),
    "a tax budget": a_case(tax={"budget_tax": "20"}, cash_needs={"raise": "800"}),
    "a cap on gains": a_case(tax={"max_net_gain": "30"}, lots=LOTS[1:]),
    "gains never realised": a_case(tax={"never_realize_gains": True, "carried_loss_rate": 0.0}),
    "short gains avoided": a_case(tax={"short_gains": "avoid"}),
    "short gains forbidden, cash needed": a_case(tax={"short_gains": "forbid"}, cash_needs={"raise": "1100"}),
    "a forced harvest": a_case(tax={"forced_harvest": {"amount": "60"}}),
    "a forced harvest too large": a_case(tax={"forced_harvest": {"amount": "600"}}),
    "losses preserved": a_case(tax={"forced_harvest": {"amount": "0", "preserve_until": "2026-12-31"}}, lots=LOTS[1:]),
    "a loss washed by the spouse": a_case(recent=("A9 buy 1 AAA 2026-02-20",)),
    "a purchase barred by a loss sold": a_case(recent=("A9 sell 1 CCC 2026-02-20 loss",)),
    "a least trade": a_case(trading={"min_trade": "260"}),
    "a least position": a_case(trading={"min_position": "350"}),
    "two trades": a_case(trading={"max_trades": 2}),
    "turnover": a_case(trading={"max_turnover": 0.15}),
    "a cap on tracking error": a_case(
        trading={"tracking_preference": 1, "max_tracking_error": 0.04}, tax={"carried_loss_rate": 0.2}
    ),
    "a pinned purchase": a_case(trading={"pinned": ({"security": "BBB", "side": "buy", "quantity": "1"},)}),
    "a pinned sale": a_case(trading={"pinned": ({"security": "AAA", "side": "sell", "quantity": "2"},)}),
    "a security let alone": a_case(trading={"pinned": ({"security": "AAA", "side": "none"},)}),
    "a substitute with its hurdle": a_case(
        target={"AAA": 0.3, "BBB": 0.6, "CASH": 0.1}, substitutes=({"for": "BBB", "use": "CCC", "hurdle_bps": 40},)
    ),
    "an unknown basis": a_case(lots=(*LOTS[:1], c.lot("L2 AAA 2 @ ? 2020-01-01"), LOTS[2])),
    "a gift lot": a_case(lots=(*LOTS[:1], c.lot("L2 AAA 2 @ 60 2020-01-01", gift=True), LOTS[2])),
}


@pytest.mark.parametrize("name", CASES)
def test_the_engine_finds_the_best_of_all_sets_of_trades(name: str) -> None:
    case = CASES[name]
    best = best_trades(case)

    outcome = rebalance(case, fallback=solve_convex)

    verification = verify(case, outcome)
    assert verification.is_clean, (verification.faults, verification.failed)
    judged = judge_trades(case, {account.id: account.trades for account in outcome.accounts})
    broken = {rank: float(amount) for rank, amount in judged.excess_by_rank().items()}
    least = {rank: float(amount) for rank, amount in best.judgement.excess_by_rank().items()}
    assert broken == pytest.approx(least, abs=0.01), "a rule gives way by more than it has to"
    slack_usd = ROUNDING_BPS * judged.measures.value_usd * 1e-4
    if broken[Rank.LAW] == 0:
        assert outcome.lower_bound <= best.objective_usd + 1e-6
        assert outcome.objective >= best.objective_usd - 1e-6
        assert outcome.objective <= best.objective_usd + slack_usd


def test_a_benefit_below_the_least_that_was_asked_for_is_not_taken() -> None:
    case = a_case(trading={"only_if_benefit_exceeds_bps": 1e5})

    outcome = rebalance(case, fallback=solve_convex)

    assert outcome.status == "no_trade"
    assert outcome.accounts[0].checks
    assert verify(case, outcome).is_clean


def test_a_rule_is_cured_however_little_it_brings() -> None:
    case = a_case(trading={"only_if_benefit_exceeds_bps": 1e5}, cash_needs={"raise": "500"})

    outcome = rebalance(case, fallback=solve_convex)

    assert outcome.accounts[0].cash_after >= 500
    assert verify(case, outcome).is_clean
