"""OFX and QFX downloads of several institutions, each against values read by eye from the file."""

from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians.base import FileKind, ParsedFile, TransactionRow
from tests.golden.custodians.samples import errors, messages, only_account, parse_sample


def told(parsed: ParsedFile) -> list[tuple[int, str, str, str, D, D]]:
    return [_told(row) for row in only_account(parsed).transactions or ()]


def _told(row: TransactionRow) -> tuple[int, str, str, str, D, D]:
    return row.row, row.kind.value, row.traded_on.isoformat(), row.symbol or row.cusip, row.units, row.amount_usd


def held(parsed: ParsedFile) -> list[tuple[int, str, str, D, D | None, D | None]]:
    return [(p.row, p.symbol, p.cusip, p.units, p.price_usd, p.value_usd) for p in only_account(parsed).positions or ()]


def test_etrade_with_dividend_foreign_tax_and_purchases() -> None:
    parsed = parse_sample("etrade", "reds_etrade_09092023.QFX")

    account = only_account(parsed)
    assert (parsed.kind, parsed.as_of, parsed.row_count, account.number) == (
        FileKind.STATEMENT, date(2023, 9, 9), 9, "555555555",
    )  # fmt: skip
    assert held(parsed) == [
        (121, "TSM", "874039100", D("55.55"), D("89.64"), D("4979.50")),
        (136, "V", "92826C839", D("500"), D("247.29"), D("13736.96")),
    ]
    assert told(parsed) == [
        (48, "buy", "2023-07-14", "TSM", D("0.76817"), D("-82.34")),
        (68, "tax", "2023-07-14", "TSM", D(0), D("-21.89")),
        (83, "dividend", "2023-07-14", "TSM", D(0), D("104.23")),
        (99, "buy", "2023-07-12", "V", D("5.55"), D("-1344.27")),
    ]
    assert {row.ref for row in account.transactions or ()} == {""}
    assert account.cash is not None and account.cash.settled_usd == D("555.55")
    assert messages(parsed.faults) == ["500 units at 247.29 are not the stated value $13,736.96."]
    assert errors(parsed) == []


def test_vanguard_plan_with_contributions_and_a_move_between_sources() -> None:
    parsed = parse_sample("vanguard", "reds_OfxDownload-401k.qfx")

    assert (parsed.as_of, only_account(parsed).number, only_account(parsed).cash) == (date(2023, 5, 26), "444555", None)
    assert held(parsed) == [(153, "", "VGI007743", D("113.718"), D("117.71"), D("13385.75"))]
    assert (only_account(parsed).positions or ())[0].security_name == "Vanguard Target Retirement 2050 Trust"
    assert told(parsed) == [
        (50, "deposit", "2023-01-06", "", D(0), D("1135.48")),
        (50, "buy", "2023-01-06", "VGI007743", D("10.16089"), D("-1135.48")),
        (72, "deposit", "2023-01-20", "", D(0), D("641.92")),
        (72, "buy", "2023-01-20", "VGI007743", D("5.58049"), D("-641.92")),
        (131, "transfer", "2023-03-07", "VGI007743", D("-0.000349"), D(0)),
    ]
    assert messages(parsed.faults) == [
        "2 rows are left out: units that move between sources of the plan change nothing."
    ]


def test_vanguard_plan_in_one_line() -> None:
    parsed = parse_sample("ofx", "vanguard401k.ofx", custodian="vanguard")

    assert (parsed.as_of, parsed.faults) == (date(2014, 10, 17), ())
    assert held(parsed) == [(11, "", "92202V351", D("117.506"), D("44.01"), D("5171.44"))]
    bought = [row for row in told(parsed) if row[1] == "buy"]
    assert [(row[2], row[4], row[5]) for row in bought] == [
        ("2014-09-26", D("14.61137"), D("-673.0")),
        ("2014-09-26", D("7.30568"), D("-336.5")),
        ("2014-10-10", D("15.25039"), D("-673.0")),
        ("2014-10-10", D("7.62519"), D("-336.5")),
    ]
    assert sum(row[5] for row in told(parsed)) == 0


def test_vanguard_funds_under_one_cusip_hold_the_account() -> None:
    parsed = parse_sample("ofx", "vanguard.ofx", custodian="vanguard")

    assert (parsed.as_of, only_account(parsed).number) == (date(2011, 7, 27), "01234567890")
    assert messages(parsed.faults) == [
        "012345678 has the tickers VFINX and VFIAX: only its id counts.",
        "POSMF 012345678: The security stands among the positions twice.",
    ]
    assert parsed.faulty_accounts() == {"01234567890"}
    assert told(parsed) == [
        (11, "sell", "2011-07-15", "012345678", D("-42.123"), D("4212.3")),
        (11, "withdrawal", "2011-07-15", "", D(0), D("-4212.3")),
    ]


