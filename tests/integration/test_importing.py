"""From a custodian's file to lots: what posts, what changes nothing, what explains a difference."""

from datetime import date
from decimal import Decimal

import pytest

from advisors.errors import Conflict
from advisors.models import AuditEvent, BookOfRecord, Firm, Role
from portfolios import vault
from portfolios.custodians import registry
from portfolios.ledger.types import EventKind, Lot, LotEvent
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import Break, CustodianFile, FileFault, FileStatus, StagedAccount, StagedStatus
from portfolios.models.lots import LedgerEvent, OutsideTrade, RealizedGain
from portfolios.models.market import CorporateAction
from portfolios.services.account_plans import AccountPlan, plan_accounts
from portfolios.services.account_postings import Outcome, post_plan
from portfolios.services.corporate_actions.life import confirm
from portfolios.services.importing import import_custodian_file, post_file, receive_custodian_file
from portfolios.services.posting import FILLS_SOURCE, post_events
from tests.books import NOW, cash_of, know_securities, open_account, units_of
from tests.factories import MembershipFactory, SecurityFactory

pytestmark = pytest.mark.django_db
D = Decimal
LOTS = """account,as_of,symbol,quantity,cost,acquired,lot
8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11,L-1
8812-4401,2026-11-12,KO,500,,,L-2
8812-4402,2026-11-12,MSFT,80,21500.00,2023-06-01,L-3
"""


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm, "8812-4401")


@pytest.fixture
def other(firm: Firm, account: Account) -> Account:
    return open_account(firm, "8812-4402")


def _import(
    firm: Firm, text: str, *, name: str = "file.csv", custodian: str = "generic", account: str = ""
) -> CustodianFile:
    return import_custodian_file(
        firm, custodian=custodian, name=name, content=text.encode(), actor=None, now=NOW, account=account
    )


def _lots(*rows: str, as_of: str = "2026-11-12") -> str:
    body = "".join(f"8812-4401,{as_of},{row}\n" for row in rows)
    return f"account,as_of,symbol,quantity,cost,acquired,lot\n{body}"


def _open_holds(account: Account) -> list[tuple[str, str]]:
    return sorted(AccountHold.objects.filter(account=account, lifted_at=None).values_list("kind", "subject"))


def test_a_first_file_opens_lots_with_their_basis_and_an_unknown_one_stays_unknown(
    firm: Firm, account: Account, other: Account
) -> None:
    file = _import(firm, LOTS)

    assert file.status == FileStatus.POSTED
    lots = {lot.key: (lot.units, lot.cost_usd) for lot in account.lots.all()}
    assert lots == {"L-1": (D(120), D(9840)), "L-2": (D(500), None)}
    assert units_of(other, "MSFT") == D(80)
    assert set(LedgerEvent.objects.values_list("reason", flat=True)) == {"Opening balance"}
    account.refresh_from_db()
    assert account.positions_on == date(2026, 11, 12)


def test_a_file_is_kept_as_received_and_nobody_reads_it_in_the_database(firm: Firm, account: Account) -> None:
    file = _import(firm, LOTS)

    file.refresh_from_db()
    assert vault.decrypt_content(file.content_encrypted) == LOTS.encode()
    assert b"8812" not in bytes(file.content_encrypted)
    event = AuditEvent.objects.get(action="custodian_file.received")
    assert event.data["sha256"] == file.sha256


def test_a_file_received_twice_changes_nothing(firm: Firm, account: Account, other: Account) -> None:
    first = _import(firm, LOTS)
    before = (LedgerEvent.objects.count(), AuditEvent.objects.count(), StagedAccount.objects.count())

    second = _import(firm, LOTS, name="again.csv")

    assert second.pk == first.pk
    assert (LedgerEvent.objects.count(), AuditEvent.objects.count(), StagedAccount.objects.count()) == before


def test_the_same_positions_in_another_file_post_no_event(firm: Firm, account: Account, other: Account) -> None:
    _import(firm, LOTS)
    events = LedgerEvent.objects.count()

    file = _import(firm, LOTS + "\n")

    assert file.status == FileStatus.POSTED
    assert LedgerEvent.objects.count() == events
    assert set(file.accounts.values_list("status", flat=True)) == {StagedStatus.UNCHANGED}


def test_a_preview_says_what_will_change_and_changes_nothing(firm: Firm, account: Account, other: Account) -> None:
    file = receive_custodian_file(firm, custodian="generic", name="f.csv", content=LOTS.encode(), actor=None, now=NOW)

    staged = file.accounts.get(account=account)
    assert (file.status, staged.status) == (FileStatus.PARSED, StagedStatus.READY)
    assert (staged.change["lots_before"], staged.change["lots_opened"]) == (0, 2)
    assert LedgerEvent.objects.count() == 0

    post_file(file, actor=None, now=NOW)

    assert account.lots.count() == 2


