"""What the custodian paid for a fraction replaces what was estimated: one more event that corrects the first."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from advisors import audit
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import User
from portfolios.ledger.corporate_actions.terms import HolderTerms
from portfolios.ledger.types import LotEvent
from portfolios.models.households import Account
from portfolios.models.lots import GainKind, LedgerEvent
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from portfolios.services.corporate_actions.applying import locked
from portfolios.services.corporate_actions.bookings import ref_of
from portfolios.services.corporate_actions.effects import action_event
from portfolios.services.corporate_actions.stored_terms import (
    HOLDERS,
    SOURCE,
    all_holder_terms,
    as_json,
    event_ref,
    terms_of,
)
from portfolios.services.posting import post_to_many


@transaction.atomic
def correct_cash_in_lieu(
    action: CorporateAction,
    account: Account,
    *,
    security: str,
    cash_usd: Decimal,
    actor: User | None,
    now: datetime,
) -> ActionApplication:
    """
    Book the cash that a custodian paid for the fraction of a security in one account; gain and cash follow it.

    :raises Conflict: the action is not applied
    :raises NotFound: it was not applied to this account
    :raises Invalid: it delivers no such security, or the ledger cannot book it
    """
    row = locked(action)
    if row.status != ActionStatus.APPLIED:
        raise Conflict("Only an applied action has cash in lieu to correct.")
    application = row.applications.filter(account=account, undone_by__isnull=True).select_related("event").first()
    if application is None or application.event.source != SOURCE:
        raise NotFound("The action was not applied to this account.")
    terms = terms_of(row)
    if security not in terms.securities:
        raise Invalid(f"The action on {terms.security} delivers no {security}.")
    holder = _with_cash(all_holder_terms(row).get(account.pk, HolderTerms()), security, cash_usd)
    _keep(row, account, holder)
    event = _correcting(row, application, holder, security=security, cash_usd=cash_usd)
    posting = post_to_many({account: (event,)}, source=SOURCE, actor=actor, now=now).accounts[account.pk]
    application.event_id = posting.event_ids[event.ref]
    application.cash_usd = event.amount_usd
    application.save(update_fields=["event", "cash_usd"])
    facts = {"account_id": account.pk, "security": security, "cash_usd": cash_usd, "event_id": application.event_id}
    audit.record(
        "corporate_action.cash_in_lieu_corrected",
        actor=actor,
        subject=row,
        firm_id=row.firm_id,
        household_id=account.household_id,
        data=facts,
        now=now,
    )
    return application


def _with_cash(holder: HolderTerms, security: str, cash_usd: Decimal) -> HolderTerms:
    paid = {**dict(holder.fraction_cash_usd), security: cash_usd}
    return replace(holder, fraction_cash_usd=tuple(sorted(paid.items())))


def _correcting(
    action: CorporateAction, application: ActionApplication, holder: HolderTerms, *, security: str, cash_usd: Decimal
) -> LotEvent:
    """Return the event that takes the place of the one that booked the action, or of its last correction."""
    estimated = application.event.realized_gains.filter(
        kind=GainKind.CASH_IN_LIEU, security__symbol=security
    ).aggregate(sum=Sum("proceeds_usd"))["sum"]
    cash = application.cash_usd - (estimated or Decimal(0)) + cash_usd
    number = LedgerEvent.objects.filter(
        account_id=application.account_id,
        source=SOURCE,
        source_ref__startswith=f"{application.account_id}:{event_ref(action)}:cash:",
    ).count()
    event = action_event(action, terms_of(action), holder, cash_usd=cash)
    return replace(event, ref=f"{event.ref}:cash:{number + 1}", corrects=ref_of(application))


def _keep(action: CorporateAction, account: Account, holder: HolderTerms) -> None:
    """Keep the holder's terms with the action's, so that both say the same."""
    plain = as_json(holder)
    action.terms = {**action.terms, HOLDERS: {**action.terms.get(HOLDERS, {}), str(account.pk): plain}}
    action.save(update_fields=["terms"])
