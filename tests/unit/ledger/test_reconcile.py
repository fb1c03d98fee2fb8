from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

from portfolios.ledger.booking import apply_events
from portfolios.ledger.reconcile import Terms, reconcile
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import Book, Cash, EventKind, LotEvent, LotPick, Relief
from tests.lots import book_of

_BEFORE, _DAY = date(2026, 2, 27), date(2026, 3, 2)
_LATER = Terms(ref="file", stated_on=_BEFORE)
_FIRST = Terms(ref="file", stated_on=None)


def _stated(units: str, cost: str | None, acquired: str | None, **more: object) -> StatedLot:
    row = StatedLot(
        security="AAPL",
        units=D(units),
        cost_usd=None if cost is None else D(cost),
        acquired_on=None if acquired is None else date.fromisoformat(acquired),
    )
    return replace(row, **more)  # type: ignore[arg-type]


def _statement(*rows: StatedLot, positions: Mapping[str, D] | None = None, cash: Cash | None = None) -> Statement:
    return Statement(as_of=_DAY, lots=rows, positions=positions, cash=cash)


def _sale(units: str, amount: str, day: date = _DAY) -> LotEvent:
    return LotEvent(
        kind=EventKind.SELL,
        ref="T1",
        traded_on=day,
        security="AAPL",
        units=D(units),
        amount_usd=D(amount),
        method=Relief.FIFO,
    )


def test_the_first_statement_becomes_opening_balances() -> None:
    statement = _statement(_stated("10", "1000", "2020-01-02"), cash=Cash(settled_usd=D(50), unsettled_usd=D(7)))

    found = reconcile(statement=statement, book=Book(), terms=_FIRST)

    book = apply_events(Book(), found.events)
    (lot,) = book.lots.values()
    assert (lot.units, lot.cost_usd, lot.acquired_on) == (D(10), D(1000), date(2020, 1, 2))
    assert book.cash == Cash(settled_usd=D(50), unsettled_usd=D(7))
    assert {event.reason for event in found.events if event.kind is EventKind.OPEN} == {"Opening balance"}


def test_a_statement_that_agrees_changes_nothing() -> None:
    found = reconcile(
        statement=_statement(_stated("10", "1000.004", "2020-01-02")),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        terms=_LATER,
    )

    assert found.events == ()
    assert found.matched == ("AAPL",)


def test_a_sale_among_the_transactions_explains_the_missing_units() -> None:
    found = reconcile(
        statement=_statement(_stated("6", "600", "2020-01-02")),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        transactions=[_sale("4", "800.00")],
        terms=_LATER,
    )

    assert [event.kind for event in found.events] == [EventKind.SELL]
    assert found.explained == ("AAPL",)


def test_the_lots_that_are_left_show_which_were_sold() -> None:
    book = book_of("AAPL 10 @ 100 2020-01-02", "AAPL 10 @ 300 2021-01-04")

    found = reconcile(
        statement=_statement(_stated("10", "1000", "2020-01-02")),
        book=book,
        transactions=[_sale("10", "2000.00")],
        terms=_LATER,
    )

    (sale,) = found.events
    assert sale.picks == (LotPick(key="L2", units=D(10)),)


def test_a_transaction_up_to_the_last_statement_is_already_in_the_lots() -> None:
    found = reconcile(
        statement=_statement(_stated("10", "1000", "2020-01-02")),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        transactions=[_sale("4", "800.00", day=_BEFORE)],
        terms=_LATER,
    )

    assert [event.is_past for event in found.events] == [True]
    assert found.matched == ("AAPL",)


def test_a_transaction_that_cannot_be_booked_is_kept_as_past_and_says_why() -> None:
    found = reconcile(
        statement=_statement(_stated("10", "1000", "2020-01-02")),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        transactions=[_sale("40", "800.00")],
        terms=_LATER,
    )

    (event,) = found.events
    assert event.is_past
    assert "40 units are to be sold" in event.reason


