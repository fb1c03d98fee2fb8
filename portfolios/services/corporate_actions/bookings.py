"""Write an action to the journals of its holders; one holder that cannot be booked stops no other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from advisors.errors import Invalid
from advisors.models import User
from portfolios.ledger.corporate_actions.terms import ActionTerms, HolderTerms
from portfolios.ledger.types import LotEvent
from portfolios.models.households import Account
from portfolios.models.market import ActionApplication, CorporateAction
from portfolios.services.bulk_rows import insert_rows
from portfolios.services.corporate_actions.effects import AccountEffect, action_event, effect_on
from portfolios.services.corporate_actions.holders import Holder, booked_by_custodian, holder_ids, load_holders
from portfolios.services.corporate_actions.stored_terms import SOURCE, all_holder_terms, event_ref
from portfolios.services.posting import AccountPosting, post_to_many

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedHolder:
    """An account that an action could not be booked to, or not be taken back from, and why."""

    account_id: int
    account_name: str
    reason: str


@dataclass(slots=True)
class Booked:
    """What was written, by account id, and what could not be."""

    accounts: dict[int, AccountPosting] = field(default_factory=dict)
    failed: list[FailedHolder] = field(default_factory=list)


def book(events: Mapping[Account, LotEvent], *, actor: User | None, now: datetime) -> Booked:
    """Book one event to each account. Where one of many is refused, the halves are tried until it stands alone."""
    booked = Booked()
    _book(list(events.items()), booked, actor=actor, now=now)
    return booked


def _book(events: Sequence[tuple[Account, LotEvent]], booked: Booked, *, actor: User | None, now: datetime) -> None:
    if not events:
        return
    try:
        with transaction.atomic():
            wanted = {account: (event,) for account, event in events}
            booked.accounts.update(post_to_many(wanted, source=SOURCE, actor=actor, now=now).accounts)
        return
    except Invalid as refusal:
        if len(events) == 1:
            account = events[0][0]
            failed = FailedHolder(account_id=account.pk, account_name=account.name, reason=str(refusal))
            booked.failed.append(failed)
            return
    half = len(events) // 2
    _book(events[:half], booked, actor=actor, now=now)
    _book(events[half:], booked, actor=actor, now=now)


def book_holders(
    action: CorporateAction, terms: ActionTerms, *, among: Collection[int] | None, actor: User | None, now: datetime
) -> Booked:
    """
    Book an action to every holder that it was not applied to before, in batches, and write down that it was.

    `among` are the accounts to look at, None for all of the firm.
    """
    ids = holder_ids(action, terms, among=among)
    done = set(action.applications.values_list("account_id", flat=True))
    todo = tuple(account_id for account_id in ids.all_ids if account_id not in done)
    elected = all_holder_terms(action)
    total = Booked()
    batch: list[tuple[Holder, AccountEffect]] = []
    for holder in load_holders(action, terms, todo, counted_back=ids.counted_back):
        batch.append((holder, effect_on(holder, action, terms, elected)))
        if len(batch) == _BATCH:
            _book_batch(action, terms, batch, total, actor=actor, now=now)
            batch = []
    _book_batch(action, terms, batch, total, actor=actor, now=now)
    return total


def _book_batch(
    action: CorporateAction,
    terms: ActionTerms,
    batch: Sequence[tuple[Holder, AccountEffect]],
    total: Booked,
    *,
    actor: User | None,
    now: datetime,
) -> None:
    elected = all_holder_terms(action)
    effects = {holder.account.pk: effect for holder, effect in batch}
    known = booked_by_custodian(action, terms, list(effects))
    total.failed.extend(
        FailedHolder(account_id=effect.account_id, account_name=effect.account_name, reason=effect.fault)
        for effect in effects.values()
        if effect.fault
    )
    events = {
        holder.account: action_event(
            action, terms, elected.get(holder.account.pk, HolderTerms()), cash_usd=effect.cash_usd
        )
        for holder, effect in batch
        if not effect.fault and holder.account.pk not in known
    }
    booked = book(events, actor=actor, now=now)
    total.failed.extend(booked.failed)
    total.accounts.update(booked.accounts)
    rows = {account_id: posting.event_ids[event_ref(action)] for account_id, posting in booked.accounts.items()}
    rows |= {account_id: event.pk for account_id, event in known.items()}
    insert_rows(
        ActionApplication,
        ("action", "account", "event", "before_units", "after_units", "cash_usd"),
        (_application(action, terms, effects[account_id], event_id) for account_id, event_id in sorted(rows.items())),
    )


def _application(
    action: CorporateAction, terms: ActionTerms, effect: AccountEffect, event_id: int
) -> tuple[int, int, int, Decimal, Decimal, Decimal]:
    after = effect.units_after
    if after == 0 and effect.delivered:
        after = dict(effect.delivered).get(terms.delivered[0].security, after)
    return (action.pk, effect.account_id, event_id, effect.units_before, after, effect.cash_usd)


def ref_of(application: ActionApplication) -> str:
    """Return the reference in its account of the event that books an action: the first, or its last correction."""
    return application.event.source_ref.removeprefix(f"{application.account_id}:")
