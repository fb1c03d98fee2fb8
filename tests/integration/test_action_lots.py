"""Applying an action of every kind to real lots: units, basis, gains and cash of each holder, exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from advisors.errors import Conflict
from advisors.models import AuditEvent
from portfolios.ledger.corporate_actions.terms import ActionKind, HolderTerms
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.models.households import Account, AccountHold
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from portfolios.services.action_signals import action_applied
from portfolios.services.corporate_actions.applying import apply, apply_due, apply_to_latecomers
from portfolios.services.corporate_actions.cash_in_lieu import correct_cash_in_lieu
from portfolios.services.corporate_actions.life import confirm, set_holder_terms
from portfolios.services.corporate_actions.previewing import applied_rows, preview, stream_preview, totals_of
from portfolios.services.posting import post_events
from tests.actions import EX_ON, ActionWorld, action_world, cash_in, gains_of, lots_of, terms_for
from tests.factories import NOW, HouseholdFactory

pytestmark = pytest.mark.django_db
D = Decimal
LINES = ("OLD 100 @ 80 2024-03-01", "OLD 5 @ 90 2026-06-01")
PAID = D("-8450.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What LINES become: lots as (key, symbol, units, basis), gains as (kind, lot, gain), cash of the action."""

    lots: Sequence[tuple[str, str, str, str]]
    gains: Sequence[tuple[str, str, str]] = ()
    cash: str = "0"


EXPECTED = {
    ActionKind.SPLIT: Expected(lots=[("L1", "OLD", "400", "8000"), ("L2", "OLD", "20", "450")]),
    ActionKind.REVERSE_SPLIT: Expected(
        lots=[("L1", "OLD", "9.5", "7600"), ("L2", "OLD", "0.5", "450")],
        gains=[("cash_in_lieu", "L1", "100")],
        cash="500",
    ),
    ActionKind.STOCK_DIVIDEND: Expected(lots=[("L1", "OLD", "105", "8000"), ("L2", "OLD", "5.25", "450")]),
    ActionKind.CLASS_DIVIDEND: Expected(
        lots=[
            ("L1/NEW", "NEW", "50", "1600"),
            ("L2/NEW", "NEW", "2.5", "90"),
            ("L1", "OLD", "100", "6400"),
            ("L2", "OLD", "5", "360"),
        ]
    ),
    ActionKind.SPIN_OFF: Expected(
        lots=[
            ("L1/NEW", "NEW", "24.75", "792"),
            ("L2/NEW", "NEW", "1.25", "45"),
            ("L1", "OLD", "100", "7200"),
            ("L2", "OLD", "5", "405"),
        ],
        gains=[("cash_in_lieu", "L1/NEW", "2")],
        cash="10",
    ),
    ActionKind.STOCK_MERGER: Expected(lots=[("L1", "NEW", "50", "8000"), ("L2", "NEW", "2.5", "450")]),
    ActionKind.CASH_MERGER: Expected(lots=[], gains=[("sale", "L1", "3000"), ("sale", "L2", "100")], cash="11550"),
    ActionKind.MIXED_MERGER: Expected(
        lots=[("L1", "NEW", "50", "8000"), ("L2", "NEW", "2.5", "400")],
        gains=[("boot", "L1", "2000"), ("boot", "L2", "50")],
        cash="2100",
    ),
    ActionKind.RETURN_OF_CAPITAL: Expected(lots=[("L1", "OLD", "100", "7800"), ("L2", "OLD", "5", "440")], cash="210"),
    ActionKind.TENDER: Expected(
        lots=[("L1", "OLD", "70", "5600"), ("L2", "OLD", "5", "450")], gains=[("sale", "L1", "750")], cash="3150"
    ),
    ActionKind.SYMBOL_CHANGE: Expected(lots=[("L1", "NEW", "100", "8000"), ("L2", "NEW", "5", "450")]),
    ActionKind.SPECIAL_DIVIDEND: Expected(lots=[("L1", "OLD", "100", "8000"), ("L2", "OLD", "5", "450")], cash="525"),
    ActionKind.WORTHLESS: Expected(lots=[], gains=[("worthless", "L1", "-8000"), ("worthless", "L2", "-450")]),
}


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD and NEW."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    return world


