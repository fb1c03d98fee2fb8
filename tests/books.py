"""Accounts with real numbers and a few known securities, for tests of posting and importing."""

from datetime import UTC, date, datetime
from decimal import Decimal

from advisors.models import Firm
from portfolios import vault
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance
from tests.factories import (
    AccountFactory,
    AssetClassFactory,
    FirmSecurityFactory,
    HouseholdFactory,
    PriceFactory,
    SecurityFactory,
)

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SYMBOLS = ("AAPL", "MSFT", "KO", "VTI")


def open_account(firm: Firm, number: str = "8812-4401", **changes: object) -> Account:
    """Open an account that holds nothing yet, taxable at the generic bank unless told otherwise."""
    changes.setdefault("household", HouseholdFactory(firm=firm))
    return AccountFactory(
        number_encrypted=vault.encrypt_text(number),
        number_hash=vault.hash_number(number),
        number_last4=vault.last4(number),
        positions_on=None,
        **changes,
    )


def know_securities(firm: Firm, *symbols: str) -> None:
    """Put securities into the master and into the firm's classes, priced on the factories' business date."""
    us_large = AssetClassFactory(firm=firm, key="us_large", name="US Large Cap")
    for symbol in symbols or SYMBOLS:
        security = SecurityFactory(symbol=symbol)
        FirmSecurityFactory(firm=firm, security=security, asset_class=us_large)
        PriceFactory(security=security)


def units_of(account: Account, symbol: str) -> Decimal:
    """Add up the open lots of one security."""
    return sum((lot.units for lot in account.lots.filter(security__symbol=symbol)), Decimal(0))


def cash_of(account: Account) -> Decimal:
    """Return the settled cash of an account."""
    return CashBalance.objects.get(account=account).settled_usd
