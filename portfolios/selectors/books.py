"""What lies in a member's own book: the root of every query of the pages."""

from django.db.models import Q, QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from advisors.permissions import Role
from advisors.selectors import advisors_represented_by
from portfolios.models.households import Account, Household, TaxHousehold, TaxReturn


def households_in_book(member: Membership) -> QuerySet[Household]:
    """Return the households that a member may see: an advisor's own and represented ones, everybody else's firm."""
    households = Household.objects.filter(firm_id=member.firm_id)
    if member.role != Role.ADVISOR:
        return households
    return households.filter(Q(advisor=member) | Q(advisor__in=advisors_represented_by(member)))


def accounts_in_book(member: Membership) -> QuerySet[Account]:
    """Return the accounts of the households in a member's book."""
    accounts = Account.objects.filter(firm_id=member.firm_id)
    if member.role != Role.ADVISOR:
        return accounts
    theirs = Q(household__advisor__in=advisors_represented_by(member))
    return accounts.filter(Q(household__advisor=member) | theirs)


def household_in_book(member: Membership, household_id: int) -> Household:
    """
    Return one household with its advisor.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    household = households_in_book(member).select_related("advisor__user", "office").filter(pk=household_id).first()
    if household is None:
        raise NotFound("This household does not exist or is not in your book.")
    return household


def account_in_book(member: Membership, account_id: int) -> Account:
    """
    Return one account with what its pages name at the top.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    account = (
        accounts_in_book(member)
        .select_related("household", "tax_household", "tax_return", "risk_profile", "cash")
        .filter(pk=account_id)
        .first()
    )
    if account is None:
        raise NotFound("This account does not exist or is not in your book.")
    return account


def tax_return_in_book(member: Membership, tax_return_id: int) -> TaxReturn:
    """
    Return one tax return with its tax household.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    found = (
        TaxReturn.objects.select_related("tax_household")
        .filter(pk=tax_return_id, tax_household__household__in=households_in_book(member))
        .first()
    )
    if found is None:
        raise NotFound("This tax return does not exist or is not in your book.")
    return found


def tax_household_in_book(member: Membership, tax_household_id: int) -> TaxHousehold:
    """
    Return one tax household.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    found = TaxHousehold.objects.filter(pk=tax_household_id, household__in=households_in_book(member)).first()
    if found is None:
        raise NotFound("This tax household does not exist or is not in your book.")
    return found
