"""Faults of a household: a target that is missing, limits that no portfolio meets, classes that nobody knows."""

import math
from collections.abc import Iterator, Mapping

from rebalancing.engine.faults.account import SUM_TOLERANCE, limit_faults, target_faults
from rebalancing.engine.faults.numbers import not_negative
from rebalancing.engine.types import CASH_CLASS, Fault, Household, Security


def household_value_faults(household: Household, *, securities: Mapping[str, Security]) -> Iterator[Fault]:
    """Yield every way in which the household contradicts itself or the securities of the case."""
    if household.mode == "unified":
        yield from _target_faults(household, securities=securities)
    classes = {security.asset_class for security in securities.values()}
    yield from limit_faults(household.class_limits, path="household.class_limits")
    yield from _class_faults(household, classes=classes)
    if not 1 <= household.tracking_preference <= 10:
        message = f"must be between 1 and 10, is {household.tracking_preference}"
        yield Fault(path="household.tracking_preference", message=message)
    yield from not_negative(household.transfer_cost_bps, path="household.transfer_cost_bps")
    yield from _location_faults(household, classes=classes)


def _target_faults(household: Household, *, securities: Mapping[str, Security]) -> Iterator[Fault]:
    if household.target:
        yield from target_faults(household.target, securities=dict(securities), path="household.target")
    else:
        yield Fault(path="household.target", message="is missing: a unified household follows one target")


def _class_faults(household: Household, *, classes: set[str]) -> Iterator[Fault]:
    for asset_class, (low, _) in household.class_limits.items():
        if low > 0 and asset_class not in classes | {CASH_CLASS}:
            message = f"no security is of this class, so that it cannot hold at least {low:g}"
            yield Fault(path=f"household.class_limits.{asset_class}", message=message)
    least = math.fsum(low for low, _ in household.class_limits.values())
    if least > 1 + SUM_TOLERANCE:
        yield Fault(path="household.class_limits", message=f"the least weights add up to {least:g}, more than 1")
    most = math.fsum(high for _, high in household.class_limits.values())
    if household.class_limits and classes | {CASH_CLASS} <= set(household.class_limits) and most < 1 - SUM_TOLERANCE:
        yield Fault(path="household.class_limits", message=f"the most of every class adds up to {most:g}, less than 1")


def _location_faults(household: Household, *, classes: set[str]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for index, rule in enumerate(household.location):
        path = f"household.location[{index}]"
        if rule.asset_class not in classes:
            message = f"{rule.asset_class} is the asset class of no security of the case"
            yield Fault(path=f"{path}.asset_class", message=message)
        if (rule.tax_status, rule.asset_class) in seen:
            yield Fault(path=path, message=f"bars {rule.asset_class} in {rule.tax_status} accounts once more")
        seen.add((rule.tax_status, rule.asset_class))
