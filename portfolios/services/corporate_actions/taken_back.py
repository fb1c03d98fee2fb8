"""Splits that were taken back or withdrawn although the price has moved: old units must not meet a new price."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Q

from advisors.errors import Invalid
from advisors.models import Firm
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.lots import Lot
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.corporate_actions.holders import booked_by_custodian
from portfolios.services.corporate_actions.price_moves import NEAR, price_moved
from portfolios.services.corporate_actions.stored_terms import terms_of
from portfolios.services.corporate_actions.term_facts import RATIO_KINDS

LOOK_BACK: Final = timedelta(days=120)  # an action of longer ago is not compared with prices any more
_LIVE: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED, ActionStatus.APPLIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """An action that ended although the price shows it, and the accounts whose units do not."""

    action: CorporateAction
    terms: ActionTerms
    account_ids: tuple[int, ...]


def taken_back_but_priced(firm: Firm, *, on: date, symbols: frozenset[str] | None = None) -> Iterator[TakenBack]:
    """
    Return the reversed and withdrawn ratios that stated prices show, until one is announced anew for those days.

    What was only detected and then set aside was a false alarm; so is what a person sets aside for those days later.
    """
    false_alarm = Q(status=ActionStatus.WITHDRAWN, is_detected=True, confirmed_at__isnull=True)
    ended = CorporateAction.objects.filter(
        firm=firm,
        kind__in=RATIO_KINDS,
        status__in=[ActionStatus.REVERSED, ActionStatus.WITHDRAWN],
        effective_on__range=(on - LOOK_BACK, on + NEAR),
    ).exclude(false_alarm)
    if symbols is not None:
        ended = ended.filter(security__symbol__in=symbols)
    for action in ended.select_related("security", "firm").order_by("effective_on", "pk"):
        try:
            terms = terms_of(action)
        except Invalid:
            continue  # without a ratio no price can show it
        if price_moved(action, terms, on=on) and not _is_told_anew(action):
            yield TakenBack(action=action, terms=terms, account_ids=_with_old_units(action, terms))


def _is_told_anew(action: CorporateAction) -> bool:
    """Tell whether another action of those days speaks for the price, or a person set one aside since."""
    live = Q(status__in=_LIVE, kind__in=RATIO_KINDS) | Q(status__in=_LIVE, is_detected=True)
    set_aside = Q(status=ActionStatus.WITHDRAWN, is_detected=True, ended_by__isnull=False)
    if action.ended_at is not None:
        live |= Q(status__in=_LIVE, announced_at__gte=action.ended_at)
        set_aside &= Q(ended_at__gte=action.ended_at)
    others = CorporateAction.objects.filter(
        live | set_aside,
        firm_id=action.firm_id,
        security_id=action.security_id,
        effective_on__range=(action.effective_on - NEAR, action.effective_on + NEAR),
    )
    return others.exclude(pk=action.pk).exists()


def _with_old_units(action: CorporateAction, terms: ActionTerms) -> tuple[int, ...]:
    """Return who holds lots of before the ex-date that no custodian's own split has multiplied."""
    old = Q(acquired_on__isnull=True) | Q(acquired_on__lt=action.effective_on)
    lots = Lot.objects.filter(
        old, security_id=action.security_id, closed_on__isnull=True, account__firm_id=action.firm_id
    ).exclude(account__is_held_away=True)
    ids = sorted(set(lots.values_list("account_id", flat=True)))
    booked = booked_by_custodian(action, terms, ids)
    return tuple(each for each in ids if each not in booked)
