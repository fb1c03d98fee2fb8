"""The six-month rule of fund and real estate trust shares (IRC 852(b)(4), 857(b)(8); R-1.9.1, R-1.1.6)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import first_long_on, holding_starts_on
from portfolios.ledger.types import ZERO

_MONTHS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SixMonthLoss:
    """
    A loss on fund shares after the rule: what is lost for good, what is long-term, what is short-term.

    `long_usd` and `short_usd` are gains, so losses are negative.
    """

    applies: bool
    disallowed_usd: Decimal
    long_usd: Decimal
    short_usd: Decimal


def seventh_month_starts_on(held_from_on: date) -> date:
    """Return the first day of the seventh holding month; a day that does not exist becomes the first of the next."""
    start = holding_starts_on(held_from_on)
    month = start.month + _MONTHS
    year, month = (start.year + 1, month - 12) if month > 12 else (start.year, month)
    try:
        return date(year, month, start.day)
    except ValueError:
        return date(year, month + 1, 1)  # no month of 31 days follows December: the 7th month of July is January


def six_month_loss(
    *,
    held_from_on: date,
    sold_on: date,
    gain_usd: Decimal,
    exempt_interest_usd: Decimal = ZERO,
    capital_gain_distributions_usd: Decimal = ZERO,
    pays_daily: bool = False,
) -> SixMonthLoss:
    """
    Apply the rule to a short-held portion, before its remainder is classified for wash sales.

    The loss is first disallowed up to the exempt interest received on the shares (not where the fund declares it
    daily or monthly), then long-term up to the capital gain distributions received. Where the rule does not apply the
    whole amount has the term of the holding.
    :raises BadInput: the sale lies before the acquisition, or a distribution is negative
    """
    if sold_on < held_from_on:
        raise BadInput(f"sold on {sold_on} before it was acquired on {held_from_on}")
    if min(exempt_interest_usd, capital_gain_distributions_usd) < 0:
        raise BadInput("distributions received are not negative")
    applies = gain_usd < 0 and sold_on < seventh_month_starts_on(held_from_on)
    if not applies:
        long, short = (gain_usd, ZERO) if sold_on >= first_long_on(held_from_on) else (ZERO, gain_usd)
        return SixMonthLoss(applies=False, disallowed_usd=ZERO, long_usd=long, short_usd=short)
    loss = -gain_usd
    disallowed = ZERO if pays_daily else min(loss, exempt_interest_usd)
    long = min(loss - disallowed, capital_gain_distributions_usd)
    return SixMonthLoss(applies=True, disallowed_usd=disallowed, long_usd=-long, short_usd=-(loss - disallowed - long))
