"""The same action told with two ex-dates: applied twice it would be wrong, so a person has to say why it is another."""

from datetime import timedelta
from typing import Final

from django.db.models import Q

from advisors.errors import Invalid
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.corporate_actions.stored_terms import terms_of

NEAR_DAYS: Final = 10


def twin_faults(action: CorporateAction, terms: ActionTerms) -> tuple[str, ...]:
    """
    Say which other action within a few days tells the same as one that waits for its confirmation.

    Of two that are only announced the first may go ahead. A note of a person or a file says that it is another one;
    what was detected has a note of its own making, which says nothing of the kind.
    """
    if action.status != ActionStatus.ANNOUNCED or (action.note and not action.is_detected):
        return ()
    near = timedelta(days=NEAR_DAYS)
    others = CorporateAction.objects.filter(
        Q(status__in=[ActionStatus.CONFIRMED, ActionStatus.APPLIED])
        | Q(status=ActionStatus.ANNOUNCED, pk__lt=action.pk),
        firm=action.firm_id,
        security=action.security_id,
        kind=action.kind,
        effective_on__range=(action.effective_on - near, action.effective_on + near),
    ).exclude(pk=action.pk)
    for other in others.select_related("security").order_by("effective_on", "pk"):
        if _tells_the_same(other, terms):
            kind, status = other.get_kind_display().lower(), other.get_status_display().lower()
            sentence = (
                f"The same is told by another action: the {kind} of {other.security.symbol} of {other.effective_on}, "
                f"{status}. Withdraw this one if both are one; if it is another one, announce it with a note that says "
                "why."
            )
            return (sentence,)
    return ()


def _tells_the_same(other: CorporateAction, terms: ActionTerms) -> bool:
    try:
        told = terms_of(other)
    except Invalid:
        return False
    return _essence(told) == _essence(terms)


def _essence(terms: ActionTerms) -> tuple[object, ...]:
    """Return what an action does to a holder, without its day, prices and what is told beside it."""
    delivered = sorted((each.security, each.units_per_unit) for each in terms.delivered)
    return terms.ratio, terms.cash_per_unit_usd, delivered
