"""Corporate actions and custodians' files: what comes late is caught up, a new day applies what is due."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.imports import FileStatus
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import ActionApplication, ActionStatus, Price
from portfolios.services.importing import import_custodian_file
from portfolios.tasks import apply_actions_task, ring_for_actions_task
from tests.actions import EVE, EX_ON, ActionWorld, action_world, lots_of, terms_for
from tests.books import open_account
from tests.factories import NOW

pytestmark = pytest.mark.django_db
D = Decimal
LINE = "OLD 100 @ 80 2024-03-01"


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD at $100, and NEW."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    return world


def _import(world: ActionWorld, text: str) -> str:
    file = import_custodian_file(
        world.firm, custodian="generic", name="file.csv", content=text.encode(), actor=None, now=NOW
    )
    return file.status


def _lots(on: object, units: str) -> str:
    return f"account,as_of,symbol,quantity,cost,acquired,lot\n8812-4401,{on},OLD,{units},8000.00,2024-03-01,L-1\n"


def test_a_statement_of_before_the_ex_date_that_comes_late_is_caught_up_by_its_import(world: ActionWorld) -> None:
    world.account(LINE)
    action, _ = world.applied(terms_for(ActionKind.SPLIT))
    late = open_account(world.firm, "8812-4401")

    assert _import(world, _lots(EVE, "100")) == FileStatus.POSTED

    assert [lot[2:] for lot in lots_of(late)] == [(D(400), D(8000))]
    assert ActionApplication.objects.filter(action=action).count() == 2
    assert _import(world, _lots(EX_ON, "400")) == FileStatus.POSTED
    assert [lot[2:] for lot in lots_of(late)] == [(D(400), D(8000))]


def test_lots_first_stated_after_the_ex_date_are_not_split(world: ActionWorld) -> None:
    world.applied(terms_for(ActionKind.SPLIT))
    account = open_account(world.firm, "8812-4401")

    _import(world, _lots(EX_ON, "400"))

    assert [lot[2:] for lot in lots_of(account)] == [(D(400), D(8000))]
    assert not ActionApplication.objects.exists()


def test_the_prices_of_a_new_day_apply_what_is_due(world: ActionWorld) -> None:
    account = world.account(LINE)
    action = world.confirmed(terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=1)))

    _import(world, f"symbol,date,price\nOLD,{EX_ON + timedelta(days=1)},25.30\n")

    action.refresh_from_db()
    assert action.status == ActionStatus.APPLIED
    assert [lot[2] for lot in lots_of(account)] == [D(400)]
    assert Price.objects.get(priced_on=EX_ON + timedelta(days=1)).price_usd == D("25.30")


def test_the_schedule_rings_for_each_firm_and_applies_once(world: ActionWorld) -> None:
    account = world.account(LINE)
    world.confirmed(terms_for(ActionKind.SPLIT))
    action_world()

    assert ring_for_actions_task() == 1
    assert apply_actions_task(world.firm.pk) == 1
    assert apply_actions_task(world.firm.pk) == 0
    assert [lot[2] for lot in lots_of(account)] == [D(400)]


def test_the_command_says_what_it_applied_and_fails_where_something_could_not_be(world: ActionWorld) -> None:
    world.account(LINE)
    world.confirmed(terms_for(ActionKind.SPLIT))
    said = StringIO()

    call_command("apply_actions", firm=world.firm.slug, stdout=said)
    call_command("apply_actions", firm=world.firm.slug, stdout=said)

    first, second = said.getvalue().strip().splitlines()
    assert first.startswith("OLD splits 4 for 1") and first.endswith("applied to 1 account.")
    assert second == f"Nothing is due on {EX_ON}."
    assert LedgerEvent.objects.filter(kind="corporate_action").count() == 1
    with pytest.raises(CommandError):
        call_command("apply_actions", firm="nobody", stdout=said)