def test_one_faulty_account_is_held_and_the_others_post(firm: Firm, account: Account, other: Account) -> None:
    file = _import(firm, LOTS.replace("120,9840.00", "a lot,9840.00"))

    assert file.status == FileStatus.PARTLY_POSTED
    assert account.lots.count() == 0
    assert units_of(other, "MSFT") == D(80)
    hold = AccountHold.objects.get(account=account)
    assert hold.kind == HoldKind.FILE_FAULT
    assert hold.reason == "file.csv, row 2: “a lot” is not a number."


def test_a_later_clean_file_lifts_the_hold(firm: Firm, account: Account, other: Account) -> None:
    _import(firm, LOTS.replace("120,9840.00", "a lot,9840.00"))

    _import(firm, LOTS)

    assert _open_holds(account) == []
    assert AccountHold.objects.get(account=account, kind=HoldKind.FILE_FAULT).lift_reason == "A later file is clean."


def test_a_clean_file_of_another_kind_does_not_lift_it(firm: Firm, account: Account) -> None:
    _import(firm, LOTS.replace("120,9840.00", "a lot,9840.00"))

    _import(firm, "account,as_of,settled\n8812-4401,2026-11-12,500.00\n")

    assert (HoldKind.FILE_FAULT, "generic lots") in _open_holds(account)
    assert cash_of(account) == D("500.00")


def test_posting_again_tries_what_was_held(firm: Firm, account: Account, other: Account) -> None:
    file = _import(firm, _lots("NEWCO,10,100,2024-01-02,L-9"))
    assert _open_holds(account) == [(HoldKind.UNKNOWN_SECURITY, "NEWCO")]
    SecurityFactory(symbol="NEWCO")

    file = post_file(file, actor=None, now=NOW)

    assert file.status == FileStatus.POSTED
    assert units_of(account, "NEWCO") == D(10)
    assert _open_holds(account) == [(HoldKind.STALE_PRICE, "NEWCO")]


def test_a_refused_file_cannot_be_posted(firm: Firm, account: Account) -> None:
    file = _import(firm, "what,is,this\n1,2,3\n")

    assert file.status == FileStatus.REFUSED
    with pytest.raises(Conflict, match="refused"):
        post_file(file, actor=None, now=NOW)


def test_transactions_explain_the_difference_and_book_gains(firm: Firm, account: Account) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))
    _import(firm, "account,as_of,settled\n8812-4401,2026-11-10,1000\n")
    _import(
        firm,
        "account,date,kind,symbol,quantity,amount,ref\n"
        "8812-4401,2026-11-11,sell,AAPL,20,3000.00,T-1\n"
        "8812-4401,2026-11-12,buy,MSFT,5,-2100.00,T-2\n"
        "8812-4401,2026-11-12,dividend,KO,,31.10,T-3\n",
    )
    _import(firm, _lots("AAPL,100,8200.00,2019-04-11,L-1", "MSFT,5,2100.00,2026-11-12,"))

    assert not LedgerEvent.objects.filter(kind__startswith="adjust_lot").exists()
    assert RealizedGain.objects.get().gain_usd == D("1360.00")
    assert cash_of(account) == D(1000 + 3000 - 2100) + D("31.10")


def test_what_nothing_explains_is_adjusted_with_a_reason(firm: Firm, account: Account) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))

    file = _import(firm, _lots("AAPL,100,8200.00,2019-04-11,L-1"))

    event = LedgerEvent.objects.get(kind="adjust_lot")
    assert event.reason == "the custodian states that units 120 units are 100 units, basis $9,840.00 is $8,200.00"
    assert file.accounts.get().change["adjusted"] == 1
    assert units_of(account, "AAPL") == D(100)


def test_where_trimtab_is_the_book_an_unexplained_difference_is_a_break_and_holds(firm: Firm, account: Account) -> None:
    firm.book_of_record = BookOfRecord.TRIMTAB
    firm.save()
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))

    _import(firm, _lots("AAPL,100,8200.00,2019-04-11,L-1"))

    found = Break.objects.get()
    assert (found.ledger_units, found.custodian_units) == (D(120), D(100))
    assert (HoldKind.POSITION_BREAK, "AAPL") in _open_holds(account)
    assert units_of(account, "AAPL") == D(120)

    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1"))

    assert (HoldKind.POSITION_BREAK, "AAPL") not in _open_holds(account)
    assert Break.objects.get().resolved_at == NOW


