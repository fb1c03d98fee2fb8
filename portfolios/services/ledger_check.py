"""Whether the rows of the ledger are what its journals add up to: every tax household replayed, nothing written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Q, QuerySet

from portfolios.ledger.cash import cash_after
from portfolios.ledger.types import ZERO, Cash, EventKind, LotEvent
from portfolios.models.households import Account, TaxHousehold
from portfolios.models.lots import CashBalance, LedgerEvent
from portfolios.selectors.identity import identity_of
from portfolios.selectors.tax_policies import current_policy
from portfolios.services.replay_rows import Turn
from portfolios.services.replays import HouseholdReplay, ReplayRefused, Wanted, plan_replays

_BATCH: Final = 50
_CHECK: Final = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFault:
    """One row that is not what the journal says, or a journal that cannot be replayed."""

    tax_household_id: int
    account_id: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What was looked at and what was found."""

    household_count: int
    account_count: int
    faults: tuple[LedgerFault, ...]


def check_ledger(*, firm_id: int | None = None) -> LedgerReport:
    """Replay every tax household of a firm, of all firms where none is named, and compare its rows."""
    homes = TaxHousehold.objects.filter(accounts__isnull=False)
    accounts = Account.objects.all()
    if firm_id is not None:
        homes, accounts = homes.filter(firm_id=firm_id), accounts.filter(firm_id=firm_id)
    rows = list(homes.order_by("firm_id", "pk").values_list("firm_id", "pk").distinct())
    faults = [fault for firm in dict.fromkeys(firm for firm, _ in rows) for fault in _of_firm(firm, rows)]
    return LedgerReport(
        household_count=len(rows), account_count=accounts.count(), faults=(*faults, *_cash_faults(accounts))
    )


def _of_firm(firm_id: int, rows: Sequence[tuple[int, int]]) -> Iterator[LedgerFault]:
    identity, current = identity_of(firm_id), current_policy(firm_id)
    mine = [pk for firm, pk in rows if firm == firm_id]
    for start in range(0, len(mine), _BATCH):
        wanted = {pk: Wanted(securities=None, cause=_CHECK) for pk in mine[start : start + _BATCH]}
        for pk, found in plan_replays(wanted, identity=identity, current=current).items():
            if isinstance(found, ReplayRefused):
                yield LedgerFault(tax_household_id=pk, account_id=None, what=str(found))
            else:
                yield from _differences(found)


def _differences(replay: HouseholdReplay) -> Iterator[LedgerFault]:
    home = replay.journal.tax_household_id
    for (account_id, key), lot_turn in sorted(replay.difference.lots.items()):
        yield LedgerFault(tax_household_id=home, account_id=account_id, what=f"lot {key}: {_told(lot_turn)}")
    for gain, turn in sorted(replay.difference.gains.items()):
        if not _is_same_by_an_earlier_policy(turn):
            what = f"gain of event {gain[1]}, lot {gain[2]}: {_told(turn)}"
            yield LedgerFault(tax_household_id=home, account_id=gain[0], what=what)
    for gain, (before, after) in sorted(replay.difference.matches.items()):
        what = f"wash matches of event {gain[1]}, lot {gain[2]}: {len(before)} stand, {len(after)} are due"
        yield LedgerFault(tax_household_id=home, account_id=gain[0], what=what)


def _is_same_by_an_earlier_policy(turn: Turn) -> bool:
    """Tell whether a gain stands as it was computed by an earlier policy and comes out the same by today's."""
    return turn.before is not None and turn.after is not None and turn.before[:-1] == turn.after[:-1]


def _told(turn: Turn) -> str:
    if turn.before is None:
        return "is missing"
    if turn.after is None:
        return "should not be there"
    pairs: Iterable[tuple[object, object]] = zip(turn.before, turn.after, strict=True)
    return "; ".join(f"{_cell(old)} should be {_cell(new)}" for old, new in pairs if old != new)


def _cell(cell: object) -> str:
    return format(cell.normalize(), "f") if isinstance(cell, Decimal) else str(cell)


def _cash_faults(accounts: QuerySet[Account]) -> Iterator[LedgerFault]:
    """Compare cash with the sum of the events that count."""
    kept = {
        account_id: Cash(settled_usd=settled, unsettled_usd=unsettled)
        for account_id, settled, unsettled in CashBalance.objects.filter(account__in=accounts).values_list(
            "account_id", "settled_usd", "unsettled_usd"
        )
    }
    homes = dict(accounts.values_list("pk", "tax_household_id"))
    for account_id, due in _sums(accounts).items():
        if kept.get(account_id, Cash()) != due:
            what = f"cash: {kept.get(account_id, Cash())} should be {due}"
            yield LedgerFault(tax_household_id=homes[account_id], account_id=account_id, what=what)


def _sums(accounts: QuerySet[Account]) -> Mapping[int, Cash]:
    sums: dict[int, Cash] = {}
    rows = LedgerEvent.objects.filter(account__in=accounts, corrections__isnull=True).exclude(
        Q(amount_usd=0) | Q(amount_usd__isnull=True) | Q(detail__has_key="is_past")
    )
    for account_id, kind, traded_on, settled_on, amount in rows.values_list(
        "account_id", "kind", "traded_on", "settled_on", "amount_usd"
    ):
        moved = LotEvent(
            kind=EventKind.SETTLE if kind == EventKind.SETTLE.value else EventKind.CASH_IN,
            ref="cash",
            traded_on=traded_on,
            settled_on=settled_on,
            amount_usd=amount or ZERO,
        )
        if kind != EventKind.CANCEL.value:
            sums[account_id] = cash_after(sums.get(account_id, Cash()), [moved])
    return sums
