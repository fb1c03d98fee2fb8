"""Accounts of one return are solved in turn; still no trades of both cost less than the lower bound."""

import random

import pytest

from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Account, Case
from rebalancing.engine.verify import verify
from tests import cases as c
from tests.brute_force import best_trades

MARKET = (c.security("AAA", 100), c.security("BBB", 120, "bonds"))


def an_account(name: str, dice: random.Random, *, status: str = "taxable") -> Account:
    lots = tuple(
        c.lot(
            f"{name}{at} {dice.choice(['AAA', 'BBB'])} {dice.randint(1, 3)} @ {dice.choice([50, 80, 130, 180])} "
            f"{dice.choice(['2020-01-01', '2025-09-01'])}"
        )
        for at in range(2)
    )
    weight = dice.choice([0.2, 0.5, 0.8])
    return c.account(
        name,
        status=status,
        cash=dice.choice([50, 150, 250]),
        lots=lots,
        target={"AAA": weight, "BBB": 0.95 - weight, "CASH": 0.05},
        trading={"tracking_preference": dice.choice([1, 3])},
    )


def a_household(seed: int) -> Case:
    dice = random.Random(seed)
    second = "taxable" if seed % 3 else "deferred"
    return c.case(MARKET, (an_account("A1", dice), an_account("A2", dice, status=second)))


@pytest.mark.parametrize("seed", range(16))
def test_no_trades_of_both_accounts_cost_less_than_the_lower_bound(seed: int) -> None:
    case = a_household(seed)
    best = best_trades(case)

    outcome = rebalance(case, fallback=solve_convex)

    assert verify(case, outcome).is_clean
    assert outcome.lower_bound <= best.objective_usd + 1e-6
    assert outcome.objective >= best.objective_usd - 1e-6
