"""What an account of the benchmark is, whoever drew it: a market, lots, rules and limits in fractions of its value."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.int64]

SHORT_RATE, LONG_RATE, ORDINARY_RATE = 0.408, 0.238, 0.37
LONG_AFTER_YEARS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchMarket:
    """
    A day's securities and their risk model, annualised; n securities, k factors.

    `sector` and `asset_class` are numbers; the cost of trading is one way, per dollar.
    """

    names: tuple[str, ...]
    cap_weight: Vector  # (n,), sums to 1
    sector: Places  # (n,)
    asset_class: Places  # (n,)
    exposures: Matrix  # (n, k)
    factor_cov: Matrix  # (k, k)
    specific_var: Vector  # (n,)
    cost_frac: Vector  # (n,)
    price_usd: Vector  # (n,)

    @property
    def count(self) -> int:
        return self.cap_weight.size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchLots:
    """Lots sorted by security, all (m,): weight of the account, gain per dollar of value, age in years."""

    security: Places
    weight: Vector
    gain: Vector
    age_years: Vector

    @property
    def is_short(self) -> Flags:
        return self.age_years < LONG_AFTER_YEARS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchBands:
    """Limits on groups of securities: which belong (b, n), the least and the most weight (b,)."""

    members: Flags
    low: Vector
    high: Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchAccount:
    """
    One taxable account in fractions of its value; flags are (n,).

    `harvests` decides, where a program cannot hold an either-or, whether a security's loss lots may be sold (and
    nothing bought) or the other way round. `most` is what may be held of a security; `gain_budget` the net
    short-term and the net total gain that may be realised.
    """

    market: BenchMarket
    aversion: float
    held: Vector  # (n,)
    target: Vector  # (n,), without cash
    lots: BenchLots
    bands: BenchBands
    cash: float
    cash_low: float
    cash_high: float
    most: Vector  # (n,)
    never_buy: Flags
    never_sell: Flags
    sold_at_loss: Flags  # within 30 days: must not be bought
    bought_recently: Flags  # within 30 days: its loss lots must not be sold
    harvests: Flags
    gain_budget: Vector  # (2,)

    @property
    def has_loss_to_take(self) -> Flags:
        """Where a loss lot could be sold and the security bought: an either-or."""
        loss = self.lots.gain < 0
        shut = self.never_sell | self.bought_recently
        has_loss = np.zeros(self.market.count, dtype=np.bool_)
        has_loss[self.lots.security[loss]] = True
        return has_loss & ~shut & ~self.never_buy & ~self.sold_at_loss
