"""What the solver priced, and what a sale pays for, in an explanation."""

from rebalancing.engine.explain import explain
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.query import Multipliers
from tests import cases as c
from tests.unit.engine.test_explain import LOTS, a_case, first


def test_a_rule_is_priced_where_the_solver_priced_it() -> None:
    case = a_case(constraints=({"verb": "range", "security": "AAPL", "min_weight": 0.4},))
    judged = before = judge_trades(case, {})
    prices = {"A1": Multipliers(rules={"range security AAPL": 0.0342})}

    told = explain(case, c.outcome(case, ()), judged, before, prices).accounts[0].why_not

    stopped = next(item.stopped_by for item in told if item.security == "AAPL")
    assert stopped.endswith("; loosening it by $100 would be worth $3.42")


def test_a_sale_that_costs_more_than_it_brings_says_what_it_pays_for() -> None:
    lots = (*LOTS[:2], c.lot("L3 XOM 40 @ 20 2025-09-01"), LOTS[3])
    case = a_case(lots=lots, cash=0, trading={"tracking_preference": 1})

    sold, bought = first(case, c.trade(case, "sell 15 XOM", "L3 15"), c.trade(case, "buy 18 BND")).trades

    assert sold.benefit is not None
    assert bought.benefit is not None
    alone = -(sold.benefit.risk + sold.benefit.tax + sold.benefit.cost)
    brings = bought.benefit.risk + bought.benefit.cost
    told = f"Alone it costs ${alone:,.2f} more than it brings: it pays for purchases that bring ${brings:,.2f} together"
    assert alone > 1
    assert told in sold.why
    assert "Alone" not in bought.why
