"""Corporate actions in the case: what lately changed an account's holdings is named, so that its trades can say so."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import CorporateAction as ActionOfCase
from tests.action_rows import action_row
from tests.factories import BUSINESS_ON, NOW
from tests.firms import Desk, open_desk, sound

pytestmark = pytest.mark.django_db
EX_ON = BUSINESS_ON - timedelta(days=3)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


def _applied(desk: Desk, account: Account, *, kind: str = "spin_off", on: date = EX_ON) -> CorporateAction:
    """Tell that ITOT brought AAPL to an account."""
    terms: dict[str, object] = {
        "kind": kind,
        "security": "ITOT",
        "effective_on": on.isoformat(),
        "delivered": [{"security": "AAPL", "units_per_unit": "0.25", "basis_frac": "0.2"}],
    }
    if kind == "split":
        terms = {"kind": kind, "security": "ITOT", "effective_on": on.isoformat(), "ratio": "2"}
    action = action_row(desk.firm, "ITOT", kind=kind, ratio=None, on=on, status=ActionStatus.APPLIED, terms=terms)
    event = LedgerEvent.objects.create(
        account=account,
        position=1,
        kind="corporate_action",
        traded_on=on,
        source="test",
        source_ref=f"{account.pk}:{action.pk}",
        recorded_at=NOW,
    )
    ActionApplication.objects.create(action=action, account=account, event=event, before_units=40, after_units=40)
    return action


def test_what_a_spin_off_touched_is_in_the_case_of_its_holder(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01; AAPL 10 @ 100 2024-03-01")
    _applied(desk, account)

    case = sound(desk, account)

    assert case.context.actions == (
        ActionOfCase(security="AAPL", kind="spin_off", date=EX_ON),
        ActionOfCase(security="ITOT", kind="spin_off", date=EX_ON),
    )


def test_a_sale_of_what_a_spin_off_brought_says_that_it_follows_it(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01; AAPL 60 @ 180 2024-03-01")
    _applied(desk, account)

    outcome = rebalance(sound(desk, account), fallback=solve_convex)

    (sale,) = [trade for trade in outcome.accounts[0].trades if trade.security == "AAPL"]
    assert sale.side == "sell"
    assert sale.reasons[0] == "corporate_action"
    assert "Follows a corporate action (spin off" in sale.why


def test_a_case_of_somebody_else_is_silent_about_it(desk: Desk) -> None:
    holder, other = desk.account("VTI 40 @ 200 2024-03-01"), desk.account("VTI 40 @ 200 2024-03-01")
    _applied(desk, holder)

    assert sound(desk, other).context.actions == ()


def test_a_split_changes_no_weight_and_explains_no_trade(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    _applied(desk, account, kind="split")

    assert sound(desk, account).context.actions == ()


def test_what_is_long_past_or_was_taken_back_is_not_named(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    _applied(desk, account, on=BUSINESS_ON - timedelta(days=31))
    reversed_one = _applied_back(desk, account)

    assert reversed_one.status == ActionStatus.REVERSED
    assert sound(desk, account).context.actions == ()


def _applied_back(desk: Desk, account: Account) -> CorporateAction:
    other = desk.account("VTI 1 @ 200 2024-03-01")
    action = _applied(desk, other)
    row = ActionApplication.objects.get(action=action)
    row.account, row.undone_by, row.cash_usd = account, row.event, Decimal(0)
    row.save()
    action.status, action.ended_at = ActionStatus.REVERSED, NOW
    action.save()
    return action
