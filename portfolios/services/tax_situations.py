"""Changes of what a return is taxed at, and the confirmation of a tax household, by a person who may."""

from datetime import datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from advisors.templatetags.ui import moment
from portfolios.models.households import TaxHousehold, TaxReturn, TaxSituation
from portfolios.selectors.books import tax_household_in_book, tax_return_in_book
from portfolios.services.households import NewTaxSituation, state_tax_situation


@transaction.atomic
def set_tax_situation(
    member: Membership, *, tax_return_id: int, new: NewTaxSituation, seen_id: int | None, now: datetime
) -> TaxSituation:
    """
    State the rates and carried amounts of a return for a year; `seen_id` is the row that the form showed.

    :raises Conflict: somebody stated another situation meanwhile
    :raises Invalid: a rate or amount does not fit
    """
    tax_return = tax_return_in_book(member, tax_return_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    TaxReturn.objects.select_for_update().filter(pk=tax_return.pk).first()
    stated = TaxSituation.objects.filter(tax_return=tax_return, year=new.year).select_related("set_by")
    newest = stated.order_by("set_at", "pk").last()
    if newest is not None and newest.pk != seen_id:
        by = newest.set_by.full_name if newest.set_by else "The import"
        raise Conflict(f"{by} stated the tax situation of {tax_return.name} for {new.year} on {moment(newest.set_at)}.")
    return state_tax_situation(tax_return, new, actor=member.user, now=now)


@transaction.atomic
def confirm_tax_household(member: Membership, *, tax_household_id: int, now: datetime) -> int:
    """
    Confirm that the accounts of a suggested tax household count together for wash sales; return its household's id.

    :raises Conflict: it was confirmed meanwhile
    """
    found = tax_household_in_book(member, tax_household_id)
    check_can(member, Capability.EDIT_HOUSEHOLDS)
    open_rows = TaxHousehold.objects.filter(pk=found.pk, confirmed_at__isnull=True)
    if not open_rows.update(confirmed_at=now, confirmed_by=member.user):
        by = found.confirmed_by.full_name if found.confirmed_by else "Somebody"
        raise Conflict(f"{by} already confirmed this tax household on {moment(found.confirmed_at)}.")
    audit.record(
        "tax_household.confirmed",
        actor=member,
        subject=found,
        household_id=found.household_id,
        data={"account_ids": list(found.accounts.order_by("pk").values_list("pk", flat=True))},
        now=now,
    )
    return found.household_id
