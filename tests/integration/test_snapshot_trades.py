"""What the tax household did: gains of the year, recent trades, orders that are out."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from advisors.models import User
from portfolios.models.households import Account, AccountHold
from portfolios.models.lots import LedgerEvent, OutsideTrade, RealizedGain
from rebalancing.models.orders import Order, OrderBlock, ReleaseBatch
from rebalancing.models.proposals import LotSelection, Proposal, ProposalStatus
from tests.factories import (
    BUSINESS_ON,
    NOW,
    ProposalFactory,
    ProposedTradeFactory,
    TaxHouseholdFactory,
    UserFactory,
)
from tests.firms import Desk, open_desk, sound, taken
from tests.house_views import add_substitute

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def clerk() -> User:
    made: User = UserFactory.create()
    return made


def realize(account: Account, desk: Desk, gain: str, *, term: str = "short", days_ago: int = 10, **fields: Any) -> None:
    event = LedgerEvent.objects.create(
        account=account,
        position=LedgerEvent.objects.filter(account=account).count() + 1,
        kind="sell",
        security=desk.securities["AAPL"],
        traded_on=BUSINESS_ON - timedelta(days=days_ago),
        source="test",
        source_ref=f"{account.pk}-{LedgerEvent.objects.count()}",
        recorded_at=NOW,
    )
    RealizedGain.objects.create(
        event=event,
        account=account,
        security=desk.securities["AAPL"],
        lot_key=f"old-{event.pk}",
        closed_on=event.traded_on,
        units=Decimal(5),
        proceeds_usd=Decimal(1000),
        gain_usd=Decimal(gain),
        term=term,
        **fields,
    )


def test_realised_gains_count_all_accounts_of_the_return_and_outside_amounts(desk: Desk) -> None:
    tax_household = TaxHouseholdFactory.create(household__firm=desk.firm)
    shared = desk.tax_return(tax_household, outside_long_usd=Decimal(700))
    his = desk.account("VTI 40 @ 200 2024-03-01", tax_household=tax_household, tax_return=shared)
    hers = desk.account("VTI 40 @ 200 2024-03-01", tax_household=tax_household, tax_return=shared)
    realize(his, desk, "500")
    realize(hers, desk, "-200", disallowed_usd=Decimal(50))
    realize(hers, desk, "90", term="long", days_ago=400)

    blocks = [account.tax for account in sound(desk, his, hers).accounts]

    assert blocks[0] == blocks[1]
    assert blocks[0] is not None
    assert blocks[0].realized_short == Decimal(350)
    assert blocks[0].realized_long == Decimal(700)


def test_purchases_of_the_spouse_and_of_outside_accounts_are_recent_trades(desk: Desk) -> None:
    tax_household = TaxHouseholdFactory.create(household__firm=desk.firm)
    mine = desk.account("AAPL 5 @ 100 2024-03-01", tax_household=tax_household)
    ira = desk.account(
        "AAPL 7 @ 190 2026-11-01", tax_household=tax_household, registration="ira", tax_status="deferred"
    )
    AccountHold.objects.create(account=ira, kind="manual", reason="Divorce.", placed_at=NOW)
    away = desk.account("", tax_household=tax_household, tax_return=mine.tax_return, is_held_away=True)
    OutsideTrade.objects.create(
        account=away,
        security=desk.securities["VTI"],
        traded_on=BUSINESS_ON - timedelta(days=30),
        side="sell",
        units=Decimal(3),
        loss_usd=Decimal(40),
        source_ref="o1",
        recorded_at=NOW,
    )
    OutsideTrade.objects.create(
        account=away,
        security=desk.securities["BND"],
        traded_on=BUSINESS_ON - timedelta(days=31),
        side="buy",
        units=Decimal(3),
        source_ref="o2",
        recorded_at=NOW,
    )

    one = taken(desk, mine, ira)

    assert one.case is not None
    told = {(trade.account, trade.security, trade.side, trade.loss) for trade in one.case.recent_trades}
    assert told == {
        (ira.external_ref, "AAPL", "buy", Decimal(0)),
        (away.external_ref, "VTI", "sell", Decimal(40)),
    }


def test_losses_of_the_last_days_are_recent_trades_where_they_are_deductible(desk: Desk) -> None:
    taxable = desk.account("VTI 40 @ 200 2024-03-01")
    ira = desk.account(
        "VTI 40 @ 200 2024-03-01",
        tax_household=taxable.tax_household,
        registration="ira",
        tax_status="deferred",
    )
    realize(taxable, desk, "-300")
    realize(taxable, desk, "-100")
    realize(taxable, desk, "70")
    realize(ira, desk, "-900")

    trades = sound(desk, taxable, ira).recent_trades

    assert [(trade.account, trade.loss, trade.quantity) for trade in trades] == [
        (taxable.external_ref, Decimal(400), Decimal(10))
    ]


def test_harvest_whose_window_has_closed_is_told_for_the_reasons(desk: Desk) -> None:
    add_substitute(desk.firm, security=desk.securities["AAPL"], use=desk.securities["ITOT"], hurdle_bps=Decimal(1))
    account = desk.account("VTI 40 @ 200 2024-03-01")
    for days_ago in (30, 31, 75, 76):
        realize(account, desk, "-100", days_ago=days_ago)

    told = sound(desk, account).context.harvested

    assert [(one.date, one.security, one.substitute, one.account) for one in told] == [
        (BUSINESS_ON - timedelta(days=days_ago), "AAPL", "ITOT", account.external_ref) for days_ago in (75, 31)
    ]


def sell_at_a_loss(account: Account, desk: Desk, *, status: ProposalStatus) -> Proposal:
    """Propose the sale of 10 AAPL at a short-term loss of 500 dollars."""
    proposal: Proposal = ProposalFactory.create(account=account, status=status)
    trade = ProposedTradeFactory.create(
        proposal=proposal, side="sell", security=desk.securities["AAPL"], units=Decimal(10), amount_usd=Decimal(2000)
    )
    LotSelection.objects.create(
        trade=trade,
        lot_key="L-aapl",
        acquired_on=date(2026, 3, 2),
        units=Decimal(10),
        lot_units=Decimal(10),
        cost_usd=Decimal(2500),
        gain_usd=Decimal(-500),
        term="short",
    )
    return proposal


def test_orders_at_work_keep_their_account_out_and_count_as_filled_for_the_others(desk: Desk, clerk: User) -> None:
    mine = desk.account("VTI 40 @ 200 2024-03-01")
    busy = desk.account("AAPL 10 @ 250 2026-03-02", tax_household=mine.tax_household, tax_return=mine.tax_return)
    proposal = sell_at_a_loss(busy, desk, status=ProposalStatus.SENT)
    batch = ReleaseBatch.objects.create(firm=desk.firm, number=1, released_at=NOW, released_by=clerk)
    security = desk.securities["AAPL"]
    block = OrderBlock.objects.create(
        batch=batch, custodian="generic", security=security, side="sell", units=Decimal(10)
    )
    Order.objects.create(
        block=block,
        proposal=proposal,
        trade=proposal.trades.get(),
        account=busy,
        security=security,
        client_order_id="1-1",
        side="sell",
        units=Decimal(10),
        filled_units=Decimal(4),
        status="partly_filled",
        created_at=NOW,
        status_at=NOW,
    )

    one = taken(desk, mine, busy)

    assert one.held == {busy.pk: "Its orders are at work. Nothing is proposed until they are booked."}
    assert one.case is not None
    (account,) = one.case.accounts
    assert account.tax is not None
    assert account.tax.realized_short == Decimal(-300)
    assert [(trade.security, trade.side, trade.quantity, trade.loss) for trade in one.case.recent_trades] == [
        ("AAPL", "sell", Decimal(6), Decimal(300))
    ]


def test_what_is_proposed_for_accounts_left_out_counts_for_wash_sales(desk: Desk) -> None:
    mine = desk.account("VTI 40 @ 200 2024-03-01")
    spouse = desk.account("AAPL 10 @ 250 2026-03-02", tax_household=mine.tax_household)
    sell_at_a_loss(spouse, desk, status=ProposalStatus.APPROVED)

    alone = sound(desk, mine).recent_trades
    together = sound(desk, mine, spouse).recent_trades

    assert [(trade.account, trade.security, trade.loss) for trade in alone] == [
        (spouse.external_ref, "AAPL", Decimal(500))
    ]
    assert together == ()
