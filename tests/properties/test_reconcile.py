"""Whatever a custodian states: afterwards units are its units, and bases differ only by what is explained."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolios.ledger.booking import apply_events
from portfolios.ledger.comparison import LotFacts, Terms
from portfolios.ledger.reconcile import reconcile
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import ZERO, Book, Cash, Lot

D = Decimal
_DAY = date(2026, 3, 2)
_TERMS = Terms(ref="file", stated_on=date(2026, 2, 27))
_UNITS = st.integers(1, 5_000).map(D)
_CENTS = st.integers(100, 5_000_000).map(lambda cents: D(cents) / 100)
_DAYS = st.integers(0, 6).map(lambda n: date(2025, 1, 6) + timedelta(days=n))


@st.composite
def _books(draw: st.DrawFn, *, is_plain: bool) -> tuple[Book, LotFacts]:
    """Draw a book of one security: whole lots, and families that a wash in another account has split."""
    lots: list[Lot] = []
    beyond: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    for number in range(draw(st.integers(0, 5))):
        key, cost = f"K{number}", draw(_CENTS)
        day = date(2024, 1, 2) + timedelta(days=number) if is_plain else draw(_DAYS)
        lots.append(Lot(key=key, security="AAPL", units=draw(_UNITS), cost_usd=cost, acquired_on=day))
        if not is_plain and draw(st.booleans()):
            washed = draw(_CENTS)
            lots.append(
                Lot(
                    key=f"{key}~1",
                    security="AAPL",
                    units=draw(_UNITS),
                    cost_usd=draw(_CENTS) + washed,
                    acquired_on=lots[-1].acquired_on,
                    wash_adjustment_usd=washed,
                    is_wash_consumed=True,
                )
            )
            beyond[f"{key}~1"] = washed
        elif draw(st.booleans()):
            fees[key] = min(D("4.95"), cost) / cost
    book = Book(lots={lot.key: lot for lot in lots}, cash=Cash(settled_usd=D(100)))
    return book, LotFacts(beyond_usd=beyond, fee_frac=fees)


@st.composite
def _stated(draw: st.DrawFn, book: Book) -> list[StatedLot]:
    """Draw what a custodian states: lots as ours, without washes, split, merged, changed, missing or new."""
    rows: list[StatedLot] = []
    for lot in book.lots.values():
        how = draw(st.sampled_from(("same", "unwashed", "changed", "gone", "cent")))
        if how == "gone":
            continue
        cost, units = lot.cost_usd or ZERO, lot.units
        if how == "unwashed":
            cost -= lot.wash_adjustment_usd
        elif how == "cent":
            cost += D("0.01")
        elif how == "changed":
            cost, units = draw(_CENTS), draw(_UNITS)
        rows.append(StatedLot(security="AAPL", units=units, cost_usd=cost, acquired_on=lot.acquired_on))
    if draw(st.booleans()):
        rows.append(StatedLot(security="AAPL", units=draw(_UNITS), cost_usd=draw(_CENTS), acquired_on=draw(_DAYS)))
    return rows


@st.composite
def _cases(draw: st.DrawFn, *, is_plain: bool = False) -> tuple[Book, LotFacts, list[StatedLot]]:
    book, facts = draw(_books(is_plain=is_plain))
    return book, facts, draw(_stated(book))


@settings(max_examples=400, deadline=None)
@given(_cases())
def test_the_ledger_holds_the_custodians_units_and_its_basis_up_to_what_is_explained(
    case: tuple[Book, LotFacts, list[StatedLot]],
) -> None:
    book, facts, rows = case

    found = reconcile(statement=Statement(as_of=_DAY, lots=rows), book=book, facts=facts, terms=_TERMS)

    if any(each.waits_for_action for each in found.breaks):  # every lot multiplied alike: that looks like a split
        assert found.adjusting == ()
        return
    after = apply_events(book, found.events)
    assert after.units_of("AAPL") == sum((row.units for row in rows), ZERO)
    ours = sum((lot.cost_usd or ZERO for lot in after.lots.values()), ZERO)
    theirs = sum((row.cost_usd or ZERO for row in rows), ZERO)
    told = sum((each.cost_usd for each in found.explanations), ZERO)
    unsaid = D("0.005") * max(1, len(rows) + len(book.lots))  # what agrees to the cent is not named
    assert abs(theirs - ours - told) <= unsaid


@settings(max_examples=200, deadline=None)
@given(_cases(is_plain=True))
def test_what_was_reconciled_agrees_the_next_day(case: tuple[Book, LotFacts, list[StatedLot]]) -> None:
    """Where purchases have days of their own and no wash sale split them: elsewhere nobody can tell lots apart."""
    book, facts, rows = case
    statement = Statement(as_of=_DAY, lots=rows)
    found = reconcile(statement=statement, book=book, facts=facts, terms=_TERMS)
    if found.breaks:
        return
    after = apply_events(book, found.events)

    beyond = {lot.key: lot.wash_adjustment_usd for lot in after.lots.values() if lot.wash_adjustment_usd}
    again = reconcile(statement=statement, book=after, facts=replace(facts, beyond_usd=beyond), terms=_TERMS)

    assert [event.reason for event in again.adjusting] == []


@settings(max_examples=200, deadline=None)
@given(_cases())
def test_where_trimtab_keeps_the_book_nothing_is_adjusted(case: tuple[Book, LotFacts, list[StatedLot]]) -> None:
    book, facts, rows = case
    terms = Terms(ref="file", stated_on=date(2026, 2, 27), is_custodian_the_record=False)

    found = reconcile(statement=Statement(as_of=_DAY, lots=rows), book=book, facts=facts, terms=terms)

    assert found.adjusting == ()
    assert apply_events(book, found.events).lots == book.lots
