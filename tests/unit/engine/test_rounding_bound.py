"""Whole shares against every combination of share counts: none is better, and none is below the bound."""

import numpy as np
import pytest

from rebalancing.engine.judge.findings import DOLLAR_TOLERANCE
from rebalancing.engine.relax import find_plan
from rebalancing.engine.rounding.search import Rounded, round_plan
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import Case
from tests import cases as c
from tests.brute_force import Best, best_trades
from tests.unit.engine.test_problem import problem_of

RULES: dict[str, dict[str, c.Wired]] = {
    "plain": {},
    "least trade": {"min_trade": "60"},
    "least position": {"min_position": "90"},
    "ticket": {"ticket_cost": "0.4"},
    "few trades": {"max_trades": 1},
    "little turnover": {"max_turnover": 0.2},
    "least trade and few": {"min_trade": "60", "max_trades": 2},
    "ticket and position": {"ticket_cost": "0.4", "min_position": "90"},
}


def tiny_case(seed: int, *, trading: dict[str, c.Wired], accounts: int = 1) -> Case:
    """Draw an account of some hundred dollars: three securities, five lots or fewer."""
    dice = np.random.default_rng(seed)
    prices = dice.integers(18, 60, size=3)
    market = tuple(
        c.security(f"S{at}", int(price), identity_group="twin" if at < 2 and seed % 3 == 0 else None)
        for at, price in enumerate(prices)
    )
    target = dice.dirichlet(np.ones(3)) * 0.9
    members = []
    for number in range(accounts):
        lots = tuple(
            c.lot(
                f"L{number}{at} S{at} {int(dice.integers(1, 4))} @ {price * dice.uniform(0.5, 1.5):.2f} "
                f"{'2025-09-01' if dice.random() < 0.5 else '2020-01-02'}"
            )
            for at, price in enumerate(prices)
            if dice.random() < 0.8
        )
        members.append(
            c.account(
                f"A{number}",
                status="taxable" if number == 0 else "deferred",
                cash=int(dice.integers(20, 50)),
                lots=lots,
                target={
                    **{f"S{at}": float(weight) for at, weight in enumerate(target)},
                    "CASH": float(1 - target.sum()),
                },
                trading={"tracking_preference": int(dice.integers(3, 11)), **trading},
            )
        )
    return c.case(market, tuple(members))


def both(case: Case) -> tuple[Rounded, Best]:
    plan = find_plan(problem_of(case), solver=CertifyingSolver())
    assert plan is not None
    return round_plan(plan, solver=CertifyingSolver()), best_trades(case)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_no_other_whole_shares_are_better_and_none_lies_below_the_bound(seed: int, rule: str) -> None:
    found, best = both(tiny_case(seed, trading=RULES[rule]))

    excess = {rank: amount for rank, amount in best.excess.items() if amount > DOLLAR_TOLERANCE}
    assert found.bound_usd <= best.objective_usd + 1e-3 or excess
    assert found.objective_usd == pytest.approx(best.objective_usd, abs=2e-3)
