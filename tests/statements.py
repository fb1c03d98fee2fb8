"""An account with a risk profile, two classes, a held stock and cash: what tests of policy statements stand on."""

from dataclasses import dataclass
from decimal import Decimal

from advisors.models import Membership
from portfolios.models.households import Account
from portfolios.models.securities import AssetClass
from portfolios.policy import SettingValue
from portfolios.selectors.preferences import SettingLine, setting_lines_by_account
from tests.factories import (
    BUSINESS_ON,
    AccountFactory,
    AssetClassFactory,
    CashBalanceFactory,
    FirmSecurityFactory,
    HouseholdFactory,
    LotFactory,
    PriceFactory,
    RiskProfileFactory,
    RiskProfileVersionFactory,
    RiskProfileWeightFactory,
    SecurityFactory,
)

D = Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The account holds 100 LUMR at $100 beside $10,000 of cash: half and half. US Large Cap may be 40% to 60%."""

    account: Account
    us_large: AssetClass
    cash: AssetClass

    def lines(self) -> dict[str, SettingLine]:
        """Return the settings of the account as they hold on the business date."""
        return dict(
            setting_lines_by_account([Account.objects.get(pk=self.account.pk)], on=BUSINESS_ON)[self.account.pk]
        )

    def value(self, key: str) -> SettingValue:
        """Return the value of one setting on the business date."""
        return self.lines()[key].value


def world_of(advisor: Membership, **account: object) -> World:
    """Put the account into an advisor's book."""
    firm = advisor.firm
    us_large = AssetClassFactory(firm=firm, key="us_large", name="US Large Cap", position=1)
    cash = AssetClassFactory(firm=firm, key="cash", name="Cash", position=9)
    profile = RiskProfileFactory(firm=firm, key="balanced", name="Balanced")
    version = RiskProfileVersionFactory(risk_profile=profile)
    weights = ((us_large, "0.5", "0.4", "0.6"), (cash, "0.5", "0.005", "0.55"))
    for asset_class, weight, low, high in weights:
        RiskProfileWeightFactory(
            version=version, asset_class=asset_class, weight_frac=D(weight), min_frac=D(low), max_frac=D(high)
        )
    household = HouseholdFactory(firm=firm, advisor=advisor)
    made = AccountFactory(household=household, risk_profile=profile, **account)
    stock = SecurityFactory(symbol="LUMR", sector="Technology")
    FirmSecurityFactory(firm=firm, security=stock, asset_class=us_large)
    PriceFactory(security=stock)
    LotFactory(account=made, security=stock)
    CashBalanceFactory(account=made)
    return World(account=made, us_large=us_large, cash=cash)
