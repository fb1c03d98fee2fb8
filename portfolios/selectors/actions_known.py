"""Corporate actions as a comparison asks for them: how far each is, and what it did in one account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from advisors.models import Firm
from portfolios.ledger.actions_seen import ActionKnown, ActionStanding
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction

_LOOK_BACK: Final = timedelta(days=120)
_OPEN: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    before_units: Decimal
    cash_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownActions:
    """The actions of a firm around a day, and what each did by account; `ids` are their rows by key."""

    actions: Sequence[ActionKnown] = ()
    ids: Mapping[str, int] = field(default_factory=dict)
    done: Mapping[tuple[str, int], _Done] = field(default_factory=dict)

    def of(self, account_id: int) -> tuple[ActionKnown, ...]:
        """Return the actions as they stand for one account."""
        return tuple(self._for(action, account_id) for action in self.actions)

    def _for(self, action: ActionKnown, account_id: int) -> ActionKnown:
        done = self.done.get((action.key, account_id))
        if done is None:
            return action
        return ActionKnown(
            key=action.key,
            security=action.security,
            effective_on=action.effective_on,
            standing=action.standing,
            sentence=action.sentence,
            delivered=action.delivered,
            ratio=action.ratio,
            before_units=done.before_units,
            cash_usd=done.cash_usd,
            unit_price_usd=action.unit_price_usd,
        )


def action_rows(firm: Firm, *, as_of: date) -> list[CorporateAction]:
    """Return the actions that a statement of a day may show: open ones of any age, applied ones of the last months."""
    rows = CorporateAction.objects.filter(firm=firm, effective_on__lte=as_of).select_related("security")
    opened = rows.filter(status__in=_OPEN)
    applied = rows.filter(status=ActionStatus.APPLIED, effective_on__gte=as_of - _LOOK_BACK)
    return list((opened | applied).order_by("effective_on", "pk"))


def done_by(actions: Sequence[CorporateAction], account_ids: Sequence[int]) -> Mapping[tuple[str, int], _Done]:
    """Return what applied actions did in accounts, by the action's key and the account's id."""
    applied = [action.pk for action in actions if action.status == ActionStatus.APPLIED]
    if not applied:
        return {}
    rows = ActionApplication.objects.filter(
        action_id__in=applied, account_id__in=account_ids, undone_by__isnull=True
    ).values_list("action_id", "account_id", "before_units", "cash_usd")
    return {
        (f"action:{action_id}", account_id): _Done(before_units=units, cash_usd=cash)
        for action_id, account_id, units, cash in rows
    }


def standing_of(action: CorporateAction) -> ActionStanding:
    """Return how far an open or applied action is."""
    return ActionStanding(action.status)


def set_aside(firm: Firm, *, as_of: date) -> frozenset[str]:
    """Return the securities of which a person said lately that what looked like an action is none."""
    rows = CorporateAction.objects.filter(
        firm=firm,
        is_detected=True,
        status=ActionStatus.WITHDRAWN,
        effective_on__range=(as_of - timedelta(days=10), as_of),
    )
    return frozenset(rows.values_list("security__symbol", flat=True))
