"""Schwab's downloads, each against values read by eye from the file."""

from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians.base import FileKind, TransactionKind
from tests.golden.custodians.samples import errors, messages, only_account, parse_sample


def test_positions_of_all_accounts_in_the_layout_of_2020() -> None:
    parsed = parse_sample("schwab", "All-Accounts-Positions-2020-11-15.CSV")

    assert (parsed.kind, parsed.as_of, parsed.row_count) == (FileKind.POSITIONS, date(2020, 11, 15), 5)
    empty, held = parsed.accounts
    assert (empty.number, empty.is_masked, empty.label) == ("1234", True, "Brokerage")
    assert empty.positions == () and empty.cash is not None and empty.cash.settled_usd == D("0")
    assert (held.number, held.label) == ("4321", "Intelligent")
    assert held.cash is not None and held.cash.settled_usd == D("2000")
    assert held.lots is None
    assert [(p.row, p.symbol, p.units, p.price_usd, p.value_usd, p.cost_usd) for p in held.positions or ()] == [
        (11, "FNDA", D("100"), D("38.30"), D("3830.00"), D("3000.00")),
        (12, "SCHA", D("100"), D("78.97"), D("7897.00"), D("7000.00")),
        (13, "SMAL 04/01/2020 32.00 P", D("1"), D("12.53"), D("1253"), D("1253")),
    ]
    assert [p.kind for p in held.positions or ()] == ["ETFs & Closed End Funds", "ETFs & Closed End Funds", "Option"]
    assert errors(parsed) == []
    assert messages(parsed.faults) == ["The rows add up to $14,980.00, the total says $13,727.00."]


def test_positions_of_one_account_in_the_layout_of_2020() -> None:
    parsed = parse_sample("schwab", "Intelligent-Positions-2020-10-25.CSV")

    account = only_account(parsed)
    assert (parsed.as_of, account.number) == (date(2020, 10, 25), "4321")
    assert [(p.symbol, p.units, p.cost_usd) for p in account.positions or ()] == [("SCHA", D("10.5"), D("759.68"))]
    assert account.cash is not None and account.cash.settled_usd == D("10.00")
    assert errors(parsed) == []


def test_positions_in_the_layout_of_2026() -> None:
    parsed = parse_sample("schwab", "layout_positions_2026.csv")

    account = only_account(parsed)
    assert (parsed.as_of, account.number, account.label) == (date(2026, 5, 3), "000", "Individual")
    assert [(p.symbol, p.units, p.price_usd, p.value_usd, p.cost_usd) for p in account.positions or ()] == [
        ("AMD", D("16"), D("360.54"), D("5768.64"), D("3073.28"))
    ]
    assert account.cash is not None and account.cash.settled_usd == D("0.95")
    assert parsed.faults == ()


@pytest.mark.parametrize(
    ("name", "as_of", "symbol", "lots"),
    [
        ("lots_2020-08-25_FNDA.csv", date(2020, 8, 25), "FNDA", [("1", "34.89", date(2020, 8, 24))]),
        ("lots_2020-08-25_SCHA.csv", date(2020, 8, 25), "SCHA", [("10", "713.50", date(2020, 8, 24))]),
        (
            "lots_2020-09-25_HYLB.csv",
            date(2020, 9, 25),
            "HYLB",
            [("12", "120.00", date(2020, 8, 31)), ("8", "160.00", date(2020, 8, 30))],
        ),
        ("lots_2020-09-25_IAU.csv", date(2020, 9, 25), "IAU", [("10", "100.00", date(2020, 9, 24))]),
        (
            "layout_lot_details_2022.csv",
            date(2022, 2, 11),
            "SHOP",
            [("8", "871.84", date(2017, 10, 30)), ("2", "182.90", date(2017, 7, 11))],
        ),
    ],
)
def test_open_lots_have_the_basis_of_the_file(
    name: str, as_of: date, symbol: str, lots: list[tuple[str, str, date]]
) -> None:
    parsed = parse_sample("schwab", name)

    account = only_account(parsed)
    assert (parsed.kind, parsed.as_of, account.lots_of) == (FileKind.LOTS, as_of, frozenset({symbol}))
    assert account.number == ("0000" if symbol == "SHOP" else "4321")
    assert [(lot.units, lot.cost_usd, lot.acquired_on) for lot in account.lots or ()] == [
        (D(units), D(cost), day) for units, cost, day in lots
    ]
    assert {lot.symbol for lot in account.lots or ()} == {symbol}
    assert parsed.faults == ()


