"""What a preference costs is what solving without it saves."""

import msgspec
import pytest

from rebalancing.engine.outcome import PreferenceCost
from rebalancing.engine.pipeline import plan_case, prices_by_account
from rebalancing.engine.preferences import objective_usd, price_preferences
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import BadCase, Case
from tests import cases as c

MARKET = (c.security("AAA", 100), c.security("BBB", 50, "bonds"), c.security("CCC", 20))
LOTS = (c.lot("L1 AAA 80 @ 20 2019-01-02"), c.lot("L2 BBB 40 @ 55 2025-09-01"))
TARGET = {"AAA": 0.4, "BBB": 0.4, "CCC": 0.15, "CASH": 0.05}


def a_case(**fields: c.Wired) -> Case:
    held: dict[str, c.Wired] = {"cash": 500, "lots": LOTS, "target": TARGET, **fields}
    return c.case(MARKET, (c.account(**held),))


def solved_usd(case: Case) -> float:
    plan = plan_case(case, solver=CertifyingSolver(solve_convex))
    assert plan is not None
    return objective_usd(plan)


def costs(case: Case) -> dict[str, PreferenceCost]:
    return {cost.preference: cost for cost in price_preferences(case, fallback=solve_convex)}


def test_the_preferences_of_one_account_are_those_of_all_that_are_its_own() -> None:
    never_sell = ({"verb": "never_sell", "security": "AAA"},)
    other = c.account("A2", cash=900, target=TARGET, constraints=({"verb": "never_buy", "security": "CCC"},))
    case = c.case(MARKET, (c.account(cash=500, lots=LOTS, target=TARGET, constraints=never_sell), other))

    everything = price_preferences(case, fallback=solve_convex)
    own = price_preferences(case, account="A2", fallback=solve_convex)

    assert {price.account for price in everything} >= {"A1", "A2"}
    assert own == tuple(price for price in everything if price.account in {"A2", None})
    assert "never_buy security CCC" in {price.preference for price in own}


@pytest.mark.parametrize(
    ("preference", "fields"),
    [
        ("never_sell security AAA", {"constraints": ({"verb": "never_sell", "security": "AAA"},)}),
        ("never_buy security CCC", {"constraints": ({"verb": "never_buy", "security": "CCC"},)}),
        ("never_trade security AAA", {"constraints": ({"verb": "never_trade", "security": "AAA"},)}),
        (
            "never_own security BBB",
            {"constraints": ({"verb": "never_own", "security": "BBB", "disposal": "now"},)},
        ),
        ("range security AAA", {"constraints": ({"verb": "range", "security": "AAA", "min_weight": 0.6},)}),
        ("cash_reserve", {"cash_needs": {"reserve_amount": "2500"}}),
        ("cash_ceiling", {"cash_needs": {"max_weight": 0.001}}),
        ("max_turnover", {"trading": {"max_turnover": 0.02}}),
        ("max_trades", {"trading": {"max_trades": 1}}),
        ("tax_budget", {"tax": {"budget_tax": "40"}}),
        ("max_net_gain", {"tax": {"max_net_gain": "100"}}),
    ],
)
def test_a_preference_costs_what_solving_without_it_saves(preference: str, fields: dict[str, c.Wired]) -> None:
    if "tax" in fields:
        fields = {"tax": {**msgspec.to_builtins(c.TAX), **fields["tax"]}}
    case = a_case(**fields)

    cost = costs(case)[preference]

    assert cost.usd == pytest.approx(solved_usd(case) - solved_usd(a_case()), abs=0.02)
    assert cost.usd > 0.5
    assert cost.bps == pytest.approx(cost.usd / 10_500 * 1e4, rel=1e-2)
    assert cost.account == "A1"


def test_a_preference_that_does_not_bind_costs_nothing() -> None:
    case = a_case(constraints=({"verb": "range", "security": "AAA", "max_weight": 0.95},))

    assert costs(case)["range security AAA"].usd == 0


def test_a_faulty_case_is_refused_by_name() -> None:
    with pytest.raises(BadCase, match="target"):
        price_preferences(a_case(target={"AAA": 0.7}))


@pytest.mark.parametrize(
    ("rule", "fields", "looser", "step"),
    [
        ("max_turnover", {"trading": {"max_turnover": 0.1}}, {"trading": {"max_turnover": 0.1001}}, 0.0001),
        (
            "range security AAA",
            {"constraints": ({"verb": "range", "security": "AAA", "min_weight": 0.6},)},
            {"constraints": ({"verb": "range", "security": "AAA", "min_weight": 0.5999},)},
            0.0001,
        ),
        (
            "max_tracking_error",
            {"trading": {"max_tracking_error": 0.03, "tracking_preference": 1}},
            {"trading": {"max_tracking_error": 0.03002, "tracking_preference": 1}},
            0.00002,
        ),
    ],
)
def test_a_shadow_price_is_what_a_little_more_room_saves(
    rule: str, fields: dict[str, c.Wired], looser: dict[str, c.Wired], step: float
) -> None:
    plan = plan_case(a_case(**fields), solver=CertifyingSolver(solve_convex))
    assert plan is not None

    price = prices_by_account(plan)["A1"].rules[rule]

    saved = solved_usd(a_case(**fields)) - solved_usd(a_case(**looser))
    assert price * step * 10_500 == pytest.approx(saved, rel=0.02)
