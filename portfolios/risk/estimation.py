"""
A factor risk model from daily returns: market, peer-group and statistical factors, exposures and variances shrunk.

    returns  R (T x N), NaN where a security was not priced on two days in a row
    factors  F (T x K): the market, what each peer group does beyond it, and the main common movements of what is left
    R_i = alpha_i + F b_i + e_i, with days weighted by age

Exposures are Bayesian: the prior of a security is what its peer group shows, and the fewer days it has, the more the
prior counts (Vasicek 1973). Specific variances are pulled to the median of the peers, and have a floor. Values in,
values out; the same returns give the same model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

DAYS_A_YEAR: Final = 252
LEAST_DAYS: Final = 60
"""With fewer returns a security has no exposures of its own but those of its peers."""
LEAST_PEERS: Final = 4
HALF_LIFE_DAYS: Final = 252
STATISTICAL_COUNT: Final = 5
DAYS_A_STATISTICAL: Final = 50
LEAST_VARIANCE: Final = 0.005**2  # a year: half a per cent of specific volatility
LEAST_SPREAD: Final = 0.01  # of exposures among peers, squared
FLOOR_OF_PEERS: Final = 0.1
PEER_DAYS: Final = 60
OUTLIER_MADS: Final = 10.0
_MAD_TO_SIGMA: Final = 1.4826
_ENOUGH_OF_THE_DAYS: Final = 0.8
_LEAST_FACTOR_VARIANCE: Final = 1e-8 / DAYS_A_YEAR  # keeps it definite when it is written with few digits
_NO_NOISE: Final = 1e-12  # of a price that never moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    An annualised factor model of N securities, and how each was known.

    `exposures` (N, K), `factor_covariance` (K, K), `specific_variance` (N,); `day_counts` (N,) are the returns that
    each security had, `is_by_peers` (N,) says that it had too few for exposures of its own.
    """

    symbols: tuple[str, ...]
    factors: tuple[str, ...]
    exposures: Array
    factor_covariance: Array
    specific_variance: Array
    day_counts: npt.NDArray[np.int64]
    is_by_peers: npt.NDArray[np.bool_]

    def covariance(self) -> Array:
        """Return the covariance of all securities, annualised, shape (N, N)."""
        common = self.exposures @ self.factor_covariance @ self.exposures.T
        return common + np.diag(self.specific_variance)


def estimate(symbols: Sequence[str], returns: Array, *, peers: Mapping[str, str], market: Sequence[str]) -> Estimate:
    """
    Estimate a model from daily returns of shape (T, N).

    `peers` names the group of each security (its sector, or its class), `market` the securities whose mean is the
    market.
    :raises ValueError: too few days, or no security of the market was priced
    """
    cleaned = without_outliers(returns)
    days = np.isfinite(cleaned).sum(axis=0)
    if cleaned.shape[0] < LEAST_DAYS or not any(days[at] >= LEAST_DAYS for at, s in enumerate(symbols) if s in market):
        raise ValueError(f"A risk model needs {LEAST_DAYS} daily returns of some security of the market.")
    ages = np.arange(cleaned.shape[0])[::-1]
    weights = 0.5 ** (ages / HALF_LIFE_DAYS)
    groups = _groups(symbols, peers)
    names, factors = _factors(cleaned, weights, groups=groups, is_market=np.isin(symbols, list(market)), days=days)
    exposures, specific = _regressed(cleaned, factors, weights, groups=groups, days=days)
    return Estimate(
        symbols=tuple(symbols),
        factors=names,
        exposures=exposures,
        factor_covariance=DAYS_A_YEAR * weighted_covariance(factors, weights),
        specific_variance=specific,
        day_counts=days.astype(np.int64),
        is_by_peers=days < LEAST_DAYS,
    )


def without_outliers(returns: Array) -> Array:
    """Pull returns beyond ten robust deviations of their own security back to there: a bad price is no risk."""
    with np.errstate(invalid="ignore"):
        middle = _nan_median(returns)
        spread = _MAD_TO_SIGMA * _nan_median(np.abs(returns - middle))
        bound = OUTLIER_MADS * np.where(spread > 0, spread, np.inf)
        pulled: Array = np.clip(returns, middle - bound, middle + bound)
    return pulled


def _nan_median(values: Array) -> Array:
    """Return the median of every column that has a value, 0 where none has."""
    found = np.zeros(values.shape[1])
    for at in range(values.shape[1]):
        known = values[np.isfinite(values[:, at]), at]
        found[at] = np.median(known) if known.size else 0.0
    return found


