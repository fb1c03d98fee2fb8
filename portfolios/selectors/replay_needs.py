"""Which identity groups of a tax household new events concern so that they have to be replayed from the journal."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Max

from portfolios.ledger.types import (
    OPENING_KINDS,
    PURCHASE_KINDS,
    REMOVING_KINDS,
    ZERO,
    Disposition,
    EventKind,
    LotEvent,
)
from portfolios.ledger.wash_sales import WINDOW_DAYS
from portfolios.models.households import Account, TaxStatus
from portfolios.models.lots import LedgerEvent, Lot, OutsideTrade, RealizedGain
from portfolios.selectors.identity import Identity

_WINDOW: Final = timedelta(days=WINDOW_DAYS)
_ACTIONS: Final = frozenset({EventKind.SPLIT, EventKind.CORPORATE_ACTION})
_TRANSFERS: Final = frozenset({EventKind.TRANSFER_IN, EventKind.TRANSFER_OUT})
_MOVES_LOTS: Final = OPENING_KINDS | REMOVING_KINDS | _ACTIONS | {EventKind.ADJUST_LOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvents:
    """What is about to be posted to one account."""

    account: Account
    events: Sequence[LotEvent]


@dataclass(slots=True, kw_only=True)
class Needs:
    """By tax household: the securities that have to be replayed, and why."""

    securities: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    causes: dict[int, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, tax_household_id: int, security_ids: Iterable[int], cause: str) -> None:
        """Note that securities of a tax household have to be replayed."""
        found = set(security_ids)
        if found:
            self.securities[tax_household_id] |= found
            self.causes[tax_household_id].setdefault(cause)

    def merge(self, other: "Needs") -> None:
        """Take over what others found."""
        for household, found in other.securities.items():
            self.securities[household] |= found
            self.causes[household].update(other.causes[household])

    def cause(self, tax_household_id: int) -> str:
        """Return the first reason that was found: corrections before what follows from them."""
        told = next(iter(self.causes[tax_household_id]))
        return told[:1].upper() + told[1:]


def needs_of_events(postings: Sequence[NewEvents], *, securities: Mapping[str, int], identity: Identity) -> Needs:
    """
    Find what the new events alone show: corrections, late events, transfers, purchases near a loss.

    At most seven queries for any number of accounts. What their own sales show is found by `needs_of_losses`.
    """
    needs = Needs()
    first = _first_days(postings, securities)
    bought = _purchase_days(postings, securities, identity)
    losses = _losses_since(first, bought, {posting.account.tax_household_id for posting in postings})
    _add_corrections(needs, postings, securities)
    _add_late(needs, postings, first)
    _add_before_losses(needs, postings, first, losses, identity)
    _add_transfers(needs, postings, securities)
    _add_repeated_children(needs, postings, securities)
    _add_near_losses(needs, bought, losses, identity)
    return needs


_First = Mapping[tuple[int, int], date]  # account, security
_Days = Mapping[tuple[int, str], set[date]]  # tax household, group
_Loss = tuple[int, int, date]  # tax household, security, day


def _losses_since(first: _First, bought: _Days, households: Collection[int]) -> Sequence[_Loss]:
    """Read the losses that the first of the new events, or the first purchase, may reach."""
    days = [*first.values(), *(min(some) - _WINDOW for some in bought.values())]
    return list(_losses(households, since=min(days))) if days else []


def _symbols(event: LotEvent) -> set[str]:
    found = {event.security} if event.security else set()
    return found | (set(event.action.securities) if event.action is not None else set())


def _add_corrections(needs: Needs, postings: Sequence[NewEvents], securities: Mapping[str, int]) -> None:
    """A correction concerns the securities of both events: the one that is mended, and the one that mends it."""
    wanted = [
        (f"{posting.account.pk}:{event.corrects}", posting.account.tax_household_id, event)
        for posting in postings
        for event in posting.events
        if event.corrects
    ]
    if not wanted:
        return
    households = {ref: household for ref, household, _ in wanted}
    for _, household, event in wanted:
        needs.add(household, (securities[one] for one in _symbols(event)), "an earlier event is corrected")
    rows = LedgerEvent.objects.filter(source_ref__in=list(households), security__isnull=False)
    for ref, security_id in rows.values_list("source_ref", "security_id"):
        if security_id is not None:
            needs.add(households[ref], [security_id], "an earlier event is corrected")


def _add_late(needs: Needs, postings: Sequence[NewEvents], first: _First) -> None:
    """Events that come after others of their own account."""
    if not first:
        return
    homes = {posting.account.pk: posting.account.tax_household_id for posting in postings}
    rows = LedgerEvent.objects.filter(
        account_id__in=list(homes),
        kind__in=[kind.value for kind in _MOVES_LOTS],
        traded_on__gt=min(first.values()),
    )
    lasts = rows.values_list("account_id", "security_id").annotate(last_on=Max("traded_on"))
    for account_id, security_id, last_on in lasts:
        if (account_id, security_id) in first and last_on > first[account_id, security_id]:
            needs.add(homes[account_id], [security_id], "an event comes late")


def _first_days(postings: Sequence[NewEvents], securities: Mapping[str, int]) -> _First:
    """
    Return the first day on which each account's new events move lots, by account and security.

    An action comes before the trades of its day, so those of the day itself are later already.
    """
    first: dict[tuple[int, int], date] = {}
    for posting in postings:
        for event in posting.events:
            if event.is_past or event.kind not in _MOVES_LOTS:
                continue
            day = event.traded_on - timedelta(days=1) if event.kind in _ACTIONS else event.traded_on
            for symbol in _symbols(event):
                key = (posting.account.pk, securities[symbol])
                first[key] = min(first.get(key, day), day)
    return first


def _add_before_losses(
    needs: Needs, postings: Sequence[NewEvents], first: _First, losses: Iterable[_Loss], identity: Identity
) -> None:
    """Events before a loss of the group, or on its day: what was left to replace it may be another."""
    homes = {posting.account.pk: posting.account.tax_household_id for posting in postings}
    earliest: dict[tuple[int, str], date] = {}
    for (account_id, security_id), day in first.items():
        name = (homes[account_id], identity.name(security_id))
        earliest[name] = min(earliest.get(name, day), day)
    for household, security_id, day in losses:
        start = earliest.get((household, identity.name(security_id)))
        if start is not None and day >= start:
            needs.add(household, [security_id], "an event changes what a loss is matched with")


def _add_transfers(needs: Needs, postings: Sequence[NewEvents], securities: Mapping[str, int]) -> None:
    """A transfer between accounts of one tax household: both sides are replayed together."""
    mine = _movers(postings, securities)
    if not mine:
        return
    rows = LedgerEvent.objects.filter(
        account__tax_household_id__in={household for household, _ in mine},
        kind__in=[kind.value for kind in _TRANSFERS],
    ).values_list("account__tax_household_id", "security_id", "account_id")
    for household, security_id, account_id in rows.distinct():
        if (household, security_id) in mine:
            mine[household, security_id].add(account_id)
    for (household, moved_id), accounts in mine.items():
        if moved_id is not None and len(accounts) > 1:
            needs.add(household, [moved_id], "units move between accounts of the tax household")


def _add_repeated_children(needs: Needs, postings: Sequence[NewEvents], securities: Mapping[str, int]) -> None:
    """An action that delivers to where an earlier one did: only the whole journal knows which keys were used."""
    receivers = {
        posting.account.pk: (posting.account.tax_household_id, {securities[one] for one in event.action.securities})
        for posting in postings
        for event in posting.events
        if event.action is not None and event.action.delivered
    }
    rows = Lot.objects.filter(account_id__in=list(receivers), key__contains="/", closed_on__isnull=False)
    for account_id, security_id in rows.values_list("account_id", "security_id").distinct() if receivers else ():
        household, named = receivers[account_id]
        if security_id in named:
            needs.add(household, named, "an action delivers again")


def _movers(postings: Sequence[NewEvents], securities: Mapping[str, int]) -> dict[tuple[int, int | None], set[int]]:
    """Return which accounts move which securities, by tax household and security."""
    movers: dict[tuple[int, int | None], set[int]] = defaultdict(set)
    for posting in postings:
        for event in posting.events:
            if event.kind in _TRANSFERS and not event.is_past:
                movers[posting.account.tax_household_id, securities[event.security]].add(posting.account.pk)
    return movers


def _purchase_days(postings: Sequence[NewEvents], securities: Mapping[str, int], identity: Identity) -> _Days:
    """Return the days of new purchases, by tax household and group."""
    bought: dict[tuple[int, str], set[date]] = defaultdict(set)
    for posting in postings:
        for security_id, day in _purchases(posting.events, securities):
            bought[posting.account.tax_household_id, identity.name(security_id)].add(day)
    return bought


def _add_near_losses(needs: Needs, bought: _Days, losses: Iterable[_Loss], identity: Identity) -> None:
    """Purchases within thirty days of a loss of the tax household."""
    for household, security_id, sold_on in losses:
        days = bought.get((household, identity.name(security_id)), set())
        if any(abs((day - sold_on).days) <= WINDOW_DAYS for day in days):
            needs.add(household, [security_id], "a purchase lies within 30 days of a loss")


def _purchases(events: Iterable[LotEvent], securities: Mapping[str, int]) -> Iterable[tuple[int, date]]:
    for event in events:
        if event.lot is not None and event.lot.is_wash_acquisition and not event.lot.is_wash_consumed:
            yield securities[event.security], event.lot.acquired_on
        elif event.lot is None and event.kind in PURCHASE_KINDS and event.security:
            yield securities[event.security], event.traded_on


def _losses(households: Collection[int], *, since: date) -> Iterable[_Loss]:
    """Yield tax household, security and day of every deductible loss since a day."""
    booked = RealizedGain.objects.filter(
        account__tax_household_id__in=households,
        account__tax_status=TaxStatus.TAXABLE,
        gain_usd__lt=0,
        closed_on__gte=since,
    )
    yield from booked.values_list("account__tax_household_id", "security_id", "closed_on").distinct()
    outside = OutsideTrade.objects.filter(
        account__tax_household_id__in=households,
        account__tax_status=TaxStatus.TAXABLE,
        side="sell",
        loss_usd__gt=0,
        traded_on__gte=since,
    )
    yield from outside.values_list("account__tax_household_id", "security_id", "traded_on").distinct()


def needs_of_losses(
    sales: Mapping[Account, Sequence[Disposition]],
    postings: Sequence[NewEvents],
    *,
    securities: Mapping[str, int],
    identity: Identity,
) -> Needs:
    """Find the new losses that a purchase within thirty days may wash; at most three queries."""
    needs = Needs()
    losses = [
        (account, sold)
        for account, dispositions in sales.items()
        if account.tax_status == TaxStatus.TAXABLE
        for sold in dispositions
        if sold.gain_usd is not None and sold.gain_usd < ZERO
    ]
    if not losses:
        return needs
    bought = _bought_near(losses, postings, securities, identity)
    for account, sold in losses:
        security_id = securities[sold.security]
        for day, root in bought.get((account.tax_household_id, identity.name(security_id)), ()):
            if root != (account.pk, sold.root_key) and abs((day - sold.sold_on).days) <= WINDOW_DAYS:
                needs.add(account.tax_household_id, [security_id], "a loss has a purchase within 30 days")
                break
    return needs


_Root = tuple[int, str]
_Bought = dict[tuple[int, str], set[tuple[date, _Root]]]


def _bought_near(
    losses: Sequence[tuple[Account, Disposition]],
    postings: Sequence[NewEvents],
    securities: Mapping[str, int],
    identity: Identity,
) -> _Bought:
    """Return the days of purchases by tax household and group, each with its acquisition ("" where none is told)."""
    households = {account.tax_household_id for account, _ in losses}
    days = [sold.sold_on for _, sold in losses]
    found: _Bought = defaultdict(set)
    for household, account_id, security_id, day, root in _bought_rows(
        households, (min(days) - _WINDOW, max(days) + _WINDOW)
    ):
        if security_id is not None:
            found[household, identity.name(security_id)].add((day, (account_id, root)))
    for posting in postings:
        for event in posting.events:
            if event.lot is not None and event.lot.is_wash_acquisition:
                own = "" if event.is_past else event.lot.root_key
                name = (posting.account.tax_household_id, identity.name(securities[event.security]))
                found[name].add((event.lot.acquired_on, (posting.account.pk, own)))
    return found


def _bought_rows(
    households: Collection[int], window: tuple[date, date]
) -> Iterable[tuple[int, int, int | None, date, str]]:
    """Yield tax household, account, security, day and acquisition of what lots, past events and outside trades show."""
    lots = Lot.objects.filter(
        account__tax_household_id__in=households, is_wash_acquisition=True, acquired_on__range=window
    )
    yield from lots.values_list("account__tax_household_id", "account_id", "security_id", "acquired_on", "root_key")
    bought = LedgerEvent.objects.filter(
        account__tax_household_id__in=households,
        kind__in=[kind.value for kind in PURCHASE_KINDS],
        traded_on__range=window,
    )
    columns = ("account__tax_household_id", "account_id", "security_id", "traded_on")
    for *row, detail in bought.values_list(*columns, "detail"):
        yield (*row, _root_of(detail))
    outside = OutsideTrade.objects.filter(account__tax_household_id__in=households, side="buy", traded_on__range=window)
    for row in outside.values_list(*columns):
        yield (*row, "")


def _root_of(detail: Mapping[str, Any]) -> str:
    """Return the acquisition that a purchase of the journal names, "" for a past one."""
    if detail.get("is_past"):
        return ""
    lot = detail.get("lot", {})
    return str(lot.get("root_key") or lot.get("key", ""))
