"""Harvest or wait: the hurdle rises through the year, and what waiting is worth lies between nothing and the loss."""

import itertools

import pytest

from rebalancing.engine.waiting import harvest_hurdle, waiting_per_dollar

STOCK = {"volatility": 0.30, "rate_now": 0.238, "rate_later": 0.238, "phi_long_rate": 0.133, "half_spread_bps": 2.0}
JANUARY, DECEMBER = 360, 30


def hurdle(days: int, **changes: float | None) -> float:
    fields = {**STOCK, "days_to_long_term": None, **changes}
    return harvest_hurdle(days_to_year_end=days, **fields)  # type: ignore[arg-type]


def waiting(days: int, loss_frac: float, **changes: float | None) -> float:
    fields = {**STOCK, "days_to_long_term": None, **changes}
    return waiting_per_dollar(days_to_year_end=days, loss_frac=loss_frac, **fields)  # type: ignore[arg-type]


def test_a_typical_stock_is_harvested_near_80_percent_in_january_and_near_95_on_1_december() -> None:
    assert hurdle(JANUARY) == pytest.approx(0.80, abs=0.015)
    assert hurdle(DECEMBER) == pytest.approx(0.95, abs=0.015)


def test_the_hurdle_rises_through_the_year() -> None:
    hurdles = [hurdle(days) for days in (360, 300, 240, 180, 120, 60, 30, 10, 1)]

    assert all(earlier < later for earlier, later in itertools.pairwise(hurdles))


def test_the_hurdle_falls_with_volatility() -> None:
    hurdles = [hurdle(180, volatility=volatility) for volatility in (0.05, 0.15, 0.30, 0.60)]

    assert all(calm > wild for calm, wild in itertools.pairwise(hurdles))


def test_the_hurdle_falls_with_trading_cost() -> None:
    assert hurdle(180, half_spread_bps=50.0) < hurdle(180, half_spread_bps=2.0)


def test_on_the_last_day_only_the_cost_of_trading_counts() -> None:
    assert hurdle(0) == pytest.approx(0.105 / (0.105 + 0.0004))
    assert waiting(0, 0.1) == 0


def test_a_short_term_lot_is_harvested_sooner_when_its_loss_turns_long_soon() -> None:
    """A short-term loss is worth more; at the anniversary it is worth less, so waiting past it is worth less."""
    soon = hurdle(180, rate_now=0.408, days_to_long_term=20)
    never = hurdle(180, rate_now=0.408, rate_later=0.408, days_to_long_term=None)

    assert soon > never


def test_an_anniversary_after_the_year_changes_nothing() -> None:
    assert hurdle(100, days_to_long_term=200) == hurdle(100, days_to_long_term=None)


@pytest.mark.parametrize("days", [1, 30, 180, 360])
@pytest.mark.parametrize("volatility", [0.1, 0.3, 0.8])
def test_waiting_lies_between_nothing_and_what_the_loss_is_worth(days: int, volatility: float) -> None:
    for loss in (0.001, 0.02, 0.1, 0.3, 0.7, 0.999, 1.0):
        assert 0 <= waiting(days, loss, volatility=volatility) <= STOCK["rate_now"] - STOCK["phi_long_rate"]


def test_above_the_hurdle_waiting_takes_all_that_the_loss_is_worth() -> None:
    assert waiting(JANUARY, 0.1) == pytest.approx(0.238 - 0.133)


def test_below_the_hurdle_waiting_leaves_something_and_falls_with_depth() -> None:
    losses = (0.22, 0.3, 0.4, 0.6, 0.9)
    values = [waiting(JANUARY, loss) for loss in losses]

    assert values[0] < 0.238 - 0.133
    assert all(shallow > deep for shallow, deep in itertools.pairwise(values))


@pytest.mark.parametrize("loss", [0.0, -0.1])
def test_without_a_loss_there_is_nothing_to_wait_for(loss: float) -> None:
    assert waiting(180, loss) == 0


def test_a_loss_that_cannot_be_used_is_not_waited_for() -> None:
    assert waiting(180, 0.2, rate_now=0.133) == 0
    assert hurdle(180, rate_now=0.1) == 0


def test_a_price_that_does_not_move_is_not_waited_for() -> None:
    assert waiting(180, 0.2, volatility=0.0) == 0
