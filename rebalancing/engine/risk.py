"""Tracking risk: factor exposures and specific variance of the dollars that differ from target."""

from dataclasses import dataclass

import numpy as np

from rebalancing.engine.types import RiskModel
from rebalancing.engine.universe import Matrix, Universe, Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskTerms:
    """
    Variance of active weights w (n,) is |B'w|^2 + sum specific w^2, per year.

    `loadings` (n, k) are exposures times a square root of the factor covariance; `specific` (n,).
    """

    loadings: Matrix
    specific: Vector

    def variance(self, active: Vector) -> float:
        exposures = active @ self.loadings
        return float(exposures @ exposures + (self.specific * active) @ active)

    def volatility(self) -> Vector:
        """Return each security's own standard deviation per year."""
        return np.asarray(np.sqrt((self.loadings**2).sum(axis=1) + self.specific))


def build_risk(universe: Universe, *, model: RiskModel) -> RiskTerms:
    """Take the universe's part of the risk model."""
    names = [item.id for item in universe.securities]
    size = len(model.factors)
    exposures = np.array([model.exposures[name] for name in names], dtype=float).reshape(len(names), size)
    specific = np.array([model.specific_variance[name] for name in names], dtype=float)
    covariance = np.array(model.factor_covariance, dtype=float).reshape(size, size)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return RiskTerms(loadings=exposures @ root, specific=specific)


def risk_aversion(tracking_preference: int) -> float:
    """Return lambda for a tracking preference from 1 (taxes first) to 10 (target first)."""
    return float(10.0 ** (1.0 + 2.0 * (tracking_preference - 1) / 9.0))
