"""
The demo's market: daily prices drawn from its own risk model, back to 2012 so that old lots have a history.

Nothing here is a real price. The same seed gives the same prices: arithmetic is elementwise or `einsum`, and what is
drawn is rounded to the cent before anybody sees it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from portfolios.demo.risk import FACTORS, Array, RiskModel, build_risk_model
from portfolios.demo.trading_days import BUSINESS_DATE, SHIPPED_DAYS, trading_days
from portfolios.demo.universe import Instrument, load_universe

SEED = 20261120
FIRST_DAY = date(2012, 1, 3)
DAYS_A_YEAR = 252

# What a factor earns a year, price only: (log return by year). The draws keep their daily size; only their yearly sum
# is moved, so that the history looks like one that clients could have lived through.
FACTOR_YEARS: dict[str, tuple[float, ...]] = {
    #            2012   2013   2014   2015   2016   2017   2018   2019   2020   2021   2022   2023   2024   2025   2026
    "market": (
        0.110,
        0.210,
        0.105,
        0.005,
        0.085,
        0.165,
        -0.060,
        0.225,
        0.130,
        0.200,
        -0.190,
        0.180,
        0.165,
        0.120,
        0.075,
    ),
    "size": (0.01, 0.02, -0.03, -0.03, 0.04, -0.02, -0.03, -0.02, 0.01, -0.05, 0.00, -0.03, -0.04, -0.02, 0.01),
    "international": (
        0.02,
        -0.02,
        -0.14,
        -0.04,
        -0.06,
        0.05,
        -0.07,
        -0.04,
        -0.07,
        -0.09,
        0.02,
        0.00,
        -0.12,
        0.07,
        -0.02,
    ),
    "emerging": (0.02, -0.12, -0.06, -0.11, 0.04, 0.08, -0.05, -0.05, 0.04, -0.12, -0.06, -0.08, -0.03, 0.05, -0.03),
    "rates": (0.01, -0.05, 0.04, 0.00, 0.00, 0.01, -0.02, 0.05, 0.05, -0.03, -0.14, 0.01, -0.02, 0.02, -0.03),
    "credit": (0.02, 0.01, 0.0, -0.01, 0.01, 0.01, -0.01, 0.01, 0.0, 0.01, -0.01, 0.01, 0.0, 0.0, 0.0),
    "value": (0.01, 0.0, 0.0, -0.02, 0.02, -0.02, -0.01, 0.0, -0.05, 0.01, 0.05, -0.03, -0.02, 0.01, 0.01),
    "quality": (0.0,) * 15,
    "real_estate": (0.03, -0.08, 0.08, 0.0, -0.02, -0.05, 0.0, 0.0, -0.09, 0.05, -0.03, -0.03, -0.04, -0.02, -0.08),
    "energy": (-0.02, 0.0, -0.14, -0.18, 0.10, -0.08, -0.10, -0.03, -0.25, 0.22, 0.30, -0.04, -0.04, -0.03, -0.10),
}
# Pairs whose prices move as one: two funds on one index, two share classes of one company.
TWINS = (("BCUS", "SKUS"), ("SLMA", "SLMC"))
TWIN_DAILY_NOISE = 0.00012

# (factor, first day, last day, total log move): what makes the market of the demo worth looking at.
EPISODES: tuple[tuple[str, date, date, float], ...] = (
    ("market", date(2025, 2, 20), date(2025, 4, 8), -0.12),
    ("market", date(2026, 8, 17), date(2026, 10, 2), -0.07),
    ("market", date(2026, 10, 5), date(2026, 11, 20), 0.03),
)

# (symbol, first day, last day, total log move beyond the risk model): the stories of single names.
STORIES: tuple[tuple[str, date, date, float], ...] = (
    ("LUMR", date(2012, 1, 3), date(2023, 12, 29), 1.10),
    ("OPTQ", date(2015, 1, 2), date(2025, 12, 31), 0.70),
    ("PTLN", date(2012, 1, 3), date(2019, 12, 31), 0.35),
    ("HGRB", date(2018, 1, 2), date(2026, 6, 30), 0.80),
    ("BCEM", date(2026, 6, 1), date(2026, 10, 30), -0.09),
    ("TWEM", date(2026, 6, 1), date(2026, 10, 30), -0.09),
    ("SLMA", date(2026, 7, 1), date(2026, 10, 15), -0.16),
    ("SLMC", date(2026, 7, 1), date(2026, 10, 15), -0.16),
    ("MRTS", date(2026, 5, 1), date(2026, 10, 15), -0.30),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    symbol: str
    effective_on: date
    ratio: int  # new shares for one old share


SPLIT = Split(symbol="BWDX", effective_on=date(2026, 11, 18), ratio=4)
UNTOLD_SPLIT_SYMBOL = "TYBG"  # its last price comes halved, and nobody announced a split
HALTED_SYMBOL, HALTED_AFTER = "MRTS", date(2026, 10, 23)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """All days, all securities with risk; `prices` (n_days, n_securities) in dollars, adjusted for the split."""

    universe: tuple[Instrument, ...]
    risk: RiskModel
    days: tuple[date, ...]
    prices: Array
    columns: Mapping[str, int]
    instruments: Mapping[str, Instrument]

    @property
    def shipped_days(self) -> tuple[date, ...]:
        return self.days[-SHIPPED_DAYS:]

    def column(self, symbol: str) -> int:
        return self.columns[symbol]

    def day_index(self, day: date) -> int:
        """Find the last trading day not after `day`."""
        return max(bisect_right(self.days, day) - 1, 0)

    def price(self, symbol: str, day: date) -> float:
        return float(self.prices[self.day_index(day), self.column(symbol)])

    def instrument(self, symbol: str) -> Instrument:
        return self.instruments[symbol]

    def model_weights(self) -> dict[str, Decimal]:
        """Weigh the 100-stock model by capitalisation, no name above 5 %, eight decimals, summing to exactly 1."""
        members = [security for security in self.universe if security.role == "model"]
        cap = np.array([security.market_cap_busd for security in members])
        weights = cap / cap.sum()
        for _ in range(50):
            weights = np.minimum(weights, 0.05)
            weights = weights / weights.sum()
        rounded = {m.symbol: Decimal(f"{w:.6f}") for m, w in zip(members, weights, strict=True)}
        largest = members[int(np.argmax(weights))].symbol
        rounded[largest] += 1 - sum(rounded.values())
        return rounded


def build_market(seed: int = SEED) -> Market:
    """Draw the whole market of the demo."""
    universe = load_universe()
    random = np.random.default_rng(seed)
    risk = build_risk_model(universe, random=random)
    days = trading_days(FIRST_DAY, BUSINESS_DATE)
    log_returns = _draw_log_returns(risk, days, random=random)
    level = np.cumsum(log_returns, axis=0)
    last = np.array([float(security.last_price_usd) for security in universe if security.kind != "cash"])
    prices = np.maximum(np.round(last * np.exp(level - level[-1]), 2), 0.01)
    return Market(
        universe=universe,
        risk=risk,
        days=days,
        prices=prices,
        columns={symbol: column for column, symbol in enumerate(risk.symbols)},
        instruments={security.symbol: security for security in universe},
    )


def _draw_log_returns(risk: RiskModel, days: tuple[date, ...], *, random: np.random.Generator) -> Array:
    """Draw (n_days, n_securities) daily log returns: exposures times factor moves, plus specific moves."""
    count = len(days)
    root = np.linalg.cholesky(risk.factor_covariance / DAYS_A_YEAR)
    factor_moves: Array = np.einsum("tj,ij->ti", random.standard_normal((count, len(FACTORS))), root)
    for factor, first, last, move in EPISODES:
        _add_move(factor_moves[:, FACTORS.index(factor)], days, first, last, move)
    _move_yearly_sums(factor_moves, days)
    specific = _draw_specific(risk, count, random=random)
    moves: Array = np.einsum("tk,nk->tn", factor_moves, risk.exposures) + specific
    for symbol, first, last, move in STORIES:
        _add_move(moves[:, risk.symbols.index(symbol)], days, first, last, move)
    return moves


def _move_yearly_sums(factor_moves: Array, days: tuple[date, ...]) -> None:
    years = np.array([day.year for day in days])
    for factor, sums in FACTOR_YEARS.items():
        column = factor_moves[:, FACTORS.index(factor)]
        for year, wanted in enumerate(sums, start=FIRST_DAY.year):
            inside = years == year
            column[inside] += (wanted - column[inside].sum()) / int(inside.sum())


def _draw_specific(risk: RiskModel, count: int, *, random: np.random.Generator) -> Array:
    """
    Draw (n_days, n_securities) specific moves.

    The sum over all days is taken out of each column, so that no name wanders to zero in fifteen years by chance alone:
    what is left of it is the path between.
    """
    draws = random.standard_normal((count, len(risk.symbols)))
    draws -= 0.75 * draws.mean(axis=0)
    specific: Array = draws * np.sqrt(risk.specific_variance / DAYS_A_YEAR)
    for first, second in TWINS:
        noise = random.standard_normal(count) * TWIN_DAILY_NOISE
        noise[1:] -= 0.9 * noise[:-1]
        specific[:, risk.symbols.index(second)] = specific[:, risk.symbols.index(first)] + noise
    return specific


def _add_move(series: Array, days: tuple[date, ...], first: date, last: date, move: float) -> None:
    inside = np.array([first <= day <= last for day in days])
    series[inside] += move / int(inside.sum())
