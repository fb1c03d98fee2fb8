"""
Accounts of real securities: real closes on a real day, lots bought on real days at the closes of those days.

Read from the market data beside the project, which the project may not ship; where it is absent nothing is drawn.
A close of the past is written in today's shares by the splits since then; a security is bought only after its last
spin-off or merger, so that cost and price speak of the same company. The factor model is statistical: the leading
principal components of two years of daily total returns of the securities held against each other, and what they leave
unexplained as specific variance, at least (10 %)^2 a year. Rules, weights and limits are drawn as for any account.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from rebalancing.management.bench.accounts import BenchAccount, BenchLots, BenchMarket, Flags, Matrix, Places, Vector
from rebalancing.management.bench.drawing import AccountShape, Dice, draw_account, plan_lots

DAYS: Final = (date(2016, 2, 11), date(2018, 12, 24), date(2020, 3, 23), date(2020, 12, 15), date(2021, 4, 1))
SIZES: Final = (150, 450)
FACTORS: Final = 20
WINDOW: Final = 504
TRADING_DAYS: Final = 252
DAYS_A_YEAR: Final = 365.25
LEAST_SPECIFIC_VAR: Final = 0.01
LEAST_PRICE_USD: Final = 2.0
SPLITS: Final = frozenset({"split", "reverse_split"})
HARMLESS: Final = SPLITS | {"ticker_change", "special_dividend"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealHistory:
    """Closes of every day in the shares of that day, and total-return closes: (days, securities), NaN where none."""

    days: pd.DatetimeIndex
    close_usd: pd.DataFrame
    adjusted: pd.DataFrame
    actions: pd.DataFrame
    weights: pd.DataFrame
    sectors: pd.Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealMarket:
    """The largest members of the index on a day, with the closes of every earlier day in today's shares."""

    market: BenchMarket
    day: date
    days: pd.DatetimeIndex
    closes_usd: Matrix  # (days up to today, n), NaN where it could not be bought

    def account(self, seed: int) -> BenchAccount:
        """Draw an account."""
        return draw_account(self.market, seed, AccountShape(), draw_lots=self._buy_lots)

    def _buy_lots(self, dice: Dice, held: Vector, is_legacy: Flags, lots_per_security: int) -> BenchLots:
        """Buy the lots of a plan on the trading day of their age, or on the first on which it could be done."""
        plan = plan_lots(dice, held, is_legacy, lots_per_security)
        today = pd.Timestamp(self.day)
        wanted = today - pd.to_timedelta(np.ceil(plan.age_years * DAYS_A_YEAR), unit="D")
        row = np.clip(np.asarray(self.days.searchsorted(wanted)), 0, len(self.days) - 2)
        row = np.maximum(row, self._first_rows()[plan.security])
        cost = self.closes_usd[row, plan.security]
        age_days = np.asarray((today - self.days[row]).days, dtype=np.float64)
        return BenchLots(
            security=plan.security,
            weight=plan.weight,
            gain=1 - cost / self.market.price_usd[plan.security],
            age_years=age_days / DAYS_A_YEAR,
        )

    def _first_rows(self) -> Places:
        return np.asarray(np.argmax(np.isfinite(self.closes_usd), axis=0))


