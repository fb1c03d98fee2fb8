"""Screens of the house view: said as a whole list, previewed as a draft, laid down when their day comes."""

from datetime import date, timedelta

import pytest

from advisors.errors import Invalid
from advisors.models import AuditEvent, Membership, Role
from portfolios.custodians.house_tables import BadTable, read_screens
from portfolios.models.guidance import HouseViewChange
from portfolios.models.preferences import Restriction
from portfolios.models.securities import Screen
from portfolios.selectors.house_view_pages import change_in_firm, change_page
from portfolios.selectors.house_view_tables import screens_table
from portfolios.selectors.screens import screen_rows, screens_by_security
from portfolios.services.house_view import lifecycle
from portfolios.services.house_view.screens import put_screens
from portfolios.services.house_view.screens_applied import apply_screens
from portfolios.services.importing import import_custodian_file
from rebalancing.snapshots.taking import take_cases
from tests.factories import BUSINESS_ON, NOW, SecurityFactory, UserFactory, member_of
from tests.firms import Desk, open_desk
from tests.house_views import opened, seen, submit

pytestmark = pytest.mark.django_db
TOMORROW = BUSINESS_ON + timedelta(days=1)
LIST = "screen,kind,subject\nTechnology,sector,Technology\nHouse brands,security,ITOT\n"


@pytest.fixture
def desk() -> Desk:
    made = open_desk()
    for symbol, sector in (("AAPL", "Technology"), ("VTI", ""), ("BND", ""), ("ITOT", "")):
        made.securities[symbol].sector = sector
        made.securities[symbol].save()
    old = Screen.objects.create(firm=made.firm, key="bonds", name="Bonds")
    old.securities.add(made.securities["BND"])
    return made


@pytest.fixture
def author(desk: Desk) -> Membership:
    return member_of(desk.firm, Role.CIO)


@pytest.fixture
def approver(desk: Desk) -> Membership:
    return member_of(desk.firm, Role.CIO)


def put(author: Membership, change: HouseViewChange, text: str = LIST) -> None:
    put_screens(author, seen(change), entries=read_screens(text.encode()), now=NOW)


def approved(author: Membership, approver: Membership, *, on: date, text: str = LIST) -> HouseViewChange:
    change = opened(author, effective_on=on)
    put(author, change, text)
    submit(author, change)
    lifecycle.approve_change(approver, change_id=change.pk, note="", now=NOW)
    return change


def members(desk: Desk) -> dict[str, list[str]]:
    return {
        screen.key: sorted(screen.securities.values_list("symbol", flat=True))
        for screen in Screen.objects.filter(firm=desk.firm).order_by("key")
    }


