"""The masthead: who may go where, and where one is."""

import pytest
from django.urls import reverse

from advisors.context import PLACES, nav_items_of, who_is
from advisors.models import Firm, Membership, Role, User


def _member(role: Role) -> Membership:
    return Membership(pk=1, firm=Firm(pk=1, name="Harbor"), user=User(pk=1, full_name="Pat Person"), role=role)


def test_every_place_has_an_address() -> None:
    addresses = [reverse(place.url_name) for place in PLACES]

    assert addresses[0] == "/"


@pytest.mark.parametrize(
    ("role", "labels"),
    [
        (Role.ADVISOR, "Today, Accounts, Proposals, House view, Reports"),
        (Role.REVIEWER, "Today, Accounts, Proposals, Review, Orders, House view, Data, Reports"),
        (Role.CIO, "Today, Accounts, Proposals, House view, Reports"),
        (Role.COMPLIANCE, "Today, Accounts, Proposals, House view, Data, Reports, Audit"),
        (Role.OPERATIONS, "Today, Accounts, Proposals, Orders, House view, Data, Reports"),
        (Role.ADMINISTRATOR, "Today, Accounts, Proposals, House view, Reports, Audit"),
    ],
)
def test_a_role_sees_the_places_it_may_enter(role: Role, labels: str) -> None:
    assert [item.label for item in nav_items_of(_member(role), view_name="")] == labels.split(", ")


@pytest.mark.parametrize(
    ("view_name", "label"),
    [
        ("runs:today", "Today"),
        ("accounts:household", "Accounts"),
        ("rebalancing:proposal", "Proposals"),
        ("rebalancing:review", "Review"),
        ("rebalancing:batch", "Orders"),
        ("house_view:change", "House view"),
        ("data:held", "Data"),
        ("account_login", None),
    ],
)
def test_one_place_is_current(view_name: str, label: str | None) -> None:
    current = [item.label for item in nav_items_of(_member(Role.REVIEWER), view_name=view_name) if item.is_current]

    assert current == ([label] if label else [])


def test_the_menu_says_who_and_in_which_role() -> None:
    who = who_is(_member(Role.CIO))

    assert (who.name, who.role_label, who.firm_name) == ("Pat Person", "CIO", "Harbor")
    assert who.sign_out_url == "/sign-in/logout/"
