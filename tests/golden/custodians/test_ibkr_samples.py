"""Flex queries of Interactive Brokers, each against values read by eye from the file."""

from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians.base import FileKind
from tests.golden.custodians.samples import errors, messages, only_account, parse_sample


def test_statements_of_three_days_give_the_last_holdings_and_all_activity() -> None:
    parsed = parse_sample("ibkr", "ibflexrs_activity_backfill.xml")

    account = only_account(parsed)
    assert (parsed.kind, parsed.as_of, account.number, parsed.faults) == (
        FileKind.STATEMENT, date(2025, 1, 3), "U1234567", (),
    )  # fmt: skip
    assert [(p.symbol, p.units, p.price_usd, p.cost_usd) for p in account.positions or ()] == [
        ("AAPL", D("120"), D("258"), D("29040")),
        ("MSFT", D("50"), D("515"), D("24000")),
        ("NVDA", D("5"), D("410"), D("1950")),
        ("AAPL  250117C00260000", D("5"), D("15"), D("4000")),
    ]
    assert account.lots is None
    assert account.cash is not None and account.cash.settled_usd == D("95000")
    assert [(t.kind.value, t.symbol, t.units, t.amount_usd) for t in account.transactions or ()] == [
        ("buy", "AAPL", D("50"), D("-12425")),
        ("sell", "GOOG", D("-20"), D("3575")),
        ("dividend", "MSFT", D(0), D("150")),
        ("buy", "NVDA", D("10"), D("-4000")),
        ("sell", "TSLA", D("-10"), D("4100")),
        ("interest", "", D(0), D("10")),
        ("buy", "AAPL", D("20"), D("-5150")),
        ("sell", "NVDA", D("-5"), D("1995")),
        ("dividend", "AAPL", D(0), D("50")),
        ("interest", "", D(0), D("10")),
    ]


def test_cash_transactions_have_the_amounts_of_the_file() -> None:
    parsed = parse_sample("ibkr", "ibflexrs_activity_cash.xml")

    account = only_account(parsed)
    assert account.positions is None and account.cash is None
    assert messages(parsed.faults) == ["The type “Realized P/L” is not known; only its amount counts."]
    assert [(t.kind.value, t.amount_usd) for t in account.transactions or ()] == [
        ("deposit", D("10000.00")), ("withdrawal", D("-5000.00")), ("interest", D("12.50")), ("interest", D("-5.25")),
        ("dividend", D("150.00")), ("tax", D("-15.00")), ("interest", D("225.00")), ("fee", D("-25.50")),
        ("fee", D("-10.00")), ("dividend", D("-50.00")), ("fee", D("-8.00")), ("deposit", D("100.00")),
        ("fee", D("-2.00")), ("fee", D("-0.50")), ("other", D("15.75")),
    ]  # fmt: skip
    assert (account.transactions or ())[4].ref == "666665"


def test_corporate_actions_have_the_ratio_of_the_file() -> None:
    parsed = parse_sample("ibkr", "ibflexrs_activity_corporate_actions.xml")

    done = only_account(parsed).transactions or ()
    assert [(t.kind.value, t.symbol, t.units) for t in done] == [
        ("dividend", "AAPL", D(0)), ("tax", "AAPL", D(0)), ("corporate_action", "AAPL", D("400")),
        ("split", "TSLA", D("100")), ("corporate_action", "GOOG", D("50")), ("corporate_action", "ACQUIRED", D("-100")),
        ("corporate_action", "MSFT", D("20")), ("corporate_action", "NVDA", D("10")), ("split", "SPLIT", D("-900")),
        ("corporate_action", "DELIST", D("-50")),
    ]  # fmt: skip


def test_complex_corporate_actions_keep_every_row() -> None:
    parsed = parse_sample("ibkr", "ibflexrs_activity_complex_corporate_actions.xml")

    done = only_account(parsed).transactions or ()
    assert [(t.symbol, t.units, t.action) for t in done] == [
        ("XYZ", D("100"), "CD"), ("XYZ", D("5"), "CD"), ("ABC", D("-50"), "TO"), ("ABC", D("0"), "TO"),
        ("DEF", D("-10"), "BC"), ("DEF", D("250"), "BC"), ("GHI 5.5 01/15/25", D("-5"), "BM"),
        ("JKL 4.0 06/15/30", D("10"), "CP"), ("MNO", D("20"), "RI"), ("MNO", D("10"), "SR"),
    ]  # fmt: skip


