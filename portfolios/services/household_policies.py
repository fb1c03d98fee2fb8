"""The only writer of how a household's accounts are run together."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.models.guidance import RiskProfile
from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import Household, HouseholdMode, TaxStatus
from portfolios.models.securities import AssetClass
from portfolios.selectors.books import household_in_book
from portfolios.selectors.limits import version_ids_in_force
from portfolios.services.statement_guard import business_date


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHouseholdPolicy:
    """What a household shall follow; `vetoes` are pairs of tax status and the key of an asset class."""

    mode: HouseholdMode
    risk_profile_id: int | None = None
    tracking_preference: int = 5
    transfer_cost_bps: Decimal = Decimal(2)
    vetoes: tuple[tuple[str, str], ...] = ()


@transaction.atomic
def set_household_policy(
    member: Membership,
    household_id: int,
    *,
    new: NewHouseholdPolicy,
    seen_id: int | None,
    reason: str,
    now: datetime,
) -> HouseholdPolicy:
    """
    Say how the accounts of a household are run together; `seen_id` is the policy that the form showed.

    :raises NotFound: the household lies outside the member's book
    :raises NotPermitted: the role changes no preferences
    :raises Conflict: somebody changed it meanwhile
    :raises Invalid: no profile in force to follow, an unknown class, a number out of range
    """
    household = household_in_book(member, household_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    Household.objects.select_for_update().filter(pk=household.pk).first()
    told = HouseholdPolicy.objects.filter(household=household).select_related("set_by")
    last = told.order_by("set_at", "pk").last()
    if (last.pk if last else None) != seen_id:
        who = last.set_by.full_name if last else "Somebody"
        raise Conflict(f"{who} changed how {household.name} is run meanwhile. Look again.")
    faults = _faults(member, new, now=now)
    if faults:
        raise Invalid(" ".join(faults), faults=tuple(faults))
    together = new.mode is not HouseholdMode.INDEPENDENT
    made = HouseholdPolicy.objects.create(
        household=household,
        mode=new.mode,
        risk_profile_id=new.risk_profile_id if together else None,
        tracking_preference=new.tracking_preference,
        transfer_cost_bps=new.transfer_cost_bps,
        vetoes=[list(pair) for pair in new.vetoes] if together else [],
        reason=reason,
        set_at=now,
        set_by=member.user,
    )
    Household.objects.filter(pk=household.pk).update(mode=new.mode)
    facts = {
        "old_mode": household.mode,
        "mode": new.mode,
        "risk_profile_id": made.risk_profile_id,
        "tracking_preference": made.tracking_preference,
        "transfer_cost_bps": made.transfer_cost_bps,
        "vetoes": made.vetoes,
    }
    audit.record(
        "household.policy_set",
        actor=member,
        subject=household,
        household_id=household.pk,
        data=facts,
        reason=reason,
        now=now,
    )
    return made


def _faults(member: Membership, new: NewHouseholdPolicy, *, now: datetime) -> list[str]:
    faults = []
    on = business_date(member, now=now)
    if new.mode is not HouseholdMode.INDEPENDENT:
        profile = RiskProfile.objects.filter(pk=new.risk_profile_id or 0, firm_id=member.firm_id).first()
        if profile is None or profile.pk not in version_ids_in_force([profile.pk], on=on):
            faults.append("Accounts that are run together need a risk profile in force to follow.")
    known = set(AssetClass.objects.filter(firm_id=member.firm_id).values_list("key", flat=True))
    for status, key in new.vetoes:
        if status not in TaxStatus.values or key not in known:
            faults.append(f"There is no class {key} or no tax status {status}.")
    if not 1 <= new.tracking_preference <= 10:
        faults.append("The tracking preference lies between 1 and 10.")
    if not 0 <= new.transfer_cost_bps <= 1000:
        faults.append("The cost of a transfer lies between 0 and 1,000 basis points.")
    return faults
