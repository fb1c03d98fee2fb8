"""
Replay identity groups of tax households from their journals, and write what comes out otherwise than it stands.

`plan_replays` computes and writes nothing, so that a change can be shown before it is made; `write_replays` writes the
difference of lots, gains and wash matches, and keeps it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import F

from advisors import audit
from advisors.errors import Invalid
from advisors.models import User
from portfolios.ledger.errors import BadInput
from portfolios.ledger.projection import AccountEvent, Projection, project
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.ledger.wash_sales import WINDOW_DAYS
from portfolios.models.households import Account
from portfolios.models.lots import LedgerReplay
from portfolios.models.securities import Security
from portfolios.selectors.identity import Identity
from portfolios.selectors.journals import HouseholdJournal, JournalEvent, load_journals
from portfolios.selectors.tax_facts import account_facts
from portfolios.selectors.tax_policies import CurrentPolicy
from portfolios.services.ledger_rows import batches
from portfolios.services.replay_rows import Difference, Names, compare_rows
from portfolios.services.replay_writing import write_differences

_BATCH: Final = 500  # tax households at a time


class ReplayRefused(Invalid):
    """The journal cannot be replayed with the new events; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An event that is not in the journal yet, at the position that it will have."""

    account: Account
    position: int
    event: LotEvent
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to replay of one tax household: securities (a closed set, None for all), with which new events, and why."""

    securities: frozenset[int] | None
    cause: str
    added: Sequence[Added] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdReplay:
    """What the journal of a tax household adds up to, and how its rows differ from that."""

    journal: HouseholdJournal
    projection: Projection
    difference: Difference
    cause: str
    from_on: date

    @property
    def account_ids(self) -> frozenset[int]:
        """Return the accounts whose lots change."""
        return self.difference.account_ids


def plan_replays(
    wanted: Mapping[int, Wanted], *, identity: Identity, current: CurrentPolicy
) -> Mapping[int, HouseholdReplay | ReplayRefused]:
    """Replay tax households by id; one whose journal cannot be replayed has the refusal. Some ten queries for 500."""
    found: dict[int, HouseholdReplay | ReplayRefused] = {}
    names = list(wanted)
    for start in range(0, len(names), _BATCH):
        part = {name: wanted[name] for name in names[start : start + _BATCH]}
        found.update(_plan(part, identity=identity, current=current))
    return found


def _plan(
    wanted: Mapping[int, Wanted], *, identity: Identity, current: CurrentPolicy
) -> Mapping[int, HouseholdReplay | ReplayRefused]:
    stored = load_journals({pk: one.securities for pk, one in wanted.items()})
    journals = {pk: _with_added(stored[pk], wanted[pk].added) for pk in wanted}
    symbols = dict(Security.objects.values_list("pk", "symbol"))
    groups = {symbols[pk]: key for pk, key in identity.keys.items()}
    projected: dict[int, Projection] = {}
    found: dict[int, HouseholdReplay | ReplayRefused] = {}
    for pk, journal in journals.items():
        try:
            projected[pk] = _project(journal, groups, current)
        except BadInput as fault:
            found[pk] = ReplayRefused(f"The ledger cannot be replayed with this: {fault}.")
    names = Names(securities={symbol: pk for pk, symbol in symbols.items()}, version=current.version)
    differences = compare_rows({pk: (journals[pk], projected[pk]) for pk in projected}, names=names)
    for pk, projection in projected.items():
        found[pk] = HouseholdReplay(
            journal=journals[pk],
            projection=projection,
            difference=differences[pk],
            cause=wanted[pk].cause,
            from_on=_from_on(journals[pk], wanted[pk].added),
        )
    return found


def _with_added(journal: HouseholdJournal, added: Sequence[Added]) -> HouseholdJournal:
    """Add new events as if they stood in the journal; what they correct is looked up there."""
    events = list(journal.events)
    taken = {(one.account_id, one.event.ref) for one in events}
    for one in added:
        account_id, event = one.account.pk, one.event
        ref = event.ref if (account_id, event.ref) not in taken else f"{event.ref}@{one.source}"
        corrects = journal.ref_of(account_id, source=one.source, ref=event.corrects) if event.corrects else ""
        taken.add((account_id, ref))
        named = replace(event, ref=ref, corrects=corrects) if corrects or event.kind is not EventKind.CANCEL else None
        if named is not None:
            sold = tuple(replace(each, event_ref=ref) for each in named.dispositions)
            events.append(
                JournalEvent(
                    account_id=account_id,
                    position=one.position,
                    event_id=None,
                    event=replace(named, dispositions=sold),
                    source=one.source,
                    source_ref=event.ref,
                )
            )
    return replace(journal, events=tuple(events))


def _project(journal: HouseholdJournal, groups: Mapping[str, str], current: CurrentPolicy) -> Projection:
    return project(
        [AccountEvent(account=str(one.account_id), position=one.position, event=one.event) for one in journal.events],
        accounts=account_facts(journal.accounts),
        groups=groups,
        policy=current.policy,
    )


def _from_on(journal: HouseholdJournal, added: Sequence[Added]) -> date:
    """Return the day from which results may differ: thirty days before the first event that is new or mended."""
    mended = {(one.account.pk, one.event.corrects) for one in added if one.event.corrects}
    days = [one.event.traded_on for one in added]
    days += [one.event.traded_on for one in journal.events if (one.account_id, one.source_ref) in mended]
    if not days:
        days = [one.event.traded_on for one in journal.events]
    return min(days, default=date.max) - timedelta(days=WINDOW_DAYS)


def write_replays(
    replays: Sequence[HouseholdReplay],
    *,
    event_ids: Mapping[tuple[int, int], int],
    current: CurrentPolicy,
    actor: User | None,
    now: datetime,
) -> None:
    """
    Write the differences of replays, and keep each.

    `event_ids` are the ids of events appended meanwhile, by account and position. An account that was not posted to has
    its journal position moved where its lots change, so that whoever loaded its book before is refused.
    """
    write_differences([one.difference for one in replays], event_ids=event_ids)
    changed = [one for one in replays if not one.difference.is_empty]
    posted = {account_id for account_id, _ in event_ids}
    touched = sorted({pk for one in changed for pk in one.difference.account_ids} - posted)
    for some in batches(touched):
        Account.objects.filter(pk__in=some).update(journal_position=F("journal_position") + 1)
    LedgerReplay.objects.bulk_create(
        [
            LedgerReplay(
                tax_household_id=one.journal.tax_household_id,
                cause=one.cause,
                from_on=one.from_on,
                securities=list(one.difference.symbols),
                changes=one.difference.as_plain(),
                policy=current.version,
                replayed_at=now,
                replayed_by=actor,
            )
            for one in changed
        ],
        batch_size=500,
    )
    for one in changed:
        _record(one, actor=actor, now=now)


def _record(one: HouseholdReplay, *, actor: User | None, now: datetime) -> None:
    first = one.journal.accounts[0]
    audit.record(
        "lots.replayed",
        actor=actor,
        subject=("tax_household", one.journal.tax_household_id),
        firm_id=first.firm_id,
        household_id=first.household_id,
        data={
            "cause": one.cause,
            "from_on": one.from_on,
            "securities": list(one.difference.symbols),
            "account_ids": sorted(one.difference.account_ids),
            "lots": one.difference.lot_count,
            "gains": one.difference.gain_count,
        },
        now=now,
    )
