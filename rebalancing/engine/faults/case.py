"""Tell every way in which the values of a well-formed case contradict each other or the world."""

from collections.abc import Iterator

from rebalancing.engine.faults.account import account_faults
from rebalancing.engine.faults.household import household_value_faults
from rebalancing.engine.faults.market import market_faults
from rebalancing.engine.faults.numbers import not_negative, positive, real_day, repeated
from rebalancing.engine.faults.taxation import return_faults
from rebalancing.engine.types import Case, Fault


def value_faults(case: Case) -> Iterator[Fault]:
    """Yield every fault, in the order of the file."""
    if case.version != 1:
        yield Fault(path="version", message=f"must be 1, is {case.version}")
    yield from real_day(case.as_of, path="as_of")
    yield from market_faults(case)
    securities = {security.id: security for security in case.securities}
    if not case.accounts:
        yield Fault(path="accounts", message="must name at least one account")
    yield from repeated(
        ((a.id, f"accounts[{i}].id") for i, a in enumerate(case.accounts)),
        noun="account",
    )
    for index, account in enumerate(case.accounts):
        yield from account_faults(account, case=case, securities=securities, path=f"accounts[{index}]")
    yield from return_faults(case)
    if case.household is not None:
        yield from household_value_faults(case.household, securities=securities)
    for index, trade in enumerate(case.recent_trades):
        path = f"recent_trades[{index}]"
        yield from positive(trade.quantity, path=f"{path}.quantity")
        yield from not_negative(trade.loss, path=f"{path}.loss")
        yield from real_day(trade.date, path=f"{path}.date")
        if trade.date > case.as_of:
            yield Fault(
                path=f"{path}.date",
                message=f"must not be after as_of {case.as_of}, is {trade.date}",
            )
