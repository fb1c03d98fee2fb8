"""Faults of what all accounts share: securities, prices and the risk model."""

import itertools
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from rebalancing.engine.types import CASH, Case, Fault, RiskModel, Security

Matrix = npt.NDArray[np.float64]
SYMMETRY_TOLERANCE = 1e-10
EIGENVALUE_TOLERANCE = 1e-10


def market_faults(case: Case) -> Iterator[Fault]:
    """Yield the faults of the securities and of the risk model, whoever holds them."""
    seen: set[str] = set()
    for index, security in enumerate(case.securities):
        path = f"securities[{index}]"
        yield from _security_faults(security, path=path)
        if security.id in seen:
            yield Fault(path=f"{path}.id", message=f"security {security.id} appears twice")
        seen.add(security.id)
    yield from _covariance_faults(case.risk_model)
    yield from _coverage_faults(case)


def _security_faults(security: Security, *, path: str) -> Iterator[Fault]:
    if security.id in (CASH, ""):
        yield Fault(
            path=f"{path}.id",
            message=f"{security.id or 'an empty name'} is not the id of a security",
        )
    for name, value in (
        ("price", security.price),
        ("quantity_step", security.quantity_step),
    ):
        yield from _positive(value, path=f"{path}.{name}", security=security.id)
    if not security.half_spread_bps >= 0:
        yield Fault(path=f"{path}.half_spread_bps", message="must be >= 0")


def _positive(value: Decimal, *, path: str, security: str) -> Iterator[Fault]:
    if not value.is_finite():
        yield Fault(path=path, message=f"must be a number, is {value} ({security})")
    elif value <= 0:
        yield Fault(path=path, message=f"must be > 0 ({security})")


def _coverage_faults(case: Case) -> Iterator[Fault]:
    model = case.risk_model
    factors = len(model.factors)
    for security in case.securities:
        exposures = model.exposures.get(security.id)
        variance = model.specific_variance.get(security.id)
        if exposures is None:
            yield Fault(
                path=f"risk_model.exposures.{security.id}",
                message="is missing: the risk model must cover it",
            )
        elif len(exposures) != factors:
            message = f"must have {factors} numbers, one a factor, has {len(exposures)}"
            yield Fault(path=f"risk_model.exposures.{security.id}", message=message)
        path = f"risk_model.specific_variance.{security.id}"
        if variance is None:
            yield Fault(path=path, message="is missing: the risk model must cover it")
        elif not variance >= 0:
            yield Fault(path=path, message=f"must be >= 0, is {variance:g}")


def _covariance_faults(model: RiskModel) -> Iterator[Fault]:
    path, size = "risk_model.factor_covariance", len(model.factors)
    if len(set(model.factors)) != size:
        yield Fault(path="risk_model.factors", message="a factor appears twice")
    if len(model.factor_covariance) != size or any(len(row) != size for row in model.factor_covariance):
        yield Fault(path=path, message=f"must be {size} by {size}, one row and column a factor")
        return
    if size > 0:
        yield from _shape_of_covariance_faults(np.array(model.factor_covariance, dtype=np.float64), path=path)


def _shape_of_covariance_faults(covariance: Matrix, *, path: str) -> Iterator[Fault]:
    scale = max(float(np.abs(covariance).max()), 1e-300)
    size = len(covariance)
    for i, j in itertools.combinations(range(size), 2):
        if abs(covariance[i, j] - covariance[j, i]) > SYMMETRY_TOLERANCE * scale:
            yield Fault(path=f"{path}[{i}][{j}]", message=f"must equal [{j}][{i}]")
    for i in range(size):
        if covariance[i, i] < 0:
            yield Fault(path=f"{path}[{i}][{i}]", message=f"a variance must be >= 0, is {covariance[i, i]:g}")
    least = float(np.linalg.eigvalsh((covariance + covariance.T) / 2)[0])
    if least < -EIGENVALUE_TOLERANCE * scale:
        yield Fault(path=path, message=f"must be positive semi-definite, has the eigenvalue {least:.3g}")
