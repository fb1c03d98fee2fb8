"""A split from its announcement in a file to accounts that trade again: every step by the road of real data."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from advisors.models import Firm
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.lots import Lot
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction, Price
from portfolios.services.importing import import_custodian_file
from rebalancing.models.proposals import ProposalStatus
from tests.conftest import Persona
from tests.desk_actions import holder, second_operator
from tests.desks import Purchase, propose, status_of, text_of
from tests.factories import BUSINESS_ON, NOW, AccountFiguresFactory, PriceFactory, SecurityFactory

pytestmark = pytest.mark.django_db
EX_ON = BUSINESS_ON + timedelta(days=4)
BETWEEN = BUSINESS_ON + timedelta(days=1)


def _import(persona: Persona, name: str, content: str) -> None:
    firm = Firm.objects.get(pk=persona.firm.pk)
    import_custodian_file(firm, custodian="generic", name=name, content=content.encode(), actor=persona.user, now=NOW)


def _prices(persona: Persona, day: date, price: str) -> None:
    others = "".join(f"PEER{n},{day},100\n" for n in range(9))
    _import(persona, f"prices {day}.csv", f"symbol,date,price\nAAPL,{day},{price}\n{others}")


def _held(account: Account) -> list[str]:
    rows = AccountHold.objects.filter(account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True)
    return list(rows.values_list("reason", flat=True))


def test_a_split_goes_from_its_file_to_accounts_that_trade_again(operations: Persona, reviewer: Persona) -> None:
    firm = operations.firm
    account, untouched = holder(firm), holder(firm, "MSFT", units="10", cost="1000.00")
    AccountFiguresFactory(account=account)
    for number in range(9):
        PriceFactory(security=SecurityFactory(symbol=f"PEER{number}"))
    proposal = propose(account, Purchase(symbol="BND", units="7"))

    # A file announces it, a second person confirms it on the page. Nothing changes before the ex-date.
    _import(operations, "actions.csv", f"symbol,kind,effective,ratio\nAAPL,split,{EX_ON},4\n")
    action = CorporateAction.objects.get()
    assert (action.status, action.announced_by) == (ActionStatus.ANNOUNCED, operations.user)
    second = second_operator(firm)
    decide = reverse("data:decide_action", args=[action.pk, "confirm"])
    assert operations.client.post(decide).status_code == 403
    assert second.client.post(decide).status_code == 303
    _prices(operations, BETWEEN, "101")
    action.refresh_from_db()
    assert action.status == ActionStatus.CONFIRMED
    assert _held(account) == []

    # The price of the ex-date comes, quartered: the action is applied with the same file, to every holder once.
    _prices(operations, EX_ON, "25.40")
    action.refresh_from_db()
    assert action.status == ActionStatus.APPLIED
    assert Lot.objects.get(account=account, closed_on__isnull=True).units == 400
    assert Lot.objects.get(account=account, closed_on__isnull=True).cost_usd == Decimal("8200.00")
    assert Lot.objects.get(account=untouched, closed_on__isnull=True).units == 10
    assert ActionApplication.objects.get().account_id == account.pk
    assert Price.objects.get(security__symbol="AAPL", priced_on=EX_ON).price_usd == Decimal("25.40")
    assert not CorporateAction.objects.filter(is_detected=True).exists()

    # What was computed before is stale and says why; the account waits for nothing and trades again.
    assert status_of(proposal) == ProposalStatus.STALE
    assert f"corporate action on AAPL, split of {EX_ON}" in text_of(
        reviewer.client.get(reverse("rebalancing:proposal", args=[proposal.pk]))
    )
    assert _held(account) == []
    _prices(operations, EX_ON, "25.50")
    assert ActionApplication.objects.count() == 1
    assert "Applied" in text_of(operations.client.get(reverse("data:action", args=[action.pk])))


def test_an_unconfirmed_split_holds_its_accounts_from_the_ex_date_on(operations: Persona) -> None:
    account = holder(operations.firm)
    _import(operations, "actions.csv", f"symbol,kind,effective,ratio\nAAPL,split,{EX_ON},4\n")

    _prices(operations, EX_ON, "25.40")

    (reason,) = _held(account)
    assert "waits to be confirmed" in reason
    assert Lot.objects.get(account=account, closed_on__isnull=True).units == 100
    second = second_operator(operations.firm)
    action = CorporateAction.objects.get()
    second.client.post(reverse("data:decide_action", args=[action.pk, "confirm"]))
    assert "waits to be applied" in _held(account)[0]
    second.client.post(reverse("data:decide_action", args=[action.pk, "apply"]))
    assert _held(account) == []
    assert Lot.objects.get(account=account, closed_on__isnull=True).units == 400
