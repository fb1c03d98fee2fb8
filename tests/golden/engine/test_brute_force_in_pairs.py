"""Every rule alone and every two together, on an account so small that every set of trades can be tried."""

from functools import cache

import pytest

from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.verify import judge_trades, verify
from tests.brute_force import Best, best_trades
from tests.rule_settings import SETTINGS, pairs_with, tiny_case

EXACT_BPS = 1e-3  # of value: cents of this account
CENT = 0.01
# What is pinned and never to be traded contradicts the first rank: the checks say so, and a second person decides.
CONTRADICTORY = {("never trade a group", "a pinned sale")}
# What is pinned and spends what is not there, or sells what has no basis, is no case at all.
REFUSED = {("a pinned sale", "an unknown basis"), ("never trade a group", "a pinned purchase")}


@cache
def best_of(*names: str) -> Best:
    return best_trades(tiny_case(*names))


def faults_of(*names: str) -> list[str]:
    """Compare the engine's answer with the best of all sets of trades; return what differs."""
    case, best = tiny_case(*names), best_of(*names)
    outcome = rebalance(case, fallback=solve_convex)
    if names in REFUSED:
        return [] if outcome.status == "invalid" else ["a case that contradicts itself is not refused"]
    checked = verify(case, outcome)
    if names in CONTRADICTORY:
        return [] if checked.failed and not checked.faults else ["no check fails"]
    found = [*checked.faults, *(f"{check.rule}: {check.evidence}" for check in checked.failed)]
    judged = judge_trades(case, {account.id: account.trades for account in outcome.accounts})
    broken, least = judged.excess_by_rank(), best.judgement.excess_by_rank()
    found += [
        f"{rank.name} gives way by {broken[rank]}, not by {least[rank]}"
        for rank in Rank
        if abs(float(broken[rank] - least[rank])) > CENT
    ]
    if found:
        return found
    worse_bps = (outcome.objective - best.objective_usd) / judged.measures.value_usd * 1e4
    if abs(worse_bps) > EXACT_BPS:
        found.append(f"the best costs {worse_bps:.3f} bp less")
    if outcome.lower_bound > best.objective_usd + 1e-6:
        found.append(f"the bound {outcome.lower_bound} is above the best, {best.objective_usd}")
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_a_rule_alone_is_obeyed_at_the_least_cost(name: str) -> None:
    assert faults_of(name) == []


@pytest.mark.parametrize("name", [name for name in SETTINGS if any(pairs_with(name))])
def test_a_rule_and_any_other_are_obeyed_at_the_least_cost(name: str) -> None:
    found = {other: faults for other in pairs_with(name) if (faults := faults_of(name, other))}

    assert found == {}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_rule_changes_what_is_best_alone_or_beside_another(name: str) -> None:
    """A rule that never binds would prove nothing."""
    if best_of(name).trades != best_of().trades:
        return
    beside = [(other, (other, name)) for other in SETTINGS if name in pairs_with(other)]
    beside += [(other, (name, other)) for other in pairs_with(name)]

    assert any(best_of(*both).trades != best_of(other).trades for other, both in beside)
