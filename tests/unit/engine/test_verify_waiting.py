"""The value of waiting is priced a second time, by a lattice of the judge's own, and no false value passes."""

import datetime as dt
import itertools
from decimal import Decimal

import msgspec
import pytest

from rebalancing.engine.judge.waiting import Wait, hurdles, waiting_span
from rebalancing.engine.outcome import LotSale, Outcome
from rebalancing.engine.types import Case
from rebalancing.engine.verify import verify
from rebalancing.engine.waiting import waiting_per_dollar
from tests import cases as c

MARKET = (c.security("AAPL", 200), c.security("XOM", 100))
VOLATILITY = (0.0256 + 0.04) ** 0.5
DEFERRED = 1.06**-10 * 0.238


def a_case(*, price: int = 250, recent: tuple[str, ...] = (), harvest: str = "year_round") -> Case:
    """Ten AAPL bought on 2025-06-03 at `price`, now worth 200 each; nothing realised or carried."""
    tax = {**msgspec.to_builtins(c.TAX), "harvest": harvest}
    account = c.account(cash=8000, lots=(c.lot(f"L1 AAPL 10 @ {price} 2025-06-03"),), target={"CASH": 1.0}, tax=tax)
    return c.case(MARKET, (account,), recent_trades=[c.recent(words) for words in recent])


def waited(case: Case, waiting: str) -> Outcome:
    made = c.trade(case, "sell 10 AAPL", "L1 10")
    part: LotSale = msgspec.structs.replace(made.lots[0], waiting=Decimal(waiting))
    return c.outcome(case, (msgspec.structs.replace(made, lots=(part,)),))


def true_waiting(price: int) -> float:
    """Price it as the solver does: a loss is worth the ordinary rate of 37 % less the deferral, until year end."""
    loss = 10 * (price - 200)
    per_dollar = waiting_per_dollar(
        volatility=VOLATILITY,
        days_to_year_end=(dt.date(2026, 12, 31) - c.AS_OF).days,
        days_to_long_term=(dt.date(2026, 6, 4) - c.AS_OF).days,
        loss_frac=(price - 200) / price,
        rate_now=0.37,
        rate_later=0.37,
        phi_long_rate=DEFERRED,
        half_spread_bps=2.0,
    )
    return per_dollar * loss


@pytest.mark.parametrize("price", [205, 220, 250, 300, 500])
def test_the_value_of_waiting_that_the_solver_prices_is_accepted(price: int) -> None:
    case = a_case(price=price)

    faults = verify(case, waited(case, f"{true_waiting(price):.2f}")).faults

    assert faults == ()


@pytest.mark.parametrize(
    ("price", "off"),
    [(205, "-0.30"), (205, "0.30"), (220, "-4.00"), (220, "4.00"), (250, "-30.00"), (250, "30.00"), (500, "1.00")],
)
def test_a_value_of_waiting_below_or_above_what_the_lattice_allows_is_a_fault(price: int, off: str) -> None:
    case = a_case(price=price)

    faults = verify(case, waited(case, f"{true_waiting(price) + float(off):.2f}")).faults

    assert any("L1: waiting is reported as" in fault and "it lies between" in fault for fault in faults), faults


def test_a_loss_that_an_earlier_purchase_disallows_gives_up_nothing() -> None:
    case = a_case(recent=("A9 buy 1 AAPL 2026-02-20",))

    said, silent = (verify(case, waited(case, amount)).faults for amount in ("1.00", "0.00"))

    assert "A1: lot L1: waiting is reported as 1.00, it lies between 0.00 and 0.00" in said
    assert not any("waiting" in fault for fault in silent)


@pytest.mark.parametrize("harvest", ["immediate", "off"])
def test_where_nothing_is_harvested_year_round_waiting_is_worth_nothing(harvest: str) -> None:
    case = a_case(harvest=harvest)

    faults = verify(case, waited(case, "0.01")).faults

    assert "A1: lot L1: waiting is reported as 0.01, nothing is harvested year-round here" in faults


def test_the_coarse_lattice_agrees_with_the_fine_one_over_dates_rates_and_volatilities() -> None:
    asked = [
        Wait(volatility, days, turns, now - DEFERRED, later - DEFERRED, spread * 1e-4)
        for volatility, days, turns, (now, later), spread in itertools.product(
            (0.15, 0.3, 0.6), (5, 60, 304), (None, 20, 200), ((0.408, 0.238), (0.37, 0.37)), (1.0, 10.0)
        )
        if turns is not None or now == later
    ]
    for wait, hurdle in zip(asked, hurdles(asked), strict=True):
        for loss_frac in (0.02, 0.1, 0.3, 0.6):
            fine = waiting_per_dollar(
                volatility=wait.volatility,
                days_to_year_end=int(wait.days_left),
                days_to_long_term=None if wait.days_to_long is None else int(wait.days_to_long),
                loss_frac=loss_frac,
                rate_now=wait.worth_now + DEFERRED,
                rate_later=wait.worth_later + DEFERRED,
                phi_long_rate=DEFERRED,
                half_spread_bps=wait.half_spread * 1e4,
            )
            span = waiting_span(wait, hurdle=hurdle, loss_frac=loss_frac)
            assert span.low - 1e-6 <= fine <= span.high + 1e-6, (wait, loss_frac, hurdle, fine, span)


@pytest.mark.parametrize("to_long", [[10, 200], [400, None], [None, None], [300]])
def test_lots_that_turn_long_this_year_next_year_or_never_are_priced_together(to_long: list[int | None]) -> None:
    waits = [
        Wait(volatility=0.3, days_left=180, days_to_long=days, worth_now=0.3, worth_later=0.15, half_spread=2e-4)
        for days in to_long
    ]

    spans = hurdles(waits)

    assert len(spans) == len(to_long)
    assert all(0.4 < span.low <= span.high <= 1.0 + 1e-9 for span in spans)
