"""The journals of tax households as the ledger's own events: what a replay reads, in a few queries."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from django.db.models import F, Q

from portfolios.ledger.journal import event_from
from portfolios.ledger.types import ZERO, Disposition, EventKind, LotEvent, Term
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, OutsideTrade
from portfolios.models.securities import Security
from portfolios.selectors.identity import Identity

OUTSIDE: Final = "outside"
_COLUMNS: Final = (
    "pk",
    "account_id",
    "position",
    "kind",
    "security_id",
    "traded_on",
    "settled_on",
    "units",
    "amount_usd",
    "detail",
    "reason",
    "source",
    "source_ref",
    "corrects_id",
)
_BATCH: Final = 900  # ids that one statement names


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """
    One event of an account's journal. Its `event.ref` is unique in the account; `source_ref` is that of its source.

    `event_id` is the row's id, None for a trade of an account held away and for what is not posted yet.
    """

    account_id: int
    position: int
    event_id: int | None
    event: LotEvent
    source: str
    source_ref: str

    @property
    def is_outside(self) -> bool:
        """Tell whether this is a trade of an account held away, which has no row in the journal."""
        return self.source == OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdJournal:
    """
    What the accounts of a tax household did in some identity groups: every event that has to do with them.

    `securities` are the ids of the groups, closed over identity, corporate actions and corrections.
    """

    tax_household_id: int
    accounts: tuple[Account, ...]
    securities: frozenset[int]
    events: tuple[JournalEvent, ...]

    def ref_of(self, account_id: int, *, source: str, ref: str) -> str:
        """Return the unique reference of an event by that of its source, of any source where it has none; else ""."""
        met = [one for one in self.events if one.account_id == account_id and one.source_ref == ref]
        return max(((one.source == source, one.position, one.event.ref) for one in met), default=(False, 0, ""))[2]


Scopes = Mapping[int, frozenset[int] | None]
Links = Mapping[int, Sequence[frozenset[int]]]


def close_scopes(
    wanted: Mapping[int, Collection[int] | None], *, identity: Identity, more: Links = MappingProxyType({})
) -> Scopes:
    """
    Close the securities of tax households over identity, corporate actions and corrections; None means all.

    `more` are links that stand in no journal yet: securities that belong together by an action about to be posted.
    """
    stored = _links([household for household, some in wanted.items() if some is not None])
    return {
        household: None
        if some is None
        else _closed(some, (*stored.get(household, ()), *more.get(household, ())), identity)
        for household, some in wanted.items()
    }


def _closed(some: Collection[int], links: Sequence[frozenset[int]], identity: Identity) -> frozenset[int]:
    scope = identity.closed(some)
    while True:
        more = identity.closed(scope.union(*(linked for linked in links if linked & scope)))
        if more == scope:
            return scope
        scope = more


def load_journals(scopes: Scopes) -> Mapping[int, HouseholdJournal]:
    """
    Return the journals of tax households by id, of closed sets of securities, all of them where the set is None.

    Five queries for every 900 tax households.
    """
    found: dict[int, HouseholdJournal] = {}
    names = list(scopes)
    for start in range(0, len(names), _BATCH):
        found.update(_load({name: scopes[name] for name in names[start : start + _BATCH]}))
    return found


def _load(scopes: Scopes) -> Mapping[int, HouseholdJournal]:
    accounts = _accounts(scopes)
    homes = {account.pk: household for household, rows in accounts.items() for account in rows}
    rows = _rows(scopes, homes)
    symbols = dict(Security.objects.filter(pk__in={row["security_id"] for row in rows}).values_list("pk", "symbol"))
    events: dict[int, list[JournalEvent]] = defaultdict(list)
    refs = _unique_refs(rows)
    for row in rows:
        if row["kind"] != EventKind.CANCEL.value or row["corrects_id"] in refs:
            events[homes[row["account_id"]]].append(_event(row, refs, symbols))
    for household, outside in _outside(scopes):
        events[household].append(outside)
    return {
        household: HouseholdJournal(
            tax_household_id=household,
            accounts=tuple(accounts.get(household, ())),
            securities=_all_of(rows, homes, household) if scope is None else scope,
            events=tuple(events[household]),
        )
        for household, scope in scopes.items()
    }


def _all_of(rows: Iterable[Mapping[str, Any]], homes: Mapping[int, int], household: int) -> frozenset[int]:
    mine = {row["security_id"] for row in rows if homes[row["account_id"]] == household}
    return frozenset(mine - {None})


def _accounts(wanted: Collection[int]) -> Mapping[int, list[Account]]:
    found: dict[int, list[Account]] = defaultdict(list)
    rows = Account.objects.filter(tax_household_id__in=list(wanted)).prefetch_related("owners").order_by("pk")
    for account in rows:
        found[account.tax_household_id].append(account)
    return found


def _links(households: Sequence[int]) -> Links:
    links: dict[int, list[frozenset[int]]] = defaultdict(list)
    mine = LedgerEvent.objects.filter(account__tax_household_id__in=households)
    mended = mine.filter(corrects__isnull=False, security__isnull=False, corrects__security__isnull=False)
    for household, one, other in mended.exclude(security=F("corrects__security")).values_list(
        "account__tax_household_id", "security_id", "corrects__security_id"
    ):
        links[household].append(frozenset((one, other)))
    actions = [
        (household, {str(detail["action"]["security"]), *(str(one["security"]) for one in _delivered(detail))})
        for household, detail in mine.filter(kind=EventKind.CORPORATE_ACTION.value).values_list(
            "account__tax_household_id", "detail"
        )
    ]
    symbols = {symbol for _, named in actions for symbol in named}
    keys = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk")) if symbols else {}
    for household, named in actions:
        links[household].append(frozenset(keys[symbol] for symbol in named))
    return links


def _delivered(detail: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    delivered: Iterable[Mapping[str, Any]] = detail["action"].get("delivered", ())
    return delivered


def _rows(scopes: Scopes, homes: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the rows of the journals that are of a scope, or mend one of it."""
    named = LedgerEvent.objects.filter(account__tax_household_id__in=list(scopes)).exclude(
        security__isnull=True, corrects__isnull=True
    )
    known = [scope for scope in scopes.values() if scope is not None]
    if len(known) == len(scopes):
        union = frozenset[int]().union(*known)
        named = named.filter(Q(security_id__in=union) | Q(corrects__security_id__in=union))
    rows = named.order_by("account_id", "position").values(*_COLUMNS, "corrects__security_id")
    return [row for row in rows if _is_of(row, scopes[homes[row["account_id"]]])]


