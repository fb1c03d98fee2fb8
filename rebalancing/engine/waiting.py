"""
Harvest or wait: what a loss lot may still become this year, per dollar of the loss it is today.

A lot below its basis is an option: its price may fall further before the year ends (a larger loss), or recover (none),
or its term may turn long at the anniversary (a loss worth less). Harvesting today takes the loss and buys a fresh
option, since what replaces the lot starts from today's price; being out of the name for 31 days and the way back leave
only FRESH_OPTION_FRAC of it. On a one-name lattice of the price S over its basis, with no drift,

    V(t, S) = max( C(t, S),  h(t, S) + FRESH_OPTION_FRAC * S * V(t, 1) )        C: expected V one step later
    h(t, S) = (rate(t) - phi r_L) (1 - S) - 2 half_spread S                     what the objective pays for harvesting

The hurdle S* is the highest price at which harvesting today is the better of the two. The value of waiting equals
h(S*) there and falls with depth as the time value of the loss falls, P(S) - (1 - S), P the expected loss at the end of
the wait; above the hurdle it takes all that the loss is worth, and no more: selling there for another reason costs
nothing extra.
Method and picture: docs/harvest-or-wait.md.
"""

import math
from functools import lru_cache

from rebalancing.engine.kernels.lattice import lattice_hurdle

# The one calibrated number: it puts the hurdle of a stock with 30 % volatility at 80 % of basis in January and within
# a cent of 95 % on 1 December, the standing decision of the domain.
FRESH_OPTION_FRAC = 0.77
DAYS_PER_YEAR = 365.0
MAX_STEPS = 182
MIN_STEPS = 10
DEEPEST_LOG_LOSS = 3.0
HIGHEST_LOG_GAIN = 1.0
LEAST_VOLATILITY_FRAC = 1e-3
LEAST_LOSS_FRAC = 1e-9


def waiting_per_dollar(
    *,
    volatility: float,
    days_to_year_end: int,
    days_to_long_term: int | None,
    loss_frac: float,
    rate_now: float,
    rate_later: float,
    phi_long_rate: float,
    half_spread_bps: float,
) -> float:
    """
    Price what is given up by harvesting one dollar of loss today instead of waiting.

    `volatility` per year (0.30), `loss_frac` = loss / basis in (0, 1), `rate_now` the rate at which a loss of the lot's
    term is used today, `rate_later` the long-term rate that holds from `days_to_long_term` on (None: already long),
    `phi_long_rate` = phi r_L of the objective. Between 0 and rate_now - phi_long_rate, in dollars of tax value.
    """
    worth = rate_now - phi_long_rate
    if loss_frac <= LEAST_LOSS_FRAC or worth <= 0 or days_to_year_end <= 0 or volatility <= LEAST_VOLATILITY_FRAC:
        return 0.0
    hurdle_frac = harvest_hurdle(
        volatility=volatility,
        days_to_year_end=days_to_year_end,
        days_to_long_term=days_to_long_term,
        rate_now=rate_now,
        rate_later=rate_later,
        phi_long_rate=phi_long_rate,
        half_spread_bps=half_spread_bps,
    )
    price_frac = 1.0 - min(loss_frac, 1.0)
    if price_frac >= hurdle_frac:
        return worth
    if price_frac <= 0:
        return 0.0
    wait_days = days_to_year_end if days_to_long_term is None else min(days_to_year_end, days_to_long_term)
    deviation = volatility * math.sqrt(max(wait_days, 1) / DAYS_PER_YEAR)
    at_hurdle = worth * (1.0 - hurdle_frac) - 2.0 * half_spread_bps * 1e-4 * hurdle_frac
    still = time_value(price_frac, deviation=deviation) / time_value(hurdle_frac, deviation=deviation)
    return min(max(at_hurdle * still / loss_frac, 0.0), worth)


def time_value(price_frac: float, *, deviation: float) -> float:
    """
    Return by how much the loss is expected to exceed today's at the end of the wait, per dollar of basis.

    A put less what exercising it brings is a call, and the call does not cancel where the loss is deep.
    """
    d1 = math.log(price_frac) / deviation + deviation / 2
    call = price_frac * _normal_cdf(d1) - _normal_cdf(d1 - deviation)
    return max(call, 1e-300)


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def harvest_hurdle(
    *,
    volatility: float,
    days_to_year_end: int,
    days_to_long_term: int | None,
    rate_now: float,
    rate_later: float,
    phi_long_rate: float,
    half_spread_bps: float,
) -> float:
    """Return the highest price, as a fraction of basis, at which harvesting today beats waiting; 0 where none does."""
    worth = rate_now - phi_long_rate
    if worth <= 0:
        return 0.0
    if days_to_year_end <= 0 or volatility <= LEAST_VOLATILITY_FRAC:
        return worth / (worth + 2.0 * half_spread_bps * 1e-4)
    turns_long = days_to_long_term if days_to_long_term is not None and days_to_long_term <= days_to_year_end else None
    return _lattice_hurdle(
        volatility=round(volatility, 4),
        days_to_year_end=days_to_year_end,
        days_to_long_term=turns_long,
        worth_now=round(worth, 6),
        worth_later=round((rate_later if turns_long is not None else rate_now) - phi_long_rate, 6),
        half_spread_bps=round(half_spread_bps, 2),
    )


@lru_cache(maxsize=4096)
def _lattice_hurdle(
    *,
    volatility: float,
    days_to_year_end: int,
    days_to_long_term: int | None,
    worth_now: float,
    worth_later: float,
    half_spread_bps: float,
) -> float:
    """Solve the lattice, once for all lots of a security that share a term; `worth` = rate - phi r_L."""
    steps = max(MIN_STEPS, min(MAX_STEPS, days_to_year_end))
    log_step = volatility * math.sqrt(days_to_year_end / DAYS_PER_YEAR / steps)
    return lattice_hurdle(
        steps,
        float(days_to_year_end),
        math.inf if days_to_long_term is None else float(days_to_long_term),
        log_step,
        math.ceil(DEEPEST_LOG_LOSS / log_step),
        math.ceil(HIGHEST_LOG_GAIN / log_step),
        worth_now,
        worth_later,
        2.0 * half_spread_bps * 1e-4,
        FRESH_OPTION_FRAC,
    )
