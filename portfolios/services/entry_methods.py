"""What the method of a sale recorded by hand needs beside the lots: a fund, or the rates of the tax return."""

from dataclasses import replace

from advisors.errors import Invalid
from portfolios.ledger.entries import Entry, EntryKind
from portfolios.ledger.types import Relief
from portfolios.models.households import Account
from portfolios.models.securities import Security, SecurityKind
from portfolios.selectors.preferences import tax_situations_by_return
from portfolios.selectors.tax_rates_shown import rates_of


def with_method(account: Account, entry: Entry) -> Entry:
    """
    Return an entry with the rates that its method asks for.

    :raises Invalid: average cost of what is no mutual fund (R-1.2.3), or the least tax where no rates are stated
    """
    if entry.kind is not EntryKind.SALE or entry.picks:
        return entry
    if entry.method is Relief.AVERAGE_COST:
        if not Security.objects.filter(symbol=entry.security, kind=SecurityKind.FUND).exists():
            raise Invalid(f"Average cost may be used for mutual funds, {entry.security} is none.")
        return entry
    return _with_rates(account, entry) if entry.method is Relief.MIN_TAX else entry


def _with_rates(account: Account, entry: Entry) -> Entry:
    if account.tax_return_id is None:
        raise Invalid("The least tax needs the rates of a return, and this account is on none.")
    year = entry.on.year
    situation = tax_situations_by_return([account.tax_return_id], year=year).get(account.tax_return_id)
    if situation is None:
        raise Invalid(f"The least tax needs the rates of the return for {year}: state its tax situation first.")
    rates = rates_of(situation)
    return replace(entry, short_frac=rates.short_frac, long_frac=rates.long_frac)