@pytest.mark.parametrize(
    ("name", "row", "sentence", "lots"),
    [
        (
            "lots_2020-10-25_HYLB.csv",
            6,
            "The lots of HYLB add up to 40, the total is 20.",
            [("24", "120.00", date(2020, 8, 31)), ("16", "160.00", date(2020, 8, 30))],
        ),
        (
            "lots_2020-10-25_SCHA.csv",
            5,
            "The lots of SCHA add up to 10.5, the total is 10.",
            [("10.5", "761.88", date(2020, 9, 24))],
        ),
    ],
)
def test_open_lots_that_contradict_their_total_hold_the_account(
    name: str, row: int, sentence: str, lots: list[tuple[str, str, date]]
) -> None:
    parsed = parse_sample("schwab", name)

    assert [(f.row, f.column, f.account, f.message) for f in parsed.faults] == [(row, "Quantity", "4321", sentence)]
    assert parsed.faulty_accounts() == {"4321"}
    assert [(lot.units, lot.cost_usd, lot.acquired_on) for lot in only_account(parsed).lots or ()] == [
        (D(units), D(cost), day) for units, cost, day in lots
    ]


def test_transactions_with_trades_and_splits() -> None:
    parsed = parse_sample("schwab", "Intelligent_Transactions_20201115-180120.CSV")

    account = only_account(parsed)
    assert (parsed.kind, account.number, parsed.row_count) == (FileKind.TRANSACTIONS, "4321", 11)
    kind = TransactionKind
    assert [(t.kind, t.traded_on, t.symbol, t.units, t.amount_usd) for t in account.transactions or ()] == [
        (kind.SPLIT, date(2020, 10, 22), "IAU", D("5"), D(0)),
        (kind.SPLIT, date(2020, 10, 22), "464285105", D("-10"), D(0)),
        (kind.SELL, date(2020, 10, 19), "SCHA", D("-19.5"), D("1447.49")),
        (kind.SELL, date(2020, 10, 19), "FNDA", D("-1"), D("35.00")),
        (kind.SPLIT, date(2020, 10, 13), "HYLB", D("20"), D(0)),
        (kind.BUY, date(2020, 9, 24), "SCHA", D("20"), D("-1451.20")),
        (kind.BUY, date(2020, 9, 24), "IAU", D("10"), D("-100.00")),
        (kind.BUY, date(2020, 8, 31), "HYLB", D("12"), D("-120.00")),
        (kind.BUY, date(2020, 8, 30), "HYLB", D("8"), D("-160.00")),
        (kind.BUY, date(2020, 8, 24), "SCHA", D("10"), D("-713.50")),
        (kind.BUY, date(2020, 8, 24), "FNDA", D("1"), D("-34.89")),
    ]
    assert (account.transactions or ())[1].cusip == "464285105"
    assert messages(parsed.faults) == ["The amounts add up to $-1,097.10, the total says $-897.10."]