def test_trades_of_our_own_fills_are_not_booked_again(firm: Firm, account: Account) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))
    account.refresh_from_db()
    post_events(account, [_filled("F1", "2"), _filled("F2", "3")], source=FILLS_SOURCE, actor=None, now=NOW)
    stated = "8812-4401,2026-11-11,buy,MSFT,5,-2100.00,T-2\n8812-4401,2026-11-11,buy,MSFT,1,-420.00,T-3\n"

    file = _import(firm, f"account,date,kind,symbol,quantity,amount,ref\n{stated}")

    assert units_of(account, "MSFT") == D(6)
    note = FileFault.objects.get(file=file)
    assert (note.row, note.is_note) == (2, True)
    assert note.message == "The buy of MSFT was booked from our own fills already."


def _filled(ref: str, units: str) -> LotEvent:
    day, usd = date(2026, 11, 11), D(units) * 420
    lot = Lot(key=ref, security="MSFT", units=D(units), cost_usd=usd, acquired_on=day)
    return LotEvent(
        kind=EventKind.BUY, ref=ref, traded_on=day, security="MSFT", units=D(units), amount_usd=-usd, lot=lot
    )


def test_a_plan_that_somebody_overtook_is_made_again_and_the_account_is_not_held(firm: Firm, account: Account) -> None:
    parsed = registry.parse(custodian="generic", file_name="f.csv", content=_lots("KO,5,300,2020-01-02,L-2").encode())
    file = receive_custodian_file(
        firm, custodian="generic", name="f.csv", content=_lots("KO,5,300,2020-01-02,L-2").encode(), actor=None, now=NOW
    )

    def plan(_: AccountPlan | None = None) -> AccountPlan:
        return plan_accounts(firm, parsed, named=None, ref="s:1", fault_subject="generic lots")[0]

    overtaken = plan()
    post_events(Account.objects.get(pk=account.pk), [_filled("F1", "2")], source=FILLS_SOURCE, actor=None, now=NOW)
    account.refresh_from_db()

    outcome = post_plan(file, overtaken, file.accounts.get(), replan=plan, actor=None, now=NOW)

    assert outcome == Outcome.POSTED
    assert units_of(account, "KO") == D(5)
    assert _open_holds(account) == []


def test_a_transaction_with_the_same_reference_is_the_same_transaction(firm: Firm, account: Account) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))
    row = "8812-4401,2026-11-11,deposit,,,500.00,T-9\n"
    _import(firm, "account,date,kind,symbol,quantity,amount,ref\n" + row)

    _import(firm, "account,date,kind,symbol,quantity,amount,ref\n" + row + "8812-4401,2026-11-12,deposit,,,5.00,T-10\n")

    assert cash_of(account) == D("505.00")


def test_an_older_statement_is_left_alone_and_says_so(firm: Firm, account: Account) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1"))

    file = _import(firm, _lots("AAPL,10,820.00,2019-04-11,L-1", as_of="2026-11-01"))

    staged = file.accounts.get()
    assert staged.status == StagedStatus.UNCHANGED
    assert staged.message == "The file states 2026-11-01, but positions of 2026-11-12 are posted already."
    assert units_of(account, "AAPL") == D(120)


def test_a_split_holds_the_account_until_it_is_confirmed_and_is_then_applied_before_the_statement(
    firm: Firm, account: Account
) -> None:
    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1", as_of="2026-11-10"))
    _import(firm, "symbol,kind,effective,ratio\nAAPL,split,2026-11-11,4\n")

    _import(firm, _lots("AAPL,120,9840.00,2019-04-11,L-1"))

    assert (HoldKind.CORPORATE_ACTION, "AAPL") in _open_holds(account)
    account.refresh_from_db()
    assert account.positions_on == date(2026, 11, 10)

    shown = _import(firm, _lots("AAPL,480,9840.00,2019-04-11,L-1", as_of="2026-11-13"))

    assert units_of(account, "AAPL") == D(120)
    assert (HoldKind.CORPORATE_ACTION, "AAPL") in _open_holds(account)

    confirm(MembershipFactory(firm=firm, role=Role.OPERATIONS), CorporateAction.objects.get(), now=NOW)
    post_file(shown, actor=None, now=NOW)

    lot = account.lots.get()
    assert (lot.units, lot.cost_usd) == (D(480), D(9840))
    assert list(LedgerEvent.objects.exclude(kind="open").values_list("kind", flat=True)) == ["corporate_action"]
    assert not AccountHold.objects.filter(
        account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at=None, reason__contains="waits until"
    ).exists()


