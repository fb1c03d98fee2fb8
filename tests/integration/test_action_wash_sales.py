"""Wash sales across an action: a successor is the same security, a child is another, units are those of the day."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.lots import Lot, RealizedGain
from portfolios.services.corporate_actions.reversing import reverse
from tests.actions import EX_ON, ActionWorld, action_world, terms_for
from tests.factories import NOW

pytestmark = pytest.mark.django_db
D = Decimal
SOLD_ON = EX_ON - timedelta(days=5)
BOUGHT_ON = EX_ON + timedelta(days=3)


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm three days after the ex-date."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    world.firm.business_on = BOUGHT_ON
    world.firm.save()
    return world


def _loss(world: ActionWorld) -> RealizedGain:
    return RealizedGain.objects.get(account__firm=world.firm, kind="sale")


@pytest.mark.parametrize("kind", [ActionKind.SYMBOL_CHANGE, ActionKind.STOCK_MERGER])
def test_a_loss_on_the_old_security_is_washed_by_buying_its_successor(world: ActionWorld, kind: ActionKind) -> None:
    account = world.account("OLD 100 @ 100 2024-03-01", "OLD 10 @ 70 2024-04-01")
    world.sell(account, f"OLD 100 @ 80 {SOLD_ON}")
    world.applied(terms_for(kind))

    world.buy(account, f"NEW 100 @ 79 {BOUGHT_ON}")

    assert (_loss(world).gain_usd, _loss(world).disallowed_usd) == (D(-2000), D(2000))


def test_a_loss_on_the_parent_is_not_washed_by_buying_its_child(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 100 2024-03-01", "OLD 10 @ 70 2024-04-01")
    world.sell(account, f"OLD 100 @ 80 {SOLD_ON}")
    world.applied(terms_for(ActionKind.SPIN_OFF))

    world.buy(account, f"NEW 100 @ 38 {BOUGHT_ON}")

    assert _loss(world).disallowed_usd == 0


def test_units_bought_after_a_split_wash_a_quarter_as_many_sold_before_it(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 100 2024-03-01", "OLD 10 @ 70 2024-04-01")
    world.sell(account, f"OLD 100 @ 80 {SOLD_ON}")
    world.applied(terms_for(ActionKind.SPLIT))

    key = world.buy(account, f"OLD 100 @ 20 {BOUGHT_ON}")

    assert _loss(world).disallowed_usd == D(500)
    assert Lot.objects.get(account=account, key=key).cost_usd == D(2500)


def test_taking_the_split_back_matches_the_loss_anew(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 100 2024-03-01", "OLD 10 @ 70 2024-04-01")
    world.sell(account, f"OLD 100 @ 80 {SOLD_ON}")
    action, _ = world.applied(terms_for(ActionKind.SPLIT))
    world.buy(account, f"OLD 100 @ 20 {BOUGHT_ON}")

    reverse(world.checker, action, reason="It never happened.", now=NOW)

    assert _loss(world).disallowed_usd == D(2000)


def test_cash_for_a_fraction_at_a_loss_is_washed_like_any_sale(world: ActionWorld) -> None:
    account = world.account("OLD 105 @ 200 2024-03-01")
    world.applied(terms_for(ActionKind.REVERSE_SPLIT))

    world.buy(account, f"OLD 1 @ 990 {BOUGHT_ON}")

    paid = RealizedGain.objects.get(account=account, kind="cash_in_lieu")
    assert (paid.units, paid.gain_usd, paid.disallowed_usd) == (D("0.5"), D(-500), D(500))
