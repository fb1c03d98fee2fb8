"""The pages Ledger, Wash sales and Tax policies, and the forms behind them."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from portfolios.ledger.types import EventKind
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, Lot, OutsideTrade, RealizedGain, TaxPolicyVersion
from portfolios.models.securities import Security
from portfolios.services.household_replays import replay_by_policy
from tests.books import NOW, know_securities, open_account
from tests.conftest import Persona
from tests.factories import TaxSituationFactory
from tests.integration.test_replays import buy, post, sell, sibling
from tests.ledgers import assert_ledger_is_whole

pytestmark = pytest.mark.django_db
D = Decimal
OCTOBER = date(2026, 10, 12)


@pytest.fixture
def account(operations: Persona) -> Account:
    know_securities(operations.firm)
    account = open_account(operations.firm)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "50", "6000", date(2026, 10, 20)))
    return account


def _page(who: Persona, name: str, pk: int, **query: str) -> str:
    answer = who.client.get(reverse(name, args=[pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_ledger_tells_what_each_event_did(account: Account, reviewer: Persona) -> None:
    html = _page(reviewer, "ledger:ledger", account.pk)

    assert "lot B1, basis $15,000.00, acquired 2025-06-02" in html
    assert "50 of lot B1 of Jun 2, 2025: long-term loss of $1,500.00" in html
    assert "Record by hand" not in html
    assert "/correct/" not in html


def test_the_ledger_is_searched_by_security_and_day(account: Account, reviewer: Persona) -> None:
    post(account, buy("K1", "10", "600", date(2026, 1, 5), symbol="KO"))

    html = _page(reviewer, "ledger:ledger", account.pk, security="KO", starts_on="2026-01-01", ends_on="2026-02-01")

    assert "lot K1" in html
    assert "lot B1" not in html


def test_a_cancellation_is_shown_before_it_is_made_and_struck_through_after(
    account: Account, operations: Persona
) -> None:
    row = LedgerEvent.objects.get(account=account, kind="sell")
    address = reverse("ledger:cancel", args=[row.pk])
    assert "Show what changes" in operations.client.get(address).content.decode()
    said = {"reason": "Never sold", "ref": "m:abc"}

    shown = operations.client.post(address, said | {"step": "look"})

    html = shown.content.decode()
    assert shown.status_code == 200
    assert "Make this change" in html
    assert LedgerEvent.objects.filter(account=account).count() == 2

    made = operations.client.post(address, said | {"step": "make"}, follow=True)

    html = made.content.decode()
    assert "Cancelled by no. 3" in html
    assert 'class="struck"' in html
    assert "An earlier event is corrected" in html
    assert not RealizedGain.objects.exists()
    assert_ledger_is_whole(account.firm_id)


def test_a_correction_begins_with_what_stands(account: Account, operations: Persona) -> None:
    row = LedgerEvent.objects.get(account=account, kind="sell")
    address = reverse("ledger:correct", args=[row.pk])
    html = operations.client.get(address).content.decode()
    assert 'value="6000"' in html

    fields = {
        "kind": "sale", "on": "2026-10-20", "security": "aapl", "units": "40", "amount_usd": "4,800.00",
        "lots": "B1 40", "reason": "The confirmation", "ref": "m:abc", "step": "make",
    }  # fmt: skip
    answer = operations.client.post(address, fields)

    assert answer.status_code == 303
    assert RealizedGain.objects.get().units == D(40)


def test_a_refused_correction_keeps_what_was_typed(account: Account, operations: Persona) -> None:
    row = LedgerEvent.objects.get(account=account, kind="sell")
    fields = {
        "kind": "sale", "on": "2026-10-20", "security": "AAPL", "units": "400", "amount_usd": "4800",
        "reason": "The confirmation", "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:correct", args=[row.pk]), fields)

    assert answer.status_code == 422
    assert "400 units are to be sold" in answer.content.decode()
    assert 'value="The confirmation"' in answer.content.decode()
    assert RealizedGain.objects.get().units == D(50)


def test_a_line_of_lots_that_cannot_be_read_is_named(account: Account, operations: Persona) -> None:
    fields = {"kind": "sale", "on": "2026-10-20", "lots": "B1 4\nB1", "reason": "x", "ref": "m:abc", "step": "make"}

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields)

    assert answer.status_code == 422
    assert "Line 2: write the lot" in answer.content.decode()


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        ({"on": "0001-01-01"}, "lies before 1970-01-01"),
        ({"units": "0.0000001"}, "Units are counted in steps of 0.000001"),
        ({"acquired_on": "0001-01-01"}, "lies before 1900-01-01"),
        ({"on": "2027-10-20"}, "lies after the firm&#x27;s business date"),
        ({"kind": "sale", "lots": "B1 0.0000001"}, "Line 1: units are counted in steps of 0.000001"),
        ({"kind": "sale", "method": "average_cost"}, "Average cost may be used for mutual funds, AAPL is none"),
        ({"kind": "transfer_out", "method": "max_loss"}, "has no price"),
    ],
)
def test_what_a_ledger_cannot_hold_is_named(
    account: Account, operations: Persona, slip: dict[str, str], told: str
) -> None:
    fields = {
        "kind": "purchase", "on": "2026-10-20", "security": "AAPL", "units": "4", "amount_usd": "480", "reason": "x",
        "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields | slip)

    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert LedgerEvent.objects.filter(account=account).count() == 2


@pytest.mark.parametrize("slip", [{"on": "0001-01-01"}, {"units": "0.0000001"}, {"on": "2027-10-25"}])
def test_a_trade_held_away_that_cannot_be_is_refused(
    account: Account, operations: Persona, slip: dict[str, str]
) -> None:
    away = sibling(account, "8812-4410", is_held_away=True, registration="ira", tax_status="deferred")
    fields = {"side": "buy", "on": "2026-10-25", "security": "AAPL", "units": "20", "reason": "told", "ref": "m:abc"}

    answer = operations.client.post(reverse("ledger:record", args=[away.pk]), fields | slip)

    assert answer.status_code == 422
    assert not OutsideTrade.objects.exists()


@pytest.mark.parametrize(
    ("method", "lot"),
    [("max_loss", "C2"), ("max_gain", "B1"), ("long_first", "B1"), ("min_tax", "C2")],
)
def test_a_sale_by_hand_takes_lots_by_its_method(account: Account, operations: Persona, method: str, lot: str) -> None:
    post(account, buy("C2", "10", "3000", date(2026, 7, 1)))
    assert account.tax_return is not None
    TaxSituationFactory(tax_return=account.tax_return)
    fields = {
        "kind": "sale", "on": "2026-10-22", "security": "AAPL", "units": "5", "amount_usd": "800", "method": method,
        "reason": "told", "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields)

    assert answer.status_code == 303
    gain = RealizedGain.objects.get(closed_on="2026-10-22")
    assert gain.lot_key == lot
    assert_ledger_is_whole(account.firm_id)


def test_a_sale_by_the_least_tax_keeps_a_loss_that_a_retirement_account_would_swallow(
    account: Account, operations: Persona
) -> None:
    post(account, buy("C2", "10", "3000", date(2026, 7, 1)))
    post(sibling(account, "8812-4410", registration="ira", tax_status="deferred"), buy("I1", "90", "14400", OCTOBER))
    assert account.tax_return is not None
    TaxSituationFactory(tax_return=account.tax_return)
    fields = {
        "kind": "sale", "on": "2026-10-22", "security": "AAPL", "units": "5", "amount_usd": "800", "method": "min_tax",
        "reason": "told", "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields)

    assert answer.status_code == 303
    assert RealizedGain.objects.get(closed_on="2026-10-22").lot_key == "B1"
    assert_ledger_is_whole(account.firm_id)


def test_a_sale_by_the_least_tax_needs_rates(account: Account, operations: Persona) -> None:
    fields = {
        "kind": "sale", "on": "2026-10-22", "security": "AAPL", "units": "5", "amount_usd": "800", "method": "min_tax",
        "reason": "told", "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields)

    assert answer.status_code == 422
    assert "state its tax situation first" in answer.content.decode()


def test_a_mutual_fund_is_sold_at_its_average_cost(account: Account, operations: Persona) -> None:
    Security.objects.filter(symbol="KO").update(kind="fund")
    post(account, buy("K1", "10", "600", date(2025, 1, 6), symbol="KO"))
    post(account, buy("K2", "10", "1000", date(2025, 2, 6), symbol="KO"))
    fields = {
        "kind": "sale", "on": "2026-10-22", "security": "KO", "units": "5", "amount_usd": "500",
        "method": "average_cost", "reason": "told", "ref": "m:abc", "step": "make",
    }  # fmt: skip

    answer = operations.client.post(reverse("ledger:record", args=[account.pk]), fields)

    assert answer.status_code == 303
    assert RealizedGain.objects.get(closed_on="2026-10-22").gain_usd == D(100)
    assert sorted(Lot.objects.filter(account=account, security__symbol="KO").values_list("units", "cost_usd")) == [
        (D(5), D(400)), (D(10), D(800))
    ]  # fmt: skip
    assert_ledger_is_whole(account.firm_id)


def test_a_trade_held_away_is_recorded_and_shown(account: Account, operations: Persona) -> None:
    away = sibling(account, "8812-4410", is_held_away=True, registration="ira", tax_status="deferred")
    address = reverse("ledger:record", args=[away.pk])
    assert "Record a trade held away" in operations.client.get(address).content.decode()

    fields = {"side": "buy", "on": "2026-10-25", "security": "AAPL", "units": "20", "reason": "told", "ref": "m:abc"}
    answer = operations.client.post(address, fields, follow=True)

    assert "Purchase" in answer.content.decode()
    assert OutsideTrade.objects.get().units == D(20)
    assert RealizedGain.objects.get().permanent_usd == D(600)


def test_the_wash_sale_page_says_until_when_a_loss_is_provisional_and_where_it_went(
    account: Account, reviewer: Persona
) -> None:
    ira = sibling(account, "8812-4409", registration="ira", tax_status="deferred")
    post(ira, buy("I1", "10", "1200", date(2026, 10, 28)))
    post(account, buy("B2", "20", "2500", date(2026, 11, 2)))

    html = " ".join(_page(reviewer, "ledger:wash_sales", account.household_id).split())

    assert "Provisional</span> until trades up to Nov 19, 2026 are known" in html
    assert "$300.00 is lost for good: 10 AAPL bought Oct 28, 2026" in html
    assert "$600.00 is in the basis of 20 AAPL bought Nov 2, 2026" in html
    assert "AAPL: safe to buy again in any of the accounts" in html
    assert "Nov 20, 2026" in html
    assert "do not buy" in html


def test_a_loss_that_is_wholly_washed_bars_nothing(account: Account, reviewer: Persona) -> None:
    post(account, buy("B2", "50", "6100", date(2026, 11, 2), kind=EventKind.REINVEST))

    html = _page(reviewer, "ledger:wash_sales", account.household_id)

    assert "Wholly washed" in html
    assert "safe to buy again" not in html
    assert "do not buy" not in html


def test_new_policies_replay_the_households_with_losses(
    account: Account, administrator: Persona, reviewer: Persona
) -> None:
    plan = sibling(account, "8812-4409", registration="401k", tax_status="deferred")
    post(plan, buy("I1", "10", "1200", date(2026, 10, 28)))
    assert RealizedGain.objects.get().permanent_usd == D(300)
    address = reverse("ledger:tax_policies")
    assert "Set these policies" not in reviewer.client.get(address).content.decode()
    assert reviewer.client.post(address, {"reason": "x"}).status_code == 403
    fields = {
        "same_acquisition_excluded": "on", "simultaneous_same_day_sales": "on", "earlier_acquired_lots_count": "on",
        "tacking": "ADD_DAYS", "spouse_in_scope": "on", "spouse_basis_adjustment": "on",
        "retirement_acquisitions_count": "on", "retirement_statuses": ["traditional_ira", "roth_ira"],
        "sublot_order": "HOLDING_DATE", "fraction_relief": "ACCOUNT_METHOD", "reason": "Counsel advised",
    }  # fmt: skip

    answer = administrator.client.post(address, fields, follow=True)

    html = answer.content.decode()
    assert "Counsel advised" in html
    version = TaxPolicyVersion.objects.order_by("pk").last()
    assert version is not None and version.values["retirement_statuses"] == ["traditional_ira", "roth_ira"]
    done = replay_by_policy(version.pk, now=NOW)
    gain = RealizedGain.objects.get()
    assert (done.household_count, done.refused_count) == (1, 0)
    assert (gain.permanent_usd, gain.policy) == (D(0), version)
    assert_ledger_is_whole(account.firm_id)


def test_policies_that_do_not_change_are_refused(administrator: Persona) -> None:
    page = administrator.client.get(reverse("ledger:tax_policies"))
    initial = {name: field.initial for name, field in page.context["form"].fields.items() if field.initial}

    answer = administrator.client.post(reverse("ledger:tax_policies"), initial | {"reason": "Just so"})

    assert answer.status_code == 422
    assert "Nothing was changed" in answer.content.decode()
