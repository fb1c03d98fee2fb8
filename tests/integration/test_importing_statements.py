"""Statements in OFX and Vanguard's CSV from the file to lots, cash, income and holds."""

from datetime import date
from decimal import Decimal as D

import pytest

from advisors.models import Firm
from portfolios.models.households import Account, AccountHold, HoldKind, TaxStatus
from portfolios.models.imports import CustodianFile, FileStatus, StagedStatus
from portfolios.models.lots import LedgerEvent
from portfolios.models.securities import Security
from portfolios.services.importing import import_custodian_file
from tests.books import NOW, cash_of, know_securities, open_account, units_of
from tests.ofx_files import AAPL, FUND, balance, bank, flow, ofx_file, position, statement, trade

pytestmark = pytest.mark.django_db
NUMBER = "88124401"
VANGUARD = (
    "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    "88124401,APPLE INC,AAPL,{units},200.00,2000.00,\n"
    "88124401,VANGUARD FEDERAL MONEY MARKET INVESTOR CL,VMFXX,{cash},1,{cash},\n\n"
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,Symbol,Shares,"
    "Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,Account Type,\n"
)
BOUGHT = "88124401,2026-11-12,2026-11-13,Buy,Buy,APPLE INC,AAPL,5.00000,200,-1000.00,0.0,-1000.00,0.0,CASH,\n"


def _account(firm: Firm, custodian: str, *, tax_status: str = TaxStatus.EXEMPT) -> Account:
    know_securities(firm)
    Security.objects.filter(symbol="AAPL").update(cusip=AAPL, name="Apple Inc")
    return open_account(firm, NUMBER, custodian=custodian, tax_status=tax_status)


def _import(firm: Firm, content: bytes, *, custodian: str, name: str = "download.qfx") -> CustodianFile:
    return import_custodian_file(firm, custodian=custodian, name=name, content=content, actor=None, now=NOW)


def _ofx(*, as_of: str = "20261120", units: str = "10", cash: str = "500", trades: str = "") -> bytes:
    told = statement(
        as_of=as_of, broker="etrade.com", positions=position(units=units), trades=trades, balances=balance(cash)
    )
    return ofx_file(told)


def _csv(*, units: str = "10", cash: str = "500", rows: str = "") -> bytes:
    return (VANGUARD.format(units=units, cash=cash) + rows).encode()


def _notes(file: CustodianFile) -> list[str]:
    return list(file.faults.filter(is_note=True).values_list("message", flat=True))


def test_a_first_statement_opens_positions_and_cash_and_the_next_explains_what_changed(firm: Firm) -> None:
    account = _account(firm, "etrade")

    first = _import(firm, _ofx(as_of="20261110"), custodian="etrade")
    reinvested = flow("REINVEST", "<INCOMETYPE>DIV<TOTAL>-20<UNITS>0.1<UNITPRICE>200", fitid="F-2")
    trades = trade(units="5", total="-1000") + reinvested + bank("600", fitid="F-3")
    second = _import(firm, _ofx(units="15.1", cash="100", trades=trades), custodian="etrade")

    assert (first.status, second.status) == (FileStatus.POSTED, FileStatus.POSTED)
    assert (units_of(account, "AAPL"), cash_of(account)) == (D("15.1"), D(100))
    booked = LedgerEvent.objects.filter(account=account, source_ref__contains=":t:").order_by("position")
    assert [(e.kind, e.units, e.amount_usd) for e in booked] == [
        ("buy", D(5), D(-1000)),
        ("dividend", None, D(20)),
        ("reinvest", D("0.1"), D(-20)),
        ("cash_in", None, D(600)),
    ]
    assert booked[0].source_ref == f"{account.pk}:t:F-1"
    account.refresh_from_db()
    assert account.positions_on == date(2026, 11, 20)


def test_a_later_download_that_repeats_rows_books_them_once(firm: Firm) -> None:
    account = _account(firm, "etrade")
    _import(firm, _ofx(as_of="20261110"), custodian="etrade")
    bought = trade(units="5", total="-1000")
    _import(firm, _ofx(as_of="20261113", units="15", cash="-500", trades=bought), custodian="etrade")

    again = _import(firm, _ofx(units="15", cash="100", trades=bought + bank("600", fitid="F-3")), custodian="etrade")

    assert again.status == FileStatus.POSTED
    assert LedgerEvent.objects.filter(account=account, kind="buy").count() == 1
    assert (units_of(account, "AAPL"), cash_of(account)) == (D(15), D(100))


def test_positions_of_a_taxable_account_wait_for_their_lots(firm: Firm) -> None:
    account = _account(firm, "etrade", tax_status=TaxStatus.TAXABLE)

    file = _import(firm, _ofx(), custodian="etrade")

    assert file.accounts.get().status == StagedStatus.HELD
    assert AccountHold.objects.get(account=account).kind == HoldKind.MISSING_BASIS
    assert not LedgerEvent.objects.filter(account=account).exists()


def test_a_faulty_row_holds_its_account_and_the_other_account_posts(firm: Firm) -> None:
    account = _account(firm, "etrade")
    other = open_account(firm, "7", custodian="etrade", tax_status=TaxStatus.EXEMPT)
    good = statement(account="7", broker="etrade.com", positions=position(), balances=balance("5"))
    bad = statement(broker="etrade.com", positions=position(units="-3"), balances=balance("5"))

    file = _import(firm, ofx_file(bad, good), custodian="etrade")

    assert file.status == FileStatus.PARTLY_POSTED
    assert not LedgerEvent.objects.filter(account=account).exists()
    assert (units_of(other, "AAPL"), cash_of(other)) == (D(10), D(5))
    fault = file.faults.get(is_note=False)
    assert (fault.row, fault.column, fault.account) == (19, "UNITS", account)