def _applied(world: ActionWorld, kind: ActionKind, account: Account) -> CorporateAction:
    action = world.announced(terms_for(kind))
    if kind is ActionKind.TENDER:
        holder = HolderTerms(tendered_units=D(30))
        set_holder_terms(world.maker, action, account_id=account.pk, holder=holder, now=NOW)
    confirm(world.checker, action, now=NOW)
    assert apply(action, actor=None, now=NOW).is_applied
    return action


def _decimals(rows: Sequence[tuple[str, str, str, str]]) -> list[tuple[str, str, Decimal, Decimal]]:
    return [(key, symbol, D(units), D(cost)) for key, symbol, units, cost in rows]


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_lots_gains_and_cash_of_a_holder_follow_the_terms(world: ActionWorld, kind: ActionKind) -> None:
    account = world.account(*LINES)
    expected = EXPECTED[kind]

    action = _applied(world, kind, account)

    assert lots_of(account) == _decimals(expected.lots)
    assert gains_of(account) == [(gain_kind, key, D(gain)) for gain_kind, key, gain in expected.gains]
    assert cash_in(account) == PAID + D(expected.cash)
    row = ActionApplication.objects.get(action=action, account=account)
    assert (row.before_units, row.cash_usd, row.event.kind) == (D(105), D(expected.cash), "corporate_action")


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_the_preview_shows_what_applying_then_does(world: ActionWorld, kind: ActionKind) -> None:
    account = world.account(*LINES)
    action = world.announced(terms_for(kind))
    if kind is ActionKind.TENDER:
        holder = HolderTerms(tendered_units=D(30))
        set_holder_terms(world.maker, action, account_id=account.pk, holder=holder, now=NOW)

    shown = preview(action)
    confirm(world.checker, action, now=NOW)
    apply(action, actor=None, now=NOW)

    (effect,) = shown.rows
    assert (shown.faults, shown.holder_count, effect.fault) == ((), 1, "")
    after = sorted((lot.security, lot.key, lot.units, lot.cost_usd) for lot in effect.after)
    assert after == [(symbol, key, units, cost) for key, symbol, units, cost in lots_of(account)]
    assert effect.cash_usd == ActionApplication.objects.get().cash_usd
    assert [(s.kind.value, s.lot_key, s.gain_usd) for s in sorted(effect.dispositions, key=lambda s: s.lot_key)] == (
        gains_of(account)
    )


def test_an_action_applied_twice_is_applied_once(world: ActionWorld) -> None:
    account = world.account(*LINES)
    action, first = world.applied(terms_for(ActionKind.SPLIT))

    second = apply(action, actor=None, now=NOW)
    third = apply_due(world.firm, on=EX_ON, now=NOW)

    assert (first.is_applied, first.account_count) == (True, 1)
    assert (second.is_applied, second.account_count, third) == (False, 1, ())
    assert lots_of(account) == _decimals(EXPECTED[ActionKind.SPLIT].lots)
    assert LedgerEvent.objects.filter(kind="corporate_action").count() == 1


def test_only_confirmed_actions_are_applied_and_not_before_their_day(world: ActionWorld) -> None:
    account = world.account(*LINES)
    announced = world.announced(terms_for(ActionKind.SPLIT))
    ahead = world.confirmed(terms_for(ActionKind.SPLIT, ratio=D(2), effective_on=EX_ON + timedelta(days=1)))

    with pytest.raises(Conflict, match="announced"):
        apply(announced, actor=None, now=NOW)
    with pytest.raises(Conflict, match="lies ahead"):
        apply(ahead, actor=None, now=NOW)

    assert apply_due(world.firm, on=EX_ON, now=NOW) == ()
    assert sum(lot[2] for lot in lots_of(account)) == 105


def test_an_action_touches_no_other_firm(world: ActionWorld) -> None:
    other = action_world()
    other.asset_class.save()
    theirs = other.account(*LINES)
    world.account(*LINES)

    world.applied(terms_for(ActionKind.SPLIT))

    assert sum(lot[2] for lot in lots_of(theirs)) == 105
    assert not ActionApplication.objects.filter(account=theirs).exists()


