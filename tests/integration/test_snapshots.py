"""From the database to cases: what goes in, what stays out and why, and how many queries it takes."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisors.models import User
from portfolios.models.households import Account, AccountHold
from portfolios.models.market import Price
from portfolios.models.preferences import CashNeed, Preference, Restriction
from rebalancing.engine.case import parse_case, split_case
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import CASH
from rebalancing.snapshots.taking import take_cases
from tests.factories import (
    BUSINESS_ON,
    NOW,
    RiskProfileVersionFactory,
    RiskProfileWeightFactory,
    UserFactory,
)
from tests.firms import Desk, open_desk, sound, taken
from tests.house_views import add_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def clerk() -> User:
    made: User = UserFactory.create()
    return made


def restrict(account: Account, clerk: User, **fields: Any) -> None:
    Restriction.objects.create(firm=account.firm, level="account", account=account, set_at=NOW, set_by=clerk, **fields)


def prefer(account: Account, clerk: User, key: str, value: object) -> None:
    Preference.objects.create(
        firm=account.firm, level="account", account=account, key=key, value=value, set_at=NOW, set_by=clerk
    )


def test_target_is_the_profile_looked_through_its_products(desk: Desk) -> None:
    case = sound(desk, desk.account("VTI 40 @ 200 2024-03-01"))

    assert case.accounts[0].target == {"VTI": 0.58, "BND": 0.4, CASH: 0.02}
    assert case.accounts[0].class_limits["us_large"] == (0.48, 0.68)


def change_profile(desk: Desk, on: date) -> None:
    """Put 10 % more into bonds from a day on."""
    version = RiskProfileVersionFactory.create(risk_profile=desk.profile, number=2, effective_on=on)
    for key, weight in (("us_large", "0.48"), ("bonds", "0.50"), ("cash", "0.02")):
        RiskProfileWeightFactory.create(
            version=version,
            asset_class=desk.classes[key],
            weight_frac=Decimal(weight),
            min_frac=Decimal(0),
            max_frac=Decimal(1),
        )


def test_a_change_of_the_house_view_is_told_beside_the_target_for_a_month(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    change_profile(desk, BUSINESS_ON - timedelta(days=29))

    case = sound(desk, account)

    assert case.accounts[0].target == {"VTI": 0.48, "BND": 0.5, CASH: 0.02}
    assert case.context.previous_targets == {account.external_ref: {"VTI": 0.58, "BND": 0.4, CASH: 0.02}}


def test_a_trade_that_follows_a_change_of_the_house_view_says_so(desk: Desk) -> None:
    account = desk.account("VTI 116 @ 240 2024-03-01; BND 266 @ 75 2024-03-01")
    change_profile(desk, BUSINESS_ON)

    outcome = rebalance(sound(desk, account), fallback=solve_convex)

    (bought,) = [trade for trade in outcome.accounts[0].trades if trade.side == "buy"]
    assert bought.reasons[0] == "model_change"
    assert "Follows the target, which went from 40.00 % to 50.00 %" in bought.why


@pytest.mark.parametrize("days_ago", [31, None])
def test_what_changed_long_ago_or_never_is_no_news(desk: Desk, days_ago: int | None) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    if days_ago is not None:
        change_profile(desk, BUSINESS_ON - timedelta(days=days_ago))

    assert sound(desk, account).context.previous_targets == {}


def test_product_for_the_tax_status_comes_before_the_one_for_all(desk: Desk) -> None:
    add_product(
        desk.firm, asset_class=desk.classes["us_large"], tax_status="deferred", security=desk.securities["ITOT"]
    )

    case = sound(desk, desk.account("VTI 40 @ 200 2024-03-01", registration="ira", tax_status="deferred"))

    assert case.accounts[0].target["ITOT"] == 0.58
    assert case.accounts[0].tax is None
    assert "VTI" not in case.accounts[0].target


def test_product_with_a_minimum_is_used_from_that_value_on(desk: Desk) -> None:
    add_product(
        desk.firm,
        asset_class=desk.classes["us_large"],
        min_account_usd=Decimal(50_000),
        security=desk.securities["ITOT"],
    )

    small = sound(desk, desk.account("VTI 100 @ 200 2024-03-01"))
    large = sound(desk, desk.account("VTI 200 @ 200 2024-03-01"))

    assert "ITOT" not in small.accounts[0].target
    assert large.accounts[0].target["ITOT"] == 0.58


def test_only_approved_products_and_substitutes_may_be_bought(desk: Desk) -> None:
    case = sound(desk, desk.account("AAPL 5 @ 100 2024-03-01"))

    assert {security.id: security.buyable for security in case.securities} == {
        "AAPL": False,
        "BND": True,
        "ITOT": True,
        "VTI": True,
    }


def test_unknown_basis_stays_unknown(desk: Desk) -> None:
    case = sound(desk, desk.account("VTI 40 @ ? 2024-03-01"))

    assert case.accounts[0].lots[0].cost is None


def test_rates_are_federal_state_and_net_investment_income_tax_together(desk: Desk) -> None:
    tax = sound(desk, desk.account("VTI 40 @ 200 2024-03-01")).accounts[0].tax

    assert tax is not None
    assert tax.short_rate == pytest.approx(0.458)
    assert tax.long_rate == pytest.approx(0.288)
    assert tax.ordinary_rate == pytest.approx(0.42)


def test_budget_is_prorated_by_the_quarters_that_have_begun(desk: Desk, clerk: User) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    prefer(account, clerk, "tax.budget_usd", "8000")
    prefer(account, clerk, "tax.budget_prorated", "month")

    tax = sound(desk, account).accounts[0].tax

    assert tax is not None
    assert tax.budget_tax == Decimal("7333.33")


def test_restrictions_of_firm_and_account_reach_the_case(desk: Desk, clerk: User) -> None:
    account = desk.account("AAPL 5 @ 100 2024-03-01")
    restrict(account, clerk, verb="never_own", subject_kind="sector", subject="Energy", disposal="within_budget")
    Restriction.objects.create(
        firm=desk.firm, level="firm", verb="never_buy", subject_kind="security", subject="VTI", set_at=NOW, set_by=clerk
    )

    rules = [constraint.rule for constraint in sound(desk, account).accounts[0].constraints]

    assert rules == ["never_buy security VTI", "never_own sector Energy"]


def test_withdrawal_is_raised_within_its_lead_and_not_before(desk: Desk, clerk: User) -> None:
    account = desk.account("VTI 400 @ 200 2024-03-01")
    for amount, due_in in (("3000", 4), ("5000", 6), ("900", -1)):
        CashNeed.objects.create(
            firm=desk.firm,
            level="account",
            account=account,
            amount_usd=Decimal(amount),
            due_on=BUSINESS_ON + timedelta(days=due_in),
            lead_days=5,
            set_at=NOW,
            set_by=clerk,
        )

    assert sound(desk, account).accounts[0].cash_needs.raise_ == Decimal(3000)


def test_monthly_withdrawal_comes_again_on_the_last_day_of_a_shorter_month(desk: Desk, clerk: User) -> None:
    account = desk.account("VTI 400 @ 200 2024-03-01")
    CashNeed.objects.create(
        firm=desk.firm,
        level="account",
        account=account,
        amount_usd=Decimal(1500),
        due_on=date(2026, 8, 31),
        period="monthly",
        lead_days=20,
        set_at=NOW,
        set_by=clerk,
    )

    assert sound(desk, account).accounts[0].cash_needs.raise_ == Decimal(1500)


def test_held_account_stays_out_and_says_why(desk: Desk) -> None:
    good = desk.account("VTI 40 @ 200 2024-03-01")
    bad = desk.account("VTI 40 @ 200 2024-03-01", tax_household=good.tax_household)
    AccountHold.objects.create(account=bad, kind="manual", reason="The estate is in probate.", placed_at=NOW)
    AccountHold.objects.create(account=good, kind="manual", reason="Over.", placed_at=NOW, lifted_at=NOW)

    one = taken(desk, good, bad)

    assert one.held == {bad.pk: "The estate is in probate."}
    assert one.accounts == (good,)


def test_account_without_price_fails_alone(desk: Desk) -> None:
    good = desk.account("VTI 40 @ 200 2024-03-01")
    bad = desk.account("AAPL 5 @ 100 2024-03-01", tax_household=good.tax_household)
    Price.objects.filter(security=desk.securities["AAPL"]).update(priced_on=BUSINESS_ON - timedelta(days=4))

    one = taken(desk, good, bad)

    assert one.accounts == (good,)
    assert one.failed == {bad.pk: "AAPL has no price of 2026-11-12; its last price is of 2026-11-08."}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"risk_profile": None}, "The account has no risk profile. Choose one on its page."),
        ({"cash": "0"}, "The account holds nothing that could be traded."),
        ({"cash": "-60"}, "The account holds nothing that could be traded."),
    ],
)
def test_account_that_cannot_be_analysed_fails_with_a_sentence(
    desk: Desk, fields: dict[str, Any], sentence: str
) -> None:
    account = desk.account("", **fields)

    assert taken(desk, account).failed == {account.pk: sentence}


def test_return_without_rates_fails_its_accounts(desk: Desk) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    assert account.tax_return is not None
    account.tax_return.situations.all().delete()

    (sentence,) = taken(desk, account).failed.values()

    assert sentence == "The tax return has no rates for 2026. Enter them on the household's page."


def test_case_that_the_engine_would_refuse_loses_only_the_account_at_fault(desk: Desk) -> None:
    good = desk.account("VTI 40 @ 200 2024-03-01")
    bad = desk.account("VTI 40 @ 200 2027-03-01", tax_household=good.tax_household)

    one = taken(desk, good, bad)

    assert one.accounts == (good,)
    assert "must not be after as_of" in one.failed[bad.pk]


def test_stored_form_reads_back_as_the_same_case(desk: Desk) -> None:
    case = sound(desk, desk.account("VTI 40 @ 200.123456 2024-03-01; AAPL 0.5 @ ? 2025-01-02"))

    split = split_case(case)

    assert split_case(parse_case(split.case_json, resolve=split.blobs.__getitem__)) == split


def test_number_of_queries_does_not_grow_with_the_accounts(desk: Desk) -> None:
    first = desk.account("VTI 40 @ 200 2024-03-01")
    with CaptureQueriesContext(
        connection,
    ) as one:
        take_cases(desk.firm.pk, account_ids=[first.pk], as_of=BUSINESS_ON)
    ids = [first.pk, *(desk.account("VTI 4 @ 200 2024-03-01; BND 3 @ 70 2025-01-02").pk for _ in range(6))]

    with CaptureQueriesContext(connection) as many:
        take_cases(desk.firm.pk, account_ids=ids, as_of=BUSINESS_ON)

    assert len(many) == len(one)
    assert len(one) < 45


def test_account_may_keep_but_not_buy_what_only_its_neighbour_is_approved_for(desk: Desk) -> None:
    add_product(
        desk.firm, asset_class=desk.classes["us_large"], tax_status="deferred", security=desk.securities["AAPL"]
    )
    mine = desk.account("VTI 40 @ 200 2024-03-01")
    ira = desk.account(
        "VTI 40 @ 200 2024-03-01", tax_household=mine.tax_household, registration="ira", tax_status="deferred"
    )

    case = sound(desk, mine, ira)

    barred = {account.id: {one.use for one in account.substitutes if one.hold_only} for account in case.accounts}
    assert barred == {mine.external_ref: {"AAPL"}, ira.external_ref: {"VTI", "ITOT"}}
    assert {one.id for one in case.securities if one.buyable} == {"AAPL", "BND", "ITOT", "VTI"}
