"""Changes of what a return is taxed at, and the confirmation of a tax household, by a person who may."""

from datetime import date, datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from advisors.templatetags.ui import moment
from portfolios.models.households import TaxHousehold, TaxReturn, TaxSituation
from portfolios.selectors.books import tax_household_in_book, tax_return_in_book
from portfolios.selectors.tax_pages import accounts_of, settings_of
from portfolios.selectors.tax_rates_shown import RatesShown, rates_shown
from portfolios.selectors.tax_years import NOTHING_RECOGNIZED, recognized_years, table_stand_ins
from portfolios.services.households import NewTaxSituation, faults_of_situation, state_tax_situation
from portfolios.services.tax_rates import StatedSituation, rate_situation


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
def state_situation(
    member: Membership, *, tax_return_id: int, stated: StatedSituation, seen_id: int | None, now: datetime
) -> TaxSituation:
    """
    State a return's year by rates or by income; filing status and state become the return's where the year is its last.

    :raises Conflict: somebody stated another situation meanwhile
    :raises Invalid: a rate or amount does not fit, or there is no table to derive rates from
    """
    new = rate_situation(stated, stand_ins=table_stand_ins(member.firm_id)).new
    situation = set_tax_situation(member, tax_return_id=tax_return_id, new=new, seen_id=seen_id, now=now)
    tax_return = situation.tax_return
    is_last = not TaxSituation.objects.filter(tax_return=tax_return, year__gt=stated.year).exists()
    before = {"filing_status": tax_return.filing_status, "state": tax_return.state}
    after = {"filing_status": stated.filing_status, "state": stated.state}
    if is_last and before != after:
        TaxReturn.objects.filter(pk=tax_return.pk).update(**after)
        audit.record(
            "tax_return.changed",
            actor=member,
            subject=tax_return,
            household_id=tax_return.tax_household.household_id,
            data={"before": before, "after": after},
            reason=stated.reason,
            now=now,
        )
    return situation


def preview_rates(member: Membership, *, tax_return_id: int, stated: StatedSituation, today: date) -> RatesShown:
    """
    Show the rates that a situation would have, and write nothing.

    :raises Invalid: a rate or amount does not fit, or there is no table to derive rates from
    """
    tax_return = tax_return_in_book(member, tax_return_id)
    on = member.firm.business_on or today
    new = rate_situation(stated, stand_ins=table_stand_ins(member.firm_id)).new
    faults = faults_of_situation(new)
    if faults:
        raise Invalid(faults[0], faults=tuple(faults))
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    recognized = recognized_years([tax_return.pk], years=[stated.year], on=on)
    return rates_shown(
        TaxSituation(tax_return=tax_return, **values),
        recognized.get((tax_return.pk, stated.year), NOTHING_RECOGNIZED),
        settings_of(accounts_of(tax_return), on=on),
    )


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
