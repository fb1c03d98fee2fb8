"""Writes of households: people, tax households, returns, accounts. Every one leaves an audit event."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Firm, Membership, User
from advisors.permissions import Role
from portfolios import vault
from portfolios.models.guidance import RiskProfile
from portfolios.models.households import (
    Account,
    FilingStatus,
    Household,
    Origin,
    Person,
    Registration,
    StatedAs,
    TaxHousehold,
    TaxReturn,
    TaxSituation,
    TaxStatus,
)
from portfolios.models.lots import CashBalance

TAX_STATUS_OF = {
    Registration.INDIVIDUAL: TaxStatus.TAXABLE,
    Registration.JOINT: TaxStatus.TAXABLE,
    Registration.TRUST: TaxStatus.TAXABLE,
    Registration.IRA: TaxStatus.DEFERRED,
    Registration.PLAN_401K: TaxStatus.DEFERRED,
    Registration.ROTH_IRA: TaxStatus.EXEMPT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is opened with. `tax_status` follows from the registration unless it is named."""

    name: str
    external_ref: str
    custodian: str
    number: str
    registration: Registration
    owners: tuple[Person, ...] = ()
    tax_status: TaxStatus | None = None
    risk_profile: RiskProfile | None = None
    is_discretionary: bool = True
    is_held_away: bool = False
    fee_bps: Decimal = Decimal(0)
    opened_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTaxSituation:
    """
    The rates and carried amounts of a return for one calendar year; fractions and positive dollars.

    `state_short_frac` and `state_offset_frac` None: short-term gains and losses against income count as ordinary.
    """

    year: int
    federal_ordinary_frac: Decimal
    federal_long_frac: Decimal
    niit_frac: Decimal = Decimal(0)
    state_ordinary_frac: Decimal = Decimal(0)
    state_long_frac: Decimal = Decimal(0)
    ordinary_offset_usd: Decimal = Decimal(3000)
    carryforward_short_usd: Decimal = Decimal(0)
    carryforward_long_usd: Decimal = Decimal(0)
    outside_short_usd: Decimal = Decimal(0)
    outside_long_usd: Decimal = Decimal(0)
    distributions_usd: Decimal = Decimal(0)
    later_rate_frac: Decimal = Decimal(0)
    later_discount_frac: Decimal = Decimal(0)
    stated_as: StatedAs = StatedAs.RATES
    filing_status: str = ""
    state: str = ""
    ordinary_income_usd: Decimal | None = None
    preferred_income_usd: Decimal = Decimal(0)
    modified_income_usd: Decimal | None = None
    table_year: int | None = None
    is_state_stated: bool = False
    state_short_frac: Decimal | None = None
    state_offset_frac: Decimal | None = None
    origin: Origin = Origin.PERSON
    is_provisional: bool = False
    reason: str = ""


@transaction.atomic
def create_household(
    firm: Firm, *, advisor: Membership, name: str, external_ref: str, actor: User | None, now: datetime
) -> Household:
    """
    Create a household in an advisor's book.

    :raises Conflict: the reference is taken in this firm
    :raises Invalid: the member is no advisor of the firm, or has no office
    """
    if advisor.firm_id != firm.pk or advisor.role != Role.ADVISOR or advisor.office is None:
        raise Invalid("A household belongs to an advisor of the firm who has an office.")
    if Household.objects.filter(firm=firm, external_ref=external_ref).exists():
        raise Conflict(f"There is already a household with the reference {external_ref}.")
    household = Household.objects.create(
        firm=firm, office=advisor.office, advisor=advisor, name=name, external_ref=external_ref
    )
    audit.record(
        "household.created",
        actor=actor,
        subject=household,
        firm_id=firm.pk,
        household_id=household.pk,
        data={"external_ref": external_ref, "advisor_id": advisor.pk},
        now=now,
    )
    return household


@transaction.atomic
def add_person(
    household: Household,
    *,
    full_name: str,
    born_on: date | None = None,
    tax_id: str = "",
    actor: User | None,
    now: datetime,
) -> Person:
    """Add a member of a household; of the tax id only a keyed hash is kept."""
    person = Person.objects.create(
        household=household,
        full_name=full_name,
        born_on=born_on,
        tax_id_hash=vault.keyed_hash(tax_id) if tax_id else "",
    )
    audit.record(
        "person.added", actor=actor, subject=person, firm_id=household.firm_id, household_id=household.pk, now=now
    )
    return person


@transaction.atomic
def create_tax_household(
    household: Household, *, name: str, confirmed_by: User | None, actor: User | None, now: datetime
) -> TaxHousehold:
    """Create the set of accounts whose trades count together for wash sales; unconfirmed without a person."""
    made = TaxHousehold.objects.create(
        firm=household.firm,
        household=household,
        name=name,
        confirmed_by=confirmed_by,
        confirmed_at=now if confirmed_by else None,
    )
    audit.record(
        "tax_household.created",
        actor=actor,
        subject=made,
        firm_id=household.firm_id,
        household_id=household.pk,
        data={"confirmed_by": confirmed_by.pk if confirmed_by else None},
        now=now,
    )
    return made


