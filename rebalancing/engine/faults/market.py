"""Faults of what all accounts share: securities, prices and the risk model."""

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rebalancing.engine.faults.numbers import are_usable_positive, positive_message
from rebalancing.engine.same import Same
from rebalancing.engine.types import CASH, Case, Fault, RiskModel, Security

Matrix = npt.NDArray[np.float64]
SYMMETRY_TOLERANCE = 1e-10
EIGENVALUE_TOLERANCE = 1e-10
# Far beyond any exposure or any variance of a year; products of larger ones would leave the floats.
LARGEST_RISK = 1e6
DEAREST_BPS = 10_000.0


def market_faults(case: Case) -> tuple[Fault, ...]:
    """Return the faults of the securities and of the risk model, whoever holds them."""
    return _kept_faults(Same(case.securities), Same(case.risk_model))


@lru_cache(maxsize=4)
def _kept_faults(securities: Same, model: Same) -> tuple[Fault, ...]:
    """Look once at what all cases of a day share."""
    assert isinstance(securities.it, tuple)
    assert isinstance(model.it, RiskModel)
    faults: list[Fault] = []
    if not _are_sound(securities.it):
        faults += _securities_faults(securities.it)
    faults += _covariance_faults(model.it)
    if not _is_covered(securities.it, model.it):
        faults += _coverage_faults(securities.it, model.it)
    return tuple(faults)


def _are_sound(securities: tuple[Security, ...]) -> bool:
    """Tell at once whether no security has a fault of its own."""
    names = {security.id for security in securities}
    return (
        len(names) == len(securities)
        and names.isdisjoint((CASH, ""))
        and are_usable_positive(security.price for security in securities)
        and are_usable_positive(security.quantity_step for security in securities)
        and all(0 <= security.half_spread_bps <= DEAREST_BPS for security in securities)
    )


def _is_covered(securities: tuple[Security, ...], model: RiskModel) -> bool:
    """Tell at once whether the risk model has usable numbers for every security."""
    names = [security.id for security in securities]
    if not (model.exposures.keys() >= set(names) and model.specific_variance.keys() >= set(names)):
        return False
    rows = [model.exposures[name] for name in names]
    if any(len(row) != len(model.factors) for row in rows):
        return False
    numbers = np.array(rows, dtype=np.float64)
    variances = np.array([model.specific_variance[name] for name in names], dtype=np.float64)
    return bool((np.abs(numbers) <= LARGEST_RISK).all() and ((variances >= 0) & (variances <= LARGEST_RISK)).all())


def _securities_faults(securities: tuple[Security, ...]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, security in enumerate(securities):
        path = f"securities[{index}]"
        yield from _security_faults(security, path=path)
        if security.id in seen:
            yield Fault(path=f"{path}.id", message=f"security {security.id} appears twice")
        seen.add(security.id)


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
        message = positive_message(value)
        if message is not None:
            yield Fault(path=f"{path}.{name}", message=f"{message} ({security.id})")
    if not 0 <= security.half_spread_bps <= DEAREST_BPS:
        message = "must be >= 0" if security.half_spread_bps < 0 else f"must be at most {DEAREST_BPS:g}"
        yield Fault(path=f"{path}.half_spread_bps", message=message)


def _coverage_faults(securities: tuple[Security, ...], model: RiskModel) -> Iterator[Fault]:
    for name in dict.fromkeys(security.id for security in securities):
        yield from _exposure_faults(model, name, path=f"risk_model.exposures.{name}")
        variance, path = model.specific_variance.get(name), f"risk_model.specific_variance.{name}"
        if variance is None:
            yield Fault(path=path, message="is missing: the risk model must cover it")
        elif not variance >= 0:
            yield Fault(path=path, message=f"must be >= 0, is {variance:g}")
        elif variance > LARGEST_RISK:
            yield Fault(path=path, message=f"must be at most {LARGEST_RISK:g}, is {variance:g}")


def _exposure_faults(model: RiskModel, name: str, *, path: str) -> Iterator[Fault]:
    exposures, factors = model.exposures.get(name), len(model.factors)
    if exposures is None:
        yield Fault(path=path, message="is missing: the risk model must cover it")
    elif len(exposures) != factors:
        message = f"must have {factors} numbers, one a factor, has {len(exposures)}"
        yield Fault(path=path, message=message)
    else:
        for at, exposure in enumerate(exposures):
            if not abs(exposure) <= LARGEST_RISK:
                yield Fault(path=f"{path}[{at}]", message=_size_message(exposure))


def _size_message(value: float) -> str:
    if not math.isfinite(value):
        return f"must be a number, is {value}"
    return f"must be at most {LARGEST_RISK:g} in size, is {value:g}"


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
    wild = [(i, j) for i, j in np.argwhere(~(np.abs(covariance) <= LARGEST_RISK))]
    for i, j in wild:
        yield Fault(path=f"{path}[{i}][{j}]", message=_size_message(float(covariance[i, j])))
    if wild:
        return
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
