"""A detected action that is set aside as a false alarm: the accounts that a statement held for it trade again."""

from datetime import timedelta

import pytest

from advisors.models import Firm
from portfolios import vault
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.market import CorporateAction
from portfolios.services.corporate_actions import desk
from portfolios.services.importing import import_custodian_file
from tests.action_rows import action_row
from tests.desk_actions import holder, second_operator
from tests.factories import BUSINESS_ON, NOW

pytestmark = pytest.mark.django_db
NEXT = BUSINESS_ON + timedelta(days=1)


@pytest.fixture
def account(firm: Firm) -> Account:
    return holder(firm)


def _statement(firm: Firm, *rows: tuple[Account, str]) -> None:
    lines = "".join(
        f"{vault.decrypt_text(account.number_encrypted)},{NEXT},AAPL,{units},8200.00,2024-03-01\n"
        for account, units in rows
    )
    content = f"account,as_of,symbol,quantity,cost,acquired\n{lines}".encode()
    import_custodian_file(firm, custodian="generic", name="lots.csv", content=content, actor=None, now=NOW)


def _holds(account: Account) -> list[str]:
    rows = AccountHold.objects.filter(account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True)
    return list(rows.order_by("pk").values_list("reason", flat=True))


def test_a_false_alarm_set_aside_lets_the_accounts_of_the_statement_go(firm: Firm, account: Account) -> None:
    other = holder(firm, units="40")
    _statement(firm, (account, "200"), (other, "80"))
    action = CorporateAction.objects.get()
    kept = AccountHold.objects.create(
        account=account, kind=HoldKind.CORPORATE_ACTION, subject="KO", reason="KO waits.", placed_at=NOW
    )
    assert len(_holds(account)) == 2 and _holds(other)

    desk.withdraw(second_operator(firm).membership, action, reason="A typing error of theirs.", now=NOW)

    assert _holds(account) == [kept.reason]
    assert _holds(other) == []
    lifted = AccountHold.objects.get(account=other, kind=HoldKind.CORPORATE_ACTION)
    assert lifted.lift_reason == "It was no corporate action: A typing error of theirs."


def test_a_false_alarm_lets_nobody_go_who_waits_for_another_action(firm: Firm, account: Account) -> None:
    other = holder(firm, units="40")
    _statement(firm, (account, "200"), (other, "80"))
    action = CorporateAction.objects.get()
    action_row(firm, "AAPL", kind="spin_off", ratio=None, on=NEXT)
    before = _holds(account)

    desk.withdraw(second_operator(firm).membership, action, reason="It is the spin-off.", now=NOW)

    assert before and _holds(account)
