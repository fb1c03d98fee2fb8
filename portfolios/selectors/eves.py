"""Lots as they stood on the eve of a day: the journal, counted up to it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from portfolios.ledger.corrections import effective_rows
from portfolios.ledger.projection import AccountEvent, project
from portfolios.ledger.types import EventKind, Lot
from portfolios.models.households import Account
from portfolios.models.securities import FirmSecurity, GroupLevel
from portfolios.selectors.identity import identity_of
from portfolios.selectors.journals import HouseholdJournal, JournalEvent, close_scopes, load_journals
from portfolios.selectors.tax_facts import account_facts
from portfolios.selectors.tax_policies import current_policy

_FIRST: Final = frozenset({EventKind.CORPORATE_ACTION, EventKind.SPLIT})  # come before all else of their day


def eve_lots(
    accounts: Sequence[Account], *, security_id: int, security: str, on: date
) -> Mapping[int, tuple[Lot, ...]]:
    """
    Return the lots of a security that accounts of one firm held before a day's trades, by account id.

    Actions of that day which are booked already count; trades of that day do not.
    :raises BadInput: a journal that cannot be replayed
    """
    if not accounts:
        return {}
    firm_id = accounts[0].firm_id
    policy = current_policy(firm_id).policy
    groups = _groups(firm_id)
    wanted = {account.tax_household_id: frozenset({security_id}) for account in accounts}
    scopes = close_scopes(wanted, identity=identity_of(firm_id))
    found: dict[int, tuple[Lot, ...]] = {}
    for journal in load_journals(scopes).values():
        books = project(
            [
                AccountEvent(account=str(each.account_id), position=each.position, event=each.event)
                for each in _before(journal, on)
            ],
            accounts=account_facts(journal.accounts),
            groups=groups,
            policy=policy,
        ).books
        found.update({int(key): book.lots_of(security) for key, book in books.items()})
    asked = {account.pk for account in accounts}
    return {account_id: lots for account_id, lots in found.items() if account_id in asked}


def _before(journal: HouseholdJournal, on: date) -> Sequence[JournalEvent]:
    rows = effective_rows(journal.events, event=lambda row: row.event, scope=lambda row: row.account_id)
    return [row for row in rows if row.event.traded_on < on or (row.event.traded_on == on and row.event.kind in _FIRST)]


def _groups(firm_id: int) -> Mapping[str, str]:
    rows = FirmSecurity.objects.filter(firm_id=firm_id, identity_group__level=GroupLevel.IDENTICAL)
    return {symbol: key or "" for symbol, key in rows.values_list("security__symbol", "identity_group__key")}
