"""Until price, position and model agree, the accounts concerned are held and say why."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.models import AuditEvent
from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.guidance import RiskProfileVersion
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.market import ActionStatus, Price
from portfolios.models.securities import Security
from portfolios.services.corporate_actions import desk
from portfolios.services.corporate_actions.agreement import (
    Disagreement,
    DisagreementKind,
    disagreements,
    refresh_action_holds,
)
from portfolios.services.corporate_actions.applying import apply, apply_due
from portfolios.services.corporate_actions.life import announce, confirm, withdraw
from portfolios.services.holds import lift_hold, place_hold
from tests.action_rows import action_row
from tests.actions import EVE, EX_ON, ActionWorld, action_world, terms_for
from tests.factories import NOW, PriceFactory, RiskProfileVersionFactory, RiskProfileWeightFactory
from tests.house_views import add_product

pytestmark = pytest.mark.django_db
D = Decimal
LINE = "OLD 100 @ 80 2024-03-01"


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD at $100 and NEW."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    return world


def _price(symbol: str, usd: str, on: date = EX_ON) -> None:
    PriceFactory(security=Security.objects.get(symbol=symbol), price_usd=D(usd), priced_on=on)


def _kinds(world: ActionWorld) -> list[DisagreementKind]:
    return [each.kind for each in disagreements(world.firm)]


def _reasons(account: Account) -> list[str]:
    return list(AccountHold.objects.filter(account=account, lifted_at__isnull=True).values_list("reason", flat=True))


def test_holders_wait_from_the_ex_date_until_an_action_is_confirmed_and_applied(world: ActionWorld) -> None:
    account, bystander = world.account(LINE), world.account("NEW 10 @ 5 2024-03-01")
    action = world.announced(terms_for(ActionKind.SPLIT))

    assert refresh_action_holds(world.firm, now=NOW) == 1
    (said,) = _reasons(account)
    assert said.startswith("Corporate action: “OLD") and said.endswith("waits to be confirmed.")
    confirm(world.checker, action, now=NOW)
    refresh_action_holds(world.firm, now=NOW)
    assert _reasons(account)[0].endswith("waits to be applied.")
    apply(action, actor=None, now=NOW)

    assert _reasons(account) == _reasons(bystander) == []
    assert AuditEvent.objects.filter(action__in=["accounts.held", "accounts.let_go"]).count() == 2


def test_nobody_waits_for_an_action_that_lies_ahead_or_was_withdrawn(world: ActionWorld) -> None:
    world.account(LINE)
    world.announced(terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=3)))
    called_off = world.announced(terms_for(ActionKind.SPIN_OFF))
    withdraw(world.checker, called_off, reason="Called off.", now=NOW)

    assert disagreements(world.firm) == ()


def test_a_price_that_moved_by_the_ratio_before_the_lots_did_is_told(world: ActionWorld) -> None:
    world.account(LINE)
    world.announced(terms_for(ActionKind.SPLIT))
    _price("OLD", "25.10")

    (found,) = disagreements(world.firm)

    assert found.kind is DisagreementKind.PRICE_MOVED_FIRST
    assert "has moved already, the lots have not" in found.sentence


def test_a_price_that_moved_a_day_early_holds_before_the_ex_date(world: ActionWorld) -> None:
    account = world.account(LINE)
    world.announced(terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=1)))
    _price("OLD", "25.10")

    refresh_action_holds(world.firm, now=NOW)

    assert "has moved already" in _reasons(account)[0]


def test_lots_that_moved_before_the_price_hold_their_accounts_until_it_follows(world: ActionWorld) -> None:
    account = world.account(LINE)
    _price("OLD", "101")
    world.applied(terms_for(ActionKind.SPLIT))

    assert _kinds(world) == [DisagreementKind.LOTS_MOVED_FIRST]
    assert "the price of OLD has not moved" in _reasons(account)[0]
    Security.objects.get(symbol="OLD").prices.filter(priced_on=EX_ON).update(price_usd=D("25.25"))
    apply_due(world.firm, on=EX_ON, now=NOW)

    assert _reasons(account) == []


def test_our_own_adjusted_price_is_no_evidence_that_the_market_agrees(world: ActionWorld) -> None:
    world.account(LINE)
    world.applied(terms_for(ActionKind.SPLIT))

    assert disagreements(world.firm) == ()
    world.firm.business_on = EX_ON + timedelta(days=1)
    world.firm.save()
    _price("OLD", "99", on=EX_ON + timedelta(days=1))
    assert _kinds(world) == [DisagreementKind.LOTS_MOVED_FIRST]


def _go_on(world: ActionWorld, days: int, usd: str) -> None:
    """State a price of a later day, make it the business date and look again."""
    world.firm.business_on = EX_ON + timedelta(days=days)
    world.firm.save()
    _price("OLD", usd, on=world.firm.business_on)
    refresh_action_holds(world.firm, now=NOW)


def test_lots_wait_for_a_price_that_never_moves_until_it_does(world: ActionWorld) -> None:
    account = world.account(LINE)
    _price("OLD", "100")
    world.applied(terms_for(ActionKind.SPLIT))

    for days in (11, 40):
        _go_on(world, days, "101")
        assert "the price of OLD has not moved" in _reasons(account)[0]
    _go_on(world, 41, "25.30")

    assert _reasons(account) == []


def test_a_price_that_follows_a_day_late_lets_the_accounts_go(world: ActionWorld) -> None:
    account = world.account(LINE)
    _price("OLD", "100")
    world.applied(terms_for(ActionKind.SPLIT))
    assert _reasons(account)

    _go_on(world, 1, "25")
    assert _reasons(account) == []
    _go_on(world, 90, "90")

    assert _reasons(account) == []


def test_a_price_that_moved_early_agrees_unless_an_earlier_split_explains_it(world: ActionWorld) -> None:
    world.account(LINE)
    _price("OLD", "100", on=EX_ON - timedelta(days=5))
    Security.objects.get(symbol="OLD").prices.filter(priced_on=EVE).update(price_usd=D("25"))
    _price("OLD", "25")
    world.applied(terms_for(ActionKind.SPLIT))
    assert _kinds(world) == []

    action_row(world.firm, "OLD", on=EVE, status=ActionStatus.APPLIED)

    assert DisagreementKind.LOTS_MOVED_FIRST in _kinds(world)


def test_a_hold_that_a_person_lifted_stays_lifted(world: ActionWorld) -> None:
    account, other = world.account(LINE), world.account(LINE)
    _price("OLD", "100")
    world.applied(terms_for(ActionKind.SPLIT))
    hold = AccountHold.objects.get(account=account)

    lift_hold(hold, reason="The price is right.", actor=world.checker.user, now=NOW)
    refresh_action_holds(world.firm, now=NOW)

    assert _reasons(account) == [] and len(_reasons(other)) == 1


def _reversed(world: ActionWorld, usd: str) -> None:
    action, _ = world.applied(terms_for(ActionKind.SPLIT))
    _price_again("OLD", usd)
    desk.reverse(world.checker, action, reason="Wrong.", now=NOW)


def _price_again(symbol: str, usd: str) -> None:
    """Let a stated price of the ex-date take the place of ours."""
    stated = {"price_usd": D(usd), "source": "generic"}
    Price.objects.update_or_create(
        security=Security.objects.get(symbol=symbol), priced_on=EX_ON, defaults=stated, create_defaults=stated
    )


def test_old_units_wait_after_a_reversal_while_the_price_shows_the_split(world: ActionWorld) -> None:
    account, newcomer = world.account(LINE), world.account(f"OLD 10 @ 25 {EX_ON}")
    _reversed(world, "25")

    assert "was taken back, yet the price of OLD has moved by it" in _reasons(account)[0]
    assert _reasons(newcomer) == []
    _go_on(world, 30, "26")
    assert len(_reasons(account)) == 1
    world.applied(terms_for(ActionKind.SPLIT))
    refresh_action_holds(world.firm, now=NOW)

    assert _reasons(account) == []


def test_nobody_waits_after_a_reversal_of_what_no_price_shows(world: ActionWorld) -> None:
    account = world.account(LINE)

    _reversed(world, "101")

    assert _reasons(account) == []


@pytest.mark.parametrize("ahead", [0, 3])
def test_old_units_wait_after_a_confirmed_split_is_withdrawn_though_the_price_moved(
    world: ActionWorld, ahead: int
) -> None:
    account = world.account(LINE)
    action = world.confirmed(terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=ahead)))
    _price("OLD", "25")

    desk.withdraw(world.checker, action, reason="Typing error.", now=NOW)

    assert "was withdrawn, yet the price of OLD has moved by it" in _reasons(account)[0]
    _go_on(world, 3, "25.20")
    assert len(_reasons(account)) == 1
    hold = AccountHold.objects.get(account=account, lifted_at__isnull=True)
    lift_hold(hold, reason="The custodian holds 400.", actor=world.checker.user, now=NOW)
    refresh_action_holds(world.firm, now=NOW)

    assert _reasons(account) == []


def test_a_detected_split_that_is_set_aside_later_lets_the_accounts_go(world: ActionWorld) -> None:
    account = world.account(LINE)
    _reversed(world, "25")
    terms = terms_for(ActionKind.SPLIT)
    seen = announce(world.firm, terms, source="prices", actor=None, now=NOW, is_detected=True).action

    desk.withdraw(world.checker, seen, reason="Bad earnings.", now=NOW)

    assert _reasons(account) == []


def test_accounts_whose_target_names_what_is_no_more_wait(world: ActionWorld) -> None:
    account = world.account("NEW 10 @ 5 2024-03-01")
    version: RiskProfileVersion = RiskProfileVersionFactory(risk_profile=account.risk_profile)
    RiskProfileWeightFactory(version=version, asset_class=world.asset_class)
    add_product(world.firm, asset_class=world.asset_class, security=Security.objects.get(symbol="OLD"))

    world.applied(terms_for(ActionKind.CASH_MERGER))

    (found,) = disagreements(world.firm)
    assert (found.kind, found.account_ids) == (DisagreementKind.MODEL_HOLDS_OLD, (account.pk,))
    assert "the product of US Large Cap still names it" in found.sentence
    assert _reasons(account) == [f"Corporate action: {found.sentence}"]


def test_what_a_statement_showed_first_is_held_until_told_otherwise(world: ActionWorld) -> None:
    account = world.account(LINE)
    seen = Disagreement(
        kind=DisagreementKind.STATEMENT_MOVED_FIRST,
        symbol="OLD",
        sentence="The custodian states 400 OLD, the lots say 100.",
        account_ids=(account.pk,),
    )

    refresh_action_holds(world.firm, now=NOW, more=[seen])
    refresh_action_holds(world.firm, now=NOW)
    assert _reasons(account) == [f"Corporate action seen elsewhere: {seen.sentence}"]
    refresh_action_holds(world.firm, now=NOW, more=())

    assert _reasons(account) == []


def test_holds_that_somebody_else_placed_are_left_alone(world: ActionWorld) -> None:
    account = world.account(LINE)
    kind = HoldKind.CORPORATE_ACTION
    place_hold(account, kind=kind, subject="KO", reason="From a file.", actor=None, now=NOW)

    refresh_action_holds(world.firm, now=NOW, more=())

    assert _reasons(account) == ["From a file."]


def test_another_firms_accounts_do_not_wait(world: ActionWorld) -> None:
    other = action_world()
    theirs = other.account(LINE)
    world.announced(terms_for(ActionKind.SPLIT))
    world.account(LINE)

    refresh_action_holds(world.firm, now=NOW)

    assert _reasons(theirs) == [] and disagreements(other.firm) == ()


def test_a_small_stock_dividend_is_not_judged_by_its_price(world: ActionWorld) -> None:
    world.account(LINE)
    _price("OLD", "100")
    world.applied(terms_for(ActionKind.STOCK_DIVIDEND))

    assert disagreements(world.firm) == ()
    assert Security.objects.get(symbol="OLD").prices.filter(priced_on=EVE).exists()
