"""The certificate is true: no set of trades of a tiny case that breaks no more than the outcome costs less."""

from hypothesis import HealthCheck, given, settings

from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Case
from tests.brute_force import best_trades
from tests.properties.engine.strategies import small_cases

DOLLAR = 0.01


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(small_cases(most_securities=2, most_lots=3, most_shares=2))
def test_nothing_that_keeps_the_rules_costs_less_than_the_lower_bound(case: Case) -> None:
    best = best_trades(case)

    outcome = rebalance(case, fallback=solve_convex)

    judged = judge_trades(case, {account.id: account.trades for account in outcome.accounts})
    mine, least = judged.excess_by_rank(), best.judgement.excess_by_rank()
    if all(abs(mine[rank] - least[rank]) <= DOLLAR for rank in Rank):
        assert outcome.lower_bound <= best.objective_usd + 1e-6
        assert outcome.objective >= best.objective_usd - 1e-6
    changed = [rank for rank in Rank if abs(mine[rank] - least[rank]) > DOLLAR]
    assert not changed or least[changed[0]] < mine[changed[0]], "brute force is the best there is"
