"""OFX statements: each element, what it becomes, and what is wrong with it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians.base import FileKind, TransactionRow
from tests.ofx_files import (
    AAPL,
    FUND,
    XML_HEADER,
    balance,
    bank,
    errors,
    flow,
    only,
    parse,
    position,
    secid,
    statement,
    total_value,
    trade,
)


def done_by(trades: str) -> list[TransactionRow]:
    return list(only(parse(statement(trades=trades))).transactions or ())


def told(trades: str = "", *, positions: str = "", balances: str = "") -> list[tuple[str, str]]:
    return [each[1:] for each in errors(parse(statement(trades=trades, positions=positions, balances=balances)))]


def test_a_statement_has_day_account_positions_cash_and_activity() -> None:
    parsed = parse(statement(trades=trade(), positions=position(), balances=balance("55.50")))

    assert (parsed.kind, parsed.as_of, parsed.faults) == (FileKind.STATEMENT, date(2026, 11, 20), ())
    account = only(parsed)
    assert (account.number, account.is_masked, account.lots) == ("88124401", False, None)
    assert [(p.symbol, p.cusip, p.units, p.price_usd, p.value_usd) for p in account.positions or ()] == [
        ("AAPL", AAPL, D(10), D(200), D("2000.00"))
    ]
    assert account.cash is not None and account.cash.settled_usd == D("55.50")
    bought = (account.transactions or ())[0]
    assert (bought.kind.value, bought.traded_on, bought.units, bought.amount_usd, bought.ref) == (
        "buy", date(2026, 11, 12), D(5), D(-1000), "F-1",
    )  # fmt: skip


def test_a_list_that_is_missing_says_nothing_and_one_that_is_empty_says_that_nothing_is_held() -> None:
    silent, empty = only(parse(statement(positions=None, trades=None))), only(parse(statement()))

    assert (silent.positions, silent.transactions, silent.cash) == (None, None, None)
    assert (empty.positions, empty.transactions, empty.cash) == ((), (), None)


def test_version_two_is_read_like_version_one() -> None:
    closed = trade().replace("<FITID>F-1", "<FITID>F-1</FITID>").replace("<UNITS>5", "<UNITS>5</UNITS>")

    old, new = parse(statement(trades=trade())), parse(statement(trades=closed), header=XML_HEADER)

    assert [replace(row, row=0) for row in only(old).transactions or ()] == [
        replace(row, row=0) for row in only(new).transactions or ()
    ]
    assert only(new).transactions


def test_a_reinvestment_is_income_and_purchase_with_references_of_their_own() -> None:
    income, bought = done_by(flow("REINVEST", "<INCOMETYPE>CGLONG<TOTAL>-20.00<UNITS>0.1<UNITPRICE>200"))

    assert (income.kind.value, income.amount_usd, income.units, income.ref) == (
        "capital_gain_long", D(20), D(0), "F-1:income",
    )  # fmt: skip
    assert (bought.kind.value, bought.amount_usd, bought.units, bought.ref) == ("reinvest", D(-20), D("0.1"), "F-1")


def test_a_purchase_that_says_reinvestment_is_one() -> None:
    assert [row.kind.value for row in done_by(trade(memo="REINVESTMENT"))] == ["reinvest"]


@pytest.mark.parametrize(
    ("element", "kind", "units", "amount"),
    [
        (trade("SELLSTOCK", units="-5", total="1000"), "sell", "-5", "1000"),
        (trade("SELLMF", units="5", total="1000"), "sell", "-5", "1000"),
        (trade("BUYDEBT"), "buy", "5", "-1000"),
        (flow("INCOME", "<INCOMETYPE>DIV<TOTAL>12.5<SUBACCTFUND>CASH"), "dividend", "0", "12.5"),
        (flow("INCOME", "<INCOMETYPE>INTEREST<TOTAL>1"), "interest", "0", "1"),
        (flow("INCOME", "<INCOMETYPE>CGSHORT<TOTAL>1"), "capital_gain_short", "0", "1"),
        (flow("INCOME", "<INCOMETYPE>MISC<TOTAL>1"), "other", "0", "1"),
        (flow("RETOFCAP", "<TOTAL>7"), "return_of_capital", "0", "7"),
        (flow("INVEXPENSE", "<TOTAL>-3"), "fee", "0", "-3"),
        (flow("INVEXPENSE", "<TOTAL>-3").replace("20261112", "20261112<MEMO>Foreign Stk W/H"), "tax", "0", "-3"),
        (flow("MARGININTEREST", "<TOTAL>-4"), "interest", "0", "-4"),
        (flow("TRANSFER", "<UNITS>3<TFERACTION>IN<POSTYPE>LONG"), "transfer", "3", "0"),
        (flow("TRANSFER", "<UNITS>3<TFERACTION>OUT<POSTYPE>LONG"), "transfer", "-3", "0"),
        (flow("TRANSFER", "<UNITS>-3<POSTYPE>LONG"), "transfer", "-3", "0"),
        (flow("CLOSUREOPT", "<UNITS>-1"), None, "", ""),
        (flow("SELLOPT", "<UNITS>-1<TOTAL>50"), "other", "0", "50"),
        (bank("250"), "deposit", "0", "250"),
        (bank("-250", kind="DEBIT"), "withdrawal", "0", "-250"),
        (bank("0.24", kind="DEP", name="INTEREST EARNED"), "interest", "0", "0.24"),
        (bank("-0.97", kind="OTHER", name="LATE SETTLEMENT FEE"), "fee", "0", "-0.97"),
        (bank("9", kind="XFER"), "journal", "0", "9"),
        (flow("JRNLSEC", "<UNITS>5"), None, "", ""),
        (flow("JRNLFUND", "<TOTAL>5"), None, "", ""),
    ],
)  # fmt: skip
def test_each_element_becomes_its_kind(element: str, kind: str | None, units: str, amount: str) -> None:
    rows = [(row.kind.value, row.units, row.amount_usd) for row in done_by(element)]

    assert rows == ([] if kind is None else [(kind, D(units), D(amount))])


def test_a_split_carries_its_ratio_its_units_and_the_cash_for_the_fraction() -> None:
    values = "<OLDUNITS>101<NEWUNITS>50<NUMERATOR>1<DENOMINATOR>2<FRACCASH>99.5"

    split = done_by(flow("SPLIT", values))[0]

    assert (split.kind.value, split.units, split.ratio, split.amount_usd) == ("split", D(-51), D("0.5"), D("99.5"))


def test_money_from_outside_comes_before_what_it_bought_and_leaves_after_what_was_sold() -> None:
    outside = "<SUBACCTFUND>OTHER"
    sale = trade("SELLMF", fitid="F-2", units="-5", total="1000", more=outside)

    rows = done_by(trade("BUYMF", more=outside) + sale)

    assert [(row.kind.value, row.amount_usd, row.ref) for row in rows] == [
        ("deposit", D(1000), "F-1:outside"),
        ("buy", D(-1000), "F-1"),
        ("sell", D(1000), "F-2"),
        ("withdrawal", D(-1000), "F-2:outside"),
    ]
    assert sum(row.amount_usd for row in rows) == 0


def test_a_money_fund_is_cash_and_what_is_swept_into_it_is_left_out() -> None:
    sweep = trade("BUYMF", unique=FUND, units="500", total="-500").replace("<UNITPRICE>200", "<UNITPRICE>1")
    income = flow("INCOME", "<INCOMETYPE>DIV<TOTAL>1.25", fitid="F-2", unique=FUND)
    fund = position(FUND, tag="POSMF", units="500.25", price="1")

    parsed = parse(statement(trades=sweep + income, positions=fund + position()))

    account = only(parsed)
    assert [p.symbol for p in account.positions or ()] == ["AAPL"]
    assert account.cash is not None and account.cash.settled_usd == D("500.25")
    assert [(t.kind.value, t.symbol, t.amount_usd) for t in account.transactions or ()] == [("dividend", "", D("1.25"))]
    assert [f.message for f in parsed.faults] == [
        "1 row is left out: cash moves to or from a money fund, which counts as cash."
    ]


def test_a_fund_with_such_a_ticker_that_does_not_stand_at_a_dollar_is_no_cash() -> None:
    account = only(parse(statement(positions=position(FUND, tag="POSMF", units="500", price="10.01"))))

    assert [p.symbol for p in account.positions or ()] == ["VMFXX"]
    assert account.cash is None


@pytest.mark.parametrize(
    ("available", "fund", "total", "cash"),
    [
        ("0", "500", "", "500"),
        ("500.02", "500", "", "500.02"),
        ("700", "500", "2700.00", "700"),
        ("700", "500", "3200.00", "1200"),
    ],
)
def test_money_funds_count_once(available: str, fund: str, total: str, cash: str) -> None:
    held = position(FUND, tag="POSMF", units=fund, price="1") + position()
    more = total_value(total) if total else ""

    account = only(parse(statement(positions=held, balances=balance(available, more=more))))

    assert account.cash is not None and account.cash.settled_usd == D(cash)


@pytest.mark.parametrize("total", ["", "9999.00"])
def test_cash_that_may_or_may_not_contain_the_money_funds_holds_the_account(total: str) -> None:
    held = position(FUND, tag="POSMF", units="500", price="1") + position()
    more = total_value(total) if total else ""

    parsed = parse(statement(positions=held, balances=balance("700", more=more)))

    said = "INVBAL: The file states $700.00 of available cash and $500.00 in money funds, and nothing shows whether"
    assert errors(parsed) == [("88124401", "AVAILCASH", f"{said} one contains the other.")]
    assert parsed.accounts[0].cash is None


def test_a_margin_debit_is_negative_cash_and_short_positions_are_refused() -> None:
    debit = only(parse(statement(balances=balance("0", margin="-250.10"))))

    assert debit.cash is not None and debit.cash.settled_usd == D("-250.10")
    assert told(balances=balance("0", short="10"))[0][0] == "SHORTBALANCE"


def test_plan_sources_of_one_fund_add_up_and_moves_between_them_change_nothing() -> None:
    held = position(more="<INV401KSOURCE>PRETAX") + position(units="2", more="<INV401KSOURCE>MATCH")
    out = flow("TRANSFER", "<UNITS>-3<TFERACTION>OUT<POSTYPE>LONG<INV401KSOURCE>AFTERTAX")
    back = flow("TRANSFER", "<UNITS>3<TFERACTION>IN<POSTYPE>LONG<INV401KSOURCE>ROLLOVER", fitid="F-2")
    cost = flow("TRANSFER", "<UNITS>-0.01<TFERACTION>OUT<POSTYPE>LONG<INV401KSOURCE>PRETAX", fitid="F-3")

    account = only(parse(statement(trades=out + back + cost, positions=held)))

    assert [p.units for p in account.positions or ()] == [D(10), D(2)]
    assert [(t.kind.value, t.units) for t in account.transactions or ()] == [("transfer", D("-0.01"))]


def test_a_position_of_nothing_is_no_position() -> None:
    assert only(parse(statement(positions=position(units="0.0", price="0")))).positions == ()


def test_a_masked_account_holds_the_digits_that_are_shown() -> None:
    account = only(parse(statement(account="XXXX-4401")))

    assert (account.number, account.is_masked) == ("4401", True)


def test_securities_are_told_by_ticker_by_cusip_or_by_their_name_alone() -> None:
    listed = (
        f"<OTHERINFO><SECINFO>{secid('VGI007743')}<SECNAME>Target Retirement 2050 Trust</SECINFO></OTHERINFO>"
        f"<OTHERINFO><SECINFO>{secid('PLAN-7', 'PRIVATE')}<SECNAME>Stable Value</SECINFO></OTHERINFO>"
    )
    held = "".join(position(each, tag="POSMF") for each in (AAPL, "VGI007743", "PLAN-7"))

    positions = only(parse(statement(positions=held), securities=listed)).positions or ()

    assert [(p.symbol, p.cusip, p.security_name) for p in positions] == [
        ("", AAPL, ""),
        ("", "VGI007743", "Target Retirement 2050 Trust"),
        ("", "", "Stable Value"),
    ]


def test_a_private_id_that_nothing_explains_is_at_fault() -> None:
    held = position("PLAN-9").replace("<UNIQUEIDTYPE>CUSIP", "<UNIQUEIDTYPE>PRIVATE")

    assert told(positions=held) == [("UNIQUEID", "POSSTOCK PLAN-9: The security list does not tell what “PLAN-9” is.")]


@pytest.mark.parametrize(
    "day", ["20261112", "20261112093000", "20261112093000.000", "20261112093000[-5:EST]", "20261112233000.1[+9:JST]"]
)
def test_a_date_is_the_day_as_written_with_and_without_time_zone(day: str) -> None:
    assert done_by(trade(on=day))[0].traded_on == date(2026, 11, 12)


def test_the_same_row_twice_counts_once_and_another_row_of_that_fitid_is_at_fault() -> None:
    twice = parse(statement(trades=trade() + trade()))

    assert len(only(twice).transactions or ()) == 1
    assert [f.message for f in twice.faults] == ["1 row is left out: what stands in the file twice counts once."]
    assert told(trade() + trade(units="6")) == [
        ("FITID", "BUYSTOCK F-1: The FITID stands for another transaction in line 17 already.")
    ]


def test_money_rows_have_fitids_of_their_own() -> None:
    assert [row.ref for row in done_by(trade() + bank("5"))] == ["F-1", "bank:F-1"]


def test_a_fitid_that_only_counts_the_rows_of_a_day_is_no_reference() -> None:
    assert done_by(trade(fitid="261112_B_0"))[0].ref == ""


def test_a_row_that_is_taken_back_in_the_file_does_not_count() -> None:
    back = trade(fitid="F-2", units="-5", total="1000").replace("<FITID>F-2", "<FITID>F-2<REVERSALFITID>F-1")

    parsed = parse(statement(trades=trade() + back + trade(fitid="F-3")))

    assert [t.ref for t in only(parsed).transactions or ()] == ["F-3"]
    assert told(back) == [(
        "REVERSALFITID", "BUYSTOCK F-2: The row takes back F-1, which is not in this file; correct it by hand.",
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("trades", "positions", "column", "said"),
    [
        (trade(units="0"), "", "UNITS", "A trade needs units."),
        (trade(units="1,500"), "", "UNITS", "“1,500” has a comma: nothing tells whether decimals follow it."),
        (trade(total="1000"), "", "TOTAL", "The total 1000 has the wrong sign: money that leaves is negative."),
        (trade(total="ten"), "", "TOTAL", "“ten” is not a number."),
        (trade(on="20261341"), "", "DTTRADE", "“20261341” is not a date."),
        (trade(on="11/12/2026"), "", "DTTRADE", "“11/12/2026” is not a date."),
        (trade(fitid=""), "", "FITID", "The FITID is missing."),
        (trade(more="<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>"), "", "CURSYM",
         "The row is in EUR; only US dollars are kept."),
        (trade(more="<TOTAL>-5"), "", "TOTAL", "TOTAL stands in the row twice."),
        (trade("SELLSTOCK", total="9").replace("</SELLSTOCK>", "<SELLTYPE>SELLSHORT</SELLSTOCK>"), "", "SELLTYPE",
         "The row opens or covers a short position; these are not kept here."),
        (flow("INCOME", "<INCOMETYPE>GIFT<TOTAL>1"), "", "INCOMETYPE",
         "“GIFT” is none of DIV, INTEREST, CGLONG, CGSHORT, MISC."),
        (flow("SPLIT", "<OLDUNITS>10<NEWUNITS>30<NUMERATOR>2<DENOMINATOR>1"), "", "NEWUNITS",
         "10 units at 2 for 1 are not 30."),
        (flow("SPLIT", "<OLDUNITS>10<NEWUNITS>30<NUMERATOR>0<DENOMINATOR>1"), "", "NUMERATOR",
         "A split needs units and a ratio above 0."),
        (flow("TRANSFER", "<UNITS>1<TFERACTION>AWAY"), "", "TFERACTION", "“AWAY” is neither IN nor OUT."),
        ("", position(units="-5"), "UNITS", "The UNITS -5 is negative: short positions are not kept here."),
        ("", position().replace("LONG", "SHORT"), "POSTYPE",
         "The position is short; short positions are not kept here."),
        ("", position() + position(units="7"), "UNIQUEID", "The security stands among the positions twice."),
        ("", position(units="0.0000001"), "UNITS", "The UNITS 1E-7 has more than six decimals."),
    ],
)  # fmt: skip
def test_every_fault_names_its_account_element_and_column_and_the_good_rows_stay(
    trades: str, positions: str, column: str, said: str
) -> None:
    parsed = parse(statement(trades=trade(fitid="GOOD") + trades, positions=positions), statement(account="7"))

    account, where, message = errors(parsed)[0]
    assert (account, where, message.partition(": ")[2]) == ("88124401", column, said)
    assert len(errors(parsed)) == 1
    assert [t.ref for t in parsed.accounts[0].transactions or ()] == ["GOOD"]
    assert parsed.is_usable() and parsed.faulty_accounts() == {"88124401"}


def test_a_converted_amount_is_in_dollars() -> None:
    converted = trade(more="<ORIGCURRENCY><CURRATE>1.1<CURSYM>EUR</ORIGCURRENCY>")

    assert done_by(converted)[0].amount_usd == D(-1000)


def test_a_statement_in_another_currency_holds_its_account_alone() -> None:
    parsed = parse(statement(currency="CAD", positions=position()), statement(account="7"))

    assert errors(parsed) == [("88124401", "CURDEF", "The statement is in CAD; only US dollars are kept.")]
    assert (parsed.accounts[0].positions, parsed.accounts[1].positions) == (None, ())


def test_a_value_that_is_not_units_times_price_is_noted() -> None:
    parsed = parse(statement(positions=position().replace("2000.00", "1373.00")))

    assert [(f.severity.value, f.column, f.message) for f in parsed.faults] == [
        ("note", "MKTVAL", "10 units at 200 are not the stated value $1,373.00.")
    ]
    assert only(parsed).positions
