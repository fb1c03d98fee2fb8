"""Worked cases of the six-month rule of funds."""

from portfolios.ledger.fund_losses import six_month_loss
from portfolios.ledger.types import ZERO
from portfolios.ledger.worked_cases.reading import Actual, Fields, day_in, money, money_in


def six_months(given: Fields) -> Actual:
    """Return how a fund's loss is disallowed, or turned long-term, by what the fund distributed."""
    loss = six_month_loss(
        held_from_on=day_in(given, "acquired"),
        sold_on=day_in(given, "sold"),
        gain_usd=money_in(given, "amount") - money_in(given, "basis"),
        exempt_interest_usd=money_in(given, "exempt_interest_dividends", ZERO),
        capital_gain_distributions_usd=money_in(given, "capital_gain_distributions", ZERO),
        pays_daily=bool(given.get("ric_daily_dividend", False)),
    )
    return {
        "loss_disallowed": money(loss.disallowed_usd),
        "lt_gain": money(loss.long_usd),
        "st_gain": money(loss.short_usd),
        "six_month_rule_applies": loss.applies,
    }
