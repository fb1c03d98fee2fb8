"""Holders with lots in the journal and a second person of operations, for tests of the pages and the API of actions."""

from datetime import date
from decimal import Decimal

from advisors.models import Firm, Role
from portfolios.ledger.types import EventKind, Lot, LotEvent
from portfolios.models.households import Account
from portfolios.models.securities import AssetClass, FirmSecurity
from portfolios.services.posting import post_events
from tests.books import open_account
from tests.conftest import Persona, sign_in
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AssetClassFactory,
    FirmSecurityFactory,
    PriceFactory,
    SecurityFactory,
    member_of,
)

BOUGHT_ON = date(2024, 3, 1)


def second_operator(firm: Firm) -> Persona:
    """Return another person of operations, who may confirm what the first announced."""
    return sign_in(member_of(firm, Role.OPERATIONS))


def holder(firm: Firm, symbol: str = "AAPL", *, units: str = "100", cost: str = "8200.00", number: str = "") -> Account:
    """Open an account that bought one lot of a security long ago."""
    if not FirmSecurity.objects.filter(firm=firm, security__symbol=symbol).exists():
        known = AssetClass.objects.filter(firm=firm, key="us_large").first()
        asset_class = known or AssetClassFactory(firm=firm, key="us_large", name="US Large Cap")
        FirmSecurityFactory(firm=firm, security=SecurityFactory(symbol=symbol), asset_class=asset_class)
        PriceFactory(security=SecurityFactory(symbol=symbol))
    account = open_account(firm, number or f"8812-{Account.objects.count():04d}")
    hold(account, symbol, units=units, cost=cost)
    return account


def hold(account: Account, symbol: str, *, units: str, cost: str, on: date = BOUGHT_ON) -> None:
    """Buy one more lot."""
    event = LotEvent(
        kind=EventKind.OPEN,
        ref=f"open-{symbol}-{units}",
        traded_on=on,
        security=symbol,
        units=Decimal(units),
        lot=Lot(
            key=f"{symbol}-{account.pk}",
            security=symbol,
            units=Decimal(units),
            cost_usd=Decimal(cost),
            acquired_on=on,
        ),
    )
    post_events(account, [event], source="test", actor=None, now=NOW)
    account.positions_on = BUSINESS_ON
    account.save(update_fields=["positions_on"])
