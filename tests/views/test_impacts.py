"""The page of what a change of the house view would do."""

import csv
import io

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from advisors.models import Role
from portfolios.custodians.house_tables import read_products
from portfolios.models.guidance import HouseViewChange
from portfolios.services.house_view import drafts
from rebalancing.engine.reference import solve_convex
from rebalancing.models.impacts import AccountImpact
from rebalancing.models.runs import Run
from rebalancing.services import solving
from tests.conftest import Persona, sign_in
from tests.desks import text_of as source_of
from tests.factories import NOW, FirmFactory, member_of
from tests.firms import Desk, open_desk
from tests.house_views import opened, put_bonds, seen

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    made = open_desk()
    made.account("VTI 232 @ 240 2024-03-01; BND 533 @ 75 2024-03-01", cash="2000")
    return made


@pytest.fixture
def author(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO))


@pytest.fixture
def change(desk: Desk, author: Persona) -> HouseViewChange:
    made = opened(author.membership)
    put_bonds(author.membership, made, desk)
    return made


def page_of(person: Persona, change: HouseViewChange) -> str:
    """Return the page as text, its white space as single blanks."""
    answer = person.client.get(reverse("impact:impact", args=[change.pk]))
    return " ".join(strip_tags(source_of(answer).replace("<", " <")).split())


def start(person: Persona, change: HouseViewChange) -> None:
    answer = person.client.post(reverse("impact:start", args=[change.pk]))
    assert answer["Location"] == reverse("impact:impact", args=[change.pk])


def work() -> None:
    worker = solving.Worker(name="test", fallback=solve_convex, clock=lambda: NOW)
    list(solving.drain(worker=worker))


def test_a_preview_is_asked_for_followed_and_read(author: Persona, change: HouseViewChange) -> None:
    before = page_of(author, change)
    start(author, change)
    meanwhile = page_of(author, change)
    work()
    after = page_of(author, change)

    row = AccountImpact.objects.get()
    assert "It has not been previewed yet. A preview works in the background" in before
    assert "Under way" in meanwhile
    assert "Cancel the run, 1 account left" in meanwhile
    assert "Preview it" not in meanwhile
    assert "Accounts that trade 0 1 of 1; 1 are told otherwise than today" in after
    assert f"${row.then_traded_usd:,.0f} more; turnover 0.00% to" in after
    assert "Preview it again" in after
    assert "Every account that keeps its rules today keeps them under the change." in after


def test_whoever_may_preview_may_cancel(author: Persona, change: HouseViewChange) -> None:
    start(author, change)
    run = Run.objects.get()

    author.client.post(reverse("runs:cancel", args=[run.pk]))

    run.refresh_from_db()
    assert run.status == "cancelled"
    assert "1 cancelled" in page_of(author, change)


def test_an_account_that_can_no_longer_comply_says_why(author: Persona, change: HouseViewChange) -> None:
    entries = read_products(b"asset_class,use\nus_large,VTI\n")
    drafts.put_products(author.membership, seen(change), entries=entries, now=NOW)
    start(author, change)
    work()

    assert "No product is approved for Bonds in an account that is taxable." in page_of(author, change)


def test_what_was_edited_since_is_marked(desk: Desk, author: Persona, change: HouseViewChange) -> None:
    start(author, change)
    work()
    put_bonds(author.membership, change, desk)

    assert "Outdated The change was edited since." in page_of(author, change)


def test_compliance_reads_but_does_not_start(desk: Desk, change: HouseViewChange) -> None:
    officer = sign_in(member_of(desk.firm, Role.COMPLIANCE))

    assert "Preview it" not in page_of(officer, change)
    assert officer.client.post(reverse("impact:start", args=[change.pk])).status_code == 403


def test_every_account_is_in_the_file(author: Persona, change: HouseViewChange) -> None:
    start(author, change)
    work()

    answer = author.client.get(reverse("impact:csv", args=[change.pk]))
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")))

    told = AccountImpact.objects.get()
    assert (row["now_trades"], row["then_trades"]) == ("0", str(told.then_trade_count))
    assert (row["then_traded_usd"], row["breaks_only_then"]) == (str(told.then_traded_usd), "")


def test_an_advisor_does_not_meet_previews_among_runs(desk: Desk, author: Persona, change: HouseViewChange) -> None:
    start(author, change)
    advisor = sign_in(member_of(desk.firm, Role.ADVISOR))
    run = Run.objects.get()

    assert advisor.client.get(reverse("runs:run", args=[run.pk])).status_code == 404
    assert "Preview: More bonds" in source_of(author.client.get(reverse("runs:runs")))


def test_another_firm_finds_nothing(change: HouseViewChange) -> None:
    stranger = sign_in(member_of(FirmFactory.create(), Role.CIO))

    for name in ("impact:impact", "impact:csv"):
        assert stranger.client.get(reverse(name, args=[change.pk])).status_code == 404