def test_transactions_of_every_other_kind() -> None:
    parsed = parse_sample("schwab", "Brokerage_Transactions_20201115-180021.CSV")

    account = only_account(parsed)
    kind = TransactionKind
    rows = {t.row: t for t in account.transactions or ()}
    assert len(rows) == parsed.row_count == 21
    assert errors(parsed) == []
    assert {row: rows[row].kind for row in sorted(rows)} == {
        3: kind.DIVIDEND, 4: kind.DEPOSIT, 5: kind.JOURNAL, 6: kind.SELL, 7: kind.TRANSFER, 8: kind.INTEREST,
        9: kind.CORPORATE_ACTION, 10: kind.CORPORATE_ACTION, 11: kind.CORPORATE_ACTION, 12: kind.CORPORATE_ACTION,
        13: kind.DEPOSIT, 14: kind.CAPITAL_GAIN_SHORT, 15: kind.CAPITAL_GAIN_LONG, 16: kind.DIVIDEND,
        17: kind.INTEREST, 18: kind.INTEREST, 19: kind.CORPORATE_ACTION, 20: kind.CORPORATE_ACTION,
        21: kind.DIVIDEND, 22: kind.CAPITAL_GAIN_LONG, 23: kind.CAPITAL_GAIN_SHORT,
    }  # fmt: skip
    sale = rows[6]
    assert (sale.units, sale.price_usd, sale.fee_usd, sale.amount_usd) == (
        D("-100"), D("261.50"), D("6.06"), D("26143.94"),
    )  # fmt: skip
    assert (rows[8].traded_on, rows[8].amount_usd) == (date(2020, 9, 15), D("0.05"))
    assert (rows[12].units, rows[12].amount_usd) == (D("1"), D("-2290"))
    assert (rows[18].symbol, rows[18].cusip) == ("912810SP4", "912810SP4")


def test_transactions_masked_to_nothing_take_the_account_from_the_file_name() -> None:
    parsed = parse_sample("schwab", "reds_brokerage_XX876_Transactions_20220731.csv")

    account = only_account(parsed)
    assert (account.number, account.is_masked) == ("876", True)
    assert parsed.faults == ()
    assert [(t.kind.value, t.symbol, t.units, t.amount_usd) for t in account.transactions or ()] == [
        ("buy", "BND", D("45"), D("-3320.05")),
        ("journal", "", D(0), D("7461.72")),
        ("journal", "", D(0), D("-7461.72")),
        ("sell", "BND", D("-10.065"), D("738.81")),
        ("interest", "", D(0), D("0.03")),
        ("reinvest", "BND", D("0.0249"), D("-1.84")),
        ("dividend", "BND", D(0), D("1.84")),
        ("dividend", "GIS", D(0), D("0.54")),
        ("dividend", "SWVXX", D(0), D("0.98")),
        ("deposit", "", D(0), D("25.00")),
        ("deposit", "", D(0), D("980.65")),
    ]


def test_transactions_without_an_account_need_one_to_be_named() -> None:
    unnamed = parse_sample("schwab", "kapji_2023_transactions.csv")
    named = parse_sample("schwab", "kapji_2023_transactions.csv", account="1234-5678")

    assert messages(unnamed.faults) == ["Nothing in the file or its name tells the account; name it when importing."]
    assert not unnamed.is_usable()
    assert named.faults == () and only_account(named).number == "12345678"
    assert [
        (t.kind.value, t.symbol, t.units, t.fee_usd, t.amount_usd) for t in only_account(named).transactions or ()
    ] == [
        ("deposit", "", D(0), D(0), D("1000000.00")),
        ("buy", "BAR", D("300"), D("1.34"), D("-40503.61")),
        ("sell", "BAR", D("-300"), D("1.34"), D("42103.66")),
        ("buy", "FOO", D("500"), D(0), D("-45061.70")),
        ("sell", "FOO", D("-500"), D("1.23"), D("49998.85")),
        ("buy", "QUX", D("1300"), D("1.12"), D("-208166.93")),
        ("sell", "QUX", D("-1300"), D("1.2"), D("221456.59")),
    ]


def test_transactions_with_price_before_quantity() -> None:
    parsed = parse_sample("schwab", "kapji_cash_merger_transactions.csv", account="1")

    assert [(t.kind.value, t.units, t.price_usd, t.amount_usd) for t in only_account(parsed).transactions or ()] == [
        ("corporate_action", D(0), None, D("1000")),
        ("corporate_action", D("-100"), None, D(0)),
        ("buy", D("100"), D("25"), D("-2506")),
        ("deposit", D(0), None, D("10.00")),
        ("withdrawal", D(0), None, D("-10.00")),
        ("deposit", D(0), None, D("2506.00")),
    ]