def _is_of(row: Mapping[str, Any], scope: frozenset[int] | None) -> bool:
    securities = {row["security_id"], row["corrects__security_id"]} - {None}
    return bool(securities) if scope is None else bool(securities & scope)


def _unique_refs(rows: Iterable[Mapping[str, Any]]) -> Mapping[int, str]:
    """Name every row by a reference that is unique in its account: two sources may use the same one."""
    kept = [(row["pk"], row["account_id"], row["source_ref"].partition(":")[2], row["source"]) for row in rows]
    met = Counter((account_id, ref) for _, account_id, ref, _ in kept)
    return {pk: ref if met[account_id, ref] == 1 else f"{ref}@{source}" for pk, account_id, ref, source in kept}


def _event(row: Mapping[str, Any], refs: Mapping[int, str], symbols: Mapping[int, str]) -> JournalEvent:
    columns = {
        "kind": row["kind"],
        "ref": refs[row["pk"]],
        "traded_on": row["traded_on"],
        "settled_on": row["settled_on"],
        "security": symbols.get(row["security_id"], ""),
        "units": row["units"] or ZERO,
        "amount_usd": row["amount_usd"] or ZERO,
        "reason": row["reason"],
        # What is mended lies outside these groups where it has no reference here: then nothing of them changes by it.
        "corrects": refs.get(row["corrects_id"], ""),
    }
    event = event_from(columns, row["detail"])
    if any(sold.event_ref != event.ref for sold in event.dispositions):
        event = replace(event, dispositions=tuple(replace(sold, event_ref=event.ref) for sold in event.dispositions))
    return JournalEvent(
        account_id=row["account_id"],
        position=row["position"],
        event_id=row["pk"],
        event=event,
        source=row["source"],
        source_ref=row["source_ref"].partition(":")[2],
    )


