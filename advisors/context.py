"""What the masthead of every page shows: where a member may go, and who they are."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse

from advisors.models import Membership
from advisors.permissions import Capability, Role, capabilities_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    One entry of the masthead: who may go there, and which views count as being there.

    `views` are beginnings of view names; of two entries the one with the longer beginning is current.
    """

    label: str
    url_name: str
    views: tuple[str, ...]
    allowed_by: tuple[Capability, ...]


PLACES: Final[tuple[Place, ...]] = (
    Place(label="Today", url_name="runs:today", views=("runs:",), allowed_by=(Capability.VIEW_BOOK,)),
    Place(
        label="Accounts",
        url_name="accounts:accounts",
        views=("accounts:", "portfolios:"),
        allowed_by=(Capability.VIEW_BOOK,),
    ),
    Place(
        label="Proposals",
        url_name="rebalancing:proposals",
        views=("rebalancing:",),
        allowed_by=(Capability.VIEW_BOOK,),
    ),
    Place(
        label="Review",
        url_name="rebalancing:review",
        views=("rebalancing:review", "rebalancing:release"),
        allowed_by=(Capability.REVIEW,),
    ),
    Place(
        label="Orders",
        url_name="rebalancing:batches",
        views=("rebalancing:batch", "rebalancing:order", "rebalancing:fill"),
        allowed_by=(Capability.RELEASE, Capability.EXPORT_ORDERS, Capability.RECORD_FILLS),
    ),
    Place(
        label="House view",
        url_name="house_view:house_view",
        views=("house_view:", "impact:"),
        allowed_by=(Capability.VIEW_BOOK,),
    ),
    Place(label="Data", url_name="data:files", views=("data:",), allowed_by=(Capability.VIEW_DATA,)),
    Place(label="Reports", url_name="reporting:reports", views=("reporting:",), allowed_by=(Capability.VIEW_REPORTS,)),
    Place(label="Audit", url_name="advisors:audit", views=("advisors:audit",), allowed_by=(Capability.VIEW_AUDIT,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    label: str
    url: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The person of the account menu."""

    name: str
    role_label: str
    firm_name: str
    menu_items: tuple[MenuItem, ...]
    sign_out_url: str


def _place_of(view_name: str) -> Place | None:
    def reach(place: Place) -> int:
        return max((len(start) for start in place.views if view_name.startswith(start)), default=0)

    best = max(PLACES, key=reach)
    return best if reach(best) else None


def nav_items_of(member: Membership, *, view_name: str) -> tuple[NavItem, ...]:
    """Return the entries that a member's role opens, in standing order."""
    allowed, current = capabilities_of(member), _place_of(view_name)
    return tuple(
        NavItem(label=place.label, url=reverse(place.url_name), is_current=place is current)
        for place in PLACES
        if allowed.intersection(place.allowed_by)
    )


def who_is(member: Membership) -> Who:
    """Return what the account menu says of a member."""
    return Who(
        name=member.user.full_name,
        role_label=Role(member.role).label,
        firm_name=member.firm.name,
        menu_items=(
            MenuItem(label="Team", url=reverse("advisors:team"), icon="users"),
            MenuItem(label="Tax policies", url=reverse("ledger:tax_policies"), icon="layers"),
            MenuItem(label="Password", url=reverse("account_change_password"), icon="key-round"),
            MenuItem(label="Two-factor sign-in", url=reverse("mfa_index"), icon="shield-check"),
        ),
        sign_out_url=reverse("account_logout"),
    )


def masthead(request: HttpRequest) -> dict[str, object]:
    """Return who is signed in and where they may go; nothing for strangers."""
    member: Membership | None = getattr(request, "membership", None)
    if member is None:
        return {}
    match = request.resolver_match
    return {
        "nav_items": nav_items_of(member, view_name=match.view_name if match else ""),
        "who": who_is(member),
        "business_on": member.firm.business_on,
        "find_url": reverse("accounts:accounts"),
    }
