"""Faults of one account: lots, target, limits, constraints, worth."""

import math
from collections.abc import Iterator
from decimal import Decimal

from rebalancing.engine.faults.numbers import (
    EARLIEST_ON,
    are_usable_or_absent,
    are_usable_positive,
    is_usable,
    not_negative,
    number,
    positive,
    real_day,
    repeated,
)
from rebalancing.engine.faults.taxation import tax_faults
from rebalancing.engine.faults.trading import cash_need_faults, trading_faults
from rebalancing.engine.types import (
    CASH,
    SUBJECT_KINDS,
    Account,
    Case,
    Constraint,
    Fault,
    Lot,
    Security,
)

SUM_TOLERANCE = 1e-6


def account_faults(account: Account, *, case: Case, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    yield from number(account.cash, path=f"{path}.cash")
    yield from positive(account.after_tax_weight, path=f"{path}.after_tax_weight")
    are_sound = _are_sound(account.lots, case=case, securities=securities)
    if not are_sound:
        yield from _lots_faults(account, case=case, securities=securities, path=path)
    is_unified = case.household is not None and case.household.mode == "unified"
    if not is_unified:
        yield from target_faults(account.target, securities=securities, path=f"{path}.target")
    yield from limit_faults(account.class_limits, path=f"{path}.class_limits")
    yield from _substitute_faults(account, securities=securities, path=path)
    for index, constraint in enumerate(account.constraints):
        yield from _constraint_faults(constraint, path=f"{path}.constraints[{index}]")
    yield from cash_need_faults(account, path=f"{path}.cash_needs")
    yield from trading_faults(account, securities=securities, path=f"{path}.trading")
    yield from tax_faults(account, path=path)
    spare = (account.cash, account.cash_needs.raise_)
    if not (are_sound and all(map(is_usable, spare)) and spare[0] > spare[1]):
        yield from _worth_faults(account, securities=securities, path=path)


def _are_sound(lots: tuple[Lot, ...], *, case: Case, securities: dict[str, Security]) -> bool:
    """Tell at once whether no lot has a fault; of thousands, hardly ever one has."""
    as_of = case.as_of
    return (
        len({lot.id for lot in lots}) == len(lots)
        and {lot.security for lot in lots} <= securities.keys()
        and are_usable_positive(lot.quantity for lot in lots)
        and are_usable_or_absent(lot.cost for lot in lots)
        and all(EARLIEST_ON <= lot.acquired <= as_of for lot in lots)
        and all(lot.loss_cost is None and lot.holding_date is None for lot in lots)
    )


def _lots_faults(account: Account, *, case: Case, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    yield from repeated(((lot.id, f"{path}.lots[{i}].id") for i, lot in enumerate(account.lots)), noun="lot")
    for index, lot in enumerate(account.lots):
        yield from _lot_faults(lot, case=case, securities=securities, path=f"{path}.lots[{index}]")


def _lot_faults(lot: Lot, *, case: Case, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    if lot.security not in securities:
        yield Fault(
            path=f"{path}.security",
            message=f"{lot.security} is not among the securities",
        )
    yield from positive(lot.quantity, path=f"{path}.quantity")
    yield from not_negative(lot.cost, path=f"{path}.cost")
    yield from not_negative(lot.loss_cost, path=f"{path}.loss_cost")
    if lot.loss_cost is not None and lot.cost is None:
        yield Fault(path=f"{path}.loss_cost", message="needs a cost beside it")
    yield from real_day(lot.acquired, path=f"{path}.acquired")
    yield from real_day(lot.holding_date, path=f"{path}.holding_date")
    if lot.acquired > case.as_of:
        yield Fault(
            path=f"{path}.acquired",
            message=f"must not be after as_of {case.as_of}, is {lot.acquired}",
        )
    if lot.holding_date is not None and lot.holding_date > lot.acquired:
        yield Fault(
            path=f"{path}.holding_date",
            message=f"must not be after acquired {lot.acquired}",
        )


def target_faults(target: dict[str, float], *, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    for identity, weight in target.items():
        if identity != CASH and identity not in securities:
            yield Fault(path=f"{path}.{identity}", message="is not among the securities")
        if not weight >= 0:
            yield Fault(path=f"{path}.{identity}", message=f"must be >= 0, is {weight:g}")
    total = math.fsum(target.values()) if all(map(math.isfinite, target.values())) else math.nan
    if not abs(total - 1) <= SUM_TOLERANCE:
        yield Fault(path=path, message=f"weights must sum to 1, sum to {total:.6f}")


def limit_faults(limits: dict[str, tuple[float, float]], *, path: str) -> Iterator[Fault]:
    for asset_class, (low, high) in limits.items():
        if not 0 <= low <= high <= 1:
            message = f"must be [min, max] with 0 <= min <= max <= 1, is [{low:g}, {high:g}]"
            yield Fault(path=f"{path}.{asset_class}", message=message)


def _substitute_faults(account: Account, *, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    for index, substitute in enumerate(account.substitutes):
        at = f"{path}.substitutes[{index}]"
        for name, identity in (("for", substitute.for_), ("use", substitute.use)):
            if identity not in securities:
                yield Fault(
                    path=f"{at}.{name}",
                    message=f"{identity} is not among the securities",
                )
        if substitute.for_ == substitute.use:
            yield Fault(path=at, message=f"{substitute.use} cannot stand in for itself")
        yield from not_negative(substitute.hurdle_bps, path=f"{at}.hurdle_bps")


def _constraint_faults(constraint: Constraint, *, path: str) -> Iterator[Fault]:
    subjects = [kind for kind in SUBJECT_KINDS if getattr(constraint, kind) is not None]
    if len(subjects) != 1:
        yield Fault(
            path=path,
            message=f"must have exactly one of {', '.join(SUBJECT_KINDS)}, has {len(subjects)}",
        )
    if constraint.disposal is not None and constraint.verb != "never_own":
        yield Fault(path=f"{path}.disposal", message="belongs to never_own only")
    bounds = {
        unit: (getattr(constraint, f"min_{unit}"), getattr(constraint, f"max_{unit}"))
        for unit in ("weight", "value", "quantity")
    }
    given = [bound for pair in bounds.values() for bound in pair if bound is not None]
    if constraint.verb == "range" and not given:
        yield Fault(path=path, message="a range needs at least one bound")
    if constraint.verb != "range" and given:
        yield Fault(path=path, message="bounds belong to range only")
    for unit, (low, high) in bounds.items():
        yield from not_negative(low, path=f"{path}.min_{unit}")
        yield from not_negative(high, path=f"{path}.max_{unit}")
        if is_usable(low) and is_usable(high) and low > high:
            yield Fault(path=path, message=f"min_{unit} {low} is above max_{unit} {high}")


def _worth_faults(account: Account, *, securities: dict[str, Security], path: str) -> Iterator[Fault]:
    unknown = {lot.security for lot in account.lots} - securities.keys()
    numbers = [account.cash, account.cash_needs.raise_, *(lot.quantity for lot in account.lots)]
    prices = {lot.security: securities[lot.security].price for lot in account.lots if not unknown}
    if unknown or not all(map(is_usable, numbers)) or not all(map(is_usable, prices.values())):
        return
    held = sum((lot.quantity * prices[lot.security] for lot in account.lots), Decimal(0))
    worth = held + account.cash - account.cash_needs.raise_
    if worth <= 0:
        yield Fault(
            path=path,
            message=f"the value that stays must be > 0, is {worth:.2f} dollars",
        )
