"""Tracking risk: what a block of dollars that differ from their target costs, one block an account or one in all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rebalancing.engine.household import household_value_usd
from rebalancing.engine.target import target_usd
from rebalancing.engine.types import Case, RiskModel, Security
from rebalancing.engine.universe import Matrix, Places, Universe, Vector


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskBlock:
    """
    Dollars whose risk is looked at together: those of one account, or of a unified household.

    x_i = sum of weight_p x held_p over the positions p with `place[p]` = i, in dollars after tax; it is compared with
    `target_usd` (n,). The block costs value lambda/2 |TE((x - g) / value)|^2. `name` is the account's id, or
    "household". `first_place` numbers its securities among those of all blocks.
    """

    name: str
    securities: tuple[Security, ...]
    first_place: int
    positions: Places
    place: Places
    weight: Vector
    terms: RiskTerms
    target_usd: Vector
    value_usd: float
    aversion: float
    max_tracking_error: float | None

    @property
    def count(self) -> int:
        return len(self.securities)

    def held_usd(self, held_usd: Vector) -> Vector:
        """Add up positions (of the whole case) into x, (n,)."""
        weighed = self.weight * held_usd[self.positions]
        return np.asarray(np.bincount(self.place, weights=weighed, minlength=self.count), dtype=np.float64)

    def variance(self, held_usd: Vector) -> float:
        """Return the squared tracking error of what is held of every position of the case."""
        return self.terms.variance((self.held_usd(held_usd) - self.target_usd) / self.value_usd)

    def risk_usd(self, held_usd: Vector) -> float:
        return self.value_usd * self.aversion / 2 * self.variance(held_usd)


def risk_blocks(universes: Sequence[Universe], *, case: Case) -> tuple[RiskBlock, ...]:
    """Return one block an account, or a single one where the household is unified."""
    if case.household is not None and case.household.mode == "unified":
        return (_unified_block(universes, case=case),)
    root = factor_root(case.risk_model)
    blocks: list[RiskBlock] = []
    first = 0
    for universe in universes:
        trading = universe.account.trading
        blocks.append(
            RiskBlock(
                name=universe.account.id,
                securities=universe.securities,
                first_place=first,
                positions=universe.positions,
                place=np.arange(universe.count, dtype=np.intp),
                weight=np.ones(universe.count),
                terms=build_risk(universe.securities, model=case.risk_model, root=root),
                target_usd=target_usd(universe),
                value_usd=universe.value_usd,
                aversion=risk_aversion(trading.tracking_preference),
                max_tracking_error=trading.max_tracking_error,
            )
        )
        first += universe.count
    return tuple(blocks)


def _unified_block(universes: Sequence[Universe], *, case: Case) -> RiskBlock:
    assert case.household is not None
    present = {item.id for universe in universes for item in universe.securities}
    securities = tuple(item for item in case.securities if item.id in present)
    index = {item.id: place for place, item in enumerate(securities)}
    value = household_value_usd(universes)
    target = case.household.target
    return RiskBlock(
        name="household",
        securities=securities,
        first_place=0,
        positions=np.concatenate([universe.positions for universe in universes]),
        place=np.array([index[item.id] for universe in universes for item in universe.securities], dtype=np.intp),
        weight=np.concatenate([np.full(universe.count, universe.account.after_tax_weight) for universe in universes]),
        terms=build_risk(securities, model=case.risk_model, root=factor_root(case.risk_model)),
        target_usd=np.array([target.get(item.id, 0.0) for item in securities]) * value,
        value_usd=value,
        aversion=risk_aversion(case.household.tracking_preference),
        max_tracking_error=None,
    )


def factor_root(model: RiskModel) -> Matrix:
    """Return a square root of the factor covariance, (k, k)."""
    size = len(model.factors)
    covariance = np.array(model.factor_covariance, dtype=float).reshape(size, size)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def build_risk(securities: Sequence[Security], *, model: RiskModel, root: Matrix) -> RiskTerms:
    """Take these securities' part of the risk model."""
    names = [item.id for item in securities]
    size = len(model.factors)
    exposures = np.array([model.exposures[name] for name in names], dtype=float).reshape(len(names), size)
    specific = np.array([model.specific_variance[name] for name in names], dtype=float)
    return RiskTerms(loadings=exposures @ root, specific=specific)


def risk_aversion(tracking_preference: float) -> float:
    """Return lambda for a tracking preference from 1 (taxes first) to 10 (target first)."""
    return float(10.0 ** (1.0 + 2.0 * (tracking_preference - 1) / 9.0))
