"""A custodian that still writes the old symbol after it changed means the new one, once the account holds that."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from portfolios.custodians.base import FileKind, ParsedFile, PriceRow
from portfolios.ledger.corporate_actions.terms import ActionKind, Delivery
from portfolios.models.households import Account, HoldKind, TaxStatus
from portfolios.models.imports import StagedStatus
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import Price
from portfolios.services.importing import import_custodian_file
from portfolios.services.market import post_market_file
from tests.actions import EVE, EX_ON, action_world, lots_of, terms_for
from tests.books import NOW, open_account, units_of
from tests.ofx_files import AAPL, balance, ofx_file, position, statement

pytestmark = pytest.mark.django_db


def _statement(cusip: str) -> bytes:
    told = statement(
        as_of=f"{EX_ON:%Y%m%d}",
        broker="etrade.com",
        positions=position(cusip, units="10"),
        balances=balance("0"),
    )
    return ofx_file(told)


def test_old_name_in_a_statement_is_the_position_under_its_new_name() -> None:
    world = action_world()
    old = world.security("OLD")
    old.cusip = AAPL
    old.save()
    account = open_account(world.firm, "88124401", custodian="etrade", tax_status=TaxStatus.EXEMPT)
    Account.objects.filter(pk=account.pk).update(positions_on=EVE)
    world.buy(account, "OLD 10 @ 80 2024-03-01")
    world.applied(terms_for(ActionKind.SYMBOL_CHANGE, delivered=(Delivery(security="RENAMED", units_per_unit=D(1)),)))
    before, events = lots_of(account), LedgerEvent.objects.filter(account=account, kind="adjust_lot").count()

    file = import_custodian_file(
        world.firm, custodian="etrade", name="day.qfx", content=_statement(old.cusip), actor=None, now=NOW
    )

    assert file.accounts.get().status in (StagedStatus.POSTED, StagedStatus.UNCHANGED)
    assert lots_of(account) == before and units_of(account, "RENAMED") == 10
    assert LedgerEvent.objects.filter(account=account, kind="adjust_lot").count() == events
    assert LedgerEvent.objects.filter(account=account, kind="open", traded_on__gte=date(2026, 1, 1)).count() == 0


def test_statement_from_before_a_merger_makes_the_account_wait_and_changes_no_lot() -> None:
    world = action_world()
    old = world.security("OLD")
    world.security("NEW")
    old.cusip = AAPL
    old.save()
    account = open_account(world.firm, "88124401", custodian="etrade", tax_status=TaxStatus.EXEMPT)
    Account.objects.filter(pk=account.pk).update(positions_on=EVE)
    world.buy(account, "OLD 10 @ 80 2024-03-01")
    world.applied(terms_for(ActionKind.STOCK_MERGER))
    before = lots_of(account)

    import_custodian_file(
        world.firm, custodian="etrade", name="day.qfx", content=_statement(old.cusip), actor=None, now=NOW
    )

    assert lots_of(account) == before
    assert account.holds.filter(kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True).exists()


def test_price_under_the_old_name_is_the_price_of_the_new_one() -> None:
    world = action_world()
    world.security("OLD")
    world.applied(terms_for(ActionKind.SYMBOL_CHANGE, delivered=(Delivery(security="RENAMED", units_per_unit=D(1)),)))
    later = EX_ON + timedelta(days=3)
    rows = (PriceRow(row=2, symbol="OLD", priced_on=later, price_usd=D("104.50")),)

    post_market_file(
        world.firm, ParsedFile(custodian="generic", kind=FileKind.PRICES, prices=rows), actor=None, now=NOW
    )

    assert Price.objects.get(security__symbol="RENAMED", priced_on=later).price_usd == D("104.50")
