"""What the import of a file needs to know: which account a number means, what the ledger holds and knows already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import Max

from advisors.models import Firm
from portfolios import vault
from portfolios.custodians.base import ParsedAccount
from portfolios.custodians.registry import ANYWHERE
from portfolios.custodians.security_names import SecurityNames, name_key
from portfolios.custodians.told_before import BookedTrade, trade_side
from portfolios.ledger.types import Book, EventKind
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.models.securities import Security
from portfolios.selectors.ledgers import load_books

FILLS_SOURCE = "fills"
_TRADE_KINDS = tuple(
    kind.value
    for kind in (
        EventKind.BUY,
        EventKind.SELL,
        EventKind.REINVEST,
        EventKind.TRANSFER_IN,
        EventKind.TRANSFER_OUT,
        EventKind.SPLIT,
    )
)


def source_of(custodian: str) -> str:
    """Return the source under which what a custodian tells is kept in the journal."""
    return f"custodian:{custodian}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The accounts of a firm that a file of one custodian may speak of; some files speak of accounts anywhere."""

    by_hash: Mapping[str, tuple[Account, ...]]
    by_last4: Mapping[str, tuple[Account, ...]]

    def find(self, parsed: ParsedAccount) -> tuple[Account, ...]:
        """Return the accounts that a number may mean: by its keyed hash, or by the digits that are shown."""
        if not parsed.is_masked:
            return self.by_hash.get(vault.hash_number(parsed.number), ())
        shown = parsed.number
        if len(shown) < 4:
            return tuple(one for last4, some in self.by_last4.items() if last4.endswith(shown) for one in some)
        found = self.by_last4.get(shown[-4:], ())
        if len(shown) == 4:
            return found
        return tuple(one for one in found if vault.decrypt_text(one.number_encrypted).endswith(shown))


def directory_of(firm: Firm, *, custodian: str) -> Directory:
    """Return the directory of a firm's accounts at a custodian, of all for files that may speak of any."""
    accounts = Account.objects.filter(firm=firm)
    if custodian not in ANYWHERE:
        accounts = accounts.filter(custodian=custodian)
    by_hash: dict[str, tuple[Account, ...]] = {}
    by_last4: dict[str, tuple[Account, ...]] = {}
    for account in accounts.order_by("pk"):
        by_hash[account.number_hash] = (*by_hash.get(account.number_hash, ()), account)
        by_last4[account.number_last4] = (*by_last4.get(account.number_last4, ()), account)
    return Directory(by_hash=by_hash, by_last4=by_last4)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBook:
    """
    What the ledger knows of one account.

    `refs` were posted from this source before; `fills` are trades of our own; `gains` are sales whose gains the ledger
    booked itself; `last_trade_on` is the day of its last trade that moved units; `booked` are trades that files told.
    """

    book: Book
    refs: frozenset[str] = frozenset()
    fills: Mapping[tuple[str, str, date], Decimal] = field(default_factory=dict)
    gains: frozenset[tuple[str, date]] = frozenset()
    booked: Mapping[BookedTrade, frozenset[str]] = field(default_factory=dict)
    last_trade_on: date | None = None
    is_cash_known: bool = False


def books_of(accounts: Sequence[Account], *, source: str) -> Mapping[int, AccountBook]:
    """Return what the ledger knows of many accounts by id, in a constant number of queries."""
    books = load_books(accounts)
    active = [account.pk for account in accounts if account.journal_position]
    refs, gains, fills = _refs(active, source), _gains(active), _fills(active)
    last_trades, cash, booked = _last_trades(active), _with_cash(active), _booked(active, source)
    return {
        account.pk: AccountBook(
            book=books[account.pk],
            refs=frozenset(refs[account.pk]),
            fills=fills[account.pk],
            gains=frozenset(gains[account.pk]),
            booked={trade: frozenset(told) for trade, told in booked[account.pk].items()},
            last_trade_on=last_trades.get(account.pk),
            is_cash_known=account.pk in cash,
        )
        for account in accounts
    }


def _refs(keys: Sequence[int], source: str) -> Mapping[int, set[str]]:
    """Return the custodian's own references that were posted; those of adjusting events are never met again."""
    refs: dict[int, set[str]] = defaultdict(set)
    told = LedgerEvent.objects.filter(account_id__in=keys, source=source)
    for account_id, kept in told.values_list("account_id", "source_ref"):
        refs[account_id].add(kept.partition(":")[2])
    return refs


def _gains(keys: Sequence[int]) -> Mapping[int, set[tuple[str, date]]]:
    gains: dict[int, set[tuple[str, date]]] = defaultdict(set)
    booked = RealizedGain.objects.filter(account_id__in=keys).exclude(event__source_ref__contains=":r:")
    for account_id, symbol, closed_on in booked.values_list("account_id", "security__symbol", "closed_on").distinct():
        gains[account_id].add((symbol, closed_on))
    return gains


def _booked(keys: Sequence[int], source: str) -> Mapping[int, dict[BookedTrade, set[str]]]:
    """Return the references of trades that files told; those of another source with its name before them."""
    booked: dict[int, dict[BookedTrade, set[str]]] = defaultdict(lambda: defaultdict(set))
    told = LedgerEvent.objects.filter(
        account_id__in=keys, source__startswith=source_of(""), kind__in=_TRADE_KINDS, units__gt=0
    )
    for account_id, of, kept, kind, symbol, day, units in told.values_list(
        "account_id", "source", "source_ref", "kind", "security__symbol", "traded_on", "units"
    ):
        ref, side = kept.partition(":")[2], trade_side(kind, units or Decimal(0))
        if ref.startswith("t:") and side and symbol and units:
            trade = (side, symbol, day, units.normalize())
            booked[account_id][trade].add(ref if of == source else f"{of} {ref}")
    return booked


def _fills(keys: Sequence[int]) -> Mapping[int, dict[tuple[str, str, date], Decimal]]:
    fills: dict[int, dict[tuple[str, str, date], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    filled = LedgerEvent.objects.filter(account_id__in=keys, source=FILLS_SOURCE)
    for account_id, kind, symbol, day, units in filled.values_list(
        "account_id", "kind", "security__symbol", "traded_on", "units"
    ):
        if symbol and units:
            fills[account_id][(kind, symbol, day)] += units
    return fills


def _last_trades(keys: Sequence[int]) -> Mapping[int, date]:
    trades = LedgerEvent.objects.filter(account_id__in=keys, kind__in=_TRADE_KINDS).exclude(detail__has_key="is_past")
    return dict(
        trades.values_list("account_id").annotate(last_on=Max("traded_on")).values_list("account_id", "last_on")
    )


def _with_cash(keys: Sequence[int]) -> set[int]:
    moved = LedgerEvent.objects.filter(account_id__in=keys).exclude(amount_usd=0).exclude(detail__has_key="is_past")
    return set(moved.values_list("account_id", flat=True).distinct())


def security_names() -> SecurityNames:
    """Return the security master as rows look things up in it."""
    by_cusip: dict[str, str] = {}
    by_isin: dict[str, str] = {}
    symbols: set[str] = set()
    named: dict[str, list[str]] = defaultdict(list)
    for symbol, name, cusip, isin in Security.objects.values_list("symbol", "name", "cusip", "isin"):
        symbols.add(symbol)
        named[name_key(name)].append(symbol)
        if cusip:
            by_cusip[cusip] = symbol
        if isin:
            by_isin[isin] = symbol
    by_name = {name: found[0] for name, found in named.items() if name and len(found) == 1}
    return SecurityNames(symbols=frozenset(symbols), by_cusip=by_cusip, by_isin=by_isin, by_name=by_name)