def test_short_and_foreign_positions_are_faults_and_the_rest_is_read() -> None:
    parsed = parse_sample("ibkr", "ibflexrs_activity_daily_portfolio.xml")

    account = only_account(parsed)
    assert errors(parsed) == [(20, "position"), (23, "currency")]
    assert parsed.faulty_accounts() == {"U1234567"}
    assert [(p.symbol, p.units, p.cost_usd, p.kind) for p in account.positions or ()] == [
        ("AAPL", D("500"), D("90000.00"), "STK"),
        ("AAPL  250221C00190000", D("50"), D("12500.00"), "OPT"),
        ("ESH5", D("10"), D("2950000.00"), "FUT"),
    ]
    assert account.cash is not None and account.cash.settled_usd == D("150000.50")
    assert [(t.kind.value, t.symbol, t.units, t.amount_usd, t.fee_usd) for t in account.transactions or ()] == [
        ("buy", "GOOGL", D("100"), D("-17551.25"), D("1.25")),
        ("sell", "MSFT", D("-50"), D("21011.75"), D("0.75")),
        ("buy", "SPY   250221C00600000", D("10"), D("-2506.50"), D("6.50")),
        ("dividend", "AAPL", D(0), D("125.00"), D(0)),
        ("tax", "AAPL", D(0), D("-18.75"), D(0)),
        ("interest", "", D(0), D("-12.50"), D(0)),
        ("split", "XYZ", D("100"), D(0), D(0)),
    ]


def test_an_account_in_euros_names_every_row_and_leaves_summaries_out() -> None:
    parsed = parse_sample("ibkr", "opensteuer_corporate_action_2025.xml")

    assert errors(parsed) == [(5, "currency"), (6, "currency"), (11, "currency"), (16, "currency"), (17, "currency")]
    done = only_account(parsed).transactions or ()
    assert [(t.kind.value, t.symbol, t.amount_usd) for t in done] == [
        ("tax", "ZT0", D("-1.91")),
        ("tax", "1XJ", D("-2.09")),
        ("dividend", "ZT0", D("12.72")),
        ("dividend", "1XJ", D("13.92")),
    ]


def test_an_account_with_francs_is_held_and_its_dollar_rows_are_read() -> None:
    parsed = parse_sample("ibkr", "opensteuer_vtandchill_2025.xml")

    account = only_account(parsed)
    assert parsed.as_of == date(2026, 1, 1)
    assert {column for _, column in errors(parsed)} == {"currency"} and len(errors(parsed)) == 7
    assert account.cash is not None and account.cash.settled_usd == D("-0.87")
    assert [(p.symbol, p.cusip, p.units, p.cost_usd) for p in account.positions or ()] == [
        ("VT", "922042742", D("200"), D("28377.0925"))
    ]
    trades = [t for t in account.transactions or () if t.kind.value == "buy"]
    assert [(t.units, t.amount_usd, t.traded_on) for t in trades] == [
        (D("130"), D("-17867.17"), date(2025, 12, 15)),
        (D("28"), D("-3970.4"), date(2025, 12, 24)),
        (D("10"), D("-1418"), date(2025, 12, 24)),
        (D("10"), D("-1418"), date(2025, 12, 24)),
        (D("22"), D("-3686.8"), date(2025, 12, 24)),
    ]


@pytest.mark.parametrize(
    ("name", "as_of", "error_count", "kept"),
    [
        ("pp_testIBFlexStatementFile01.xml", date(2013, 12, 31), 23, ["-2.07", "-9.18", "9.18"]),
        ("pp_testIBFlexStatementFile02.xml", date(2017, 10, 31), 6,
         ["-5000", "49.5", "0", "51.5", "-690.6378", "-2.85", "19"]),
        ("pp_testIBFlexStatementFile12.xml", date(2020, 1, 31), 12,
         ["1.99", "-0.54", "-8.58", "-3.97", "57.19", "26.5", "-9.99"]),
        ("pp_testIBFlexStatementFile20.xml", date(2023, 5, 24), 4, ["-2995.205"]),
        ("pp_testIBFlexStatementFile24.xml", date(2025, 8, 29), 1,
         ["54.24", "64", "64.8", "38", "76", "31.27", "20.58", "51", "54.46", "-245.92"]),
    ],
)  # fmt: skip
def test_foreign_rows_are_named_one_by_one(name: str, as_of: date, error_count: int, kept: list[str]) -> None:
    parsed = parse_sample("ibkr", name)

    assert parsed.as_of == as_of
    assert len(errors(parsed)) == error_count
    assert [t.amount_usd for t in only_account(parsed).transactions or ()] == [D(amount) for amount in kept]


@pytest.mark.parametrize("name", ["dickwolff_dividends.csv", "dickwolff_trades.csv", "kapji_activity_statement.csv"])
def test_csv_exports_are_refused_with_the_way_out(name: str) -> None:
    parsed = parse_sample("ibkr", name)

    assert messages(parsed.faults) == [
        "This is not XML; export the Flex query of Interactive Brokers as XML, not as CSV or text."
    ]


@pytest.mark.parametrize(
    "name",
    ["two_lots_different_buy_days", "two_lots_different_buy_days_out", "two_lots_same_days", "two_lots_same_days_out"],
)
def test_a_file_of_another_program_is_no_generic_file(name: str) -> None:
    parsed = parse_sample("generic", f"adlr_{name}.csv")

    assert messages(parsed.faults) == ["The first row is not the header of any generic format; see docs/custodians.md."]


def test_a_split_tells_its_ratio_where_its_description_does() -> None:
    (daily,) = parse_sample("ibkr", "ibflexrs_activity_daily_portfolio.xml").accounts
    told = [row for row in daily.transactions or () if row.kind.value == "split"]

    assert [(row.symbol, row.ratio) for row in told] == [("XYZ", D(2))]
