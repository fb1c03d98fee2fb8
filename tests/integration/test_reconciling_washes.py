"""Washes of the ledger beside custodians that see their own account alone (R-1.3.13); cash in lieu as it was paid."""

from decimal import Decimal

import pytest

from advisors.models import Firm, Role
from portfolios.models.households import Account
from portfolios.models.imports import ReconciledDay
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.models.market import ActionApplication, CorporateAction
from portfolios.services.corporate_actions.life import confirm
from portfolios.services.importing import import_custodian_file
from tests.books import NOW, cash_of, know_securities, open_account, units_of
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
D = Decimal
HEAD = "account,as_of,symbol,quantity,cost,acquired,lot\n"
ACTIVITY = "account,date,kind,symbol,quantity,amount,ref\n"


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm, "8812-4401")


def _import(firm: Firm, text: str) -> None:
    firm.refresh_from_db()
    import_custodian_file(firm, custodian="generic", name="file.csv", content=text.encode(), actor=None, now=NOW)


def _causes(account: Account, as_of: str) -> dict[str, str]:
    day = ReconciledDay.objects.get(account=account, as_of_on=as_of)
    return {line["security"]: line.get("cause", line["verdict"]) for line in day.explained}


def _sell_at_a_loss(firm: Firm) -> None:
    _import(firm, HEAD + "8812-4401,2026-11-09,AAPL,100,15000.00,2020-01-02,L-1\n")
    _import(firm, ACTIVITY + "8812-4401,2026-11-10,sell,AAPL,100,10000.00,T-1\n")


def test_a_wash_that_both_see_matches(firm: Firm, account: Account) -> None:
    _sell_at_a_loss(firm)
    _import(firm, ACTIVITY + "8812-4401,2026-11-11,buy,AAPL,100,-10100.00,T-2\n")

    _import(firm, HEAD + "8812-4401,2026-11-11,AAPL,100,15100.00,2026-11-11,\n")

    assert ReconciledDay.objects.get(account=account, as_of_on="2026-11-11").matched == ["AAPL"]
    assert not LedgerEvent.objects.filter(kind="adjust_lot").exists()


def test_a_loss_washed_from_another_account_is_explained_and_our_basis_stays(firm: Firm, account: Account) -> None:
    other = open_account(
        firm,
        "8812-4402",
        household=account.household,
        tax_household=account.tax_household,
        tax_return=account.tax_return,
    )
    _import(firm, HEAD + "8812-4402,2026-11-09,KO,10,500.00,2020-01-02,L-9\n")
    _sell_at_a_loss(firm)
    _import(firm, ACTIVITY + "8812-4402,2026-11-11,buy,AAPL,60,-6060.00,T-2\n")

    _import(
        firm,
        HEAD + "8812-4402,2026-11-11,KO,10,500.00,2020-01-02,L-9\n8812-4402,2026-11-11,AAPL,60,6060.00,2026-11-11,\n",
    )

    assert _causes(other, "2026-11-11") == {"AAPL": "wash_adjustment"}
    assert sum(lot.cost_usd or D(0) for lot in other.lots.filter(security__symbol="AAPL")) == D(9060)
    assert not LedgerEvent.objects.filter(kind="adjust_lot").exists()


def test_cash_in_lieu_as_paid_takes_the_place_of_our_estimate(firm: Firm, account: Account) -> None:
    _import(firm, HEAD + "8812-4401,2026-11-09,AAPL,101,10100.00,2020-01-02,L-1\n")
    _import(firm, "account,as_of,settled\n8812-4401,2026-11-09,0.00\n")
    _import(
        firm,
        "symbol,kind,effective,ratio,pays_fractions,fraction_price\nAAPL,split,2026-11-11,1.5,yes,80.00\n",
    )
    action = CorporateAction.objects.get()
    confirm(MembershipFactory(firm=firm, role=Role.OPERATIONS), action, now=NOW)
    _import(firm, HEAD + "8812-4401,2026-11-11,AAPL,151,10066.67,2020-01-02,L-1\n")
    assert (units_of(account, "AAPL"), cash_of(account)) == (D(151), D("40.00"))

    text = "account,date,kind,symbol,amount,description,ref\n"
    _import(firm, text + "8812-4401,2026-11-12,corporate_action,AAPL,40.25,Cash in lieu of a fraction,T-9\n")

    assert cash_of(account) == D("40.25")
    assert ActionApplication.objects.get().cash_usd == D("40.25")
    assert LedgerEvent.objects.get(source_ref__endswith=":cash:1").corrects is not None
    gain = RealizedGain.objects.get(kind="cash_in_lieu")
    assert (gain.proceeds_usd, gain.units) == (D("40.25"), D("0.5"))