def test_transactions_that_are_all_trades() -> None:
    parsed = parse_sample("schwab", "kapji_schwab_transactions.csv", account="1")

    done = only_account(parsed).transactions or ()
    assert len(done) == 13 and parsed.faults == ()
    assert (done[0].kind.value, done[0].amount_usd) == ("interest", D("1.2"))
    assert (done[2].units, done[2].amount_usd) == (D("30.5"), D("-925.1"))
    assert sum((t.units for t in done), D(0)) == D("30.5") - 90 + 90 - 104 + 4 + 100 - 50 + 50 - 100 + 100
    assert done[12].traded_on == date(2016, 3, 1)


def test_a_long_export_keeps_every_row() -> None:
    parsed = parse_sample("schwab", "dickwolff_schwab-export.csv", account="1")

    done = only_account(parsed).transactions or ()
    assert len(done) == parsed.row_count == 119
    assert errors(parsed) == []
    rows = {t.row: t for t in done}
    assert (rows[2].kind.value, rows[2].symbol, rows[2].units, rows[2].amount_usd) == (
        "reinvest", "SPY", D("1.6531"), D("-694.48"),
    )  # fmt: skip
    assert (rows[11].amount_usd, rows[13].units) == (D("3706.38"), D("1259.59"))
    assert (rows[100].kind.value, rows[100].units, rows[100].amount_usd) == ("sell", D("-500135"), D("500135.00"))
    assert (rows[101].kind.value, rows[101].amount_usd) == ("withdrawal", D("-100000.00"))
    assert (rows[108].kind.value, rows[108].traded_on, rows[108].units) == ("split", date(2024, 7, 12), D("9"))
    assert (rows[114].kind.value, rows[114].symbol) == ("corporate_action", "LCID")
    assert (rows[120].kind.value, rows[120].amount_usd) == ("corporate_action", D("5.49"))


def test_realised_lots_of_2026() -> None:
    parsed = parse_sample("schwab", "layout_realized_lot_details_2026.csv")

    account = only_account(parsed)
    assert (parsed.kind, parsed.as_of, account.number) == (FileKind.REALISED, date(2026, 9, 16), "000")
    assert parsed.faults == ()
    assert [
        (r.symbol, r.acquired_on, r.closed_on, r.units, r.proceeds_usd, r.cost_usd, r.disallowed_usd)
        for r in account.realised or ()
    ] == [
        ("VUG", date(2016, 11, 23), date(2026, 4, 21), D("0.03"), D("2.73"), D("0.61"), D(0)),
        ("NVDA", date(2026, 6, 20), date(2026, 7, 1), D("10"), D("1400.00"), D("1300.00"), D(0)),
        (
            "AAPL 09/16/2026 337.50 C", date(2026, 9, 16), date(2026, 9, 16), D("1"), D("40.34"), D("51.98"),
            D("11.64"),
        ),
    ]  # fmt: skip
    assert [(r.short_gain_usd, r.long_gain_usd) for r in account.realised or ()] == [
        (None, D("2.12")),
        (D("100.00"), None),
        (D("-11.64"), None),
    ]


def test_realised_summary_of_2021_has_no_opening_date() -> None:
    parsed = parse_sample("schwab", "layout_realized_summary_2021.csv")

    closed = (only_account(parsed).realised or ())[0]
    assert (parsed.as_of, closed.symbol, closed.acquired_on) == (date(2021, 9, 27), "VEA", None)
    assert (closed.proceeds_usd, closed.cost_usd, closed.long_gain_usd, closed.short_gain_usd) == (
        D("12.00"), D("10.00"), D("0.50"), D("1.50"),
    )  # fmt: skip
    assert parsed.faults == ()