def test_a_list_is_laid_down_when_it_is_approved_and_its_day_has_come(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    approved(author, approver, on=BUSINESS_ON)

    assert members(desk) == {"bonds": [], "house_brands": ["ITOT"], "technology": ["AAPL"]}
    assert AuditEvent.objects.filter(action="screens.applied").count() == 1


def test_before_its_day_nothing_changes_and_a_file_of_prices_brings_the_day(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    approved(author, approver, on=TOMORROW)
    assert members(desk) == {"bonds": ["BND"]}

    prices = f"symbol,date,price\nVTI,{TOMORROW},211.00\n".encode()
    import_custodian_file(desk.firm, custodian="generic", name="p.csv", content=prices, actor=None, now=NOW)

    assert members(desk) == {"bonds": [], "house_brands": ["ITOT"], "technology": ["AAPL"]}


def test_a_draft_is_previewed_without_touching_anything(desk: Desk, author: Membership) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    change = opened(author, effective_on=TOMORROW)
    put(author, change)

    (taken,) = take_cases(desk.firm.pk, account_ids=[account.pk], as_of=BUSINESS_ON, change_id=change.pk)
    assert taken.case is not None
    assert {s.id: s.screens for s in taken.case.securities if s.screens} == {
        "AAPL": ("technology",),
        "ITOT": ("house_brands",),
    }
    now = screens_by_security(desk.firm.pk, on=BUSINESS_ON)
    assert now == {desk.securities["BND"].pk: ("bonds",)}
    (piece,) = change_page(change_in_firm(author, change.pk)).pieces
    assert {(line.name, line.before, line.after) for line in piece.changed} == {
        ("Technology: sector Technology", "–", "in it"),
        ("House brands: security ITOT", "–", "in it"),
        ("Bonds: security BND", "in it", "–"),
    }


def test_a_security_that_comes_later_joins_by_its_rule_and_none_is_taken_away(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    approved(author, approver, on=BUSINESS_ON)
    SecurityFactory.create(symbol="NEWT", sector="Technology")
    Screen.objects.get(key="house_brands").securities.add(desk.securities["VTI"])  # as a corporate action does

    assert apply_screens(desk.firm, now=NOW) is False

    assert members(desk) == {"bonds": [], "house_brands": ["ITOT", "VTI"], "technology": ["AAPL", "NEWT"]}


def test_the_security_master_does_not_speak_for_a_screen_of_the_list(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    approved(author, approver, on=BUSINESS_ON)
    master = (
        "symbol,name,kind,asset_class,sector,screens\n"
        "AAPL,Apple,stock,us_large,Technology,\nVTI,Total market,etf,us_large,,technology|solar\n"
    )

    import_custodian_file(desk.firm, custodian="generic", name="s.csv", content=master.encode(), actor=None, now=NOW)

    assert members(desk)["technology"] == ["AAPL"]
    assert members(desk)["solar"] == ["VTI"]


def test_a_screen_that_a_restriction_needs_does_not_fall_away(desk: Desk, author: Membership) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    Restriction.objects.create(
        firm=desk.firm,
        level="account",
        account=account,
        verb="never_buy",
        subject_kind="screen",
        subject="bonds",
        set_at=NOW,
        set_by=UserFactory.create(),
    )
    change = opened(author, effective_on=TOMORROW)

    with pytest.raises(Invalid, match="The screen bonds falls away, but 1 restriction in force need it"):
        put(author, change)
    put(author, change, f"{LIST}Bonds,security,BND\n")
    assert {row.key for row in screen_rows(desk.firm.pk, on=TOMORROW, change_id=change.pk)} == {
        "bonds",
        "house_brands",
        "technology",
    }


def test_every_row_that_names_nothing_is_told(desk: Desk, author: Membership) -> None:
    change = opened(author, effective_on=TOMORROW)
    text = f"{LIST}Bonds,security,NOPE\nBonds,sector,Nowhere\nBonds,country,XX\n"

    with pytest.raises(Invalid) as refused:
        put(author, change, text)

    assert refused.value.faults == (
        "Row 4: No security of the master has the security NOPE.",
        "Row 5: No security of the master has the sector Nowhere.",
        "Row 6: No security of the master has the country XX.",
    )


def test_a_table_with_faults_names_them_all() -> None:
    with pytest.raises(BadTable) as refused:
        read_screens(b"screen,kind,subject\nA,planet,Mars\n,sector,Energy\nB,,XOM\nb,security,XOM\n")

    assert [fault.row for fault in refused.value.faults] == [2, 3, 5]


def test_what_the_table_shows_is_read_back_as_it_stands(desk: Desk, author: Membership, approver: Membership) -> None:
    approved(author, approver, on=BUSINESS_ON, text=f'{LIST}"Oil, gas",security,VTI\n')
    rows = screen_rows(desk.firm.pk, on=BUSINESS_ON)

    entries = read_screens(screens_table(rows).encode())

    assert [(entry.screen, entry.kind, entry.subject) for entry in entries] == [
        (row.name, row.kind, row.subject) for row in rows
    ]
    assert "Oil, gas" in {entry.screen for entry in entries}
