"""The demo's house view hangs together."""

from decimal import Decimal

import pytest

from portfolios.demo.guidance import LEAF_CLASSES, PROFILES, class_policies, substitute_rows, target_weights
from portfolios.demo.universe import load_universe

PERCENTS = [pytest.param(percents, id=key) for key, _, percents in PROFILES]


@pytest.mark.parametrize("percents", PERCENTS)
def test_weights_of_a_profile_sum_to_one_inside_their_limits(percents: tuple[int, ...]) -> None:
    policies = class_policies(percents)

    assert [policy.asset_class for policy in policies] == list(LEAF_CLASSES)
    assert sum(policy.weight_frac for policy in policies) == 1
    assert all(0 <= p.min_frac <= p.weight_frac <= p.max_frac <= 1 for p in policies)


@pytest.mark.parametrize("percents", PERCENTS)
@pytest.mark.parametrize("tax_status", ["taxable", "deferred", "exempt"])
def test_products_fill_a_profile_but_for_its_cash_and_stay_inside_the_limits(
    percents: tuple[int, ...], tax_status: str
) -> None:
    class_of = {security.symbol: security.asset_class for security in load_universe()}
    model = {"LUMR": Decimal("0.5"), "QNTA": Decimal("0.5")}

    weights = target_weights(percents, tax_status=tax_status, value_usd=Decimal(2_000_000), model=model)

    policies = {policy.asset_class: policy for policy in class_policies(percents)}
    assert sum(weights.values()) == pytest.approx(1 - float(policies["cash"].weight_frac))
    for key in set(LEAF_CLASSES) - {"cash"}:
        held = sum(weight for symbol, weight in weights.items() if class_of[symbol] == key)
        assert float(policies[key].min_frac) - 1e-9 <= held <= float(policies[key].max_frac) + 1e-9


def test_municipal_bonds_are_held_only_where_tax_is_due() -> None:
    percents = PROFILES[0][2]

    by_status = {
        status: target_weights(percents, tax_status=status, value_usd=Decimal(1), model={})
        for status in ("taxable", "deferred", "exempt")
    }

    assert "BCMU" in by_status["taxable"]
    assert "BCMU" not in by_status["deferred"] and "BCMU" not in by_status["exempt"]


def test_single_stocks_are_held_only_in_large_accounts() -> None:
    model = {"LUMR": Decimal(1)}

    small = target_weights(PROFILES[3][2], tax_status="taxable", value_usd=Decimal("1499999.99"), model=model)
    large = target_weights(PROFILES[3][2], tax_status="taxable", value_usd=Decimal(1_500_000), model=model)

    assert "BCUS" in small and "LUMR" not in small
    assert "LUMR" in large and "BCUS" not in large


def test_legacy_funds_are_hold_only_substitutes_and_rank_last() -> None:
    rows = [row for row in substitute_rows(load_universe()) if row[0] == "BCUS"]

    assert [(use, rank, is_hold_only) for _, use, rank, _, is_hold_only in rows] == [
        ("SKUS", 1, False),
        ("TWUL", 2, False),
        ("OCGIX", 3, True),
    ]