def _outside(scopes: Scopes) -> Iterator[tuple[int, JournalEvent]]:
    """Yield the trades of accounts held away as past events: they count for wash sales, and open no lots."""
    rows = OutsideTrade.objects.filter(account__tax_household_id__in=list(scopes)).order_by(
        "account_id", "traded_on", "pk"
    )
    positions: Counter[int] = Counter()
    for pk, account_id, household, security_id, symbol, day, side, units, loss_usd in rows.values_list(
        "pk",
        "account_id",
        "account__tax_household_id",
        "security_id",
        "security__symbol",
        "traded_on",
        "side",
        "units",
        "loss_usd",
    ):
        scope = scopes[household]
        if scope is not None and security_id not in scope:
            continue
        positions[account_id] += 1
        ref = f"{OUTSIDE}:{pk}"
        event = _outside_event(ref, symbol, day, side=side, units=units, loss_usd=loss_usd)
        position = positions[account_id]
        yield (
            household,
            JournalEvent(
                account_id=account_id, position=position, event_id=None, event=event, source=OUTSIDE, source_ref=ref
            ),
        )


def _outside_event(ref: str, symbol: str, day: date, *, side: str, units: Decimal, loss_usd: Decimal) -> LotEvent:
    if side == "buy":
        return LotEvent(kind=EventKind.BUY, ref=ref, traded_on=day, security=symbol, units=units, is_past=True)
    sold = Disposition(
        event_ref=ref,
        lot_key=ref,
        root_key=ref,
        security=symbol,
        units=units,
        proceeds_usd=ZERO,
        cost_usd=loss_usd,
        gain_usd=-loss_usd,
        term=Term.SHORT,
        sold_on=day,
        acquired_on=None,
    )
    return LotEvent(
        kind=EventKind.SELL, ref=ref, traded_on=day, security=symbol, units=units, dispositions=(sold,), is_past=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A posted event that another one corrects; `is_corrected` where one did before."""

    event_id: int
    security_id: int | None
    event: LotEvent
    is_corrected: bool


def corrected_events(wanted: Sequence[tuple[int, str]], *, source: str) -> Mapping[tuple[int, str], Corrected]:
    """
    Return posted events by account and reference: of the source where it has one of that reference, else of any.

    Three queries for every 900.
    """
    found: dict[tuple[int, str], tuple[bool, int]] = {}
    names = {f"{account_id}:{ref}": (account_id, ref) for account_id, ref in wanted}
    rows: dict[int, dict[str, Any]] = {}
    kept = list(names)
    for start in range(0, len(kept), _BATCH):
        some = LedgerEvent.objects.filter(source_ref__in=kept[start : start + _BATCH])
        for row in some.values(*_COLUMNS, "security__symbol"):
            rows[row["pk"]] = row
            name, rank = names[row["source_ref"]], (row["source"] == source, row["pk"])
            found[name] = max(found.get(name, rank), rank)
    chosen = [pk for _, pk in found.values()]
    mended: set[int | None] = set()
    for start in range(0, len(chosen), _BATCH):
        mending = LedgerEvent.objects.filter(corrects_id__in=chosen[start : start + _BATCH])
        mended.update(mending.values_list("corrects_id", flat=True))
    return {
        name: Corrected(
            event_id=pk,
            security_id=rows[pk]["security_id"],
            event=_event(
                {**rows[pk], "corrects_id": None} if rows[pk]["kind"] != EventKind.CANCEL.value else rows[pk],
                {pk: name[1], rows[pk]["corrects_id"]: "an earlier event"},
                {rows[pk]["security_id"]: rows[pk]["security__symbol"] or ""},
            ).event,
            is_corrected=pk in mended,
        )
        for name, (_, pk) in found.items()
    }
