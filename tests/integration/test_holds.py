"""Holds are placed once, lifted with a reason, and never twice."""

import pytest

from advisors.errors import Conflict, Invalid
from advisors.models import AuditEvent, Firm
from portfolios.models.households import AccountHold, HoldKind
from portfolios.services.holds import lift_hold, place_hold
from portfolios.services.stale_prices import refresh_stale_price_holds
from tests.books import NOW, TODAY, know_securities, open_account
from tests.conftest import Persona
from tests.factories import LotFactory, SecurityFactory

pytestmark = pytest.mark.django_db


def test_the_same_hold_twice_is_one_with_the_newer_reason(firm: Firm) -> None:
    account = open_account(firm)
    for reason in ("Papers are missing", "Papers are missing still"):
        place_hold(account, kind=HoldKind.MANUAL, reason=reason, actor=None, now=NOW)

    assert AccountHold.objects.get().reason == "Papers are missing still"
    assert AuditEvent.objects.filter(action="account.held").count() == 2


def test_a_hold_needs_a_reason_and_so_does_lifting_it(firm: Firm) -> None:
    account = open_account(firm)

    with pytest.raises(Invalid, match="Say why the account is held"):
        place_hold(account, kind=HoldKind.MANUAL, reason=" ", actor=None, now=NOW)

    hold = place_hold(account, kind=HoldKind.MANUAL, reason="Papers", actor=None, now=NOW)
    with pytest.raises(Invalid, match="Say why the hold is lifted"):
        lift_hold(hold, reason="", actor=None, now=NOW)


def test_of_two_who_lift_a_hold_the_second_is_told(firm: Firm) -> None:
    hold = place_hold(open_account(firm), kind=HoldKind.MANUAL, reason="Papers", actor=None, now=NOW)
    lift_hold(hold, reason="Papers came", actor=None, now=NOW)

    with pytest.raises(Conflict, match="lifted meanwhile"):
        lift_hold(hold, reason="Papers came", actor=None, now=NOW)


def test_a_person_may_confirm_an_old_price_and_it_does_not_hold_again_at_once(firm: Firm, operations: Persona) -> None:
    know_securities(firm)
    account = open_account(firm)
    LotFactory(account=account, security=SecurityFactory(symbol="HALT"))
    refresh_stale_price_holds(firm, now=NOW)
    hold = AccountHold.objects.get()
    assert (hold.kind, hold.reason) == (HoldKind.STALE_PRICE, "There is no price of HALT.")

    lift_hold(hold, reason="Trading is halted; the price stands.", actor=operations.user, now=NOW)
    refresh_stale_price_holds(firm, now=NOW)

    assert not AccountHold.objects.filter(lifted_at=None).exists()


def test_the_firms_policy_says_how_old_a_price_may_be(firm: Firm) -> None:
    know_securities(firm, "AAPL")
    account = open_account(firm)
    LotFactory(account=account, security=SecurityFactory(symbol="AAPL"))
    firm.business_on = TODAY
    refresh_stale_price_holds(firm, now=NOW)
    assert AccountHold.objects.filter(account=account, lifted_at=None).count() == 1

    firm.policies = {"stale_price_days": 10}
    refresh_stale_price_holds(firm, now=NOW)

    assert not AccountHold.objects.filter(lifted_at=None).exists()
