"""The page Household: own book only, people, combined allocation, wash-sale calendar, requests."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import AuditEvent
from portfolios.models.households import AccountHold, HoldKind, Person, TaxHousehold
from portfolios.models.lots import LedgerEvent, OutsideTrade, RealizedGain
from portfolios.models.preferences import Level
from portfolios.models.securities import Security
from portfolios.services.restrictions import NewRestriction, add_restriction
from portfolios.services.statement_guard import Terms
from tests.conftest import Persona
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    AccountFiguresFactory,
    CashBalanceFactory,
    FirmSecurityFactory,
    IdentityGroupFactory,
    LotFactory,
    SecurityFactory,
    TaxSituationFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def _url(world: World) -> str:
    return reverse("accounts:household", args=[world.account.household_id])


def _text(who: Persona, world: World) -> str:
    answer = who.client.get(_url(world))
    assert answer.status_code == 200
    return answer.content.decode()


def _sibling(world: World, **fields: object) -> AccountFactory:
    given = {
        "household": world.account.household,
        "tax_household": world.account.tax_household,
        "tax_return": world.account.tax_return,
        "risk_profile": world.account.risk_profile,
    }
    return AccountFactory(**(given | fields))


def test_a_household_outside_the_book_does_not_exist(outsider: Persona, foreigner: Persona, world: World) -> None:
    assert [who.client.get(_url(world)).status_code for who in (outsider, foreigner)] == [404, 404]


def test_the_household_names_its_people_and_their_age_on_the_business_date(advisor: Persona, world: World) -> None:
    Person.objects.create(household=world.account.household, full_name="Eleanor Whitcombe", born_on=date(1960, 11, 13))

    page = _text(advisor, world)
    assert "<b>Eleanor Whitcombe</b>, 65" in page


def test_the_accounts_are_added_up_class_by_class(advisor: Persona, world: World) -> None:
    CashBalanceFactory(account=_sibling(world), settled_usd=D(20000))

    page = _text(advisor, world)
    assert "$40,000" in page
    assert _cells(page, "US Large Cap") == ["25.0", "50.0", "40.0 to 60.0"]


def _cells(page: str, name: str) -> list[str]:
    row = page[page.index(f'<th scope="row">{name}</th>') :]
    row = row[: row.index("</tr>")]
    return [cell.split(">")[-1] for cell in row.split("</td>")[:-1]]


def test_what_is_held_away_is_listed_and_not_added_up(advisor: Persona, world: World) -> None:
    CashBalanceFactory(account=_sibling(world, is_held_away=True, name="His 401(k)"), settled_usd=D(77777))

    page = _text(advisor, world)
    assert "His 401(k)" in page
    assert "Held away" in page
    assert "$97,777" not in page


def test_a_loss_sale_says_from_when_it_is_safe_to_buy_again(advisor: Persona, world: World) -> None:
    stock = _sell_at_a_loss(world, sold_on=date(2026, 11, 6))
    twin = SecurityFactory(symbol="SLMC")
    group = IdentityGroupFactory(firm=advisor.firm, name="Searchlume")
    for one in (stock, twin):
        FirmSecurityFactory(firm=advisor.firm, security=one, identity_group=group, asset_class=world.us_large)

    page = _text(advisor, world)
    assert "Sold 10 SLMA on Nov 6, 2026 at a loss of $400" in page
    assert "Dec 7, 2026" in page


def test_a_purchase_by_the_ira_says_from_when_it_is_safe_to_sell_at_a_loss(advisor: Persona, world: World) -> None:
    ira = _sibling(world, registration="ira", tax_status="deferred", tax_return=None, name="Her IRA")
    LotFactory(account=ira, security=Security.objects.get(symbol="LUMR"), acquired_on=date(2026, 11, 9))

    page = _text(advisor, world)
    assert "Bought 100 LUMR on Nov 9, 2026" in page
    assert "Dec 10, 2026" in page
    assert "Her IRA" in page


def test_a_declared_trade_of_an_outside_account_counts(advisor: Persona, world: World) -> None:
    outside = _sibling(world, is_held_away=True, name="His 401(k)")
    OutsideTrade.objects.create(
        account=outside,
        security=Security.objects.get(symbol="LUMR"),
        traded_on=date(2026, 11, 10),
        side="buy",
        units=D(7),
        source_ref="O1",
        recorded_at=NOW,
    )

    assert "Bought 7 LUMR on Nov 10, 2026" in _text(advisor, world)


@pytest.mark.parametrize(("days", "is_barred"), [(30, True), (31, False)])
def test_the_window_is_thirty_days(advisor: Persona, world: World, days: int, is_barred: bool) -> None:
    _sell_at_a_loss(world, sold_on=BUSINESS_ON - timedelta(days=days))

    assert ("SLMA" in _text(advisor, world)) is is_barred


def test_a_loss_that_no_return_can_deduct_bars_nothing(advisor: Persona) -> None:
    world = world_of(advisor.membership, tax_status="deferred", registration="ira", tax_return=None)
    _sell_at_a_loss(world, sold_on=date(2026, 11, 6))

    assert "nothing is barred" in _text(advisor, world)


def _sell_at_a_loss(world: World, *, sold_on: date) -> Security:
    stock: Security = SecurityFactory(symbol="SLMA")
    event = LedgerEvent.objects.create(
        account=world.account,
        position=1,
        kind="sell",
        security=stock,
        traded_on=sold_on,
        source="test",
        source_ref="S1",
        recorded_at=NOW,
    )
    RealizedGain.objects.create(
        event=event,
        account=world.account,
        security=stock,
        lot_key="L1",
        closed_on=sold_on,
        acquired_on=date(2024, 1, 2),
        units=D(10),
        proceeds_usd=D(600),
        cost_usd=D(1000),
        gain_usd=D(-400),
        term="long",
    )
    return stock


def test_the_rates_of_the_return_are_added_up_and_carryforwards_shown(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_long_usd=D(310000))

    page = _text(advisor, world)
    for said in ("45.8%", "28.8%", "310,000"):
        assert said in page


def test_the_requests_of_every_account_are_listed(advisor: Persona, world: World) -> None:
    new = NewRestriction(verb="never_buy", subject_kind="sector", subject="Technology")
    place = (Level.HOUSEHOLD, world.account.household_id)
    add_restriction(advisor.membership, place=place, new=new, terms=Terms(reason="Her work"), now=NOW)

    page = _text(advisor, world)
    assert "Never buy sector Technology" in page
    assert "Her work" in page


def test_a_hold_of_an_account_is_named_with_its_reason(advisor: Persona, world: World) -> None:
    AccountHold.objects.create(account=world.account, kind=HoldKind.MANUAL, reason="Executor's papers", placed_at=NOW)

    assert "Executor&#x27;s papers" in _text(advisor, world)


def test_a_suggested_tax_household_is_confirmed_by_a_person(advisor: Persona, world: World) -> None:
    assert "Suggested, to confirm" in _text(advisor, world)
    url = reverse("portfolios:confirm_tax_household", args=[world.account.tax_household_id])

    answer = advisor.client.post(url)

    assert (answer.status_code, answer["Location"]) == (303, _url(world))
    assert TaxHousehold.objects.get(pk=world.account.tax_household_id).confirmed_by == advisor.user
    assert AuditEvent.objects.filter(action="tax_household.confirmed").exists()


@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("foreigner", 403), ("reviewer", 403)])
def test_nobody_else_confirms_it(request: pytest.FixtureRequest, world: World, who: str, status: int) -> None:
    persona: Persona = request.getfixturevalue(who)
    url = reverse("portfolios:confirm_tax_household", args=[world.account.tax_household_id])

    assert persona.client.post(url).status_code == status
    assert TaxHousehold.objects.get(pk=world.account.tax_household_id).confirmed_at is None


def test_the_page_takes_the_same_queries_for_3_and_for_30_accounts(advisor: Persona, world: World) -> None:
    counts = []
    for more in (2, 27):
        for number in range(more):
            sibling = _sibling(world)
            AccountFiguresFactory(account=sibling)
            LotFactory(account=sibling, security=SecurityFactory(symbol=f"S{more}N{number}"))
        counts.append(_count_queries(lambda: _text(advisor, world)))
    assert counts[0] == counts[1] <= 45


def _count_queries(visit: Callable[[], object]) -> int:
    visit()
    with CaptureQueriesContext(connection) as queries:
        visit()
    return len(queries)
