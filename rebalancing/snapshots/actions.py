"""Corporate actions that lately changed what accounts hold, for the reasons of the trades that follow."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.market import ActionApplication, ActionStatus
from portfolios.services.corporate_actions.stored_terms import terms_of
from rebalancing.engine.reasons.causes import RECENT_ACTION

# A split or a new symbol leaves every weight as it was: no trade follows from it.
_CHANGES_NOTHING: Final = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.SYMBOL_CHANGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderAction:
    """An action as one account met it: its kind and day, and the securities that it touched."""

    kind: str
    effective_on: date
    symbols: tuple[str, ...]


def actions_of_holders(account_ids: Collection[int], *, as_of: date) -> Mapping[int, tuple[HolderAction, ...]]:
    """Return the actions applied to accounts within the last days that changed their holdings; two queries."""
    rows = (
        ActionApplication.objects.filter(
            account_id__in=account_ids,
            undone_by__isnull=True,
            action__status=ActionStatus.APPLIED,
            action__effective_on__range=(as_of - RECENT_ACTION, as_of),
        )
        .exclude(action__kind__in=[kind.value for kind in _CHANGES_NOTHING])
        .select_related("action__security")
        .order_by("action__effective_on", "action_id", "account_id")
    )
    told: dict[int, HolderAction] = {}
    found: dict[int, list[HolderAction]] = defaultdict(list)
    for row in rows:
        if row.action_id not in told:
            terms = terms_of(row.action)
            told[row.action_id] = HolderAction(
                kind=row.action.kind, effective_on=row.action.effective_on, symbols=terms.securities
            )
        found[row.account_id].append(told[row.action_id])
    return {account_id: tuple(actions) for account_id, actions in found.items()}