def test_what_nothing_explains_is_adjusted_with_a_reason() -> None:
    found = reconcile(
        statement=_statement(_stated("12", "1250", "2020-01-02")),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        terms=_LATER,
    )

    (event,) = found.events
    assert event.kind is EventKind.ADJUST_LOT
    assert event.lot is not None
    assert (event.lot.key, event.lot.units, event.lot.cost_usd) == ("L1", D(12), D(1250))
    assert "10 units are 12 units" in event.reason


def test_what_nothing_explains_is_a_break_where_the_ledger_is_the_book_of_record() -> None:
    terms = replace(_LATER, is_custodian_the_record=False)
    statement = _statement(_stated("12", "1250", "2020-01-02"), cash=Cash(settled_usd=D(5)))

    found = reconcile(statement=statement, book=book_of("AAPL 10 @ 100 2020-01-02"), terms=terms)

    assert found.events == ()
    assert [(b.security, b.ledger_units, b.custodian_units) for b in found.breaks] == [
        ("AAPL", D(10), D(12)),
        ("", None, None),
    ]


def test_lots_that_do_not_add_up_to_the_position_are_a_break_and_change_nothing() -> None:
    statement = _statement(_stated("6", "600", "2020-01-02"), positions={"AAPL": D(10)})

    found = reconcile(statement=statement, book=book_of("AAPL 10 @ 100 2020-01-02"), terms=_LATER)

    assert found.events == ()
    assert "add up to 6 units, the position is 10" in found.breaks[0].message


def test_a_security_that_is_no_longer_stated_goes() -> None:
    found = reconcile(
        statement=Statement(as_of=_DAY, positions={}), book=book_of("AAPL 10 @ 100 2020-01-02"), terms=_LATER
    )

    assert not apply_events(book_of("AAPL 10 @ 100 2020-01-02"), found.events).lots


def test_a_file_that_speaks_of_one_security_leaves_the_others_alone() -> None:
    statement = Statement(as_of=_DAY, lots=(_stated("10", "1000", "2020-01-02"),), lots_of=frozenset({"AAPL"}))

    found = reconcile(
        statement=statement, book=book_of("AAPL 10 @ 100 2020-01-02", "MSFT 5 @ 300 2021-01-04"), terms=_LATER
    )

    assert found.events == ()


def test_a_missing_basis_is_unknown_and_does_not_erase_one_that_is_known() -> None:
    opened = reconcile(statement=_statement(_stated("10", None, "2020-01-02")), book=Book(), terms=_FIRST)
    kept = reconcile(
        statement=_statement(_stated("10", None, "2020-01-02")), book=book_of("AAPL 10 @ 100 2020-01-02"), terms=_LATER
    )

    assert opened.events[0].lot is not None
    assert opened.events[0].lot.cost_usd is None
    assert kept.events == ()


def test_a_basis_without_a_date_is_unknown_in_a_taxable_account_and_no_purchase() -> None:
    statement = _statement(_stated("10", "900", None))

    taxable = reconcile(statement=statement, book=Book(), terms=_FIRST).events[0].lot
    deferred = reconcile(statement=statement, book=Book(), terms=replace(_FIRST, is_taxable=False)).events[0].lot

    assert taxable is not None
    assert deferred is not None
    assert (taxable.cost_usd, taxable.is_wash_acquisition) == (None, False)
    assert (deferred.cost_usd, deferred.is_wash_acquisition) == (D(900), False)


def test_a_restated_basis_after_a_wash_sale_is_taken_over() -> None:
    row = _stated("10", "1120", "2020-01-02", wash_adjustment_usd=D(120), is_wash_consumed=True)

    found = reconcile(statement=_statement(row), book=book_of("AAPL 10 @ 100 2020-01-02"), terms=_LATER)

    (event,) = found.events
    assert event.lot is not None
    assert (event.lot.cost_usd, event.lot.wash_adjustment_usd, event.lot.is_wash_consumed) == (D(1120), D(120), True)


def test_the_references_of_adjusting_events_are_unique() -> None:
    rows = tuple(_stated("10", "1000", f"2020-01-0{day}") for day in range(1, 8))

    found = reconcile(
        statement=_statement(*rows, cash=Cash(settled_usd=D(1), unsettled_usd=D(2))), book=Book(), terms=_FIRST
    )

    assert len({event.ref for event in found.events}) == len(found.events) == 9
