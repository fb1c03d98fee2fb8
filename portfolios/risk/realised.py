"""Did a risk model foresee what happened? Predicted against realised tracking error of portfolios."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolios.risk.estimation import DAYS_A_YEAR, Array, Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """Predicted and realised tracking error of one portfolio, annualised fractions, and the share of it covered."""

    predicted_frac: float
    realised_frac: float
    covered_frac: float

    @property
    def ratio(self) -> float | None:
        """Return realised over predicted, None where nothing was predicted."""
        return self.realised_frac / self.predicted_frac if self.predicted_frac > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How realised compares with predicted over many portfolios: 1 is right, below 1 the model was too careful."""

    count: int
    median_ratio: float
    low_ratio: float
    high_ratio: float


def foresight(model: Estimate, returns: Array, active: Array) -> Foresight:
    """
    Compare one portfolio's active weights (N,) with daily returns (T, N) that the model had not seen.

    A day without a price counts as no return of that security.
    """
    exposure = active @ model.exposures
    predicted = float(exposure @ model.factor_covariance @ exposure + active**2 @ model.specific_variance)
    moves = np.nan_to_num(returns) @ active
    gross = np.abs(active).sum()
    priced = np.isfinite(returns).any(axis=0)
    return Foresight(
        predicted_frac=float(np.sqrt(max(predicted, 0.0))),
        realised_frac=float(np.sqrt(DAYS_A_YEAR * np.mean((moves - moves.mean()) ** 2))),
        covered_frac=float(np.abs(active[priced]).sum() / gross) if gross > 0 else 1.0,
    )


def summarise(found: Sequence[Foresight]) -> Summary | None:
    """Return the middle, and the range that holds nine portfolios of ten; None where nothing was predicted."""
    ratios = [one.ratio for one in found if one.ratio is not None]
    if not ratios:
        return None
    low, middle, high = np.quantile(ratios, (0.05, 0.5, 0.95))
    return Summary(count=len(ratios), median_ratio=float(middle), low_ratio=float(low), high_ratio=float(high))
