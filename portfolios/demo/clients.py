"""Make the demo's households: people, tax households, returns, accounts and their holds by a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from advisors.models import Role
from portfolios.demo.people import DemoFirm
from portfolios.demo.specs import AccountSpec, HouseholdSpec, PersonSpec
from portfolios.demo.trading_days import BUSINESS_DATE
from portfolios.models.guidance import RiskProfile
from portfolios.models.households import (
    Account,
    FilingStatus,
    HoldKind,
    Household,
    Person,
    Registration,
    TaxHousehold,
    TaxReturn,
)
from portfolios.services import holds, households


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One household and its accounts by reference."""

    spec: HouseholdSpec
    is_new: bool
    household: Household
    accounts: Mapping[str, Account]


@transaction.atomic
def make_client(demo: DemoFirm, spec: HouseholdSpec, *, now: datetime) -> Client:
    """Make one household with everything that hangs on it, or find it."""
    known = Household.objects.filter(firm=demo.firm, external_ref=spec.ref).first()
    if known is not None:
        found = {account.external_ref: account for account in Account.objects.filter(household=known)}
        return Client(spec=spec, is_new=False, household=known, accounts=found)
    advisor = demo.members[spec.advisor]
    operations = demo.with_role(Role.OPERATIONS).user
    household = households.create_household(
        demo.firm, advisor=advisor, name=spec.name, external_ref=spec.ref, actor=operations, now=now
    )
    people = tuple(_make_person(household, person, demo=demo, now=now) for person in spec.people)
    tax_household = households.create_tax_household(
        household, name=f"{spec.name} tax household", confirmed_by=advisor.user, actor=advisor.user, now=now
    )
    tax_return = _make_return(tax_household, spec, demo=demo, now=now)
    accounts = {
        account.ref: households.open_account(
            household,
            _new_account(account, people, demo=demo),
            tax_household=tax_household,
            tax_return=None if account.is_held_away else tax_return,
            actor=operations,
            now=now,
        )
        for account in spec.accounts
    }
    return Client(spec=spec, is_new=True, household=household, accounts=accounts)


def place_manual_holds(demo: DemoFirm, client: Client, *, now: datetime) -> None:
    """Hold the accounts that a person holds."""
    for account in client.spec.accounts:
        if account.manual_hold:
            holds.place_hold(
                client.accounts[account.ref],
                kind=HoldKind.MANUAL,
                reason=account.manual_hold,
                actor=demo.with_role(Role.OPERATIONS).user,
                now=now,
            )


def _make_person(household: Household, person: PersonSpec, *, demo: DemoFirm, now: datetime) -> Person:
    return households.add_person(
        household,
        full_name=person.name,
        born_on=person.born_on,
        actor=demo.with_role(Role.OPERATIONS).user,
        now=now,
    )


def _make_return(tax_household: TaxHousehold, spec: HouseholdSpec, *, demo: DemoFirm, now: datetime) -> TaxReturn:
    actor = demo.members[spec.advisor].user
    tax_return = households.create_tax_return(
        tax_household,
        name=f"{spec.name} {BUSINESS_DATE.year}",
        filing_status=FilingStatus(spec.tax.filing_status),
        state=spec.tax.state,
        actor=actor,
        now=now,
    )
    situation = households.NewTaxSituation(
        year=BUSINESS_DATE.year,
        federal_ordinary_frac=spec.tax.federal_ordinary_frac,
        federal_long_frac=spec.tax.federal_long_frac,
        niit_frac=spec.tax.niit_frac,
        state_ordinary_frac=spec.tax.state_frac,
        state_long_frac=spec.tax.state_frac,
        carryforward_short_usd=spec.tax.carryforward_short_usd,
        carryforward_long_usd=spec.tax.carryforward_long_usd,
        outside_short_usd=spec.tax.outside_short_usd,
        outside_long_usd=spec.tax.outside_long_usd,
        reason="From the return of the year before",
    )
    households.state_tax_situation(tax_return, situation, actor=actor, now=now)
    return tax_return


def _new_account(account: AccountSpec, people: tuple[Person, ...], *, demo: DemoFirm) -> households.NewAccount:
    profile = RiskProfile.objects.get(firm=demo.firm, key=account.profile)
    return households.NewAccount(
        name=account.name,
        external_ref=account.ref,
        custodian=account.custodian,
        number=account.number,
        registration=Registration(account.registration),
        owners=tuple(people[place] for place in account.owners),
        risk_profile=profile,
        is_discretionary=account.is_discretionary,
        is_held_away=account.is_held_away,
        fee_bps=account.fee_bps,
        opened_on=account.opened_on,
    )
