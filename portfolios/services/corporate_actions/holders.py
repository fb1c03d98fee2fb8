"""Who holds a security on the eve of an ex-date, and with which lots: whoever traded since is counted back to it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.ledger.types import EventKind, Lot
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent
from portfolios.models.lots import Lot as LotRow
from portfolios.models.market import CorporateAction
from portfolios.selectors.eves import eve_lots
from portfolios.selectors.ledgers import load_books
from portfolios.services.corporate_actions.stored_terms import all_holder_terms, is_only_for_elected
from portfolios.services.corporate_actions.term_facts import is_ratio_kind

BATCH: Final = 500
_BOOKED_DAYS: Final = timedelta(days=7)  # a custodian books a split a few days around its ex-date
_ACTION_KINDS: Final = (EventKind.CORPORATE_ACTION.value, EventKind.SPLIT.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One account on the eve of the ex-date. `taken` are the lot keys that it ever used with a slash in them."""

    account: Account
    lots: tuple[Lot, ...]
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderIds:
    """The accounts that an action touches, by how their lots of the eve are known: as they stand, or counted back."""

    standing: tuple[int, ...]
    counted_back: frozenset[int]

    @property
    def all_ids(self) -> tuple[int, ...]:
        """Return every account, in a lasting order."""
        return tuple(sorted({*self.standing, *self.counted_back}))


def holder_ids(action: CorporateAction, terms: ActionTerms, *, among: Collection[int] | None = None) -> HolderIds:
    """
    Return who may hold the security on the eve; three queries. Outside accounts have no lots and are left out.

    One who traded in it on the ex-date or after has traded in units after the action, so it is counted back.
    """
    accounts = Account.objects.filter(firm_id=action.firm_id, is_held_away=False)
    if among is not None:
        accounts = accounts.filter(pk__in=list(among))
    if is_only_for_elected(terms):
        accounts = accounts.filter(pk__in=list(all_holder_terms(action)))
    open_ids = set(
        LotRow.objects.filter(security_id=action.security_id, closed_on__isnull=True, account__in=accounts)
        .values_list("account_id", flat=True)
        .distinct()
    )
    late = _late_ids(action, terms, open_ids, accounts=accounts)
    return HolderIds(standing=tuple(sorted(open_ids - late)), counted_back=frozenset(late))


def _late_ids(
    action: CorporateAction, terms: ActionTerms, open_ids: Collection[int], *, accounts: QuerySet[Account]
) -> set[int]:
    on = terms.effective_on
    since = LedgerEvent.objects.filter(Q(traded_on__gt=on) | Q(traded_on=on) & ~Q(kind__in=_ACTION_KINDS))
    traded = since.filter(security_id=action.security_id, account__in=accounts)
    late = set(traded.exclude(detail__has_key="is_past").values_list("account_id", flat=True).distinct())
    acted = since.filter(kind=EventKind.CORPORATE_ACTION.value).exclude(security_id=action.security_id)
    return late | (set(acted.values_list("account_id", flat=True).distinct()) & set(open_ids))


def load_holders(
    action: CorporateAction, terms: ActionTerms, ids: Sequence[int], *, counted_back: Collection[int]
) -> Iterator[Holder]:
    """Yield the accounts with their lots of the eve, a few queries for five hundred; who held none is left out."""
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        accounts = list(Account.objects.filter(pk__in=part).order_by("pk"))
        back = [account for account in accounts if account.pk in counted_back]
        lots = dict(_standing_lots(accounts, action, terms, without=counted_back))
        lots.update(eve_lots(back, security_id=action.security_id, security=terms.security, on=terms.effective_on))
        taken = _taken(part) if terms.delivered else {}
        for account in accounts:
            held = lots.get(account.pk, ())
            if held:
                yield Holder(account=account, lots=tuple(held), taken=taken.get(account.pk, frozenset()))


def _standing_lots(
    accounts: Sequence[Account], action: CorporateAction, terms: ActionTerms, *, without: Collection[int]
) -> Iterator[tuple[int, tuple[Lot, ...]]]:
    standing = [account for account in accounts if account.pk not in without]
    books = load_books(standing, security_ids=[action.security_id])
    for account_id, book in books.items():
        yield account_id, book.lots_of(terms.security)


def _taken(account_ids: Sequence[int]) -> Mapping[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    rows = LotRow.objects.filter(account_id__in=account_ids, key__contains="/")
    for account_id, key in rows.values_list("account_id", "key"):
        found.setdefault(account_id, set()).add(key)
    return {account_id: frozenset(keys) for account_id, keys in found.items()}


def booked_by_custodian(
    action: CorporateAction, terms: ActionTerms, account_ids: Sequence[int]
) -> Mapping[int, LedgerEvent]:
    """
    Return the accounts whose custodian's transactions have booked this very split already, with that event.

    They are not split a second time.
    """
    if not is_ratio_kind(terms):
        return {}
    found: dict[int, LedgerEvent] = {}
    window = (terms.effective_on - _BOOKED_DAYS, terms.effective_on + _BOOKED_DAYS)
    for start in range(0, len(account_ids), BATCH):
        events = LedgerEvent.objects.filter(
            account_id__in=account_ids[start : start + BATCH],
            security_id=action.security_id,
            kind=EventKind.SPLIT.value,
            traded_on__range=window,
            corrections__isnull=True,
        ).exclude(detail__has_key="is_past")
        found.update({event.account_id: event for event in events.order_by("pk")})
    return found


def eve_of(terms: ActionTerms) -> date:
    """Return the last day on which units before the action were held."""
    return terms.effective_on - timedelta(days=1)
