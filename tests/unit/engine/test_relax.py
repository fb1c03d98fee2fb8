"""What gives way, by how much, and because of what: the order of sacrifice, strictly."""

import numpy as np
import pytest

from rebalancing.engine.constraints import Rank
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.relax import find_plan, minimise_violations, within_reach
from tests import cases as c
from tests.unit.engine.test_pipeline import solved, traded
from tests.unit.engine.test_problem import a_case, constraint, problem_of


def test_a_cap_out_of_reach_names_the_never_sell_that_bars_it() -> None:
    rules = (
        {"verb": "never_sell", "security": "AAA"},
        {"verb": "range", "security": "AAA", "max_weight": 0.2},
    )

    outcome = solved(a_case(constraints=rules))

    (relaxed,) = outcome.accounts[0].relaxed
    assert (relaxed.rule, relaxed.because) == ("range security AAA", "never_sell security AAA")
    assert relaxed.by == "0.300000 weight"
    assert outcome.status == "relaxed"


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"lots": (c.lot("L1 BBB 20 @ ? 2020-01-02"),)}, "unknown_basis"),
        ({"lots": (c.lot("L1 BBB 20 @ 40 2020-01-02", gift=True),)}, "gift"),
        ({"trading": {"pinned": ({"security": "BBB", "side": "none"},)}}, "pinned BBB"),
    ],
)
def test_what_may_not_be_owned_stays_where_it_cannot_be_sold(fields: dict[str, c.Wired], because: str) -> None:
    outcome = solved(a_case(**constraint("never_own", screen="fossil"), **fields))

    assert [(r.rule, r.because) for r in outcome.accounts[0].relaxed] == [("never_own screen fossil", because)]
    assert "BBB" not in traded(outcome)


def test_cash_is_raised_even_beyond_the_tax_budget() -> None:
    outcome = solved(a_case(cash_needs={"raise": "3900"}, tax={"budget_tax": "0"}))

    (relaxed,) = outcome.accounts[0].relaxed
    assert (relaxed.rule, relaxed.because) == ("tax_budget", "cash_raise")
    assert outcome.accounts[0].cash_after >= 3900


def test_the_tax_budget_stands_before_a_disposal_within_it() -> None:
    rules = constraint("never_own", screen="fossil", disposal="within_budget")
    outcome = solved(a_case(lots=(c.lot("L3 BBB 20 @ 40 2025-09-01"),), tax={"budget_tax": "41"}, **rules))

    (relaxed,) = outcome.accounts[0].relaxed
    assert (relaxed.rule, relaxed.because) == ("never_own screen fossil", "tax_budget")
    assert traded(outcome)["BBB"] == -10  # ten dollars a share at 40.8 %: ten shares cost 40.80


def test_each_rank_gives_up_no_more_than_the_harder_ones_demand() -> None:
    problem = problem_of(
        a_case(
            cash_needs={"reserve_amount": "3000"},
            class_limits={"bonds": (0.5, 0.6)},
            **constraint("range", security="AAA", min_weight=0.4),
        )
    )

    found = minimise_violations(problem, solver=solve_convex, closed=np.zeros(problem.segments.count, dtype=bool))

    assert found is not None
    assert Rank.CASH not in found.allowed
    assert found.allowed[Rank.CLASS_LIMITS] == pytest.approx(1000, abs=5)
    assert found.allowed[Rank.WISHES] == pytest.approx(1600, abs=5)


def test_what_fits_is_not_moved() -> None:
    problem = problem_of(a_case(class_limits={"bonds": (0.1, 0.6)}))

    reachable, causes = within_reach(problem)

    assert causes == {}
    assert all(mine is theirs for mine, theirs in zip(reachable.rows, problem.rows, strict=True))
    plan = find_plan(problem, solver=solve_convex)
    assert plan is not None
    assert plan.query.allowed == {}
