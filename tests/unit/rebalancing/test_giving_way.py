"""Rules that gave way, in words that a client's advisor can say aloud."""

import pytest

from rebalancing.engine.outcome import Relaxed
from rebalancing.engine.types import Constraint
from rebalancing.services.giving_way import relaxed_sentence
from tests.cases import account

CLASSES = {"us_large": "US Large Cap", "us_small": "US Small Cap"}
ACCOUNT = account(
    constraints=(
        Constraint(verb="range", security="LUMR", max_weight=0.3),
        Constraint(verb="range", sector="Energy", min_weight=0.01, max_weight=0.05),
    )
)


@pytest.mark.parametrize(
    ("rule", "by", "because", "sentence"),
    [
        (
            "range security LUMR",
            "0.117587 weight",
            "tax_budget",
            "LUMR stays above its cap of 30% by 11.8% of value, because the tax budget comes first.",
        ),
        (
            "range sector Energy",
            "0.004 weight",
            "never_sell security CVX",
            "Energy stays outside its range by 0.4% of value, because CVX may not be sold.",
        ),
        (
            "tax_budget",
            "49013.40 dollars",
            "class_limits us_large",
            "The tax budget is exceeded by $49,013, because the limits of US Large Cap come first.",
        ),
        (
            "short_gains",
            "28.62 dollars",
            "never_own screen fossil_fuel",
            "Short-term gains of $29 are taken, because the fossil fuel screen may not be owned.",
        ),
        (
            "never_own screen tobacco",
            "606 shares",
            "wash_sale BCEM",
            (
                "606 shares of the tobacco screen stay, which may not be owned, "
                "because the wash-sale rule on BCEM comes first."
            ),
        ),
        ("class_limits us_small", "0.01 weight", "", "US Small Cap stays outside its limits by 1.0% of value."),
        ("max_trades", "3 trades", "quantity_step", "Most trades gives way by 3 trades, because shares come in steps."),
        (
            "cash_raise",
            "0.40 dollars",
            "never_trade security T",
            "$0.40 of the cash to raise is missing, because T may not be traded.",
        ),
    ],
)
def test_rule_that_gave_way_reads_as_a_sentence(rule: str, by: str, because: str, sentence: str) -> None:
    relaxed = Relaxed(rule=rule, by=by, because=because)

    assert relaxed_sentence(relaxed, account=ACCOUNT, classes=CLASSES) == sentence
