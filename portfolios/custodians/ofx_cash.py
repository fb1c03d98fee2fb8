"""The cash of an OFX statement: what is available, what money funds hold, and whether one contains the other."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from portfolios.custodians.base import CashRow
from portfolios.custodians.ofx_rows import OfxCells

_TOTALS = frozenset({"totalaccountvalue", "networth", "accountvalue", "totalvalue"})
_TOLERANCE_USD = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """What the positions add up to: money funds, and everything else as far as it has a value."""

    fund_usd: Decimal
    securities_usd: Decimal


def cash_of(row: OfxCells, totals: Iterable[OfxCells], balances: Balances) -> CashRow | None:
    """
    Read the cash of a statement.

    OFX says that the available cash includes sweep funds; not every institution does so. Where both are stated and
    differ, the value of the whole account decides, and where there is none the account waits.
    """
    row.check_currency()
    available, margin = row.need_number("AVAILCASH"), row.maybe_number("MARGINBALANCE") or Decimal(0)
    if row.maybe_number("SHORTBALANCE"):
        row.fail("The account holds short positions, which are not kept here.", "SHORTBALANCE")
    debit = min(margin, Decimal(0))
    fund = balances.fund_usd
    if not available or not fund or abs(available - fund) <= _TOLERANCE_USD:
        settled: Decimal | None = max(available, fund) if fund else available
    else:
        settled = _by_total(_total(totals), available, balances, debit=debit)
    if settled is None:
        message = (
            f"The file states ${available:,.2f} of available cash and ${fund:,.2f} in money funds, "
            "and nothing shows whether one contains the other."
        )
        row.fail(message, "AVAILCASH")
    if settled is None or not row.is_good:
        return None
    return CashRow(row=row.number, settled_usd=settled + debit)


def _total(totals: Iterable[OfxCells]) -> Decimal | None:
    for row in totals:
        if re.sub(r"[^a-z]", "", row.cells.get("NAME", "").lower()) in _TOTALS:
            return row.maybe_number("VALUE")
    return None


def _by_total(total: Decimal | None, available: Decimal, balances: Balances, *, debit: Decimal) -> Decimal | None:
    if total is None:
        return None
    rest = total - balances.securities_usd - debit
    both = available + balances.fund_usd
    return next((sum_usd for sum_usd in (available, both) if abs(rest - sum_usd) <= _TOLERANCE_USD), None)
