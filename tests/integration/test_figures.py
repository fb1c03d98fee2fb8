"""The figures that lists read follow the journal between runs."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portfolios.models.households import Account, Standing
from rebalancing.models.runs import AccountFigures, DayState
from rebalancing.services.figures import refresh_all_positions, refresh_positions, set_day_state
from tests.factories import BUSINESS_ON, NOW, AccountFiguresFactory, FirmFactory
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def refresh(desk: Desk) -> int:
    return refresh_positions(firm_id=desk.firm.pk, now=NOW)


def post(account: Account, *, position: int) -> None:
    """Move the account's journal, as every posting does."""
    Account.objects.filter(pk=account.pk).update(journal_position=position)


def test_new_account_is_valued_and_stands_as_received(desk: Desk) -> None:
    account = desk.account("VTI 4 @ 200 2024-03-01; AAPL 2 @ 250 2026-09-01", cash="100")

    assert refresh(desk) == 1

    figures = AccountFigures.objects.get(account=account)
    assert (figures.state, figures.as_of_on) == (DayState.RECEIVED, None)
    assert figures.value_usd == Decimal(4 * 250 + 2 * 200 + 100)
    assert figures.unrealized_long_usd == Decimal(200)
    assert figures.unrealized_short_usd == Decimal(-100)


def test_account_whose_journal_moved_is_valued_again_and_keeps_what_a_run_found(desk: Desk) -> None:
    account = desk.account("VTI 4 @ 200 2024-03-01", cash="100")
    AccountFiguresFactory.create(
        account=account, state=DayState.FILLED, value_usd=Decimal(9), tracking_error_frac=0.012, journal_position=1
    )
    post(account, position=2)

    refresh(desk)

    figures = AccountFigures.objects.get(account=account)
    assert figures.value_usd == Decimal(1100)
    assert (figures.state, figures.tracking_error_frac, figures.as_of_on) == (DayState.FILLED, 0.012, BUSINESS_ON)


def test_account_that_did_not_move_is_left_alone(desk: Desk) -> None:
    account = desk.account("VTI 4 @ 200 2024-03-01")
    refresh(desk)
    AccountFigures.objects.filter(account=account).update(value_usd=Decimal(7))

    assert refresh(desk) == 0
    assert AccountFigures.objects.get(account=account).value_usd == Decimal(7)


def test_closed_and_held_away_accounts_have_no_figures(desk: Desk) -> None:
    desk.account("", standing=Standing.CLOSED)
    desk.account("", is_held_away=True)

    assert refresh(desk) == 0


def test_every_firm_is_looked_at_and_one_without_business_date_is_passed_over(desk: Desk) -> None:
    desk.account("VTI 4 @ 200 2024-03-01")
    FirmFactory.create(business_on=None)

    assert refresh_all_positions(now=NOW) == 1


def test_number_of_queries_does_not_grow_with_the_accounts(desk: Desk) -> None:
    desk.account("VTI 4 @ 200 2024-03-01")
    with CaptureQueriesContext(connection) as one:
        refresh(desk)
    for _ in range(5):
        desk.account("VTI 4 @ 200 2024-03-01")

    with CaptureQueriesContext(connection) as five:
        refresh(desk)

    assert len(five) == len(one)


def test_state_moves_with_its_time_only_when_it_changes(desk: Desk) -> None:
    account = desk.account("VTI 4 @ 200 2024-03-01")
    row = AccountFiguresFactory.create(account=account, state=DayState.APPROVED)
    later = row.state_since_at.replace(hour=20)

    set_day_state([account.pk], state=DayState.APPROVED, now=later)
    row.refresh_from_db()
    assert row.state_since_at == NOW
    set_day_state([account.pk], state=DayState.RELEASED, now=later)
    row.refresh_from_db()

    assert (row.state, row.state_since_at) == (DayState.RELEASED, later)
