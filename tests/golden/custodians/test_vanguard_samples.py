"""Vanguard's CSV download against values read by eye from the file."""

from datetime import date
from decimal import Decimal as D

from portfolios.custodians.base import FileKind
from tests.golden.custodians.samples import messages, only_account, parse_sample


def test_holdings_and_transactions() -> None:
    parsed = parse_sample("vanguard", "layout_OfxDownload.csv", file_name="OfxDownload_2025-11-21.csv")

    account = only_account(parsed)
    assert (parsed.kind, parsed.as_of, parsed.row_count, parsed.faults) == (
        FileKind.STATEMENT, date(2025, 11, 21), 6, (),
    )  # fmt: skip
    assert (account.number, account.cash, account.lots) == ("00000000", None, None)
    assert [(p.row, p.symbol, p.description, p.units, p.price_usd, p.value_usd) for p in account.positions or ()] == [
        (2, "QQQ", "INVESCO QQQ ETF", D(7), D("623.93"), D("4367.51")),
        (3, "VOO", "VANGUARD S&P 500 INDEX ETF", D("47.192"), D("634.78"), D("29956.54")),
    ]
    assert [
        (t.row, t.kind.value, t.traded_on, t.settled_on, t.symbol, t.units, t.amount_usd, t.fee_usd)
        for t in account.transactions or ()
    ] == [
        (7, "buy", date(2024, 7, 19), date(2024, 7, 22), "QQQ", D(5), D("-2389.05"), D(0)),
        (8, "sell", date(2025, 4, 25), date(2025, 4, 28), "QQQ", D("-33.071"), D("15495.98"), D("0.43")),
        (9, "dividend", date(2024, 10, 31), date(2024, 10, 31), "QQQ", D(0), D("12.86"), D(0)),
        (10, "deposit", date(2024, 6, 27), date(2024, 6, 27), "", D(0), D(250), D(0)),
    ]


def test_the_day_of_the_holdings_must_stand_in_the_name() -> None:
    parsed = parse_sample("vanguard", "layout_OfxDownload.csv")

    assert not parsed.is_usable()
    said = "The file does not tell the day of its holdings: put it into the name of the file, as in"
    assert messages(parsed.faults) == [f"{said} OfxDownload_2026-11-20.csv."]