@transaction.atomic
def create_tax_return(
    tax_household: TaxHousehold,
    *,
    name: str,
    filing_status: FilingStatus,
    state: str,
    actor: User | None,
    now: datetime,
) -> TaxReturn:
    """Create a return: gains and losses of its taxable accounts net together."""
    made = TaxReturn.objects.create(tax_household=tax_household, name=name, filing_status=filing_status, state=state)
    audit.record(
        "tax_return.created",
        actor=actor,
        subject=made,
        firm_id=tax_household.firm_id,
        household_id=tax_household.household_id,
        data={"filing_status": filing_status, "state": state},
        now=now,
    )
    return made


@transaction.atomic
def state_tax_situation(
    tax_return: TaxReturn, new: NewTaxSituation, *, actor: User | None, now: datetime
) -> TaxSituation:
    """
    Add what a return's taxes are for a year; the newest row counts, the others are its history.

    :raises Invalid: a rate is no fraction, a carryforward is negative, or losses would save more than gains cost
    """
    faults = faults_of_situation(new)
    if faults:
        raise Invalid(faults[0], faults=tuple(faults))
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    situation = TaxSituation.objects.create(tax_return=tax_return, set_by=actor, set_at=now, **values)
    household = tax_return.tax_household
    audit.record(
        "tax_situation.stated",
        actor=actor,
        subject=situation,
        firm_id=household.firm_id,
        household_id=household.household_id,
        data={name: value for name, value in values.items() if name != "reason"} | {"tax_return_id": tax_return.pk},
        reason=new.reason,
        now=now,
    )
    return situation


def faults_of_situation(new: NewTaxSituation) -> list[str]:
    """List what of a situation cannot be."""
    state_short = new.state_ordinary_frac if new.state_short_frac is None else new.state_short_frac
    state_offset = new.state_ordinary_frac if new.state_offset_frac is None else new.state_offset_frac
    rates = {
        "federal ordinary rate": new.federal_ordinary_frac,
        "federal long-term rate": new.federal_long_frac,
        "net investment income tax": new.niit_frac,
        "state ordinary rate": new.state_ordinary_frac,
        "state short-term rate": state_short,
        "state long-term rate": new.state_long_frac,
        "later rate": new.later_rate_frac,
        "discount of the later rate": new.later_discount_frac,
    }
    odd = {name: rate for name, rate in rates.items() if not 0 <= rate <= 1}
    faults = [f"The {name} is {rate}; it must be between 0 and 1." for name, rate in odd.items()]
    if min(new.carryforward_short_usd, new.carryforward_long_usd, new.ordinary_offset_usd) < 0:
        faults.append("Carryforwards and the ordinary offset are written as positive amounts.")
    if min(new.distributions_usd, new.preferred_income_usd, new.ordinary_income_usd or 0) < 0:
        faults.append("Incomes and capital gain distributions are not negative.")
    if state_offset > state_short + new.niit_frac:
        faults.append("A loss against ordinary income cannot save more than a short-term gain costs.")
    return faults


@transaction.atomic
def open_account(
    household: Household,
    new: NewAccount,
    *,
    tax_household: TaxHousehold,
    tax_return: TaxReturn | None,
    actor: User | None,
    now: datetime,
) -> Account:
    """
    Make an account known: its number is encrypted and matched by keyed hash from now on.

    :raises Conflict: the number is known at this custodian, or the reference is taken
    :raises Invalid: a taxable account that is managed here names no tax return
    """
    status = new.tax_status or TAX_STATUS_OF.get(new.registration)
    if status is None:
        raise Invalid(f"{new.name}: say how a registration of the kind {new.registration} is taxed.")
    if status is TaxStatus.TAXABLE and tax_return is None and not new.is_held_away:
        raise Invalid(f"{new.name} is taxable and names no tax return.")
    number_hash = vault.hash_number(new.number)
    _check_unknown(household.firm, new, number_hash)
    account = Account.objects.create(
        firm=household.firm,
        household=household,
        tax_household=tax_household,
        tax_return=tax_return if status is TaxStatus.TAXABLE else None,
        name=new.name,
        external_ref=new.external_ref,
        custodian=new.custodian,
        number_encrypted=vault.encrypt_text(new.number),
        number_hash=number_hash,
        number_last4=vault.last4(new.number),
        registration=new.registration,
        tax_status=status,
        is_discretionary=new.is_discretionary,
        is_held_away=new.is_held_away,
        risk_profile=new.risk_profile,
        fee_bps=new.fee_bps,
        opened_on=new.opened_on,
    )
    account.owners.set(new.owners)
    CashBalance.objects.create(account=account)
    audit.record(
        "account.opened",
        actor=actor,
        subject=account,
        firm_id=household.firm_id,
        household_id=household.pk,
        data={"custodian": new.custodian, "registration": new.registration, "tax_status": status},
        now=now,
    )
    return account


def _check_unknown(firm: Firm, new: NewAccount, number_hash: str) -> None:
    known = Account.objects.filter(firm=firm)
    if known.filter(custodian=new.custodian, number_hash=number_hash).exists():
        raise Conflict(f"An account ending in {vault.last4(new.number)} is already known at {new.custodian}.")
    if known.filter(external_ref=new.external_ref).exists():
        raise Conflict(f"There is already an account with the reference {new.external_ref}.")
