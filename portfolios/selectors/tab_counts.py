"""The numbers on the Data menu: what waits there for a person."""

from dataclasses import dataclass

from django.db.models import Count

from advisors.models import Membership
from portfolios.models.households import AccountHold
from portfolios.selectors.books import accounts_in_book
from portfolios.selectors.breaks import open_breaks


@dataclass(frozen=True, slots=True, kw_only=True)
class TabCounts:
    """How many accounts are held and how many breaks are open in a member's book."""

    held_count: int
    break_count: int


def tab_counts(member: Membership) -> TabCounts:
    """Count what waits under each entry of the Data menu; two queries."""
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), lifted_at__isnull=True)
    return TabCounts(
        held_count=holds.aggregate(number=Count("account", distinct=True))["number"],
        break_count=open_breaks(member).count(),
    )
