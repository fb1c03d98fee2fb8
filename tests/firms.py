"""A firm whose accounts can be analysed: prices, risk model, house view; and accounts to put on it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import zstandard

from advisors.models import Firm
from portfolios.models.guidance import RiskProfile
from portfolios.models.households import Account, TaxReturn
from portfolios.models.market import Blob, RiskModelVersion
from portfolios.models.securities import AssetClass, Security, SecurityKind
from rebalancing.engine.case import check_case
from rebalancing.engine.types import Case, RiskModel
from rebalancing.snapshots.taking import TakenCase, take_cases
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    AssetClassFactory,
    CashBalanceFactory,
    FirmFactory,
    FirmSecurityFactory,
    HouseholdFactory,
    LotFactory,
    PriceFactory,
    RiskProfileFactory,
    RiskProfileVersionFactory,
    RiskProfileWeightFactory,
    SecurityFactory,
    TaxHouseholdFactory,
    TaxReturnFactory,
    TaxSituationFactory,
)
from tests.house_views import add_product, add_substitute

CLASSES = (("us_large", "US Large Cap"), ("bonds", "Bonds"), ("cash", "Cash"))
SECURITIES = (  # symbol, class, price, market exposure, specific variance
    ("VTI", "us_large", "250", 1.0, 0.0004),
    ("ITOT", "us_large", "110", 1.0, 0.0005),
    ("AAPL", "us_large", "200", 1.2, 0.04),
    ("BND", "bonds", "75", 0.05, 0.0009),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The rows of the firm by their short names."""

    firm: Firm
    profile: RiskProfile
    classes: Mapping[str, AssetClass]
    securities: Mapping[str, Security] = field(default_factory=dict)

    def account(self, lots: str = "", *, cash: str = "1000", **fields: Any) -> Account:
        """Put an account on the desk: `lots` reads `VTI 40 @ 200 2024-03-01; BND 10 @ ? 2025-01-02`."""
        if "tax_household" not in fields:
            household = fields.pop("household", None) or HouseholdFactory.create(firm=self.firm)
            fields["tax_household"] = TaxHouseholdFactory.create(household=household)
        fields["household"] = fields["tax_household"].household
        if fields.get("tax_status", "taxable") != "taxable":
            fields.setdefault("tax_return", None)
        elif "tax_return" not in fields:
            fields["tax_return"] = self.tax_return(fields["tax_household"])
        account: Account = AccountFactory.create(**{"risk_profile": self.profile, **fields})
        CashBalanceFactory.create(account=account, settled_usd=Decimal(cash))
        for words in filter(None, (part.strip() for part in lots.split(";"))):
            self.lot(account, words)
        return account

    def lot(self, account: Account, words: str, **fields: Any) -> None:
        """Put a lot into an account: `VTI 40 @ 200 2024-03-01`, a basis of ? is unknown."""
        symbol, units, _, price, day = words.split()
        LotFactory.create(
            account=account,
            security=self.securities[symbol],
            units=Decimal(units),
            cost_usd=None if price == "?" else Decimal(units) * Decimal(price),
            acquired_on=date.fromisoformat(day),
            **fields,
        )

    def tax_return(self, tax_household: Any, **situation: Any) -> TaxReturn:
        """Give a tax household a return with its rates."""
        made: TaxReturn = TaxReturnFactory.create(tax_household=tax_household)
        TaxSituationFactory.create(tax_return=made, **situation)
        return made


def open_desk(**firm: Any) -> Desk:
    """Open a firm that can be analysed: 58 % VTI (ITOT may stand in), 40 % BND, 2 % cash."""
    made: Firm = FirmFactory.create(**firm)
    classes = {
        key: AssetClassFactory.create(firm=made, key=key, name=name, position=place)
        for place, (key, name) in enumerate(CLASSES)
    }
    profile = RiskProfileFactory.create(firm=made, name="Balanced")
    version = RiskProfileVersionFactory.create(risk_profile=profile)
    for key, weight, low, high in (
        ("us_large", "0.58", "0.48", "0.68"),
        ("bonds", "0.40", "0.30", "0.50"),
        ("cash", "0.02", "0", "0.10"),
    ):
        RiskProfileWeightFactory.create(
            version=version,
            asset_class=classes[key],
            weight_frac=Decimal(weight),
            min_frac=Decimal(low),
            max_frac=Decimal(high),
        )
    securities: dict[str, Security] = {}
    for symbol, asset_class, price, _, _ in SECURITIES:
        kind = SecurityKind.STOCK if symbol == "AAPL" else SecurityKind.ETF
        securities[symbol] = SecurityFactory.create(symbol=symbol, kind=kind)
        FirmSecurityFactory.create(firm=made, security=securities[symbol], asset_class=classes[asset_class])
        PriceFactory.create(security=securities[symbol], price_usd=Decimal(price))
    add_product(made, asset_class=classes["us_large"], security=securities["VTI"])
    add_product(made, asset_class=classes["bonds"], security=securities["BND"])
    add_substitute(made, security=securities["VTI"], use=securities["ITOT"], hurdle_bps=Decimal(3))
    _import_risk_model(made)
    return Desk(firm=made, profile=profile, classes=classes, securities=securities)


def _import_risk_model(firm: Firm) -> None:
    model = RiskModel(
        factors=("market",),
        factor_covariance=((0.0256,),),
        exposures={symbol: (beta,) for symbol, _, _, beta, _ in SECURITIES},
        specific_variance={symbol: variance for symbol, _, _, _, variance in SECURITIES},
    )
    content = msgspec.json.encode(model, order="sorted")
    blob, _ = Blob.objects.get_or_create(
        pk=hashlib.sha256(content).hexdigest(),
        defaults={"content": zstandard.compress(content), "size": len(content)},
    )
    RiskModelVersion.objects.create(
        firm=firm,
        name="desk-1",
        effective_on=BUSINESS_ON,
        blob=blob,
        factor_count=1,
        security_count=len(SECURITIES),
        received_at=NOW,
    )


def taken(desk: Desk, *accounts: Account) -> TakenCase:
    """Take the one case of these accounts."""
    (only,) = take_cases(desk.firm.pk, account_ids=[account.pk for account in accounts], as_of=BUSINESS_ON)
    return only


def sound(desk: Desk, *accounts: Account) -> Case:
    """Take a case that must exist."""
    one = taken(desk, *accounts)
    assert one.case is not None, (one.held, one.failed)
    check_case(one.case)
    return one.case
