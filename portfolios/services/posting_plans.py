"""What new events make of the books they are posted to: by themselves, or by a replay; and the writing of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from advisors.errors import Invalid
from advisors.models import User
from portfolios.ledger.booking import apply_events
from portfolios.ledger.cash import cash_after
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import Book, EventKind, LotEvent
from portfolios.models.households import Account
from portfolios.selectors.identity import Identity, identity_of
from portfolios.selectors.journals import Corrected, close_scopes, corrected_events
from portfolios.selectors.replay_needs import Needs, NewEvents, needs_of_events, needs_of_losses
from portfolios.selectors.tax_policies import CurrentPolicy
from portfolios.services.ledger_rows import (
    Change,
    Fresh,
    append_events,
    event_ids,
    gain_cells,
    security_ids,
    symbols_of,
    write_cash,
    write_gains,
    write_lots,
)
from portfolios.services.replays import Added, HouseholdReplay, ReplayRefused, Wanted, plan_replays, write_replays
from portfolios.services.tax_policies import policy_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """New events for one account, whose first has the position `first`, and the book that they meet."""

    account: Account
    events: Sequence[LotEvent]
    before: Book
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The book of an account after a posting, and the ids of its new events by reference (where they were needed)."""

    after: Book
    event_ids: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Plan:
    """
    What a posting will write. `direct` are the events of each account that change its book by themselves,
    `direct_books` the books after them; the others are in `replays`, by tax household.
    """

    drafts: Sequence[Draft]
    securities: Mapping[str, int]
    identity: Identity
    current: CurrentPolicy
    corrected: Mapping[tuple[int, str], Corrected]
    direct: dict[int, list[LotEvent]] = field(default_factory=dict)
    direct_books: dict[int, Book] = field(default_factory=dict)
    replays: Mapping[int, HouseholdReplay] = field(default_factory=dict)

    def after(self, draft: Draft) -> Book:
        """Return an account's book after all: lots of replayed groups as replayed, cash as the events sum up to."""
        account_id = draft.account.pk
        book = self.direct_books[account_id]
        lots, dispositions = dict(book.lots), book.dispositions
        replay = self.replays.get(draft.account.tax_household_id)
        if replay is not None:
            symbols = set(replay.difference.symbols)
            lots = {key: lot for key, lot in lots.items() if lot.security not in symbols}
            mine = replay.projection.books.get(str(account_id))
            if mine is not None:
                lots.update(mine.lots)
                refs = {event.ref for event in draft.events} - {event.ref for event in self.direct[account_id]}
                dispositions += tuple(sold for sold in mine.dispositions if sold.event_ref in refs)
        cash = cash_after(draft.before.cash, draft.events)
        taken = [found.event for event in draft.events if (found := self.corrected.get((account_id, event.corrects)))]
        return Book(
            lots=MappingProxyType(lots), cash=cash_after(cash, taken, sign=-1), dispositions=tuple(dispositions)
        )


def plan_drafts(drafts: Sequence[Draft], *, source: str, now: datetime) -> Plan:
    """
    Work out what new events change; write nothing but the firm's first policy.

    :raises Invalid: an event cannot be booked, or a tax household not be replayed with it
    """
    firm_id = drafts[0].account.firm_id
    plan = Plan(
        drafts=drafts,
        securities=security_ids(event for draft in drafts for event in draft.events),
        identity=identity_of(firm_id),
        current=policy_in_force(firm_id, now=now),
        corrected=_corrected(drafts, source=source),
    )
    news = [NewEvents(account=draft.account, events=draft.events) for draft in drafts]
    needs = needs_of_events(news, securities=plan.securities, identity=plan.identity)
    _apply_direct(plan, needs)
    sales = {draft.account: plan.direct_books[draft.account.pk].dispositions for draft in drafts}
    more = needs_of_losses(sales, news, securities=plan.securities, identity=plan.identity)
    if more.securities:
        needs.merge(more)
        _apply_direct(plan, needs)
    if needs.securities:
        plan.replays = _replays(plan, needs, source=source)
    return plan


def _corrected(drafts: Sequence[Draft], *, source: str) -> Mapping[tuple[int, str], Corrected]:
    wanted = [(draft.account.pk, event) for draft in drafts for event in draft.events if event.corrects]
    if not wanted:
        return {}
    found = corrected_events([(account_id, event.corrects) for account_id, event in wanted], source=source)
    for account_id, event in wanted:
        target = found.get((account_id, event.corrects))
        if target is None:
            raise Invalid(f"Event {event.ref} corrects {event.corrects}, which was never posted.")
        if target.is_corrected:
            raise Invalid(f"Event {event.corrects} was corrected already; correct the event that stands in its place.")
    return found


def _apply_direct(plan: Plan, needs: Needs) -> None:
    """Apply to each book the events that no replay takes care of."""
    scopes = _scopes(plan, needs)
    for draft in plan.drafts:
        scope = scopes.get(draft.account.tax_household_id, frozenset())
        direct = [event for event in draft.events if not (scope and _is_replayed(event, draft, plan, scope))]
        # A correction of what moved cash alone takes the place of the other: its sum is mended in `after`.
        plain = [replace(event, corrects="") for event in direct if event.kind is not EventKind.CANCEL]
        try:
            plan.direct_books[draft.account.pk] = apply_events(draft.before, plain)
        except BadInput as fault:
            raise Invalid(_named(draft, plan, f"{fault}.")) from fault
        plan.direct[draft.account.pk] = direct


