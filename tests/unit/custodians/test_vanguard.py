"""Vanguard's CSV: holdings above, transactions below, and the settlement fund that is cash."""

from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import FileKind, ParsedFile, Severity, TransactionRow

HOLDINGS = "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
ACTIVITY = (
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,Symbol,Shares,"
    "Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,Account Type,\n"
)
VOO = "88124401,VANGUARD S&P 500 INDEX ETF,VOO,47.192,634.78,29956.54,\n"
NAME = "OfxDownload_2026-11-20.csv"


def row(kind: str, amount: str, *, shares: str = "0.00000", symbol: str = "VOO", name: str = "VANGUARD ETF") -> str:
    return (
        f"88124401,2026-11-12,2026-11-13,{kind},{kind} it,{name},{symbol},{shares},634.78,{amount},0.43,{amount},0.0,"
        "CASH,\n"
    )


def parse(text: str, *, name: str = NAME, account: str = "") -> ParsedFile:
    return registry.parse(custodian="vanguard", file_name=name, content=text.encode(), account=account)


def done_by(rows: str) -> list[TransactionRow]:
    parsed = parse(ACTIVITY + rows)
    assert [fault for fault in parsed.faults if fault.severity is Severity.ERROR] == []
    return [done for account in parsed.accounts for done in account.transactions or ()]


def errors(parsed: ParsedFile) -> list[tuple[int | None, str, str]]:
    return [(f.row, f.column, f.message) for f in parsed.faults if f.severity is Severity.ERROR]


def test_holdings_and_transactions_of_one_file() -> None:
    parsed = parse(HOLDINGS + VOO + "\n\n" + ACTIVITY + row("Buy", "-6347.80", shares="10"))

    assert (parsed.kind, parsed.as_of, parsed.row_count, parsed.faults) == (
        FileKind.STATEMENT, date(2026, 11, 20), 2, (),
    )  # fmt: skip
    account = parsed.accounts[0]
    assert [(p.row, p.symbol, p.units, p.price_usd, p.value_usd) for p in account.positions or ()] == [
        (2, "VOO", D("47.192"), D("634.78"), D("29956.54"))
    ]
    assert (account.number, account.cash) == ("88124401", None)
    bought = (account.transactions or ())[0]
    assert (bought.row, bought.kind.value, bought.traded_on, bought.settled_on, bought.units, bought.amount_usd) == (
        6, "buy", date(2026, 11, 12), date(2026, 11, 13), D(10), D("-6347.80"),
    )  # fmt: skip
    assert bought.fee_usd == D("0.43")


def test_the_settlement_fund_is_cash_and_sweeps_are_left_out() -> None:
    fund = "VANGUARD FEDERAL MONEY MARKET INVESTOR CL"
    held = f"88124401,{fund},VMFXX,1492.03,1,1492.03,\n88124401,CASH,,,,7.50,\n".replace(",,,,7.50", ",,7.50,1,7.50")
    rows = (
        row("Dividend", "10.42", symbol="VMFXX", name=fund)
        + row("Reinvestment", "-10.42", symbol="VMFXX", name=fund)
        + row("Sweep out", "500", symbol="VMFXX", name=fund)
        + row("Withdrawal", "-500", symbol="", name="CASH")
    )

    parsed = parse(HOLDINGS + held + ACTIVITY + rows)

    account = parsed.accounts[0]
    assert account.positions == ()
    assert account.cash is not None and account.cash.settled_usd == D("1499.53")
    assert [(t.kind.value, t.symbol, t.amount_usd) for t in account.transactions or ()] == [
        ("dividend", "", D("10.42")),
        ("withdrawal", "", D("-500")),
    ]
    assert [(f.severity.value, f.row, f.message) for f in parsed.faults] == [
        ("note", 6, "2 rows are left out: cash moves to or from the settlement fund, which counts as cash.")
    ]


@pytest.mark.parametrize(
    ("text", "kind", "units", "amount"),
    [
        (row("Sell", "15495.98", shares="-33.071"), "sell", "-33.071", "15495.98"),
        (row("Buy (exchange)", "-10", shares="1"), "buy", "1", "-10"),
        (row("Reinvestment", "-12.86", shares="0.02"), "reinvest", "0.02", "-12.86"),
        (row("Reinvestment (LT gain)", "-12.86", shares="0.02"), "reinvest", "0.02", "-12.86"),
        (row("Capital gain (LT)", "5"), "capital_gain_long", "0", "5"),
        (row("Capital gain (ST)", "5"), "capital_gain_short", "0", "5"),
        (row("Return of capital", "5"), "return_of_capital", "0", "5"),
        (row("Withholding", "-2"), "tax", "0", "-2"),
        (row("Advisor fee", "-25"), "fee", "0", "-25"),
        (row("Funds Received", "250", symbol="", name="CASH"), "deposit", "0", "250"),
        (row("Distribution", "-250", symbol="", name="CASH"), "withdrawal", "0", "-250"),
        (row("Transfer (incoming)", "3000", shares="5"), "transfer", "5", "0"),
        (row("Conversion (outgoing)", "0", shares="-5"), "transfer", "-5", "0"),
        (row("Transfer (incoming)", "0", symbol="", name="CASH"), "journal", "0", "0"),
        (row("Stock split", "0", shares="94"), "split", "94", "0"),
        (row("Corp Action (Cash in lieu)", "7.10"), "corporate_action", "0", "7.10"),
        (row("Sell to close", "50", symbol="VOO", shares="-1"), "other", "0", "50"),
        (row("Something new", "1"), "other", "0", "1"),
    ],
)
def test_each_type_becomes_its_kind(text: str, kind: str, units: str, amount: str) -> None:
    assert [(done.kind.value, done.units, done.amount_usd) for done in done_by(text)] == [(kind, D(units), D(amount))]