def test_an_unknown_security_is_named_and_holds(firm: Firm) -> None:
    account = _account(firm, "etrade")
    strange = position(FUND, price="10")

    file = _import(firm, ofx_file(statement(broker="etrade.com", positions=strange)), custodian="etrade")

    hold = AccountHold.objects.get(account=account)
    assert (hold.kind, hold.subject) == (HoldKind.UNKNOWN_SECURITY, "VMFXX")
    assert file.faults.get(is_note=False).message == "The security VMFXX is not in the security master."


def test_a_security_known_by_cusip_alone_or_by_its_very_name(firm: Firm) -> None:
    account = _account(firm, "vanguard")
    listed = (
        "<OTHERINFO><SECINFO><SECID><UNIQUEID>PLAN-7<UNIQUEIDTYPE>PRIVATE</SECID><SECNAME>Stable Value</SECINFO>"
        "</OTHERINFO>"
    )
    Security.objects.filter(symbol="KO").update(name="STABLE  value")
    held = position() + position("PLAN-7", tag="POSOTHER", units="3")

    content = ofx_file(statement(broker="vanguard.com", positions=held), securities=listed)
    _import(firm, content, custodian="vanguard")

    assert (units_of(account, "AAPL"), units_of(account, "KO")) == (D(10), D(3))


def test_a_file_of_any_institution_finds_accounts_anywhere(firm: Firm) -> None:
    account = _account(firm, "tiaa")

    file = _import(firm, ofx_file(statement(broker="tiaa.org", positions=position())), custodian="ofx")

    assert file.status == FileStatus.POSTED
    assert units_of(account, "AAPL") == D(10)


def test_the_wrong_custodian_is_told(firm: Firm) -> None:
    file = _import(firm, _ofx(), custodian="vanguard")

    assert file.status == FileStatus.REFUSED
    assert set(file.faults.values_list("message", flat=True)) >= {
        "This file is from “etrade.com”, not from Vanguard.",
        "It reads as E*TRADE: was the wrong custodian chosen?",
    }


def test_vanguard_holdings_with_the_settlement_fund_as_cash(firm: Firm) -> None:
    account = _account(firm, "vanguard")

    _import(firm, _csv(cash="1500"), custodian="vanguard", name="OfxDownload_2026-11-10.csv")
    file = _import(
        firm, _csv(units="15", cash="500", rows=BOUGHT), custodian="vanguard", name="OfxDownload_2026-11-20.csv"
    )

    assert file.status == FileStatus.POSTED
    assert (units_of(account, "AAPL"), cash_of(account)) == (D(15), D(500))
    assert LedgerEvent.objects.get(account=account, kind="buy").units == D(5)


def test_a_trade_told_by_the_csv_is_not_booked_again_from_the_qfx(firm: Firm) -> None:
    account = _account(firm, "vanguard")
    _import(firm, _csv(), custodian="vanguard", name="OfxDownload_2026-11-10.csv")
    _import(firm, _csv(units="15", cash="0", rows=BOUGHT), custodian="vanguard", name="OfxDownload_2026-11-13.csv")
    same = trade(fitid="F-9", units="5", total="-1000")
    fresh = trade(fitid="F-10", units="5", total="-1000", on="20261116")

    told = statement(broker="vanguard.com", positions=position(units="20"), trades=same + fresh, balances=balance("0"))
    file = _import(firm, ofx_file(told), custodian="vanguard")

    assert _notes(file) == ["The buy of AAPL was booked from a file of another kind already."]
    assert units_of(account, "AAPL") == D(20)
    assert LedgerEvent.objects.filter(account=account, kind="buy").count() == 2


def test_a_form_1099b_books_nothing_and_holds_nothing(firm: Firm) -> None:
    account = _account(firm, "schwab")
    content = (
        "account,symbol,quantity,acquired,sold,proceeds,basis,box\n"
        f"{NUMBER},AAPL,10,Various,2026-03-02,1500.00,2000.00,A\n{NUMBER},ZZZZ,10,Various,2026-03-02,1.00,2.00,A\n"
    )

    file = _import(firm, content.encode(), custodian="generic", name="1099b.csv")

    assert (file.kind, file.status) == ("form_1099b", FileStatus.POSTED)
    assert not LedgerEvent.objects.filter(account=account).exists()
    assert not AccountHold.objects.filter(account=account).exists()
    assert _notes(file) == ["The security ZZZZ is not in the security master: the line is not compared."]


def test_a_refused_file_that_comes_again_under_a_better_name_is_kept_under_it(firm: Firm) -> None:
    account = _account(firm, "vanguard")
    refused = _import(firm, _csv(), custodian="vanguard", name="OfxDownload.csv")

    file = _import(firm, _csv(), custodian="vanguard", name="OfxDownload_2026-11-10.csv")

    assert (refused.status, refused.pk, file.status) == (FileStatus.REFUSED, file.pk, FileStatus.POSTED)
    file.refresh_from_db()
    assert file.name == "OfxDownload_2026-11-10.csv"
    account.refresh_from_db()
    assert account.positions_on == date(2026, 11, 10)
