"""The pages Accounts and Account: own book only, filters, sorting, folding, and the same queries for any number."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.models.preferences import Level
from portfolios.services.preferences import set_preference
from portfolios.services.restrictions import NewCashNeed, NewRestriction, add_cash_need, add_restriction
from portfolios.services.statement_guard import Terms
from rebalancing.models.runs import DayState
from tests.conftest import Persona
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    AccountFiguresFactory,
    FirmSecurityFactory,
    HouseholdFactory,
    LotFactory,
    PriceFactory,
    ProposalFactory,
    SecurityFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal
LIST = "/accounts/"


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def _page(world: World) -> str:
    return reverse("accounts:account", args=[world.account.pk])


def _text(client: Client, url: str, **headers: str) -> str:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.content[:300]
    return answer.content.decode()


def _count_queries(visit: Callable[[], object]) -> int:
    visit()
    with CaptureQueriesContext(connection) as queries:
        visit()
    return len(queries)


def _accounts(advisor: Persona, count: int) -> None:
    for _ in range(count):
        household = HouseholdFactory(firm=advisor.firm, advisor=advisor.membership)
        AccountFiguresFactory(account=AccountFactory(household=household))


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_advisor_finds_only_the_own_book(advisor: Persona, outsider: Persona, world: World) -> None:
    assert "Whitcombe Joint" in _text(advisor.client, LIST)
    assert "Whitcombe Joint" not in _text(outsider.client, LIST)


def test_a_reviewer_finds_every_account_of_the_firm_and_no_other(
    reviewer: Persona, foreigner: Persona, world: World
) -> None:
    assert "Whitcombe Joint" in _text(reviewer.client, LIST)
    assert "Whitcombe Joint" not in _text(foreigner.client, LIST)


def test_a_stranger_is_sent_to_sign_in(stranger: Client) -> None:
    answer = stranger.get(LIST)
    assert (answer.status_code, "/sign-in/" in answer["Location"]) == (302, True)


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=whitcombe", True),
        ("q=whitcombe+joint", True),
        ("q=nobody", False),
        ("holding=lumr", True),
        ("holding=ZZZ", False),
        ("tax_status=taxable", True),
        ("tax_status=exempt", False),
        ("state=held", True),
        ("state=received", False),
        ("hold=any", True),
        ("hold=manual", True),
        ("hold=stale_price", False),
        ("custodian=generic", True),
        ("registration=individual", True),
        ("registration=ira", False),
        ("discretionary=yes", True),
        ("discretionary=no", False),
        ("differs=yes", True),
        ("differs=no", False),
        ("drift_over=5", True),
        ("drift_over=15", False),
        ("value_over=250000", True),
        ("value_over=250001", False),
        ("opportunity_over=700", False),
        ("budget_over=80", True),
        ("budget_over=95", False),
        ("q=whitcombe&state=held&holding=LUMR", True),
    ],
)
def test_each_filter_finds_what_fits_and_nothing_else(
    advisor: Persona,
    world: World,
    query: str,
    is_found: bool,
) -> None:
    AccountFiguresFactory(
        account=world.account,
        state=DayState.HELD,
        drift_frac=0.10,
        opportunity_usd=D(612),
        tax_used_usd=D(9000),
        budget_usd=D(10000),
    )
    AccountHold.objects.create(
        account=world.account, kind=HoldKind.MANUAL, reason="Waits for papers", placed_at=NOW, placed_by=advisor.user
    )
    set_preference(
        advisor.membership,
        account_id=world.account.pk,
        key="trading.max_trades",
        value=9,
        terms=Terms(reason="Fewer tickets"),
        now=NOW,
    )

    assert ("Whitcombe Joint" in _text(advisor.client, f"{LIST}?{query}")) is is_found


def test_the_list_sorts_both_ways_with_the_unknown_last(advisor: Persona) -> None:
    household = HouseholdFactory(firm=advisor.firm, advisor=advisor.membership)
    for name, drift in (("Low", 0.01), ("High", 0.2), ("Unknown", None)):
        AccountFiguresFactory(account=AccountFactory(household=household, name=name), drift_frac=drift)

    orders = {}
    for sort in ("drift", "-drift"):
        page = _text(advisor.client, f"{LIST}?sort={sort}")
        orders[sort] = sorted(("Low", "High", "Unknown"), key=lambda name: page.index(f">{name}</a>"))
    assert orders == {"drift": ["Low", "High", "Unknown"], "-drift": ["High", "Low", "Unknown"]}


def test_the_list_is_cut_into_pages_that_keep_the_filter(advisor: Persona) -> None:
    _accounts(advisor, 52)

    first = _text(advisor.client, f"{LIST}?tax_status=taxable")
    assert "1 to 50 of 52 accounts" in first
    assert "tax_status=taxable&amp;page=2" in first
    assert "51 to 52 of 52 accounts" in _text(advisor.client, f"{LIST}?tax_status=taxable&page=2")


def test_the_list_takes_the_same_queries_for_3_and_for_30_accounts(advisor: Persona) -> None:
    counts = []
    for more in (3, 27):
        _accounts(advisor, more)
        counts.append(_count_queries(lambda: _text(advisor.client, LIST)))
    assert counts[0] == counts[1] <= 12


def test_a_filter_that_makes_no_sense_is_refused_and_kept(advisor: Persona, world: World) -> None:
    answer = advisor.client.get(f"{LIST}?drift_over=much")

    assert answer.status_code == 422
    assert 'value="much"' in answer.content.decode()


def test_only_the_rows_are_sent_when_a_filter_changes(advisor: Persona, world: World) -> None:
    part = _text(advisor.client, LIST, **{"HX-Request": "true"})
    assert part.lstrip().startswith('<div id="rows"')
    assert "<html" not in part


# --- one account ------------------------------------------------------------------------------------------------------


def test_an_account_outside_the_book_does_not_exist(outsider: Persona, foreigner: Persona, world: World) -> None:
    assert [who.client.get(_page(world)).status_code for who in (outsider, foreigner)] == [404, 404]


def test_the_account_page_groups_holdings_by_class_with_target_and_limits(advisor: Persona, world: World) -> None:
    page = _text(advisor.client, _page(world))

    assert "target 50.0%, limits 40.0% to 60.0%" in page
    assert page.index("US Large Cap") < page.index("LUMR")
    assert "$20,000" in page


def test_lots_unfold_by_address_without_script(advisor: Persona, world: World) -> None:
    folded, unfolded = (_text(advisor.client, f"{_page(world)}{query}") for query in ("", "?open=LUMR"))

    assert "Lot Mar 1, 2024" not in folded
    assert "Lot Mar 1, 2024" in unfolded
    assert "80.00" in unfolded


def test_a_class_of_many_securities_is_cut_and_can_be_shown_whole(advisor: Persona, world: World) -> None:
    _hold_many(advisor, world, 20)

    cut, whole = (_text(advisor.client, f"{_page(world)}{query}") for query in ("", "?class=us_large"))
    assert "9 more securities" in cut
    assert cut.count('id="h-MANY') < whole.count('id="h-MANY') == 20


def test_a_lot_without_basis_is_named_and_never_shown_as_zero(advisor: Persona, world: World) -> None:
    stock = SecurityFactory(symbol="NOBASIS")
    PriceFactory(security=stock)
    LotFactory(account=world.account, security=stock, cost_usd=None)

    page = _text(advisor.client, f"{_page(world)}?open=NOBASIS")
    assert "1 lot without a known basis" in page
    assert "unknown" in page


def test_a_hold_is_shown_with_its_reason_and_bars_the_button(advisor: Persona, world: World) -> None:
    assert "Rebalance this account" in _text(advisor.client, _page(world))
    AccountHold.objects.create(
        account=world.account, kind=HoldKind.STALE_PRICE, reason="MRTS was last priced in October", placed_at=NOW
    )

    page = _text(advisor.client, _page(world))
    assert "MRTS was last priced in October" in page
    assert "Rebalance this account" not in page


def test_a_role_that_proposes_no_trades_sees_no_button(compliance: Persona, world: World) -> None:
    assert "Rebalance this account" not in _text(compliance.client, _page(world))


def test_the_account_page_says_what_was_asked_and_what_is_proposed(advisor: Persona, world: World) -> None:
    proposal = ProposalFactory(account=world.account, sentence="Sells one lot at a loss.")
    place = (Level.ACCOUNT, world.account.pk)
    terms = Terms(reason="His employer")
    new = NewRestriction(verb="never_sell", subject_kind="security", subject="LUMR")
    add_restriction(advisor.membership, place=place, new=new, terms=terms, now=NOW)
    need = NewCashNeed(amount_usd=D(1500), due_on=date(2026, 12, 1), period="monthly")
    add_cash_need(advisor.membership, account_id=world.account.pk, new=need, terms=terms, now=NOW)

    page = _text(advisor.client, _page(world))
    for said in (
        "Never sell LUMR",
        "Withdrawal of $1,500 every month",
        "Sells one lot at a loss.",
        "Restriction added",
    ):
        assert said in page
    assert reverse("rebalancing:proposal", args=[proposal.pk]) in page


def test_the_gauge_shows_the_tax_budget_and_what_is_left(advisor: Persona, world: World) -> None:
    AccountFiguresFactory(account=world.account, tax_used_usd=D(9000), budget_usd=D(10000))

    page = _text(advisor.client, _page(world))
    assert "Tax budget 2026" in page
    assert "$1,000 left" in page


@pytest.mark.parametrize(
    ("status", "left"),
    [("proposed", "$1,000 left"), ("booked", "$600 left"), ("rejected", "$1,000 left")],
)
def test_the_gauge_counts_what_a_proposal_caused_once_it_is_booked(
    advisor: Persona, world: World, status: str, left: str
) -> None:
    proposal = ProposalFactory(account=world.account, status=status, tax_caused_usd=D(400))
    AccountFiguresFactory(account=world.account, tax_used_usd=D(9000), budget_usd=D(10000), proposal=proposal)

    page = _text(advisor.client, _page(world))
    assert left in page
    assert ("After what is proposed" in page) is (status == "proposed")


def test_realised_gains_of_the_year_stand_by_term_after_wash_sales(advisor: Persona, world: World) -> None:
    _realise(world, gain_usd=D(-500), disallowed_usd=D(200))

    page = _text(advisor.client, _page(world))
    assert "−300" in page
    assert "$200 of losses that wash sales disallowed" in page


def test_the_account_page_takes_the_same_queries_for_3_and_for_30_securities(advisor: Persona, world: World) -> None:
    counts = []
    for more in (3, 27):
        _hold_many(advisor, world, more, first=more)
        counts.append(_count_queries(lambda: _text(advisor.client, f"{_page(world)}?open=all")))
    assert counts[0] == counts[1] <= 40


def _hold_many(advisor: Persona, world: World, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        stock = SecurityFactory(symbol=f"MANY{number}")
        FirmSecurityFactory(firm=advisor.firm, security=stock, asset_class=world.us_large)
        PriceFactory(security=stock, price_usd=D(10))
        for _ in range(2):
            LotFactory(account=world.account, security=stock)


def _realise(world: World, **sums: Decimal) -> None:
    sold_on = BUSINESS_ON - timedelta(days=60)
    lot = world.account.lots.get()
    event = LedgerEvent.objects.create(
        account=world.account,
        position=1,
        kind="sell",
        traded_on=sold_on,
        source="test",
        source_ref="S1",
        recorded_at=NOW,
    )
    RealizedGain.objects.create(
        event=event,
        account=world.account,
        security=lot.security,
        lot_key="L",
        closed_on=sold_on,
        units=D(1),
        proceeds_usd=D(100),
        term="long",
        **sums,
    )