def test_older_files_have_american_dates_dollar_signs_and_another_name_for_fees() -> None:
    header = ACTIVITY.replace("Commissions and Fees", "Commission Fees")
    old = row("Buy", '"-$6,347.80"', shares="10").replace("2026-11-12,2026-11-13", "11/12/2026,11/13/2026")

    done = (parse(header + old, name="x.csv").accounts[0].transactions or ())[0]

    assert (done.traded_on, done.amount_usd) == (date(2026, 11, 12), D("-6347.80"))


def test_bonds_by_cusip_and_plan_funds_by_name() -> None:
    held = "88124401,US TREASURY,912810RW0,1000,100,1000,\n88124401,TARGET 2050 TRUST,,12.5,100,1250,\n"

    positions = parse(HOLDINGS + held + ACTIVITY).accounts[0].positions or ()

    assert [(p.symbol, p.cusip, p.security_name) for p in positions] == [
        ("", "912810RW0", ""),
        ("", "", "TARGET 2050 TRUST"),
    ]


def test_a_file_of_transactions_alone_speaks_of_no_holdings() -> None:
    parsed = parse(ACTIVITY + row("Buy", "-6347.80", shares="10"), name="activity.csv")

    assert (parsed.kind, parsed.as_of, parsed.accounts[0].positions) == (
        FileKind.TRANSACTIONS, date(2026, 11, 12), None,
    )  # fmt: skip


def test_holdings_without_a_day_in_the_name_are_refused() -> None:
    parsed = parse(HOLDINGS + VOO + ACTIVITY, name="OfxDownload.csv")

    assert not parsed.is_usable()
    assert errors(parsed)[0][2].startswith("The file does not tell the day of its holdings: put it into the name")


def test_sections_of_plans_are_named_and_not_read() -> None:
    plan = "Plan Number,Plan Name,Fund Name,Shares,Price,Total Value\n093,PLAN,FUND,1,2,2\n"

    parsed = parse(HOLDINGS + VOO + ACTIVITY + plan)

    assert [(f.severity.value, f.message) for f in parsed.faults] == [
        ("note", "The section “Plan Number” (1 rows) was not read.")
    ]


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (HOLDINGS + VOO, (None, ""), "The table of transactions, which always follows the holdings, is missing"),
        (HOLDINGS + VOO + VOO + ACTIVITY, (3, "Symbol"), "VOO appears twice in this account."),
        (HOLDINGS + VOO.replace("47.192", "-47.192") + ACTIVITY, (2, "Shares"), "short positions are not kept here"),
        (HOLDINGS + VOO.replace("47.192", "many") + ACTIVITY, (2, "Shares"), "“many” is not a number."),
        (ACTIVITY + row("Buy", "-1").replace("2026-11-12", "12.11.2026"), (2, "Trade Date"), "is not a date"),
        (ACTIVITY + row("Buy", "-1"), (2, "Shares"), "A trade needs a number of shares."),
        (ACTIVITY + row("Buy", "-1", shares="-1"), (2, "Shares"), "have the wrong sign for this type"),
        (ACTIVITY + row("Buy", "1", shares="1"), (2, "Net Amount"), "money that leaves is negative"),
        (ACTIVITY + row("Sell short", "1", shares="-1"), (2, "Transaction Type"), "short positions are not kept"),
        (ACTIVITY + row("Buy", "-1", shares="1", symbol="", name=""), (2, "Investment Name"), "names no investment"),
        (ACTIVITY + row("Buy", "-1", shares="1")[:-1], (2, ""), "The last line does not end"),
        (ACTIVITY + "88124401,2026-11-12,2026", (2, ""), "The row has 3 columns, the header 14"),
        (HOLDINGS + VOO + ACTIVITY + row("Fee", "-1").replace("2026-11-12", "2026-11-21"), (4, "Trade Date"),
         "The trade date lies after 2026-11-20"),
        (ACTIVITY.replace("Net Amount", "Gross"), (1, "Net Amount"), "is missing: the layout is not one"),
        ("Date,What\n2026-11-12,x\n", (1, ""), "This is not a download of Vanguard"),
    ],
)  # fmt: skip
def test_every_fault_names_row_and_column(text: str, where: tuple[int | None, str], said: str) -> None:
    found = errors(parse(text))

    assert [(line, column) for line, column, message in found if said in message] == [where], found


def test_the_account_given_never_contradicts_the_file() -> None:
    assert errors(parse(ACTIVITY + row("Fee", "-1"), account="7")) == [
        (None, "", "The file is for the account that ends in 4401, not for the one given.")
    ]
