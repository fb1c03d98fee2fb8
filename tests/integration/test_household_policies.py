"""How a household's accounts are run together: what is said, what the engine gets, and what comes out."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Role
from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import Account, Household, HouseholdMode
from portfolios.selectors.preferences import preferences_changed_at
from portfolios.services.household_policies import NewHouseholdPolicy, set_household_policy
from rebalancing.engine import types as wire
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.snapshots.taking import take_cases
from tests.conftest import Persona, sign_in
from tests.factories import BUSINESS_ON, NOW, HouseholdFactory, RiskProfileFactory, TaxHouseholdFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
NO_BONDS_IN_TAXABLE = (("taxable", "bonds"),)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def advisor(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.ADVISOR, full_name="Ada Advisor"))


@pytest.fixture
def accounts(desk: Desk, advisor: Persona) -> list[Account]:
    """A taxable account and an IRA of one household, both in cash."""
    home = TaxHouseholdFactory.create(household=HouseholdFactory.create(firm=desk.firm, advisor=advisor.membership))
    return [
        desk.account("VTI 1 @ 200 2024-03-01", tax_household=home, cash="50000"),
        desk.account("", tax_household=home, cash="50000", tax_status="deferred", registration="ira"),
    ]


def say(by: Persona, household: Household, desk: Desk, mode: HouseholdMode, **more: Any) -> HouseholdPolicy:
    last = HouseholdPolicy.objects.filter(household=household).order_by("set_at", "pk").last()
    fields = {"risk_profile_id": desk.profile.pk, **more}
    return set_household_policy(
        by.membership,
        household.pk,
        new=NewHouseholdPolicy(mode=mode, **fields),
        seen_id=last.pk if last else None,
        reason="Agreed with both",
        now=NOW,
    )


def case_of(desk: Desk, accounts: list[Account]) -> wire.Case:
    (taken,) = take_cases(desk.firm.pk, account_ids=[one.pk for one in accounts], as_of=BUSINESS_ON)
    assert taken.case is not None, taken.failed
    return taken.case


def test_a_unified_household_follows_one_target_after_tax(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    assert case_of(desk, accounts).household is None
    said = {"tracking_preference": 8, "transfer_cost_bps": Decimal(5)}
    say(advisor, accounts[0].household, desk, HouseholdMode.UNIFIED, **said)

    case = case_of(desk, accounts)

    assert case.household is not None
    assert case.household.mode == "unified"
    assert case.household.target == {"VTI": 0.58, "BND": 0.4, "CASH": 0.02}
    assert case.household.class_limits["bonds"] == (0.3, 0.5)
    assert (case.household.tracking_preference, case.household.transfer_cost_bps) == (8, 5.0)
    taxable, ira = case.accounts
    assert taxable.tax is not None
    assert (taxable.after_tax_weight, ira.after_tax_weight) == (1.0, pytest.approx(1 - taxable.tax.ordinary_rate))


def test_what_is_vetoed_in_taxable_accounts_is_bought_in_the_other(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    say(advisor, accounts[0].household, desk, HouseholdMode.UNIFIED, vetoes=NO_BONDS_IN_TAXABLE)
    case = case_of(desk, accounts)

    outcome = rebalance(case, fallback=solve_convex)

    bought = {one.id: {trade.security for trade in one.trades if trade.side == "buy"} for one in outcome.accounts}
    taxable, ira = (account.external_ref for account in accounts)
    assert "BND" not in bought[taxable]
    assert "BND" in bought[ira]
    assert not [check for one in outcome.accounts for check in one.checks if check.verdict == "fail"]


def test_a_guardrail_keeps_own_targets_and_has_the_limits_of_the_profile(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    say(advisor, accounts[0].household, desk, HouseholdMode.GUARDRAIL)

    case = case_of(desk, accounts)

    assert case.household is not None
    assert (case.household.mode, case.household.target) == ("guardrail", {})
    assert case.household.class_limits["us_large"] == (0.48, 0.68)
    assert case.accounts[0].target["VTI"] == 0.58


def test_what_was_said_is_kept_and_stales_what_was_proposed(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    household = accounts[0].household
    say(advisor, household, desk, HouseholdMode.UNIFIED)
    say(advisor, household, desk, HouseholdMode.INDEPENDENT)

    household.refresh_from_db()
    assert household.mode == HouseholdMode.INDEPENDENT
    assert HouseholdPolicy.objects.count() == 2
    assert preferences_changed_at([accounts[1].pk]) == {accounts[1].pk: NOW}
    event = AuditEvent.objects.filter(action="household.policy_set").order_by("pk").last()
    assert event is not None
    assert (event.data["old_mode"], event.data["mode"]) == ("unified", "independent")


def test_what_cannot_be_followed_is_refused(
    desk: Desk, advisor: Persona, accounts: list[Account], foreigner: Persona
) -> None:
    household = accounts[0].household
    empty = RiskProfileFactory.create(firm=desk.firm).pk
    reviewer = sign_in(member_of(desk.firm, Role.REVIEWER))
    with pytest.raises(Invalid, match="need a risk profile in force"):
        say(advisor, household, desk, HouseholdMode.UNIFIED, risk_profile_id=None)
    with pytest.raises(Invalid, match="need a risk profile in force"):
        say(advisor, household, desk, HouseholdMode.UNIFIED, risk_profile_id=empty)
    with pytest.raises(Invalid, match="no class moon"):
        say(advisor, household, desk, HouseholdMode.UNIFIED, vetoes=(("taxable", "moon"),))
    with pytest.raises(Invalid, match="between 1 and 10"):
        say(advisor, household, desk, HouseholdMode.UNIFIED, tracking_preference=11)
    with pytest.raises(NotPermitted):
        say(reviewer, household, desk, HouseholdMode.UNIFIED)
    with pytest.raises(NotFound):
        say(foreigner, household, desk, HouseholdMode.UNIFIED)
    assert not HouseholdPolicy.objects.exists()


def test_the_page_saves_and_tells_a_late_form(desk: Desk, advisor: Persona, accounts: list[Account]) -> None:
    household = accounts[0].household
    page = reverse("portfolios:household_policy", args=[household.pk])
    change = reverse("portfolios:change_household_policy", args=[household.pk])
    fields = {
        "mode": "unified",
        "profile": desk.profile.pk,
        "tracking_preference": "7",
        "transfer_cost_bps": "3",
        "vetoes": ["taxable:bonds"],
        "reason": "Agreed",
        "seen": "",
    }
    assert reverse("accounts:household", args=[household.pk]) in advisor.client.get(page).content.decode()

    assert advisor.client.post(change, fields | {"tracking_preference": "77"}).status_code == 422
    assert advisor.client.post(change, fields | {"profile": ""}).status_code == 422
    assert advisor.client.post(change, fields).status_code == 303
    words = " ".join(strip_tags(advisor.client.get(page).content.decode().replace("<", " <")).split())
    assert "no Bonds in taxable accounts" in words
    late = advisor.client.post(change, fields)
    assert late.status_code == 409
    with pytest.raises(Conflict, match="Ada Advisor changed"):
        set_household_policy(
            advisor.membership,
            household.pk,
            new=NewHouseholdPolicy(mode=HouseholdMode.INDEPENDENT),
            seen_id=None,
            reason="x",
            now=NOW,
        )


def test_a_profile_that_is_gone_leaves_the_household_out_with_the_reason(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    made = say(advisor, accounts[0].household, desk, HouseholdMode.UNIFIED)
    HouseholdPolicy.objects.filter(pk=made.pk).update(risk_profile=RiskProfileFactory.create(firm=desk.firm))

    (taken,) = take_cases(desk.firm.pk, account_ids=[one.pk for one in accounts], as_of=BUSINESS_ON)

    assert taken.case is None
    assert set(taken.failed.values()) == {"The risk profile of the account has no approved version in force."}
