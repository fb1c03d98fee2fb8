"""What happened to an account or a household, newest first, from the audit log, in words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q

from advisors.models import AuditEvent
from portfolios.models.households import Account
from rebalancing.models.proposals import Proposal, ProposalStatus

MOST_EVENTS: Final = 20
_MOST_PROPOSALS: Final = 40

_WORDS: Final[Mapping[str, str]] = {
    "account.held": "Held",
    "account.opened": "Account opened",
    "account.hold_lifted": "Hold lifted",
    "cash_need.added": "Cash need added",
    "cash_need.ended": "Cash need ended",
    "household.created": "Household created",
    "lots.posted": "Lots posted",
    "preference.reset": "Preference back to the default",
    "preference.set": "Preference changed",
    "proposal.check_overridden": "Check overridden",
    "restriction.added": "Restriction added",
    "restriction.ended": "Restriction ended",
    "risk_profile.chosen": "Risk profile chosen",
    "tax_household.confirmed": "Tax household confirmed",
    "tax_return.changed": "Filing status or state changed",
    "tax_situation.stated": "Tax situation stated",
    "tax_year.closed": "Tax year closed",
    "tax_year.closed_again": "Tax year closed again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """One event: what happened, to what, who did it, and why."""

    happened_at: datetime
    words: str
    detail: str
    who: str
    reason: str
    proposal_id: int | None


def account_timeline(account: Account) -> tuple[TimelineEvent, ...]:
    """Return the newest events of an account, its proposals, its return and its household; two queries."""
    proposals = list(
        Proposal.objects.filter(account=account)
        .order_by("-created_at", "-pk")
        .values_list("pk", "created_at", "status", "sentence")[:_MOST_PROPOSALS]
    )
    subjects = {
        "account": [account.pk],
        "household": [account.household_id],
        "proposal": [pk for pk, *_ in proposals],
    }
    if account.tax_return_id is not None:
        subjects["tax_return"] = [account.tax_return_id]
    made = [_proposed(*row) for row in proposals]
    events = sorted((*made, *_newest(account.firm_id, subjects)), key=lambda event: event.happened_at, reverse=True)
    return tuple(events[:MOST_EVENTS])


def _proposed(pk: int, created_at: datetime, status: str, sentence: str) -> TimelineEvent:
    words = "Analysed, no trade needed" if status == ProposalStatus.NO_TRADE else "Trades proposed"
    return TimelineEvent(happened_at=created_at, words=words, detail=sentence, who="Trimtab", reason="", proposal_id=pk)


def household_timeline(
    firm_id: int, *, household_id: int, account_ids: Collection[int], tax_household_ids: Collection[int]
) -> tuple[TimelineEvent, ...]:
    """Return the newest events of a household and all its accounts; one query."""
    return _newest(
        firm_id,
        {"household": [household_id], "account": list(account_ids), "tax_household": list(tax_household_ids)},
    )


def _newest(firm_id: int, subjects: Mapping[str, Collection[int]]) -> tuple[TimelineEvent, ...]:
    wanted = Q()
    for kind, ids in subjects.items():
        wanted |= Q(subject_type=kind, subject_id__in=[str(pk) for pk in ids])
    events = AuditEvent.objects.filter(wanted, firm_id=firm_id).order_by("-happened_at", "-pk")
    return tuple(_event(event) for event in events[:MOST_EVENTS])


def _event(event: AuditEvent) -> TimelineEvent:
    is_proposal = event.subject_type == "proposal"
    return TimelineEvent(
        happened_at=event.happened_at,
        words=_WORDS.get(event.action) or _said(event.action),
        detail=_detail(event.data),
        who=event.actor_name or "Trimtab",
        reason=event.reason,
        proposal_id=int(event.subject_id) if is_proposal else None,
    )


def _said(action: str) -> str:
    """Write an action that has no words of its own: `proposal.sent_back` is “Proposal sent back”."""
    return action.replace(".", " ").replace("_", " ").capitalize()


def _detail(data: Mapping[str, object]) -> str:
    if "says" in data:
        return str(data["says"])
    if "old" in data and "new" in data:
        label = f"{data['label']}: " if "label" in data else ""
        return f"{label}{data['old']} to {data['new']}"
    kinds = data.get("kinds")
    if isinstance(kinds, Mapping):
        return ", ".join(f"{count} {str(kind).replace('_', ' ')}" for kind, count in kinds.items())
    return ""
