"""Parsed rows in the words of the ledger."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.custodians.base import (
    CashRow,
    LotRow,
    ParsedAccount,
    PositionRow,
    RealisedRow,
    TransactionKind,
    TransactionRow,
)
from portfolios.custodians.into_ledger import Known, Spoken, speak
from portfolios.custodians.security_names import SecurityNames
from portfolios.ledger.types import EventKind, Term

D = Decimal
AS_OF = date(2026, 11, 12)
NAMES = SecurityNames(
    symbols=frozenset({"AAPL", "BRK.B", "KO"}), by_cusip={"037833100": "AAPL"}, by_isin={"US1912161007": "KO"}
)


def _speak(known: Known | None = None, **parts: object) -> Spoken:
    account = ParsedAccount(number="1", **parts)  # type: ignore[arg-type]
    return speak(account, as_of=AS_OF, names=NAMES, known=known or Known())


def _done(kind: TransactionKind, units: str = "0", usd: str = "0", symbol: str = "", **more: object) -> TransactionRow:
    row = {"row": 2, "traded_on": AS_OF, "symbol": symbol, "units": D(units), "amount_usd": D(usd), **more}
    return TransactionRow(kind=kind, **row)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spelled", "found"),
    [
        (("AAPL", "", ""), "AAPL"),
        (("BRK/B", "", ""), "BRK.B"),
        (("BRK B", "", ""), "BRK.B"),
        (("037833", "037833100", ""), "AAPL"),
        (("COKE", "", "US1912161007"), "KO"),
        (("ZZZZ", "", ""), ""),
    ],
)
def test_a_security_is_found_by_symbol_then_cusip_then_isin(spelled: tuple[str, str, str], found: str) -> None:
    symbol, cusip, isin = spelled

    assert NAMES.find(PositionRow(row=2, units=D(1), symbol=symbol, cusip=cusip, isin=isin)) == found


def test_an_unknown_security_is_named_once_and_nothing_is_made_of_its_rows() -> None:
    lots = tuple(LotRow(row=row, symbol="ZZZZ", units=D(1), cost_usd=D(1), acquired_on=AS_OF) for row in (2, 3))

    spoken = _speak(lots=lots)

    assert [(name, fault.row) for name, fault in spoken.unknown.items()] == [("ZZZZ", 2)]
    assert spoken.statement is not None and spoken.statement.lots == ()


def test_a_purchase_costs_what_left_the_account_fees_included() -> None:
    (event,) = _speak(transactions=(_done(TransactionKind.BUY, "10", "-1001.50", "AAPL", fee_usd=D("1.50")),)).events

    assert event.lot is not None
    assert (event.kind, event.lot.cost_usd, event.amount_usd) == (EventKind.BUY, D("1001.50"), D("-1001.50"))


def test_what_comes_by_transfer_has_a_basis_that_nobody_told_and_is_no_purchase() -> None:
    (event,) = _speak(transactions=(_done(TransactionKind.TRANSFER, "10", symbol="AAPL"),)).events

    assert event.lot is not None
    assert (event.kind, event.lot.cost_usd) == (EventKind.TRANSFER_IN, None)
    assert not event.lot.is_wash_acquisition


def test_amounts_are_quantised_to_cents() -> None:
    (event,) = _speak(transactions=(_done(TransactionKind.DIVIDEND, usd="31.10499", symbol="KO"),)).events

    assert event.amount_usd == D("31.10")


@pytest.mark.parametrize(
    ("kind", "usd", "booked"),
    [
        (TransactionKind.DEPOSIT, "5", EventKind.CASH_IN),
        (TransactionKind.WITHDRAWAL, "-5", EventKind.CASH_OUT),
        (TransactionKind.JOURNAL, "-5", EventKind.CASH_OUT),
        (TransactionKind.TAX, "-5", EventKind.FEE),
        (TransactionKind.INTEREST, "5", EventKind.INTEREST),
        (TransactionKind.CAPITAL_GAIN_LONG, "5", EventKind.DIVIDEND),
    ],
)
def test_money_moves_by_its_sign_whatever_it_is_called(kind: TransactionKind, usd: str, booked: EventKind) -> None:
    (event,) = _speak(transactions=(_done(kind, usd=usd),)).events

    assert (event.kind, event.amount_usd) == (booked, D(usd))


def test_equal_rows_without_reference_are_told_apart_and_the_same_every_time() -> None:
    rows = (_done(TransactionKind.DEPOSIT, usd="5"), _done(TransactionKind.DEPOSIT, usd="5.00"))

    first, second = _speak(transactions=rows).events
    again = _speak(transactions=rows).events

    assert first.ref != second.ref
    assert [event.ref for event in again] == [first.ref, second.ref]


@pytest.mark.parametrize(
    ("known", "ratio"),
    [
        (Known(held={"AAPL": D(30)}), D(4)),
        (Known(held={"AAPL": D(30)}, ratios={"AAPL": D(3)}), D(3)),
        (Known(), None),
    ],
)
def test_a_split_takes_the_announced_ratio_else_that_of_the_units_added(known: Known, ratio: Decimal | None) -> None:
    (event,) = _speak(known, transactions=(_done(TransactionKind.SPLIT, "90", symbol="AAPL"),)).events

    assert (event.ratio, event.is_past) == (ratio, ratio is None)


def test_lots_complete_an_account_whose_positions_are_named_in_part() -> None:
    lots = tuple(LotRow(row=2, symbol=symbol, units=D(5), cost_usd=None, acquired_on=None) for symbol in ("AAPL", "KO"))

    statement = _speak(lots=lots, positions=(PositionRow(row=2, symbol="AAPL", units=D(5)),)).statement

    assert statement is not None
    assert statement.positions == {"AAPL": D(5), "KO": D(5)}


def test_an_option_is_noted_and_left_out() -> None:
    option = PositionRow(row=4, symbol="AAPL 01/15/2027 120.00 C", kind="Option", units=D(1))

    spoken = _speak(positions=(option,), cash=CashRow(row=5, settled_usd=D(10)))

    assert [(note.row, note.severity.value) for note in spoken.notes] == [(4, "note")]
    assert spoken.statement is not None and spoken.statement.positions == {}


def test_a_closed_lot_counts_for_the_year_unless_the_ledger_booked_the_sale_itself() -> None:
    row = RealisedRow(
        row=2,
        symbol="AAPL",
        units=D(5),
        acquired_on=date(2026, 1, 5),
        closed_on=AS_OF,
        proceeds_usd=D(500),
        cost_usd=D(700),
        disallowed_usd=D(50),
    )

    (event,) = _speak(realised=(row,)).events
    sold = event.dispositions[0]

    assert event.is_past
    assert (sold.gain_usd, sold.disallowed_usd, sold.term) == (D(-200), D(50), Term.SHORT)
    assert _speak(Known(gains=frozenset({("AAPL", AS_OF)})), realised=(row,)).events == ()