def test_who_sold_after_the_ex_date_is_counted_back_to_its_eve(world: ActionWorld) -> None:
    account = world.account(*LINES)
    world.firm.business_on = EX_ON + timedelta(days=5)
    world.firm.save()
    world.buy(account, f"OLD 40 @ 25 {EX_ON + timedelta(days=2)}")

    world.applied(terms_for(ActionKind.SPLIT))

    after = [("L1", "OLD", "400", "8000"), ("L2", "OLD", "20", "450"), ("L3", "OLD", "40", "1000")]
    assert lots_of(account) == _decimals(after)
    row = ActionApplication.objects.get()
    assert (row.before_units, row.after_units) == (D(105), D(420))


def test_who_bought_on_the_ex_date_bought_units_of_after_the_split(world: ActionWorld) -> None:
    account = world.account(f"OLD 40 @ 25 {EX_ON}")

    _, came = world.applied(terms_for(ActionKind.SPLIT))

    assert came.account_count == 0
    assert lots_of(account) == [("L1", "OLD", D(40), D(1000))]


def test_lots_of_before_the_ex_date_that_come_later_are_caught_up_once(world: ActionWorld) -> None:
    late = world.account()
    action, _ = world.applied(terms_for(ActionKind.SPLIT))
    world.buy(late, LINES[0])

    assert apply_to_latecomers(world.firm, now=NOW) == 1
    assert apply_to_latecomers(world.firm, now=NOW) == 0

    assert lots_of(late) == _decimals([("L1", "OLD", "400", "8000")])
    assert applied_rows(action)[0].account_id == late.pk


def test_a_split_that_the_custodian_booked_is_not_booked_again(world: ActionWorld) -> None:
    account = world.account(*LINES)
    split = LotEvent(kind=EventKind.SPLIT, ref="custodian", traded_on=EX_ON, security="OLD", ratio=D(4))
    post_events(account, [split], source="schwab", actor=None, now=NOW)

    world.applied(terms_for(ActionKind.SPLIT))

    assert lots_of(account) == _decimals(EXPECTED[ActionKind.SPLIT].lots)
    assert ActionApplication.objects.get().event.source == "schwab"


def test_nobody_tenders_who_has_not_said_so(world: ActionWorld) -> None:
    account = world.account(*LINES)

    _, came = world.applied(terms_for(ActionKind.TENDER))

    assert came.account_count == 0
    assert sum(lot[2] for lot in lots_of(account)) == 105


def test_a_holder_that_cannot_be_booked_is_held_and_tried_again(world: ActionWorld) -> None:
    good, bad = world.account(*LINES), world.account(LINES[0])
    action = world.announced(terms_for(ActionKind.TENDER))
    for account, units in ((good, 30), (bad, 300)):
        holder = HolderTerms(tendered_units=D(units))
        set_holder_terms(world.maker, action, account_id=account.pk, holder=holder, now=NOW)
    confirm(world.checker, action, now=NOW)

    came = apply(action, actor=None, now=NOW)

    assert (came.account_count, [failed.account_id for failed in came.failed]) == (1, [bad.pk])
    assert AccountHold.objects.get(lifted_at__isnull=True).account == bad
    world.buy(bad, "OLD 250 @ 80 2024-03-01")
    assert apply_to_latecomers(world.firm, now=NOW) == 1
    assert not AccountHold.objects.filter(lifted_at__isnull=True).exists()


def test_the_cash_that_the_custodian_paid_replaces_the_estimate(world: ActionWorld) -> None:
    account = world.account(*LINES)
    action, _ = world.applied(terms_for(ActionKind.REVERSE_SPLIT))

    for paid in ("497.50", "498.00"):
        correct_cash_in_lieu(action, account, security="OLD", cash_usd=D(paid), actor=None, now=NOW)

    assert gains_of(account) == [("cash_in_lieu", "L1", D("98.00"))]
    assert cash_in(account) == PAID + D("498.00")
    assert ActionApplication.objects.get().cash_usd == D("498.00")