def test_positions_without_their_open_lots_wait_for_them(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "X1234", custodian="fidelity")
    header = "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value,Cost Basis Total\n"
    text = header + "X1234,Joint,AAPL,APPLE,120,$80.00,$9600.00,$9840.00\n\n"
    text += '"Date downloaded 11/12/2026 6:04 PM ET"\n'

    file = _import(firm, text, custodian="fidelity", name="Portfolio_Positions.csv")

    assert file.status == FileStatus.PARTLY_POSTED, list(file.faults.values_list("message", flat=True))
    assert (HoldKind.MISSING_BASIS, "AAPL") in _open_holds(account)
    _import(
        firm,
        LOTS.replace("8812-4401", "X1234")
        .replace("8812-4402", "X1234")
        .replace("2026-11-12,KO,500,,,L-2", "2026-11-12,AAPL,1,1,2020-01-02,L-2"),
    )
    assert (HoldKind.MISSING_BASIS, "AAPL") not in _open_holds(account)


def test_an_account_held_away_keeps_only_its_trades(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "401-1", is_held_away=True)

    _import(
        firm,
        "account,date,kind,symbol,quantity,amount,loss,ref\n"
        "401-1,2026-11-12,buy,KO,210,-13000.00,,A-1\n"
        "401-1,2026-11-12,sell,VTI,10,2000.00,240.00,A-2\n",
    )

    trades = OutsideTrade.objects.order_by("pk").values_list(
        "account_id", "security__symbol", "side", "units", "loss_usd"
    )
    assert list(trades) == [(account.pk, "KO", "buy", D(210), D(0)), (account.pk, "VTI", "sell", D(10), D(240))]
    assert LedgerEvent.objects.count() == 0


def test_a_debit_posts_and_holds_the_account(firm: Firm, account: Account) -> None:
    _import(firm, "account,as_of,settled\n8812-4401,2026-11-12,-1500.00\n")

    assert cash_of(account) == D(-1500)
    assert _open_holds(account) == [(HoldKind.SHORT_POSITION, "cash")]

    _import(firm, "account,as_of,settled\n8812-4401,2026-11-13,20.00\n")

    assert _open_holds(account) == []


def test_masked_digits_that_two_accounts_share_hold_both(firm: Firm) -> None:
    know_securities(firm)
    first = open_account(firm, "1000-9876", custodian="schwab")
    second = open_account(firm, "2000-9876", custodian="schwab")
    text = (
        '"AAPL Lot Details for XXXX-9876 as of 02:45 AM ET, 11/12/2026"\n\n'
        '"Open Date","Quantity","Price","Cost/Share","Market Value","Cost Basis","Gain/Loss $","Gain/Loss %",'
        '"Holding Period",""\n'
        '"04/11/2019 00:00:00","120","$200.00","$82.00","$24,000.00","$9,840.00","$1","1%","Long Term",""\n'
        '"Total","120","--","--","$24,000.00","$9,840.00","$1","1%","--",""\n'
    )

    file = _import(firm, text, custodian="schwab", name="lots.csv")

    assert file.status == FileStatus.PARTLY_POSTED
    for account in (first, second):
        assert AccountHold.objects.get(account=account).reason == (
            "lots.csv, row 4: 2 accounts end in 9876: the file does not tell which one is meant."
        )

    _import(firm, text + "\n", custodian="schwab", name="lots.csv", account="1000-9876")

    assert units_of(first, "AAPL") == D(120)
    assert _open_holds(second) == [(HoldKind.FILE_FAULT, "ambiguous")]


def test_realised_lots_count_for_the_year_once(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "X1234", custodian="fidelity")
    text = (
        "Symbol(CUSIP),Security Description,Quantity,Date Acquired,Date Sold,Proceeds,Cost Basis,"
        "Short Term Gain/Loss,Long Term Gain/Loss\n"
        "AAPL(037833100),APPLE,20,04/11/2019,03/05/2026,$3000.00,$1640.00,,$1360.00\n"
    )

    file = _import(firm, text, custodian="fidelity", name="realized.csv", account="X1234")
    _import(firm, text + "\n", custodian="fidelity", name="realized.csv", account="X1234")

    assert file.status == FileStatus.POSTED, list(file.faults.values_list("message", flat=True))
    gain = RealizedGain.objects.get()
    assert (gain.account, gain.gain_usd, gain.term, gain.closed_on) == (account, D(1360), "long", date(2026, 3, 5))
    assert account.lots.count() == 0