def _named(draft: Draft, plan: Plan, sentence: str) -> str:
    if len(plan.drafts) == 1:
        return sentence
    return f"{draft.account.name} ··{draft.account.number_last4}: {sentence}"


def _scopes(plan: Plan, needs: Needs) -> Mapping[int, frozenset[int]]:
    """Close what has to be replayed, the links of new actions and corrections included."""
    if not needs.securities:
        return {}
    more: dict[int, list[frozenset[int]]] = defaultdict(list)
    for draft in plan.drafts:
        for event in draft.events:
            linked = frozenset(plan.securities[symbol] for symbol in symbols_of(event))
            if len(linked) > 1:
                more[draft.account.tax_household_id].append(linked)
    closed = close_scopes(needs.securities, identity=plan.identity, more=more)
    return {household: scope for household, scope in closed.items() if scope is not None}


def _is_replayed(event: LotEvent, draft: Draft, plan: Plan, scope: frozenset[int]) -> bool:
    target = plan.corrected.get((draft.account.pk, event.corrects))
    if target is not None and target.security_id in scope:
        return True
    return any(plan.securities[symbol] in scope for symbol in symbols_of(event))


def _replays(plan: Plan, needs: Needs, *, source: str) -> Mapping[int, HouseholdReplay]:
    scopes = _scopes(plan, needs)
    added: dict[int, list[Added]] = defaultdict(list)
    for draft in plan.drafts:
        direct = {event.ref for event in plan.direct[draft.account.pk]}
        for position, event in enumerate(draft.events, start=draft.first):
            if event.ref not in direct:
                new = Added(account=draft.account, position=position, event=event, source=source)
                added[draft.account.tax_household_id].append(new)
    wanted = {
        household: Wanted(securities=scope, cause=needs.cause(household), added=added[household])
        for household, scope in scopes.items()
    }
    found: dict[int, HouseholdReplay] = {}
    for household, result in plan_replays(wanted, identity=plan.identity, current=plan.current).items():
        if isinstance(result, ReplayRefused):
            draft = next(one for one in plan.drafts if one.account.tax_household_id == household)
            raise ReplayRefused(_named(draft, plan, str(result))) from result
        found[household] = result
    return found


def write_drafts(
    drafts: Sequence[Draft], *, source: str, actor: User | None, now: datetime, is_asked_for_ids: bool = False
) -> Mapping[int, Written]:
    """
    Append new events to journals whose positions are claimed, and write what follows from them.

    The ids of the events are read where something needs them, or where they are asked for.
    :raises Invalid: an event cannot be booked, or a tax household not be replayed with it
    """
    plan = plan_drafts(drafts, source=source, now=now)
    postings = [Fresh(account=draft.account, events=draft.events, first=draft.first) for draft in drafts]
    append_events(
        postings,
        securities=plan.securities,
        corrected={key: found.event_id for key, found in plan.corrected.items()},
        source=source,
        actor=actor,
        now=now,
    )
    ids: Mapping[tuple[int, str], int] = {}
    if is_asked_for_ids or plan.replays or any(book.dispositions for book in plan.direct_books.values()):
        ids = event_ids(postings, source=source)
    _write_direct(plan, ids)
    afters = {draft.account.pk: plan.after(draft) for draft in drafts}
    write_cash({account_id: book.cash for account_id, book in afters.items()})
    if plan.replays:
        positions = {
            (draft.account.pk, position): ids[draft.account.pk, event.ref]
            for draft in drafts
            for position, event in enumerate(draft.events, start=draft.first)
        }
        write_replays(list(plan.replays.values()), event_ids=positions, current=plan.current, actor=actor, now=now)
    return {
        draft.account.pk: Written(
            after=afters[draft.account.pk],
            event_ids={event.ref: ids[draft.account.pk, event.ref] for event in draft.events} if ids else {},
        )
        for draft in drafts
    }


def _write_direct(plan: Plan, ids: Mapping[tuple[int, str], int]) -> None:
    """Write what events changed by themselves."""
    changes = [
        Change(
            account=draft.account,
            before=draft.before,
            after=plan.direct_books[draft.account.pk],
            last_on=max(event.traded_on for event in draft.events),
        )
        for draft in plan.drafts
    ]
    write_lots(changes, securities=plan.securities)
    stated = {(draft.account.pk, event.ref) for draft in plan.drafts for event in draft.events if event.is_past}
    write_gains(
        gain_cells(
            sold,
            event_id=ids[draft.account.pk, sold.event_ref],
            account=draft.account,
            security_id=plan.securities[sold.security],
            policy_id=None if (draft.account.pk, sold.event_ref) in stated else plan.current.version_id,
        )
        for draft in plan.drafts
        for sold in plan.direct_books[draft.account.pk].dispositions
    )
