"""Faults of the tax blocks: rates that would pay for gains, and accounts of one return that disagree."""

from collections.abc import Iterator
from decimal import InvalidOperation

from rebalancing.engine.faults.numbers import fraction, not_negative, number, real_day
from rebalancing.engine.types import Account, Case, Fault, Tax

RATE_TOLERANCE = 1e-12
NOT_NEGATIVE = (
    "ordinary_offset",
    "carryforward_short",
    "carryforward_long",
    "budget_tax",
    "max_net_gain",
    "deferral_years",
)


def tax_faults(account: Account, *, path: str) -> Iterator[Fault]:
    if not account.is_taxable:
        return
    if account.tax_return is None:
        yield Fault(
            path=f"{path}.tax_return",
            message="is missing: a taxable account belongs to a return",
        )
    tax = account.tax
    if tax is None:
        yield Fault(
            path=f"{path}.tax",
            message="is missing: a taxable account needs its tax block",
        )
        return
    yield from _number_faults(tax, path=f"{path}.tax")
    if not 0 <= tax.discount_rate <= 1:
        yield Fault(path=f"{path}.tax.discount_rate", message=f"must be between 0 and 1, is {tax.discount_rate:g}")
    else:
        yield from _rate_faults(tax, path=f"{path}.tax")


def _number_faults(tax: Tax, *, path: str) -> Iterator[Fault]:
    for name in ("short_rate", "long_rate", "ordinary_rate", "carried_loss_rate"):
        yield from fraction(getattr(tax, name), path=f"{path}.{name}")
    for name in NOT_NEGATIVE:
        yield from not_negative(getattr(tax, name), path=f"{path}.{name}")
    for name in ("realized_short", "realized_long", "tax_used"):
        yield from number(getattr(tax, name), path=f"{path}.{name}")
    if tax.forced_harvest is not None:
        for name in ("amount", "short_only_amount"):
            yield from not_negative(getattr(tax.forced_harvest, name), path=f"{path}.forced_harvest.{name}")
        yield from real_day(tax.forced_harvest.preserve_until, path=f"{path}.forced_harvest.preserve_until")


def _rate_faults(tax: Tax, *, path: str) -> Iterator[Fault]:
    if tax.short_rate < max(tax.ordinary_rate, tax.long_rate):
        yield Fault(
            path=f"{path}.short_rate",
            message="must be at least ordinary_rate and long_rate",
        )
    floor = tax.phi * tax.long_rate
    if tax.rho < floor - RATE_TOLERANCE:
        message = f"must be at least {floor:.6f}, the present value of the long_rate (deferral_years, discount_rate)"
        yield Fault(path=f"{path}.carried_loss_rate", message=message)
    if tax.rho > min(tax.ordinary_rate, tax.long_rate) + RATE_TOLERANCE:
        message = f"must be at most ordinary_rate and long_rate, is {tax.rho:.6f}"
        yield Fault(path=f"{path}.carried_loss_rate", message=message)


def _are_equal(one: Tax, other: Tax) -> bool:
    """Compare two blocks; what is no number equals nothing."""
    try:
        return one == other
    except InvalidOperation:
        return False


def return_faults(case: Case) -> Iterator[Fault]:
    first: dict[str, tuple[int, Tax]] = {}
    for index, account in enumerate(case.accounts):
        if not account.is_taxable or account.tax is None or account.tax_return is None:
            continue
        at, tax = first.setdefault(account.tax_return, (index, account.tax))
        if not _are_equal(tax, account.tax):
            message = f"differs from accounts[{at}].tax of the same return {account.tax_return}"
            yield Fault(path=f"accounts[{index}].tax", message=message)
