"""
The tax that a list of trades causes: `tax(year so far + list) - tax(year so far)`, never a sum over lots (R-1.5.3).

Gains count after wash-sale disallowance; what is traded in accounts that are not taxed now counts nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax import NO_GAINS, Gains
from portfolios.ledger.tax_schemes import Assessment, Scheme
from portfolios.ledger.types import ZERO, Term

TAXED_NOW: Final = frozenset({"taxable", "grantor_trust", "irrevocable_trust", "estate", "utma", "corporation"})
NOT_TAXED_NOW: Final = frozenset(
    {
        "deferred", "exempt", "traditional_ira", "sep_ira", "simple_ira", "401k", "403b", "457b", "hsa", "529",
        "annuity", "roth_ira", "roth_401k", "charity", "foundation", "daf", "crt",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTrade:
    """
    One portion of a list: its gain before the wash-sale rule, and what of a loss that rule takes away.

    `permanent_usd` is the part of `disallowed_usd` that is lost for good. `gain_usd` None: the basis is unknown.
    """

    key: str
    term: Term
    gain_usd: Decimal | None
    disallowed_usd: Decimal = ZERO
    permanent_usd: Decimal = ZERO
    tax_status: str = "taxable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTotals:
    """What a list realises in accounts that are taxed now."""

    recognized: Gains
    disallowed_usd: Decimal
    permanent_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTax:
    """The year before and after a list, and what the list causes; unrounded."""

    before: Assessment
    after: Assessment
    totals: ListTotals

    @property
    def cost_usd(self) -> Decimal:
        """Return the tax that the list causes, negative where it saves."""
        return self.after.tax_usd - self.before.tax_usd

    @property
    def carried_change(self) -> Gains:
        """Return by how much the losses carried on grow, by character; negative where gains consume them."""
        return self.after.carried - self.before.carried


def recognized_usd(trade: ListedTrade) -> Decimal:
    """
    Return what of a trade's gain or loss counts this year.

    :raises BadInput: the basis or the tax status is unknown, or more is disallowed than was lost
    """
    if trade.tax_status not in TAXED_NOW:
        if trade.tax_status not in NOT_TAXED_NOW:
            raise BadInput(f"{trade.key}: {trade.tax_status!r} is no tax status")
        return ZERO
    gain, disallowed = trade.gain_usd, trade.disallowed_usd
    if gain is None:
        raise BadInput(f"{trade.key}: the basis is unknown, so its tax cannot be told")
    if disallowed and not 0 <= trade.permanent_usd <= disallowed <= -gain:
        raise BadInput(f"{trade.key}: {disallowed} disallowed of a result of {gain} cannot be")
    return gain + disallowed


def list_totals(trades: Sequence[ListedTrade]) -> ListTotals:
    """
    Add up a list, in one pass.

    :raises BadInput: a trade cannot be counted
    """
    short = long = disallowed = permanent = ZERO
    for trade in trades:
        counted = recognized_usd(trade)
        if trade.term is Term.SHORT:
            short += counted
        else:
            long += counted
        if trade.disallowed_usd and trade.tax_status in TAXED_NOW:
            disallowed += trade.disallowed_usd
            permanent += trade.permanent_usd
    return ListTotals(
        recognized=Gains(short_usd=short, long_usd=long), disallowed_usd=disallowed, permanent_usd=permanent
    )


def tax_of_list(
    trades: Sequence[ListedTrade], *, scheme: Scheme, year_to_date: Gains = NO_GAINS, carried_in: Gains = NO_GAINS
) -> ListTax:
    """
    Price a list of trades on top of the year so far.

    :raises BadInput: a trade cannot be counted, or a carryforward is negative
    """
    totals = list_totals(trades)
    return ListTax(
        before=scheme.assess(realized=year_to_date, carried_in=carried_in),
        after=scheme.assess(realized=year_to_date + totals.recognized, carried_in=carried_in),
        totals=totals,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeShare:
    """The part of a list's tax that one trade is shown with."""

    key: str
    tax_usd: Decimal


ATTRIBUTION: Final = "sequential: each trade as if made after those listed before it"


def attribute_tax(
    trades: Sequence[ListedTrade], *, scheme: Scheme, year_to_date: Gains = NO_GAINS, carried_in: Gains = NO_GAINS
) -> tuple[TradeShare, ...]:
    """
    Split a list's tax over its trades, in the order of the list; the shares add up to the list's tax exactly.

    The split is `ATTRIBUTION`: another order would give other shares of the same total.
    :raises BadInput: a trade cannot be counted
    """
    short, long = year_to_date.short_usd, year_to_date.long_usd
    before = scheme.tax_usd(realized=year_to_date, carried_in=carried_in)
    shares = []
    for trade in trades:
        counted = recognized_usd(trade)
        if trade.term is Term.SHORT:
            short += counted
        else:
            long += counted
        after = before
        if counted:
            after = scheme.tax_usd(realized=Gains(short_usd=short, long_usd=long), carried_in=carried_in)
        shares.append(TradeShare(key=trade.key, tax_usd=after - before))
        before = after
    return tuple(shares)
