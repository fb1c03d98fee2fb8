"""
The value of waiting once more, by a coarser lattice of its own (docs/harvest-or-wait.md), for all lots at once.

A loss lot is harvested at or below the hurdle S*: there h(S) + f S V(t, 1) is at least what waiting is expected to
bring, with h(S) = (rate - phi r_L)(1 - S) - 2 half_spread S and f = 0.77. Below it the value of waiting is h(S*) times
what is left of the time value of the loss; above it, all that the loss is worth.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

KEPT_OF_A_FRESH_OPTION = 0.77
STEPS = 30
BELOW, ABOVE = 24, 16  # nodes below and above the basis: 4.4 and 2.9 standard deviations
NEAR, NEAR_FRAC = 0.015, 0.035  # how far a coarse hurdle may be off: of the basis, and by standard deviation
DOUBT_FRAC = 1e-4  # of the worth of a loss: less than this between harvesting and waiting cannot be told
DAYS_A_YEAR = 365.0

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


class Wait(NamedTuple):
    """What a hurdle depends on: volatility a year, days left and until long-term, worth of a dollar of loss, spread."""

    volatility: float
    days_left: float
    days_to_long: float | None
    worth_now: float
    worth_later: float
    half_spread: float


class Span(NamedTuple):
    """Where a hurdle lies, per dollar of basis, as well as a coarse lattice can tell."""

    low: float
    high: float


def hurdles(waits: Sequence[Wait]) -> list[Span]:
    """
    Find the highest price, per dollar of basis, at which each lot is harvested today.

    A coarse lattice sees the anniversary up to a step too early or too late, so that it is told both.
    """
    early = [wait for wait in waits if _turns(wait)]
    rows = [*waits, *(_shifted(wait, 1) for wait in early), *(_shifted(wait, -1) for wait in early)]
    found = _lattice(rows)
    again = iter(zip(found[len(waits) : len(waits) + len(early)], found[len(waits) + len(early) :], strict=True))
    spans: list[Span] = []
    for wait, span in zip(waits, found, strict=False):
        told = (span, *next(again)) if _turns(wait) else (span,)
        spans.append(Span(low=min(one.low for one in told), high=max(one.high for one in told)))
    return spans


def _turns(wait: Wait) -> bool:
    return wait.days_to_long is not None and wait.days_to_long <= wait.days_left


def _shifted(wait: Wait, steps: int) -> Wait:
    assert wait.days_to_long is not None
    return wait._replace(days_to_long=wait.days_to_long + steps * wait.days_left / STEPS)


def _lattice(waits: Sequence[Wait]) -> list[Span]:
    """Step back from the year's end to today, all lots side by side, (lots, nodes)."""
    if not waits:
        return []
    left = np.array([wait.days_left for wait in waits], dtype=np.float64)[:, None]
    step = np.array([wait.volatility for wait in waits])[:, None] * np.sqrt(left / DAYS_A_YEAR / STEPS)
    prices = np.exp(step * np.arange(-BELOW, ABOVE + 1))
    up = 1.0 / (1.0 + np.exp(step))
    cost = 2.0 * np.array([wait.half_spread for wait in waits])[:, None] * prices
    now = np.array([wait.worth_now for wait in waits])[:, None] * (1.0 - prices) - cost
    later = np.array([wait.worth_later for wait in waits])[:, None] * (1.0 - prices) - cost
    days = [math.inf if wait.days_to_long is None else wait.days_to_long for wait in waits]
    turns = np.array(days, dtype=np.float64)[:, None]
    turns[turns > left * (1.0 + 1.0 / STEPS)] = math.inf
    value = np.maximum(np.where(left < turns, now, later), 0.0)
    waited = harvested = value
    for number in range(STEPS - 1, -1, -1):
        fresh = KEPT_OF_A_FRESH_OPTION * value[:, BELOW : BELOW + 1]
        harvested = np.where(left * number / STEPS < turns, now, later) + fresh * prices
        waited = np.zeros_like(value)
        waited[:, 1:-1] = value[:, :-2] + up * (value[:, 2:] - value[:, :-2])
        waited[:, 0] = value[:, 0]
        value = np.maximum(waited, harvested)
    better, doubt = (harvested - waited)[:, : BELOW + 1], DOUBT_FRAC * np.array([wait.worth_now for wait in waits])
    tolerance = NEAR + NEAR_FRAC * math.sqrt(STEPS) * step[:, 0]  # by the standard deviation over all the days left
    return [
        _span(prices[at, : BELOW + 1], better[at], float(doubt[at]), float(tolerance[at])) for at in range(len(waits))
    ]


def waiting_span(wait: Wait, *, hurdle: Span, loss_frac: float) -> Span:
    """Return the least and the most that one dollar of loss may be said to give up; the higher the hurdle, the less."""
    least = waiting_per_dollar(wait, hurdle=hurdle.high, loss_frac=loss_frac)
    return Span(low=least, high=waiting_per_dollar(wait, hurdle=hurdle.low, loss_frac=loss_frac))


def waiting_per_dollar(wait: Wait, *, hurdle: float, loss_frac: float) -> float:
    """Price what is given up by harvesting one dollar of loss today; `loss_frac` is the loss by its basis."""
    price = 1.0 - loss_frac
    if price >= hurdle:
        return wait.worth_now
    days = wait.days_left if wait.days_to_long is None else min(wait.days_left, wait.days_to_long)
    deviation = wait.volatility * math.sqrt(max(days, 1) / DAYS_A_YEAR)
    at_hurdle = wait.worth_now * (1.0 - hurdle) - 2.0 * wait.half_spread * hurdle
    still = _time_value(price, deviation) / max(_time_value(hurdle, deviation), 1e-300)
    return min(max(at_hurdle * still / loss_frac, 0.0), wait.worth_now)


def _time_value(price: float, deviation: float) -> float:
    """Price a put on the lot, struck at its basis, less what exercising it brings: by parity, the price of a call."""
    depth = math.log(price) / deviation
    return max(price * _normal(depth + deviation / 2) - _normal(depth - deviation / 2), 0.0)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _span(prices: Vector, better: Vector, doubt: float, tolerance: float) -> Span:
    """Say between which prices harvesting becomes no worse than waiting, `better` being off by `doubt` at most."""
    low = _crossing(prices, better - doubt)
    high = _crossing(prices, better + doubt)
    return Span(
        low=0.0 if low is None else low - tolerance,
        high=min((float(prices[0]) if high is None else high) + tolerance, 1.0),
    )


def _crossing(prices: Vector, better: Vector) -> float | None:
    """Return the highest price, on a line between two nodes, at which harvesting is no worse than waiting."""
    found = np.flatnonzero(better >= 0.0)
    if found.size == 0:
        return None
    at = int(found[-1])
    if at + 1 == prices.size:
        return float(prices[at])
    rise = (better[at + 1] - better[at]) / (prices[at + 1] - prices[at])
    return float(prices[at] - better[at] / rise)
