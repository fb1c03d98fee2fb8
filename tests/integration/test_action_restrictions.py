"""What a client said of a security goes on to what comes of it; bounds follow what a holding becomes."""

from decimal import Decimal

import pytest

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.preferences import Level, Restriction, SubjectKind, Verb
from tests.actions import EVE, ActionWorld, action_world, terms_for
from tests.factories import NOW

pytestmark = pytest.mark.django_db
D = Decimal
LINE = "OLD 100 @ 80 2024-03-01"
MERGERS = (ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER, ActionKind.SYMBOL_CHANGE)


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD at $100 and NEW, not yet traded."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    return world


def _restrict(world: ActionWorld, verb: Verb, **changes: object) -> Restriction:
    return Restriction.objects.create(
        firm=world.firm,
        verb=verb,
        subject_kind=SubjectKind.SECURITY,
        subject="OLD",
        reason="Client's wish.",
        set_at=NOW,
        set_by=world.maker.user,
        **{"level": Level.FIRM, **changes},
    )


def _standing(symbol: str) -> Restriction:
    return Restriction.objects.get(subject=symbol, ended_at__isnull=True)


@pytest.mark.parametrize("verb", [Verb.NEVER_BUY, Verb.NEVER_SELL, Verb.NEVER_TRADE])
@pytest.mark.parametrize("kind", [*MERGERS, ActionKind.SPIN_OFF])
def test_what_a_client_said_of_a_security_goes_on_to_what_comes_of_it(
    world: ActionWorld, kind: ActionKind, verb: Verb
) -> None:
    account = world.account(LINE)
    line = _restrict(world, verb, level=Level.ACCOUNT, account=account)

    world.applied(terms_for(kind))

    carried = _standing("NEW")
    assert (carried.verb, carried.account, carried.level) == (verb, account, Level.ACCOUNT)
    assert carried.reason.startswith("Carried over from OLD. Corporate action: ")
    assert carried.reason.endswith("Client's wish.")
    assert _standing("OLD") == line


def test_never_own_goes_on_with_what_happens_to_holdings(world: ActionWorld) -> None:
    _restrict(world, Verb.NEVER_OWN, disposal="within_budget")

    world.applied(terms_for(ActionKind.SPIN_OFF))

    assert _standing("NEW").disposal == "within_budget"


def test_bounds_in_units_follow_a_split(world: ActionWorld) -> None:
    line = _restrict(world, Verb.RANGE, min_units=D(10), max_units=D(100), max_frac=D("0.1"))

    world.applied(terms_for(ActionKind.SPLIT))

    standing = _standing("OLD")
    assert standing.pk != line.pk
    assert (standing.min_units, standing.max_units, standing.max_frac) == (D(40), D(400), D("0.1"))
    line.refresh_from_db()
    assert (line.ended_by, line.min_units) == (world.checker.user, D(10))


def test_bounds_of_a_parent_are_shared_with_its_child_by_value(world: ActionWorld) -> None:
    _restrict(world, Verb.RANGE, max_frac=D("0.1"), min_units=D(100))

    world.applied(terms_for(ActionKind.SPIN_OFF))

    parent, child = _standing("OLD"), _standing("NEW")
    assert (parent.max_frac, parent.min_units) == (D("0.09"), D(100))
    assert (child.max_frac, child.min_units) == (D("0.01"), D(25))


def test_an_ended_restriction_does_not_come_back(world: ActionWorld) -> None:
    _restrict(world, Verb.NEVER_BUY, ends_on=EVE)
    _restrict(world, Verb.NEVER_SELL, ended_at=NOW, ended_by=world.maker.user)

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert not Restriction.objects.filter(subject="NEW").exists()
