"""Fidelity's downloads, each against values read by eye from the file."""

from datetime import date
from decimal import Decimal as D

from portfolios.custodians.base import FileKind
from tests.golden.custodians.samples import messages, only_account, parse_sample


def test_positions_with_money_funds_as_cash() -> None:
    parsed = parse_sample("fidelity", "layout_Portfolio_Positions.csv")

    assert (parsed.kind, parsed.as_of, parsed.row_count, parsed.faults) == (
        FileKind.POSITIONS, date(2026, 1, 15), 3, (),
    )  # fmt: skip
    individual, roth = parsed.accounts
    assert (individual.number, individual.label, individual.positions) == ("X00000000", "Individual - TOD", ())
    assert individual.cash is not None and individual.cash.settled_usd == D("55.87")
    assert (roth.number, roth.label, roth.lots) == ("200000001", "ROTH IRA", None)
    assert roth.cash is not None and roth.cash.settled_usd == D("0.60")
    assert [(p.row, p.symbol, p.units, p.price_usd, p.value_usd, p.cost_usd) for p in roth.positions or ()] == [
        (4, "SCHD", D("565.896"), D("29.6099"), D("16756.12"), D("15306.96"))
    ]


def test_month_end_statement() -> None:
    parsed = parse_sample("fidelity", "opensteuer_Statement12312025.csv")

    account = only_account(parsed)
    assert (parsed.as_of, parsed.row_count, parsed.faults) == (date(2025, 12, 31), 3, ())
    assert account.number == "U12349876"
    assert [(p.symbol, p.kind, p.units, p.price_usd, p.value_usd, p.cost_usd) for p in account.positions or ()] == [
        ("VT", "Stocks", D("200.8724"), D("141.06"), D("28335.06"), D("28295.80"))
    ]
    assert account.cash is not None and account.cash.settled_usd == D("0.71")


def test_realised_gain_needs_the_account_to_be_named() -> None:
    unnamed = parse_sample("fidelity", "layout_realized_gain_loss.csv")
    named = parse_sample("fidelity", "layout_realized_gain_loss.csv", account="X12345678")

    assert messages(unnamed.faults) == ["Nothing in the file or its name tells the account; name it when importing."]
    closed = (only_account(named).realised or ())[0]
    assert (closed.symbol, closed.cusip, closed.units) == ("ABNB", "009066101", D("30"))
    assert (closed.acquired_on, closed.closed_on) == (date(2022, 8, 4), date(2022, 8, 17))
    assert (closed.proceeds_usd, closed.cost_usd) == (D("3621.38"), D("3562.51"))
    assert (closed.short_gain_usd, closed.long_gain_usd) == (D("58.87"), None)


def test_history_of_one_account() -> None:
    parsed = parse_sample("fidelity", "reds_History_for_Account_X8YYYYYYY.csv", account="X81234567")

    account = only_account(parsed)
    assert (parsed.as_of, account.number, parsed.faults) == (date(2023, 1, 24), "X81234567", ())
    assert [(t.row, t.kind.value, t.traded_on.isoformat(), t.amount_usd) for t in account.transactions or ()] == [
        (7, "withdrawal", "2023-01-27", D("-10000")),
        (8, "withdrawal", "2023-01-23", D("-135.6")),
        (9, "deposit", "2023-01-23", D("200.99")),
        (10, "journal", "2023-01-23", D("3085.92")),
        (11, "deposit", "2023-01-19", D("1001.1")),
        (12, "withdrawal", "2023-01-18", D("-449.24")),
        (13, "withdrawal", "2023-01-17", D("-24.98")),
        (14, "withdrawal", "2023-01-06", D("-221.39")),
        (15, "journal", "2023-01-05", D("-200")),
        (16, "journal", "2023-01-05", D("-2970.67")),
        (17, "deposit", "2023-01-05", D("2042.12")),
    ]


def test_history_with_a_reinvested_dividend() -> None:
    parsed = parse_sample("fidelity", "opensteuer_Accounts_History.csv")

    account = only_account(parsed)
    assert (parsed.as_of, account.number, parsed.row_count, parsed.faults) == (
        date(2026, 4, 11), "U12349876", 16, (),
    )  # fmt: skip
    done = account.transactions or ()
    assert (done[0].kind.value, done[0].traded_on, done[0].amount_usd) == ("interest", date(2025, 12, 30), D("0.04"))
    assert [(t.kind.value, t.symbol, t.units, t.amount_usd) for t in done if t.symbol] == [
        ("buy", "VT", D("28"), D("-3976.96")),
        ("buy", "VT", D("10"), D("-1420.35")),
        ("buy", "VT", D("10"), D("-1420.35")),
        ("buy", "VT", D("22"), D("-3124.77")),
        ("reinvest", "VT", D("0.8724"), D("-123.23")),
        ("dividend", "VT", D(0), D("144.98")),
        ("tax", "VT", D(0), D("-21.75")),
        ("buy", "VT", D("130"), D("-18433.35")),
    ]
    assert done[3].settled_on == date(2025, 12, 15)


def test_history_of_all_accounts_in_the_layout_of_2025() -> None:
    parsed = parse_sample("fidelity", "reds_all_accounts_transactions_20251204.csv")

    assert (parsed.row_count, parsed.faults) == (21, ())
    done = {account.number: account.transactions or () for account in parsed.accounts}
    assert {number: len(rows) for number, rows in done.items()} == {
        "111111111": 2, "222222222": 1, "333333333": 13, "444444444": 4, "555555555": 1,
    }  # fmt: skip
    assert [(t.kind.value, t.units, t.amount_usd) for t in done["111111111"]] == [
        ("dividend", D(0), D("713.08")),
        ("reinvest", D("9.598"), D("-713.08")),
    ]
    assert [(t.kind.value, t.amount_usd) for t in done["444444444"]] == [
        ("deposit", D("8613.36")),
        ("journal", D("37592.63")),
        ("deposit", D("760.05")),
        ("withdrawal", D("-612.5")),
    ]
    brokerage = {t.row: t for t in done["333333333"]}
    assert (brokerage[14].kind.value, brokerage[14].cusip, brokerage[14].amount_usd) == (
        "interest", "96255NBE8", D("1250"),
    )  # fmt: skip
    assert (brokerage[16].kind.value, brokerage[16].units, brokerage[16].amount_usd) == (
        "corporate_action", D("-25000"), D("25000"),
    )  # fmt: skip
    assert (brokerage[17].symbol, brokerage[17].units, brokerage[17].amount_usd) == ("LSEGY", D("1060"), D(0))
    assert (brokerage[20].kind.value, brokerage[20].amount_usd) == ("tax", D("-32.93"))
    sale = brokerage[21]
    assert (sale.kind.value, sale.symbol, sale.units, sale.amount_usd) == ("sell", "VVV", D("-341"), D("10378.37"))
    assert (sale.traded_on, sale.settled_on) == (date(2025, 11, 24), date(2025, 11, 25))
