"""
Rows for tests, made whole: `AccountFactory()` brings its household, tax return, risk profile and firm with it.

Everything of one account hangs on one firm; give `firm=` (or `household=`) to put rows side by side.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import factory
from factory import LazyAttribute, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from advisors.models import Firm, Membership, Office, Role, User
from portfolios.models.guidance import RiskProfile, RiskProfileVersion, RiskProfileWeight, VersionStatus
from portfolios.models.households import (
    Account,
    Household,
    Registration,
    TaxHousehold,
    TaxReturn,
    TaxSituation,
    TaxStatus,
)
from portfolios.models.lots import CashBalance, Lot
from portfolios.models.market import Price
from portfolios.models.securities import AssetClass, FirmSecurity, IdentityGroup, Security, SecurityKind
from rebalancing.models.proposals import CaseSnapshot, Proposal, ProposalStatus, ProposedTrade, Side, StoredOutcome
from rebalancing.models.runs import AccountFigures, Chunk, DayState, Run, RunScope, RunStatus

BUSINESS_ON = date(2026, 11, 12)
NOW = datetime(2026, 11, 13, 12, 30, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


class FirmFactory(DjangoModelFactory[Firm]):
    class Meta:
        model = Firm

    name = Sequence(lambda n: f"Harbor {n} Wealth")
    slug = Sequence(lambda n: f"harbor-{n}")
    business_on = BUSINESS_ON


class OfficeFactory(DjangoModelFactory[Office]):
    class Meta:
        model = Office

    firm = SubFactory(FirmFactory)
    name = Sequence(lambda n: f"Office {n}")


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    email = Sequence(lambda n: f"person{n}@firm.example")
    full_name = Sequence(lambda n: f"Pat Person{n}")
    password = factory.django.Password(PASSWORD)


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    firm = SubFactory(FirmFactory)
    user = SubFactory(UserFactory)
    role = Role.ADVISOR


class AssetClassFactory(DjangoModelFactory[AssetClass]):
    class Meta:
        model = AssetClass

    firm = SubFactory(FirmFactory)
    key = Sequence(lambda n: f"class-{n}")
    name = Sequence(lambda n: f"Class {n}")
    position = Sequence(lambda n: n)


class SecurityFactory(DjangoModelFactory[Security]):
    class Meta:
        model = Security
        django_get_or_create = ("symbol",)

    symbol = Sequence(lambda n: f"SYM{n}")
    name = LazyAttribute(lambda one: f"{one.symbol} Incorporated")
    kind = SecurityKind.STOCK
    sector = "Technology"
    country = "US"
    half_spread_bps = Decimal("2")


class IdentityGroupFactory(DjangoModelFactory[IdentityGroup]):
    class Meta:
        model = IdentityGroup

    firm = SubFactory(FirmFactory)
    key = Sequence(lambda n: f"group-{n}")
    name = Sequence(lambda n: f"Group {n}")


class FirmSecurityFactory(DjangoModelFactory[FirmSecurity]):
    class Meta:
        model = FirmSecurity

    firm = SubFactory(FirmFactory)
    security = SubFactory(SecurityFactory)
    asset_class = SubFactory(AssetClassFactory, firm=SelfAttribute("..firm"))


class PriceFactory(DjangoModelFactory[Price]):
    class Meta:
        model = Price

    security = SubFactory(SecurityFactory)
    priced_on = BUSINESS_ON
    price_usd = Decimal("100")
    source = "test"


class RiskProfileFactory(DjangoModelFactory[RiskProfile]):
    class Meta:
        model = RiskProfile

    firm = SubFactory(FirmFactory)
    key = Sequence(lambda n: f"profile-{n}")
    name = Sequence(lambda n: f"Balanced {n}")


class RiskProfileVersionFactory(DjangoModelFactory[RiskProfileVersion]):
    """An approved version in force; `RiskProfileWeightFactory` gives it weights."""

    class Meta:
        model = RiskProfileVersion

    risk_profile = SubFactory(RiskProfileFactory)
    number = 1
    status = VersionStatus.APPROVED
    effective_on = date(2025, 1, 2)
    author = SubFactory(UserFactory)
    created_at = datetime(2025, 1, 2, 12, 0, tzinfo=UTC)
    approved_by = SubFactory(UserFactory)
    approved_at = datetime(2025, 1, 2, 13, 0, tzinfo=UTC)


class RiskProfileWeightFactory(DjangoModelFactory[RiskProfileWeight]):
    class Meta:
        model = RiskProfileWeight

    version = SubFactory(RiskProfileVersionFactory)
    asset_class = SubFactory(AssetClassFactory, firm=SelfAttribute("..version.risk_profile.firm"))
    weight_frac = Decimal("0.6")
    min_frac = Decimal("0.5")
    max_frac = Decimal("0.7")


class HouseholdFactory(DjangoModelFactory[Household]):
    class Meta:
        model = Household

    firm = SubFactory(FirmFactory)
    office = SubFactory(OfficeFactory, firm=SelfAttribute("..firm"))
    advisor = SubFactory(MembershipFactory, firm=SelfAttribute("..firm"), role=Role.ADVISOR)
    name = Sequence(lambda n: f"Household {n}")
    external_ref = Sequence(lambda n: f"H{n:04d}")


class TaxHouseholdFactory(DjangoModelFactory[TaxHousehold]):
    class Meta:
        model = TaxHousehold

    household = SubFactory(HouseholdFactory)
    firm = SelfAttribute("household.firm")
    name = SelfAttribute("household.name")


class TaxReturnFactory(DjangoModelFactory[TaxReturn]):
    class Meta:
        model = TaxReturn

    tax_household = SubFactory(TaxHouseholdFactory)
    name = SelfAttribute("tax_household.name")
    state = "MA"


class TaxSituationFactory(DjangoModelFactory[TaxSituation]):
    class Meta:
        model = TaxSituation

    tax_return = SubFactory(TaxReturnFactory)
    year = BUSINESS_ON.year
    federal_ordinary_frac = Decimal("0.37")
    federal_long_frac = Decimal("0.20")
    niit_frac = Decimal("0.038")
    state_ordinary_frac = Decimal("0.05")
    state_long_frac = Decimal("0.05")
    set_at = NOW


class AccountFactory(DjangoModelFactory[Account]):
    """A taxable account that may trade, with a tax return; `registration="ira", tax_status="deferred"` for an IRA."""

    class Meta:
        model = Account

    household = SubFactory(HouseholdFactory)
    firm = SelfAttribute("household.firm")
    tax_household = SubFactory(TaxHouseholdFactory, household=SelfAttribute("..household"))
    tax_return = SubFactory(TaxReturnFactory, tax_household=SelfAttribute("..tax_household"))
    risk_profile = SubFactory(RiskProfileFactory, firm=SelfAttribute("..firm"))
    name = Sequence(lambda n: f"Account {n}")
    external_ref = Sequence(lambda n: f"A{n:05d}")
    custodian = "generic"
    number_encrypted = b"sealed"
    number_hash = Sequence(lambda n: f"{n:064x}")
    number_last4 = Sequence(lambda n: f"{n % 10_000:04d}")
    registration = Registration.INDIVIDUAL
    tax_status = TaxStatus.TAXABLE
    opened_on = date(2020, 1, 2)
    positions_on = BUSINESS_ON


class LotFactory(DjangoModelFactory[Lot]):
    class Meta:
        model = Lot

    account = SubFactory(AccountFactory)
    security = SubFactory(SecurityFactory)
    key = Sequence(lambda n: f"L{n}")
    root_key = SelfAttribute("key")
    units = Decimal("100")
    cost_usd = Decimal("8000")
    acquired_on = date(2024, 3, 1)


class CashBalanceFactory(DjangoModelFactory[CashBalance]):
    class Meta:
        model = CashBalance

    account = SubFactory(AccountFactory)
    settled_usd = Decimal("10000")


class AccountFiguresFactory(DjangoModelFactory[AccountFigures]):
    class Meta:
        model = AccountFigures

    account = SubFactory(AccountFactory)
    as_of_on = BUSINESS_ON
    state = DayState.RECEIVED
    state_since_at = NOW
    value_usd = Decimal("250000")
    cash_usd = Decimal("10000")


class RunFactory(DjangoModelFactory[Run]):
    """A finished run; `status=RunStatus.RUNNING` for one at work."""

    class Meta:
        model = Run

    firm = SubFactory(FirmFactory)
    as_of_on = BUSINESS_ON
    scope = RunScope.FIRM
    status = RunStatus.DONE
    requested_at = NOW
    engine_version = "test"


class ChunkFactory(DjangoModelFactory[Chunk]):
    class Meta:
        model = Chunk

    run = SubFactory(RunFactory)
    number = Sequence(lambda n: n)


class CaseSnapshotFactory(DjangoModelFactory[CaseSnapshot]):
    class Meta:
        model = CaseSnapshot

    tax_household = SubFactory(TaxHouseholdFactory)
    firm = SelfAttribute("tax_household.firm")
    case_hash = Sequence(lambda n: f"sha256:{n:064x}")
    as_of_on = BUSINESS_ON
    content = b""
    taken_at = NOW


class StoredOutcomeFactory(DjangoModelFactory[StoredOutcome]):
    class Meta:
        model = StoredOutcome

    case = SubFactory(CaseSnapshotFactory)
    tax_household = SelfAttribute("case.tax_household")
    run = SubFactory(RunFactory, firm=SelfAttribute("..case.firm"))
    engine_version = "test"
    status = "solved"
    solver = "reference"
    content = b""
    solved_at = NOW


class ProposalFactory(DjangoModelFactory[Proposal]):
    """A proposal that waits for review. Pass `account=` to put it into somebody's book."""

    class Meta:
        model = Proposal

    account = SubFactory(AccountFactory)
    household = SelfAttribute("account.household")
    firm = SelfAttribute("account.firm")
    outcome = SubFactory(StoredOutcomeFactory, case__tax_household=SelfAttribute("...account.tax_household"))
    run = SelfAttribute("outcome.run")
    as_of_on = BUSINESS_ON
    status = ProposalStatus.PROPOSED
    status_at = NOW
    created_at = NOW
    value_usd = Decimal("250000")
    traded_usd = Decimal("12000")
    cash_before_usd = Decimal("10000")
    cash_after_usd = Decimal("4000")
    short_gain_usd = Decimal("0")
    long_gain_usd = Decimal("-1500")
    tax_caused_usd = Decimal("-430")
    budget_left_usd = Decimal("5000")
    cost_usd = Decimal("6")
    turnover_frac = 0.048
    tracking_error_before_frac = 0.021
    tracking_error_after_frac = 0.014
    opportunity_usd = Decimal("612")
    opportunity_bps = 24.5
    sentence = "Sell one lot at a loss and move closer to the target."


class ProposedTradeFactory(DjangoModelFactory[ProposedTrade]):
    class Meta:
        model = ProposedTrade

    proposal = SubFactory(ProposalFactory)
    position = Sequence(lambda n: n % 30_000)
    side = Side.BUY
    security = SubFactory(SecurityFactory)
    units = Decimal("10")
    price_usd = Decimal("100")
    amount_usd = Decimal("1000")
    reasons = factory.LazyFunction(lambda: ["toward_target"])
    why = "Moves the account toward its target."


def member_of(firm: Firm, role: Role, **user: object) -> Membership:
    """Make a person of this role in a firm."""
    return MembershipFactory(firm=firm, role=role, user=UserFactory(**user))