def test_a_failing_receiver_takes_the_whole_application_back(world: ActionWorld) -> None:
    account = world.account(*LINES)
    action = world.confirmed(terms_for(ActionKind.SPIN_OFF))

    def fail(**_: object) -> None:
        raise RuntimeError("orders cannot follow")

    action_applied.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            apply(action, actor=None, now=NOW)
    finally:
        action_applied.disconnect(fail)

    action.refresh_from_db()
    assert action.status == ActionStatus.CONFIRMED
    assert sum(lot[2] for lot in lots_of(account)) == 105
    assert not ActionApplication.objects.exists()
    assert not AuditEvent.objects.filter(action="corporate_action.applied").exists()


def test_receivers_hear_which_securities_and_accounts_were_touched(world: ActionWorld) -> None:
    account = world.account(*LINES)
    heard: list[dict[str, object]] = []

    def listen(**told: object) -> None:
        heard.append(told)

    action_applied.connect(listen)
    try:
        action, _ = world.applied(terms_for(ActionKind.SPIN_OFF))
    finally:
        action_applied.disconnect(listen)

    (told,) = heard
    assert (told["action"], told["account_ids"], told["firm"]) == (action, {account.pk}, world.firm)
    assert len(told["security_ids"]) == 2  # type: ignore[arg-type]


def test_due_actions_are_applied_oldest_first_and_a_broken_one_stops_no_other(world: ActionWorld) -> None:
    account = world.account(*LINES)
    world.confirmed(terms_for(ActionKind.SPLIT, effective_on=EX_ON, ratio=D(2)))
    world.confirmed(terms_for(ActionKind.SPLIT, effective_on=EX_ON - timedelta(days=3), ratio=D(3)))
    broken = world.confirmed(terms_for(ActionKind.SPECIAL_DIVIDEND, "NEW", effective_on=EX_ON - timedelta(days=9)))
    CorporateAction.objects.filter(pk=broken.pk).update(terms={"delivered": "nonsense"})

    came = apply_due(world.firm, on=EX_ON, now=NOW)

    assert [each.is_applied for each in came] == [False, True, True]
    assert "cannot be read" in came[0].fault
    assert sum(lot[2] for lot in lots_of(account)) == 630


def test_totals_add_up_what_every_holder_gets(world: ActionWorld) -> None:
    household = HouseholdFactory(firm=world.firm)
    for _ in range(3):
        world.account(LINES[0], household=household)
    action = world.announced(terms_for(ActionKind.CASH_MERGER))

    totals = totals_of(action)

    assert (totals.account_count, totals.units_before, totals.units_after) == (3, D(300), D(0))
    assert (totals.cash_usd, totals.gain_long_usd, totals.gain_short_usd) == (D(33000), D(9000), D(0))
    assert [effect.units_before for effect in stream_preview(action)] == [D(100)] * 3
    assert len(preview(action, offset=2, limit=2).rows) == 1


def test_two_actions_of_one_day_follow_each_other_and_come_before_its_trades(world: ActionWorld) -> None:
    account = world.account(LINES[0])
    traded = world.account(LINES[0], f"OLD 10 @ 45 {EX_ON}")
    world.confirmed(terms_for(ActionKind.SPLIT, ratio=D(2)))
    world.confirmed(terms_for(ActionKind.SPIN_OFF, pays_fractions=False, fraction_price_usd=None))

    came = apply_due(world.firm, on=EX_ON, now=NOW)

    assert [each.account_count for each in came] == [2, 2]
    after = [("NEW", D(50), D(800)), ("OLD", D(200), D(7200))]
    assert [lot[1:] for lot in lots_of(account)] == after
    assert [lot[1:] for lot in lots_of(traded)] == [*after, ("OLD", D(10), D(450))]


def test_a_child_is_split_like_any_other_holding(world: ActionWorld) -> None:
    account = world.account(LINES[0])
    world.confirmed(terms_for(ActionKind.SPIN_OFF))
    world.confirmed(terms_for(ActionKind.SPLIT, "NEW", ratio=D(3)))

    apply_due(world.firm, on=EX_ON, now=NOW)

    assert lots_of(account) == _decimals([("L1/NEW", "NEW", "75", "800"), ("L1", "OLD", "100", "7200")])
