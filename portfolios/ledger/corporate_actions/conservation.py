"""What every action conserves: basis in + gain recognised = basis out + cash received (rule R-3.0)."""

from decimal import Decimal

from portfolios.ledger.corporate_actions.effect import LotOutcome
from portfolios.ledger.types import ZERO, Lot


class NotConserved(ArithmeticError):
    """Say that an action made or lost money: a fault of ours, never of the data."""


def check_conservation(outcomes: tuple[LotOutcome, ...]) -> None:
    """
    Check lot by lot that basis and income in, and gain, are basis and cash out, to the last digit.

    A lot of unknown basis cannot be checked, nor a sale out of a gift with two bases.
    :raises NotConserved: a lot for which it does not hold
    """
    for outcome in outcomes:
        if _is_checkable(outcome):
            came = _cost(outcome.before) + outcome.income_usd + _gain(outcome)
            went = sum((_cost(lot) for lot in outcome.after), ZERO) + outcome.cash_usd
            if came != went:
                raise NotConserved(
                    f"lot {outcome.before.key} of {outcome.before.security}: {came} of basis, income and gain came in, "
                    f"{went} of basis and cash went out"
                )


def _is_checkable(outcome: LotOutcome) -> bool:
    if any(lot.cost_usd is None for lot in (outcome.before, *outcome.after)):
        return False
    return outcome.before.loss_cost_usd is None or not outcome.dispositions


def _cost(lot: Lot) -> Decimal:
    assert lot.cost_usd is not None  # only lots of known basis are checked
    return lot.cost_usd


def _gain(outcome: LotOutcome) -> Decimal:
    """Return the gain before it is rounded to the cent."""
    return sum((each.proceeds_usd - (each.cost_usd or ZERO) for each in outcome.dispositions), ZERO)
