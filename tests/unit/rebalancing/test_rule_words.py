"""Rules, reasons and stops as pages write them."""

from typing import get_args

import pytest

from rebalancing.engine.outcome import Reason
from rebalancing.selectors.rule_words import kind_words, reason_words, rule_words, stop_words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("never_buy security XOM", "Never buy XOM"),
        ("never_own screen tobacco", "Never own screen tobacco"),
        ("never_trade identity_group GOOGL", "Never trade group GOOGL"),
        ("range sector Energy", "Range of sector Energy"),
        ("class_limits us_large", "Limits of US Large Cap"),
        ("class_limits real_estate", "Limits of real estate"),
        ("wash_sale VTI", "Wash sale VTI"),
        ("cash_reserve", "Cash reserve"),
        ("some_new_rule X", "Some new rule x"),
    ],
)
def test_a_rule_is_written_in_words(rule: str, words: str) -> None:
    assert rule_words(rule, classes={"us_large": "US Large Cap"}) == words


def test_the_kind_of_a_rule_leaves_out_its_subject() -> None:
    assert kind_words("min_trade VTI") == "Smallest trade"


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ("tax_budget: $2,037 left", "Tax budget: $2,037 left"),
        ("wash_sale VTI: bought on Monday", "Wash sale VTI: bought on Monday"),
        ("never_buy security XOM", "Never buy XOM"),
        ("gain of $3,120 costs more than the risk it removes", "gain of $3,120 costs more than the risk it removes"),
    ],
)
def test_what_stopped_a_wish_is_written_in_words(stop: str, words: str) -> None:
    assert stop_words(stop) == words


def test_every_reason_of_the_engine_has_words() -> None:
    for reason in get_args(Reason):
        assert reason_words(reason) != reason.replace("_", " ").capitalize()