def _groups(symbols: Sequence[str], peers: Mapping[str, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, symbol in enumerate(symbols):
        found.setdefault(peers.get(symbol, ""), []).append(at)
    return dict(sorted(found.items()))


def _factors(
    returns: Array,
    weights: Array,
    *,
    groups: Mapping[str, list[int]],
    is_market: npt.NDArray[np.bool_],
    days: npt.NDArray[np.int_],
) -> tuple[tuple[str, ...], Array]:
    """Return names and daily returns of the factors: market, groups beyond the market, statistical ones beyond both."""
    has_days = days >= LEAST_DAYS
    market = _mean_return(returns[:, is_market & has_days])
    names, columns = ["market"], [market]
    for name, members in groups.items():
        inside = [at for at in members if has_days[at]]
        if name and len(inside) >= LEAST_PEERS:
            names.append(name)
            columns.append(_beyond(_mean_return(returns[:, inside]), np.column_stack(columns[:1]), weights))
    known = np.column_stack(columns)
    full = [at for at in range(returns.shape[1]) if days[at] >= _ENOUGH_OF_THE_DAYS * returns.shape[0]]
    count = min(STATISTICAL_COUNT, len(full) // 8, returns.shape[0] // DAYS_A_STATISTICAL)
    if count:
        rest = np.column_stack([_beyond(np.nan_to_num(returns[:, at]), known, weights) for at in full])
        spread = np.sqrt(np.average(rest**2, axis=0, weights=weights))
        scaled = np.sqrt(weights)[:, None] * rest / np.where(spread > 0, spread, 1.0)
        vectors = np.linalg.svd(scaled, full_matrices=False)[2][:count]
        vectors *= np.where(vectors.sum(axis=1) < 0, -1.0, 1.0)[:, None]
        portfolios = vectors / np.where(spread > 0, spread, 1.0)
        moves = rest @ (portfolios / np.abs(portfolios).sum(axis=1, keepdims=True)).T
        columns += list(moves.T)
        names += [f"statistical {at + 1}" for at in range(count)]
    return tuple(names), np.column_stack(columns)


def _mean_return(returns: Array) -> Array:
    """Return the mean over the securities that were priced, 0 on days when none was."""
    known = np.isfinite(returns)
    total = np.where(known, returns, 0.0).sum(axis=1)
    mean: Array = total / np.maximum(known.sum(axis=1), 1)
    return mean


def _beyond(series: Array, others: Array, weights: Array) -> Array:
    """Return what of a series the others do not explain."""
    centred, base = _centred(series, weights), _centred(others, weights)
    root = np.sqrt(weights)[:, None]
    found = np.linalg.lstsq(root * base, root[:, 0] * centred, rcond=None)[0]
    rest: Array = centred - base @ found
    return rest


def _centred(values: Array, weights: Array) -> Array:
    return values - np.average(values, axis=0, weights=weights)


def weighted_covariance(factors: Array, weights: Array) -> Array:
    """
    Return the daily covariance of factors (T, K).

    It is the sample's: group factors nearly add up to nothing, and pulling their correlations anywhere would give a
    well-diversified fund the risk of all of them. What little is known is pulled in at the exposures instead.
    """
    share = weights / weights.sum()
    centred = _centred(factors, weights)
    covariance: Array = (centred * share[:, None]).T @ centred
    return covariance + np.eye(factors.shape[1]) * _LEAST_FACTOR_VARIANCE


def _regressed(
    returns: Array,
    factors: Array,
    weights: Array,
    *,
    groups: Mapping[str, list[int]],
    days: npt.NDArray[np.int_],
) -> tuple[Array, Array]:
    """Return exposures (N, K) and annual specific variances (N,), both shrunk to what the peers show."""
    count, size = returns.shape[1], factors.shape[1]
    plain, unsure = np.full((count, size), np.nan), np.full((count, size), np.nan)
    noise = np.full(count, np.nan)
    for at in range(count):
        if days[at] >= LEAST_DAYS:
            usual = float(np.nanvar(returns[:, at]))  # exposures are of the order of 1, and factors may overlap
            told = _ridge(returns[:, at], factors, weights, np.zeros(size), np.ones(size), usual)
            plain[at], noise[at], unsure[at] = told
    everybody = [at for at in range(count) if np.isfinite(noise[at])]
    exposures, specific = np.zeros((count, size)), np.zeros(count)
    for members in groups.values():
        known = [at for at in members if np.isfinite(noise[at])]
        has_peers = len(known) >= LEAST_PEERS
        like = known if has_peers else everybody
        prior = plain[like].mean(axis=0)
        spread = np.maximum(plain[like].var(axis=0) - unsure[like].mean(axis=0), LEAST_SPREAD)
        usual = float(np.median(noise[like]))
        for at in members:
            exposures[at] = prior
            specific[at] = usual
            if np.isfinite(noise[at]):
                exposures[at], own, _ = _ridge(returns[:, at], factors, weights, prior, spread, noise[at])
                specific[at] = _among_peers(own, usual, int(days[at])) if has_peers else own
    return exposures, np.maximum(DAYS_A_YEAR * specific, LEAST_VARIANCE)


def _among_peers(own: float, usual: float, days: int) -> float:
    """Pull a variance to what is usual among its peers, on the scale of logarithms, and not far below it."""
    share = days / (days + PEER_DAYS)
    pulled = np.exp(share * np.log(max(own, _NO_NOISE)) + (1 - share) * np.log(max(usual, _NO_NOISE)))
    return max(float(pulled), FLOOR_OF_PEERS * usual)


def _ridge(
    series: Array, factors: Array, weights: Array, prior: Array, spread: Array, noise: float
) -> tuple[Array, float, Array]:
    """Return the exposures of one series under a normal prior, its daily residual variance, and theirs (K,)."""
    known = np.isfinite(series)
    share = weights[known] / weights[known].mean()
    x, y = _centred(factors[known], share), _centred(series[known], share)
    scaled = x * share[:, None]
    pull = np.diag(max(noise, _NO_NOISE) / spread)
    inverse = np.linalg.inv(scaled.T @ x + pull)
    found = prior + inverse @ (scaled.T @ (y - x @ prior))
    rest = y - x @ found
    free = max(int(known.sum()) - factors.shape[1] - 1, 1)
    left = float(share @ rest**2) / free
    return found, left, left * np.diag(inverse)
