"""P1, P6 and P9 of the tax rules: parts add up, a replay reaches what was reached day by day, least tax is least."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolios.demo.drawn_history import DrawnHistory, HistoryShape, draw_history
from portfolios.ledger.booking import apply_events
from portfolios.ledger.gains import dispose, split_lot
from portfolios.ledger.projection import AccountEvent, Carried, project
from portfolios.ledger.relief import Occasion, pick_lots
from portfolios.ledger.types import (
    ZERO,
    Book,
    Disposition,
    EventKind,
    Lot,
    LotEvent,
    LotPick,
    Relief,
    Term,
    WashMatch,
)
from tests.drawn_journals import ACCOUNTS, GROUPS, events_of, histories
from tests.share_by_share import Step

D = Decimal
SHORT, LONG = D("0.408"), D("0.238")


@st.composite
def lots_held(draw: st.DrawFn) -> Lot:
    units = D(draw(st.integers(2, 10**9))) / 1_000_000
    cost = draw(st.none() | st.integers(0, 10**9))
    wash = D(draw(st.integers(0, cost or 0))) / 100 if cost else ZERO
    return Lot(
        key=f"L{draw(st.integers(0, 10**6))}", security="XYZ", units=units,
        cost_usd=None if cost is None else D(cost) / 100,
        acquired_on=draw(st.dates(date(2020, 1, 1), date(2025, 6, 1))), wash_adjustment_usd=wash,
    )  # fmt: skip


@given(lot=lots_held(), share=st.integers(1, 10**6))
def test_p1_splitting_a_lot_conserves_units_basis_and_wash_adjustment(lot: Lot, share: int) -> None:
    units = max(D("0.000001"), (lot.units * share / 10**6).quantize(D("0.000001")))

    halves = split_lot(lot, min(units, lot.units))

    parts = [part for part in (halves.taken, halves.left) if part is not None]
    assert sum(part.units for part in parts) == lot.units
    assert sum(part.wash_adjustment_usd for part in parts) == lot.wash_adjustment_usd
    if lot.cost_usd is not None:
        assert sum(part.cost_usd or ZERO for part in parts) == lot.cost_usd


@settings(max_examples=100, deadline=None)
@given(steps=histories(accounts=("T1", "T2"), kinds=("buy", "buy", "sell", "split")), share=st.integers(1, 4))
def test_p1_a_transfer_conserves_units_basis_dates_and_wash_flags(steps: tuple[Step, ...], share: int) -> None:
    before = project(events_of(steps), accounts=ACCOUNTS, groups=GROUPS, is_sequenced=True)
    moved = [lot for lot in before.books["T1"].lots.values() if "~" not in lot.key]
    last_on = max((step.on for step in steps), default=date(2025, 11, 3))
    events = events_of(steps)
    for number, lot in enumerate(moved):
        family = [one for one in before.books["T1"].lots.values() if one.key.split("~")[0] == lot.key]
        whole = sum(one.units for one in family)
        unadjusted = sum((one.cost_usd or ZERO) - one.wash_adjustment_usd for one in family)
        out = LotEvent(
            kind=EventKind.TRANSFER_OUT, ref=f"out{number}", traded_on=last_on, security=lot.security,
            units=D(whole), picks=(LotPick(key=lot.key, units=D(whole)),),
        )  # fmt: skip
        arriving = Lot(
            key=f"in{lot.key}", root_key=lot.root_key, security=lot.security, units=D(whole), cost_usd=D(unadjusted),
            acquired_on=lot.acquired_on,
        )  # fmt: skip
        come = LotEvent(
            kind=EventKind.TRANSFER_IN, ref=f"in{number}", traded_on=last_on, security=lot.security, units=D(whole),
            lot=arriving,
        )  # fmt: skip
        events.append(AccountEvent(account="T1", position=1000 + 2 * number, event=out))
        events.append(AccountEvent(account="T2", position=1001 + 2 * number, event=come))

    after = project(events, accounts=ACCOUNTS, groups=GROUPS, is_sequenced=True)

    assert _held(after.books, account=None) == _held(before.books, account=None)
    assert not [lot for lot in after.books["T1"].lots.values() if lot.key in {one.key for one in moved}]
    assert _gains(after.books) == _gains(before.books)


def _held(books: Mapping[str, Book], *, account: str | None) -> dict[tuple[object, ...], list[Decimal]]:
    sums: dict[tuple[object, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for key, book in books.items():
        for lot in book.lots.values():
            facts = (
                lot.security, lot.root_key, lot.acquired_on, lot.held_from_on, lot.is_wash_consumed,
                key if account is not None else "",
            )  # fmt: skip
            amounts = (lot.units, (lot.cost_usd or ZERO).quantize(D("0.0001")), lot.wash_adjustment_usd)
            sums[facts] = [one + other for one, other in zip(sums[facts], amounts, strict=True)]
    return dict(sums)


def _gains(books: Mapping[str, Book]) -> list[tuple[str, str, Decimal | None, Decimal]]:
    return sorted(
        (sold.event_ref, sold.lot_key, sold.gain_usd, sold.disallowed_usd)
        for book in books.values()
        for sold in book.dispositions
    )


def _day_by_day(history: DrawnHistory) -> tuple[Mapping[str, Book], list[WashMatch]]:
    books: Mapping[str, Book] = {}
    carried, matches = Carried(), list[WashMatch]()
    for _, events in groupby(history.events, key=lambda row: row.event.traded_on):
        day = project(
            events, accounts=history.accounts, groups=history.groups, opening=books, carried=carried, is_sequenced=True
        )
        books, carried = day.books, day.carried
        matches += day.matches
    return books, matches


def _by_ref(sold: tuple[Disposition, ...]) -> dict[tuple[str, str], Disposition]:
    return {(one.event_ref, one.lot_key): one for one in sold}


def _assert_same_state(history: DrawnHistory) -> None:
    replay = project(history.events, accounts=history.accounts, groups=history.groups, is_sequenced=True)

    books, matches = _day_by_day(history)

    assert matches == list(replay.matches) and len(matches) > 0
    for account, book in replay.books.items():
        assert dict(books[account].lots) == dict(book.lots)
        assert books[account].cash == book.cash
        assert _by_ref(books[account].dispositions) == _by_ref(book.dispositions)


def test_p6_three_years_of_daily_reinvestment_replay_to_the_lots_reached_day_by_day() -> None:
    shape = HistoryShape(event_count=3300, security_count=5, weights=(10, 65, 15, 10), split_every=700)

    history = draw_history(7, shape)

    reinvested = sum(row.event.kind is EventKind.REINVEST for row in history.events)
    assert reinvested > 1095 and len({row.event.traded_on for row in history.events}) > 1000
    _assert_same_state(history)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_p6_replay_is_the_incremental_state(seed: int) -> None:
    _assert_same_state(
        draw_history(seed, HistoryShape(event_count=400, security_count=3, day_count=300, split_every=90))
    )


@settings(max_examples=60, deadline=None)
@given(steps=histories(kinds=("gift", "gift", "sell", "split")))
def test_p6_replay_of_a_household_is_each_accounts_events_where_nothing_washes(steps: tuple[Step, ...]) -> None:
    events = events_of(steps)

    replay = project(events, accounts=ACCOUNTS, groups=GROUPS, is_sequenced=True)

    for account in ACCOUNTS:
        alone = apply_events(Book(), [row.event for row in events if row.account == account])
        assert dict(replay.books[account].lots) == dict(alone.lots)
        assert replay.books[account].cash == alone.cash
        assert replay.books[account].dispositions == alone.dispositions


@settings(max_examples=150, deadline=None)
@given(held=st.lists(lots_held(), min_size=1, max_size=6, unique_by=lambda lot: lot.key), data=st.data())
def test_p9_least_tax_is_not_more_than_any_other_method(held: list[Lot], data: st.DataObject) -> None:
    known = [lot for lot in held if lot.cost_usd is not None] or [
        Lot(key="A", security="XYZ", units=D(2), cost_usd=D(1), acquired_on=date(2024, 1, 1))
    ]
    total = sum((lot.units for lot in known), ZERO)
    units = (total * data.draw(st.integers(1, 100)) / 100).quantize(D("0.000001")) or total
    occasion = Occasion(
        sold_on=date(2025, 7, 1), price_usd=D(data.draw(st.integers(1, 500))), short_frac=SHORT, long_frac=LONG
    )
    methods = [each for each in Relief if each not in (Relief.MIN_TAX, Relief.AVERAGE_COST)]

    taxes = {method: _tax(known, min(units, total), method, occasion) for method in (Relief.MIN_TAX, *methods)}

    assert taxes[Relief.MIN_TAX] <= min(taxes.values()) + D("0.02") * len(known)


def _tax(held: list[Lot], units: Decimal, method: Relief, occasion: Occasion) -> Decimal:
    lots = {lot.key: lot for lot in held}
    tax = ZERO
    for pick in pick_lots(held, units=units, method=method, occasion=occasion):
        assert occasion.price_usd is not None
        sold, _ = dispose(
            lots[pick.key], pick, proceeds_usd=pick.units * occasion.price_usd, sold_on=occasion.sold_on, event_ref="S"
        )
        tax += (sold.gain_usd or ZERO) * (LONG if sold.term is Term.LONG else SHORT)
    return tax