def test_fidelity_with_reinvestments_cash_in_lieu_and_money_rows() -> None:
    parsed = parse_sample("ofx", "fidelity.ofx", custodian="fidelity")

    account = only_account(parsed)
    assert (parsed.as_of, parsed.row_count, account.number, parsed.faults) == (
        date(2012, 9, 8), 42, "01234567890", (),
    )  # fmt: skip
    assert account.cash is not None and account.cash.settled_usd == D("18073.98")
    assert [(row[1], row[3], row[4], row[5]) for row in held(parsed)] == [
        ("SDRL", D(128), D("40.87"), D("5231.36")),
        ("CLCT", D("70.573"), D("14.32"), D("1010.60")),
        ("HI", D(115), D("18.93"), D("2176.95")),
        ("INTC", D("100.911"), D("24.19"), D("2441.03")),
        ("RHT", D(50), D("59.15"), D("2957.50")),
        ("XIN", D("390.909"), D("2.82"), D("1102.36")),
    ]
    done = account.transactions or ()
    assert [(t.kind.value, t.symbol, t.units, t.amount_usd) for t in done[5:9]] == [
        ("reinvest", "XIN", D("4.909"), D("-14.47")),
        ("reinvest", "CLCT", D("1.573"), D("-22.43")),
        ("reinvest", "INTC", D("0.911"), D("-22.50")),
        ("dividend", "SPY", D(0), D("5.53")),
    ]
    assert [(t.kind.value, t.units, t.amount_usd, t.fee_usd) for t in done if t.kind.value == "sell"] == [
        ("sell", D(-8), D("1089.30"), D("7.95")),
        ("sell", D("-0.035"), D("4.80"), D(0)),
    ]
    assert [(t.kind.value, t.amount_usd, t.ref) for t in done[-3:]] == [
        ("interest", D("0.24"), "bank:0123456789021301320120731"),
        ("fee", D("-0.97"), "bank:0123456789023501120120820"),
        ("interest", D("0.16"), "bank:0123456789024401420120831"),
    ]


def test_td_ameritrade_with_a_bond_known_by_its_cusip() -> None:
    parsed = parse_sample("ofx", "td_ameritrade.ofx")

    account = only_account(parsed)
    assert (parsed.as_of, parsed.faults, account.transactions) == (date(2017, 12, 3), (), ())
    assert held(parsed) == [
        (48, "AMZN", "023135106", D(1), D(1000), D(1000)),
        (62, "", "912810RW0", D(1000), D(100), D(1000)),
    ]
    assert account.cash is not None and account.cash.settled_usd == 0


def test_tiaa_with_a_balance_update_that_changes_nothing() -> None:
    parsed = parse_sample("ofx", "tiaacref.ofx")

    account = only_account(parsed)
    assert (parsed.as_of, account.number, account.transactions) == (date(2017, 3, 8), "111A111122B22233C333", ())
    assert [(row[1], row[2], row[3]) for row in held(parsed)] == [
        ("", "222222126", D("13.0763")),
        ("", "222222217", D("1.0000")),
        ("QCBMIX", "222222233", D("8.7605")),
        ("", "222222258", D("339.2012")),
        ("TIAATRAD", "111111111", D("543.71")),
        ("QREARX", "333333200", D("2.00")),
    ]
    assert messages(parsed.faults) == ["1 row is left out: a transfer without units changes nothing."]


def test_a_plan_of_another_institution_with_private_ids() -> None:
    parsed = parse_sample("ofx", "investment_401k.ofx")

    assert (parsed.as_of, parsed.faults) == (date(2014, 6, 30), ())
    assert [(row[1], row[2], row[3]) for row in held(parsed)] == [
        ("FOO", "", D("17.604312")),
        ("BAR", "", D("13.550983")),
    ]
    assert [row[1:5] for row in told(parsed)] == [
        ("deposit", "2014-06-17", "", D(0)),
        ("buy", "2014-06-17", "FOO", D("8.846699")),
        ("transfer", "2014-06-30", "BAR", D("6.800992")),
        ("transfer", "2014-06-30", "BAZ", D("-9.060702")),
    ]


def test_a_statement_in_canadian_dollars_is_held() -> None:
    parsed = parse_sample("ofx", "investment_medium.ofx")

    assert [(f.row, f.column, f.account, f.message) for f in parsed.faults] == [
        (32, "CURDEF", "ABC123", "The statement is in CAD; only US dollars are kept.")
    ]
    assert only_account(parsed).positions is None


def test_scrambled_values_are_noted_and_the_short_balance_holds_the_account() -> None:
    parsed = parse_sample("ofx", "jbms_investment_buy_sell_income.ofx")

    account = only_account(parsed)
    assert (parsed.as_of, parsed.row_count, len(account.positions or ())) == (date(2018, 8, 4), 54, 15)
    assert errors(parsed) == [(590, "SHORTBALANCE")]
    done = account.transactions or ()
    assert len(done) == 20
    assert [(t.kind.value, t.units, t.amount_usd, t.fee_usd) for t in (done[0], done[3], done[16], done[19])] == [
        ("buy", D("11.22109"), D("-536.53479227500345"), D("129.0493")),
        ("reinvest", D("33.98540"), D("-1479.08136722116060"), D("146.9412")),
        ("sell", D("-32.28325"), D("1967.68231756111400"), D("33.4538")),
        ("fee", D(0), D("-8.4850"), D(0)),
    ]


@pytest.mark.parametrize(
    ("name", "chosen", "said"),
    [
        ("vanguard.ofx", "etrade", "This file is from “vanguard.com”, not from E*TRADE."),
        ("fidelity.ofx", "ofx", "This is a file of Fidelity (“fidelity.com”); choose Fidelity."),
        ("tiaacref.ofx", "vanguard", "This file is from “TIAA-CREF.ORG”, not from Vanguard."),
    ],
)
def test_a_file_of_another_institution_is_refused(name: str, chosen: str, said: str) -> None:
    parsed = parse_sample("ofx", name, custodian=chosen)

    assert not parsed.is_usable()
    assert said in messages(parsed.faults)