def real_accounts(folder: Path, *, count: int = 200) -> list[tuple[date, BenchAccount]]:
    """Draw accounts over the days and sizes in turn; none where the data is not there."""
    if not (folder / "prices.parquet").exists():
        return []
    history = read_history(folder)
    markets = [real_market(history, day=day, count=size) for day in DAYS for size in SIZES]
    rounds = -(-count // len(markets))
    drawn = [(market.day, market.account(market.day.toordinal() + at)) for at in range(rounds) for market in markets]
    return drawn[:count]


def read_history(folder: Path) -> RealHistory:
    """Read the prices of the members of the index as traded, its weights, the actions and the sectors."""
    prices = pd.read_parquet(folder / "prices.parquet", columns=["date", "sid", "close", "adj_close", "basis"])
    weights = pd.read_parquet(folder / "index_weights_monthly.parquet")
    prices = prices[prices.sid.isin(weights.sid.unique()) & (prices.date <= pd.Timestamp(DAYS[-1]))]
    traded = prices[prices.basis == "R"]
    close = traded.pivot_table(index="date", columns="sid", values="close")
    adjusted = prices.pivot_table(index="date", columns="sid", values="adj_close").reindex_like(close)
    securities = pd.read_csv(folder / "securities.csv", usecols=["sid", "sector"]).set_index("sid").sector
    actions = pd.read_csv(folder / "corporate_actions.csv", parse_dates=["ex_date"])
    return RealHistory(
        days=pd.DatetimeIndex(close.index),
        close_usd=close.astype(np.float64),
        adjusted=adjusted.astype(np.float64),
        actions=actions,
        weights=weights,
        sectors=securities,
    )


def real_market(history: RealHistory, *, day: date, count: int) -> RealMarket:
    """Take the largest members with a price that day and two years of returns before it."""
    today = pd.Timestamp(day)
    until = history.days <= today
    close, adjusted = history.close_usd[until], history.adjusted[until].tail(WINDOW + 1)
    month = history.weights.date[history.weights.date <= today].max()
    index = history.weights[history.weights.date == month].sort_values("weight", ascending=False)
    whole = adjusted.columns[adjusted.notna().all() & close.tail(WINDOW + 1).notna().all()]
    is_usable = index.sid.isin(whole) & index.sid.isin(close.columns[close.iloc[-1] >= LEAST_PRICE_USD])
    index = index[is_usable].head(count)
    names = list(index.sid)
    closes = _in_todays_shares(close[names], history.actions, today)
    exposures, factor_cov, specific_var = _risk(adjusted[names].to_numpy())
    rank = np.arange(len(names))
    weight = index.weight.to_numpy(dtype=np.float64)
    sectors = history.sectors.reindex(names).fillna("Unknown")
    market = BenchMarket(
        names=tuple(names),
        cap_weight=weight / weight.sum(),
        sector=np.searchsorted(np.unique(sectors), sectors).astype(np.int64),
        asset_class=(4 * rank // len(names)).astype(np.int64),
        exposures=exposures,
        factor_cov=factor_cov,
        specific_var=specific_var,
        cost_frac=2e-4 + 6e-4 * rank / len(names),
        price_usd=np.round(closes[-1], 2),
    )
    return RealMarket(market=market, day=day, days=pd.DatetimeIndex(close.index), closes_usd=closes)


def _in_todays_shares(close: pd.DataFrame, actions: pd.DataFrame, today: pd.Timestamp) -> Matrix:
    """Return closes per share of today; NaN before anything that changed what a share is."""
    closes = close.to_numpy(dtype=np.float64, copy=True)
    place = {name: at for at, name in enumerate(close.columns)}
    past = actions[actions.sid.isin(place) & (actions.ex_date <= today)]
    ratio = (past.ratio_old / past.ratio_new).to_numpy(dtype=np.float64)
    for sid, kind, day, change in zip(past.sid, past.type, past.ex_date, ratio, strict=True):
        at, before = place[sid], np.asarray(close.index < day)
        if kind in SPLITS:
            closes[before, at] *= change
        elif kind not in HARMLESS:
            closes[before, at] = np.nan
    return closes


def _risk(adjusted: Matrix) -> tuple[Matrix, Matrix, Vector]:
    """Return exposures (n, k), factor covariance (k, k) and specific variances (n,) from closes (days, n)."""
    returns = np.diff(np.log(adjusted), axis=0)
    returns -= returns.mean(axis=0)
    days, factors = len(returns), min(FACTORS, *returns.shape)
    moves, sizes, loadings = np.linalg.svd(returns, full_matrices=False)
    left = returns - (moves[:, :factors] * sizes[:factors]) @ loadings[:factors]
    scale = np.sqrt(returns.shape[1])
    variance = sizes[:factors] ** 2 / days * TRADING_DAYS / scale**2
    specific = (left**2).sum(axis=0) / days * TRADING_DAYS
    return (
        np.ascontiguousarray(loadings[:factors].T * scale),
        np.diag(variance),
        np.maximum(specific, LEAST_SPECIFIC_VAR),
    )
