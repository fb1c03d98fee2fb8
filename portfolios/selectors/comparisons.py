"""What a comparison with a custodian asks of the database: standing differences, commissions, washes, prices."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import F, Q

from portfolios.ledger.comparison import DifferenceKind, Figures, LotFacts
from portfolios.ledger.families import stem_of
from portfolios.ledger.types import ZERO, Book, EventKind
from portfolios.models.imports import Break, BreakKind
from portfolios.models.lots import LedgerEvent, WashMatch
from portfolios.models.securities import Security
from portfolios.selectors.prices import last_prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    The differences of an account that wait, or that a person left as they are.

    `agreed_on` is the day of the last statement that agreed, by symbol, "" for cash; `settled` are figures that are
    no break because the ledger is right.
    """

    agreed_on: Mapping[str, date | None] = field(default_factory=dict)
    settled: frozenset[Figures] = frozenset()


def standing_of(account_ids: Sequence[int]) -> Mapping[int, Standing]:
    """Return the standing differences of accounts by id, only of those that have some; one query."""
    rows = (
        Break.objects.filter(Q(resolved_at__isnull=True) | Q(is_standing=True), account_id__in=account_ids)
        .exclude(kind=BreakKind.GAIN)
        .select_related("security")
    )
    agreed: dict[int, dict[str, date | None]] = defaultdict(dict)
    settled: dict[int, set[Figures]] = defaultdict(set)
    for row in rows.order_by("pk"):
        symbol = "" if row.security is None else row.security.symbol
        agreed[row.account_id][symbol] = row.agreed_on
        if row.is_standing:
            settled[row.account_id].add(figures_of(row))
    return {key: Standing(agreed_on=days, settled=frozenset(settled[key])) for key, days in agreed.items()}


def figures_of(row: Break) -> Figures:
    """Return both sides of a kept difference."""
    return Figures(
        security="" if row.security is None else row.security.symbol,
        kind=DifferenceKind(row.kind),
        ledger_units=row.ledger_units,
        custodian_units=row.custodian_units,
        ledger_usd=row.ledger_usd,
        custodian_usd=row.custodian_usd,
    )


def lot_facts(account_ids: Sequence[int]) -> Mapping[int, LotFacts]:
    """Return what explains a basis, by account id; three queries for the accounts that differ."""
    beyond = _beyond(account_ids)
    shares, beside = _fee_shares(account_ids), _fees_beside(account_ids)
    return {
        key: LotFacts(beyond_usd=beyond[key], fee_frac=shares[key], fees_beside_usd=beside[key]) for key in account_ids
    }


def _beyond(account_ids: Sequence[int]) -> Mapping[int, dict[str, Decimal]]:
    """Return the wash adjustments of lots whose loss was in another account or another security."""
    found: dict[int, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    matches = WashMatch.objects.filter(account_id__in=account_ids, is_permanent=False).exclude(
        loss__account=F("account"), loss__security=F("security")
    )
    for account_id, key, amount in matches.values_list("account_id", "lot_key", "amount_usd"):
        found[account_id][key] += amount
    return found


def _fee_shares(account_ids: Sequence[int]) -> Mapping[int, dict[str, Decimal]]:
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    purchases = LedgerEvent.objects.filter(
        account_id__in=account_ids, kind__in=[EventKind.BUY, EventKind.REINVEST], detail__has_key="fee_usd"
    )
    for account_id, cost, detail in purchases.values_list("account_id", "cost_usd", "detail"):
        key = (detail.get("lot") or {}).get("key")
        if key and cost:
            found[account_id][stem_of(key)] = Decimal(detail["fee_usd"]) / cost
    return found


def _fees_beside(account_ids: Sequence[int]) -> Mapping[int, dict[tuple[str, date], Decimal]]:
    found: dict[int, dict[tuple[str, date], Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    fees = LedgerEvent.objects.filter(account_id__in=account_ids, kind=EventKind.FEE, security__isnull=False)
    for account_id, symbol, day, amount in fees.values_list(
        "account_id", "security__symbol", "traded_on", "amount_usd"
    ):
        if symbol and amount:
            found[account_id][symbol, day] -= amount
    return found


def prices_of(symbols: Iterable[str], *, as_of: date) -> Mapping[str, Decimal]:
    """Return the last prices of securities by symbol; two queries."""
    keys = dict(Security.objects.filter(symbol__in=set(symbols)).values_list("pk", "symbol"))
    return {keys[key]: last.price_usd for key, last in last_prices(tuple(keys), as_of=as_of).items()}


def value_of(book: Book, prices: Mapping[str, Decimal]) -> Decimal:
    """Return what a book is worth at these prices; what has none counts with nothing."""
    held = sum((lot.units * prices.get(lot.security, ZERO) for lot in book.lots.values()), ZERO)
    return held + book.cash.total_usd
