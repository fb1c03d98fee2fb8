"""How the accounts of households are run together: the policy that counts, and its page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from advisors.models import Membership
from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import HouseholdMode, TaxStatus
from portfolios.models.securities import AssetClass
from portfolios.selectors.books import household_in_book
from portfolios.selectors.holdings import CASH_KEY
from portfolios.selectors.limits import ProfileChoice, profile_choices


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One policy in words."""

    mode: str
    profile: str
    vetoes: tuple[str, ...]
    reason: str
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdPolicyPage:
    """The policy of a household with what it can be: `classes` are (key, name), cash left out."""

    household_id: int
    household: str
    current: HouseholdPolicy | None
    history: tuple[PolicyRow, ...]
    profiles: tuple[ProfileChoice, ...]
    classes: tuple[tuple[str, str], ...]


def household_policies(household_ids: Collection[int]) -> Mapping[int, HouseholdPolicy]:
    """Return the policy that counts, by household; one without any is missing from the answer. One query."""
    rows = HouseholdPolicy.objects.filter(household_id__in=household_ids).order_by("set_at", "pk")
    return {row.household_id: row for row in rows}


def household_policy_page(member: Membership, household_id: int) -> HouseholdPolicyPage:
    """
    Return the policy of a household of the member's book, with those before it.

    :raises NotFound: the household lies outside the book
    """
    household = household_in_book(member, household_id)
    told = HouseholdPolicy.objects.filter(household=household).select_related("risk_profile", "set_by")
    rows = list(told.order_by("-set_at", "-pk"))
    classes = AssetClass.objects.filter(firm_id=household.firm_id).exclude(key=CASH_KEY).order_by("position", "pk")
    names = dict(classes.values_list("key", "name"))
    return HouseholdPolicyPage(
        household_id=household.pk,
        household=household.name,
        current=rows[0] if rows else None,
        history=tuple(
            PolicyRow(
                mode=HouseholdMode(row.mode).label,
                profile=row.risk_profile.name if row.risk_profile else "",
                vetoes=tuple(veto_words(status, names.get(key, key)) for status, key in row.vetoes),
                reason=row.reason,
                set_by=row.set_by.full_name,
                set_at=row.set_at,
            )
            for row in rows
        ),
        profiles=profile_choices(household.firm_id),
        classes=tuple(names.items()),
    )


def veto_words(tax_status: str, asset_class: str) -> str:
    """Write a veto: no Corporate Bonds in taxable accounts."""
    return f"no {asset_class} in {TaxStatus(tax_status).label.lower()} accounts"
