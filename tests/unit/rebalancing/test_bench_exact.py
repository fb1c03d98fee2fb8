"""The mixed-integer model of a case, written from its document: its optimum lies between our bound and our best."""

from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.management.bench.exact_lines import compare_exactly, exact_cases
from rebalancing.management.bench.measuring import Effort

EFFORT = Effort(exact_seconds=120.0)
TOLERANCE_BPS = 2e-3  # SCIP's own: 1e-6 of integrality, and our cents


def test_a_case_for_the_comparison_is_fractional_and_its_net_gain_is_capped_in_turn() -> None:
    cases = exact_cases(3, least_order_frac=1e-3)

    caps = [case.accounts[0].tax.max_net_gain for case in cases if case.accounts[0].tax is not None]
    assert [cap if cap is None else float(cap) for cap in caps] == [None, 2500.0, 0.0]
    assert {float(item.quantity_step) for case in cases for item in case.securities} == {1e-6}


def test_the_optimum_of_scip_lies_between_our_bound_and_our_objective() -> None:
    met = compare_exactly(exact_cases(1, least_order_frac=0.0), effort=EFFORT)

    assert [one.is_proved for one in met] == [True]
    assert -TOLERANCE_BPS <= met[0].worse_bps <= met[0].gap_bps + TOLERANCE_BPS


def test_the_pipeline_solves_what_is_compared() -> None:
    outcome = rebalance(exact_cases(1, least_order_frac=1e-3)[0], fallback=solve_convex)

    assert outcome.status in {"optimal", "relaxed"}
    assert outcome.accounts[0].trades
