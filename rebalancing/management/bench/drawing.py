"""
Seeded accounts of any size, by the same recipe as the laboratory that measured the limits of the method.

Capitalisation weights fall with rank; factors are a market, styles and sectors; three quarters of the target are held
around their weights, with legacy positions and some names off the benchmark; lots lie on one price path per security,
most deep losses are taken already; a few names may not be bought, sold, or are inside a wash-sale window.
The same seed draws the same account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from rebalancing.management.bench.accounts import (
    BenchAccount,
    BenchBands,
    BenchLots,
    BenchMarket,
    Flags,
    Matrix,
    Places,
    Vector,
)

SECTORS: Final = 11
CLASSES: Final = 4
AVERSIONS: Final = (15.0, 40.0, 100.0)
Dice: TypeAlias = np.random.Generator
# What is held (n,), which positions are old (n,), lots a security in the mean.
DrawLots: TypeAlias = Callable[[Dice, Vector, Flags, int], BenchLots]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountShape:
    """How an account is drawn: lots a security in the mean, further bands of random groups, a fixed risk aversion."""

    lots_per_security: int = 4
    extra_bands: int = 0
    aversion: float | None = None


def draw_market(seed: int, *, count: int, factor_count: int = 20) -> BenchMarket:
    """Draw securities, their costs and a factor model."""
    dice = np.random.default_rng([seed, count, factor_count])
    rank = np.arange(1, count + 1)
    sector = dice.integers(0, SECTORS, count)
    exposures, factor_vol = _factors(dice, sector, factor_count)
    spread = 0.25 * dice.standard_normal((factor_count, 3))
    mixed = spread @ spread.T + np.eye(factor_count)
    size = np.sqrt(np.diag(mixed))
    own_vol = 0.22 * np.exp(0.35 * dice.standard_normal(count)) * (1 + 0.25 * np.log1p(rank) / np.log(3000))
    noise = np.exp(0.3 * dice.standard_normal(count)).clip(0.3, 3.0)
    return BenchMarket(
        names=tuple(f"S{at:04}" for at in range(count)),
        cap_weight=_cap_weights(dice, rank),
        sector=sector,
        asset_class=dice.integers(0, CLASSES, count),
        exposures=exposures,
        factor_cov=mixed / np.outer(size, size) * np.outer(factor_vol, factor_vol),
        specific_var=own_vol.clip(0.10, 0.9) ** 2,
        cost_frac=2e-4 + 6e-4 * (rank / count) * noise,
        price_usd=np.round(np.exp(dice.normal(4.3, 0.8, count)).clip(5.0, 3000.0), 2),
    )


def _cap_weights(dice: Dice, rank: Places) -> Vector:
    weight = np.sort(rank**-0.9 * np.exp(0.35 * dice.standard_normal(rank.size)))[::-1]
    weight = weight / weight.sum()
    for _ in range(20):
        weight = np.minimum(weight, max(0.07, 1.6 / rank.size))
        weight = weight / weight.sum()
    return np.asarray(weight, dtype=np.float64)


def _factors(dice: Dice, sector: Places, factor_count: int) -> tuple[Matrix, Vector]:
    """Return exposures (n, k) and volatilities (k,): a market, styles, and one factor a sector where there is room."""
    has_sectors = factor_count > SECTORS
    styles = factor_count - 1 - (SECTORS if has_sectors else 0)
    columns = [1 + 0.25 * dice.standard_normal((sector.size, 1)), dice.standard_normal((sector.size, styles))]
    volatilities = [np.array([0.16]), dice.uniform(0.015, 0.05, styles)]
    if has_sectors:
        columns.append((sector[:, None] == np.arange(SECTORS)).astype(np.float64))
        volatilities.append(dice.uniform(0.05, 0.10, SECTORS))
    return np.ascontiguousarray(np.hstack(columns)), np.concatenate(volatilities)


PLAIN: Final = AccountShape()


def draw_account(
    market: BenchMarket, seed: int, shape: AccountShape = PLAIN, *, draw_lots: DrawLots | None = None
) -> BenchAccount:
    """Draw one account; `draw_lots` says when and at what price its lots were bought."""
    dice = np.random.default_rng([7919, seed, market.count, shape.lots_per_security])
    aversion = float(dice.choice(AVERSIONS)) if shape.aversion is None else shape.aversion
    cash = float(dice.choice([0.005, 0.01, 0.03, 0.08], p=[0.3, 0.3, 0.25, 0.15]))
    cash_low = float(dice.choice([0.003, 0.01, 0.04], p=[0.5, 0.3, 0.2]))
    cash_high = cash_low + float(dice.choice([0.002, 0.01]))
    held, target, is_legacy = _weights(dice, market, cash=cash, reserve=cash_low)
    lots = (draw_lots or _draw_lots)(dice, held, is_legacy, shape.lots_per_security)
    rules = [dice.random(market.count) < share for share in (0.05, 0.03, 0.03, 0.03, 0.6)]
    budget = np.array([dice.choice([0.0, 0.002]), dice.choice([0.0, 0.003, 0.01])])
    return BenchAccount(
        market=market,
        aversion=aversion,
        held=held,
        target=target,
        lots=lots,
        bands=draw_bands(dice, market, held, target, extra=shape.extra_bands),
        cash=cash,
        cash_low=cash_low,
        cash_high=cash_high,
        most=np.maximum(np.minimum(target + 0.02, np.maximum(4 * target, target + 0.005)), held),
        never_buy=rules[0],
        never_sell=rules[1],
        sold_at_loss=rules[2],
        bought_recently=rules[3],
        harvests=rules[4],
        gain_budget=budget + 0.5 * max(0.0, cash_low - cash),
    )


def _weights(dice: Dice, market: BenchMarket, *, cash: float, reserve: float) -> tuple[Vector, Vector, Flags]:
    """Return what is held, the target, and which positions are old and large."""
    count = market.count
    target = market.cap_weight * (1 - reserve)
    is_held = dice.random(count) < 0.75
    is_held[0] |= not is_held.any()
    held = np.where(is_held, target * np.exp(0.35 * dice.standard_normal(count)), 0.0)
    legacy = dice.choice(count, max(1, count // 100), replace=False)
    held[legacy] += dice.uniform(0.01, 0.05, legacy.size)
    if dice.random() < 0.5:
        target[dice.choice(count, max(1, count // 25), replace=False)] = 0.0
        target *= (1 - reserve) / target.sum()
    is_legacy = np.zeros(count, dtype=np.bool_)
    is_legacy[legacy] = True
    return held * (1 - cash) / held.sum(), target, is_legacy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LotPlan:
    """Lots before they have a price, sorted by security and age: all (m,), `starts` (securities held,)."""

    starts: Places
    security: Places
    age_years: Vector
    weight: Vector


def plan_lots(dice: Dice, held: Vector, is_legacy: Flags, lots_per_security: int) -> LotPlan:
    """Draw how many lots each position has, how old they are, and how its weight is split among them."""
    owned = np.flatnonzero(held > 0)
    counts = dice.integers(1, max(2, 2 * lots_per_security), owned.size)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    security = np.repeat(owned, counts)
    age = dice.exponential(2.5, security.size) + 0.02 + np.where(is_legacy[security], 4.0, 0.0)
    share = dice.standard_exponential(security.size)
    share = np.maximum(share / np.repeat(np.add.reduceat(share, starts), counts), 1e-3 / np.repeat(counts, counts))
    share /= np.repeat(np.add.reduceat(share, starts), counts)
    return LotPlan(
        starts=starts,
        security=security,
        age_years=age[np.lexsort((age, security))],
        weight=share * held[security],
    )


def _draw_lots(dice: Dice, held: Vector, is_legacy: Flags, lots_per_security: int) -> BenchLots:
    """Draw lots whose gains lie on one path a security; most deep losses were taken before."""
    plan = plan_lots(dice, held, is_legacy, lots_per_security)
    starts, age = plan.starts, plan.age_years
    counts = np.diff(starts, append=age.size)
    step = np.diff(age, prepend=0.0)
    step[starts] = age[starts]
    path = np.cumsum(0.07 * step + 0.28 * np.sqrt(step) * dice.standard_normal(age.size))
    log_growth = path - np.repeat(np.concatenate([[0.0], path[starts[1:] - 1]]), counts)
    gain = 1 - np.exp(-log_growth)
    is_taken = (gain < -0.06) & (dice.random(gain.size) < 0.75)
    gain = np.where(is_taken, dice.uniform(-0.06, 0.05, gain.size), gain)
    return BenchLots(security=plan.security, weight=plan.weight, gain=gain, age_years=age)


def draw_bands(dice: Dice, market: BenchMarket, held: Vector, target: Vector, *, extra: int) -> BenchBands:
    """Draw limits on the sectors, the asset classes and further random groups, around target and what is held."""
    groups = [market.sector == at for at in range(SECTORS)]
    groups += [market.asset_class == at for at in range(CLASSES)]
    groups += [dice.random(market.count) < 0.15 for _ in range(extra)]
    members = np.array(groups)
    width = np.concatenate([dice.choice([0.01, 0.02, 0.03], SECTORS), np.full(CLASSES + extra, 0.03)])
    wanted, now = members @ target, members @ held
    low = np.minimum(wanted, np.maximum(now - 0.02, wanted - width)) - width
    return BenchBands(members=members, low=low, high=wanted + width)
