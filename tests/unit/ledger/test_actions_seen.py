"""Corporate actions as statements and transactions show them: recognised or waited for, never booked from them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

from portfolios.ledger.actions_seen import ActionKnown, ActionStanding
from portfolios.ledger.comparison import Cause, Terms
from portfolios.ledger.reconcile import Reconciliation, reconcile
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import Book, Cash, EventKind, LotEvent, Relief
from tests.lots import book_of

_BEFORE, _DAY = date(2026, 2, 27), date(2026, 3, 2)
_TERMS = Terms(ref="file", stated_on=_BEFORE)
_SPLIT = ActionKnown(
    key="action:1",
    security="AAPL",
    effective_on=_DAY,
    standing=ActionStanding.ANNOUNCED,
    sentence="AAPL splits 4 for 1 on 2026-03-02",
    ratio=D(4),
)
_APPLIED = replace(_SPLIT, standing=ActionStanding.APPLIED, before_units=D(10), cash_usd=D(0))


def _seen(
    units: str,
    *,
    held: str,
    action: ActionKnown | None,
    transactions: tuple[LotEvent, ...] = (),
    cash: str = "0",
    terms: Terms = _TERMS,
) -> Reconciliation:
    row = StatedLot(security="AAPL", units=D(units), cost_usd=D(1000), acquired_on=date(2020, 1, 2))
    lots = book_of(f"AAPL {held} @ {D(1000) / D(held)} 2020-01-02").lots
    return reconcile(
        statement=Statement(as_of=_DAY, lots=(row,), cash=Cash(settled_usd=D(cash))),
        book=Book(lots=lots),
        transactions=transactions,
        actions=() if action is None else (action,),
        terms=terms,
    )


def _event(kind: EventKind, *, amount: str = "0", reason: str = "", ratio: str | None = None) -> LotEvent:
    return LotEvent(
        kind=kind,
        ref="T1",
        traded_on=_DAY,
        security="AAPL",
        units=D(30) if ratio else D(0),
        amount_usd=D(amount),
        ratio=None if ratio is None else D(ratio),
        reason=reason,
    )


def test_an_announced_split_is_not_booked_from_a_statement_and_the_account_waits() -> None:
    shown, not_shown = _seen("40", held="10", action=_SPLIT), _seen("10", held="10", action=_SPLIT)

    for found in (shown, not_shown):
        assert found.events == ()
        assert [b.waits_for_action for b in found.breaks] == [True]
        assert "The account waits until the action is confirmed." in found.breaks[0].message


def test_an_applied_split_explains_what_the_custodian_now_states() -> None:
    found = _seen("40", held="40", action=_APPLIED)

    assert (found.events, found.breaks, found.explained) == ((), (), ("AAPL",))
    assert [(e.cause, e.sentence) for e in found.explanations] == [
        (Cause.CORPORATE_ACTION, "AAPL splits 4 for 1 on 2026-03-02.")
    ]


def test_an_applied_split_that_the_custodian_does_not_state_yet_makes_the_account_wait() -> None:
    found = _seen("10", held="40", action=_APPLIED)

    assert found.events == ()
    assert "It was applied here, but the custodian still states 10 units of AAPL" in found.breaks[0].message
    assert found.breaks[0].waits_for_action


def test_a_split_row_of_the_custodian_is_the_applied_action() -> None:
    found = _seen("40", held="40", action=_APPLIED, transactions=(_event(EventKind.SPLIT, ratio="4"),))

    (event,) = found.events
    assert event.is_past
    assert "AAPL splits 4 for 1" in event.reason
    assert found.explained == ("AAPL",)


def test_a_split_row_that_nobody_announced_names_its_ratio_and_makes_the_account_wait() -> None:
    found = _seen("40", held="10", action=None, transactions=(_event(EventKind.SPLIT, ratio="4"),))

    (wait,) = found.breaks
    assert (wait.waits_for_action, wait.ratio) == (True, D(4))
    assert "books a split of AAPL 4 for 1 on 2026-03-02 that nobody announced" in wait.message
    assert all(event.is_past for event in found.events)


def test_lots_that_all_multiplied_with_their_basis_are_no_adjustment_but_a_split_to_confirm() -> None:
    found = _seen("40", held="10", action=None)

    (wait,) = found.breaks
    assert (wait.waits_for_action, wait.ratio, found.events) == (True, D(4), ())


def test_units_that_multiplied_oddly_are_no_split() -> None:
    found = _seen("13", held="10", action=None)

    assert (found.breaks, len(found.adjustments)) == ((), 1)


def test_cash_in_lieu_near_our_estimate_takes_its_place() -> None:
    action = replace(_APPLIED, cash_usd=D("12.40"), unit_price_usd=D(25))
    paid = _event(EventKind.CASH_IN, amount="12.55", reason="corporate action: Cash In Lieu")

    found = _seen("40", held="40", action=action, transactions=(paid,), cash="0.15")

    (lieu,) = found.paid
    assert (lieu.action_key, lieu.cash_usd, lieu.estimated_usd) == ("action:1", D("12.55"), D("12.40"))
    assert [event.is_past for event in found.events] == [True]
    assert found.book.cash.total_usd == D("0.15")
    assert (found.breaks, found.adjustments) == ((), ())


def test_cash_in_lieu_far_from_our_estimate_is_no_such_thing() -> None:
    action = replace(_APPLIED, cash_usd=D("12.40"), unit_price_usd=D(25))
    paid = _event(EventKind.CASH_IN, amount="90.00", reason="corporate action: Cash In Lieu")

    found = _seen("40", held="40", action=action, transactions=(paid,), cash="90")

    assert found.paid == ()
    assert [event.is_past for event in found.events] == [False]


def test_the_cash_of_an_action_is_not_booked_a_second_time() -> None:
    action = replace(_APPLIED, cash_usd=D("500.00"))

    found = _seen("40", held="40", action=action, transactions=(_event(EventKind.CASH_IN, amount="500.00"),))

    assert (found.paid, [event.is_past for event in found.events]) == ((), [True])
    assert (found.breaks, found.adjustments) == ((), ())


def test_a_payment_that_differs_by_rounding_is_not_booked_a_second_time() -> None:
    paid = replace(_APPLIED, ratio=None, cash_usd=D("51.67"))

    near = _seen("10", held="10", action=paid, transactions=(_event(EventKind.DIVIDEND, amount="51.66"),))
    other = _seen("10", held="10", action=paid, transactions=(_event(EventKind.DIVIDEND, amount="45.00"),))

    assert [event.is_past for event in near.events if event.kind is EventKind.DIVIDEND] == [True]
    assert [event.is_past for event in other.events if event.kind is EventKind.DIVIDEND] == [False]


def test_a_spun_off_child_that_the_custodian_does_not_state_yet_makes_the_account_wait() -> None:
    book = book_of("AAPL 10 @ 100 2020-01-02", "KID 2 @ 50 2020-01-02")
    action = replace(_APPLIED, ratio=None, delivered=("KID",), before_units=D(10))
    rows = (StatedLot(security="AAPL", units=D(10), cost_usd=D(1000), acquired_on=date(2020, 1, 2)),)

    found = reconcile(statement=Statement(as_of=_DAY, lots=rows), book=book, actions=(action,), terms=_TERMS)

    assert [(b.security, b.waits_for_action) for b in found.breaks] == [("KID", True)]


def test_an_action_from_before_the_last_statement_is_no_question_any_more() -> None:
    old = replace(_SPLIT, effective_on=_BEFORE)

    found = _seen("10", held="10", action=old)

    assert (found.breaks, found.matched) == ((), ("AAPL",))


def test_a_trade_told_late_still_counts_for_a_security_that_differed() -> None:
    late = replace(
        _event(EventKind.CASH_IN),
        kind=EventKind.SELL,
        traded_on=_BEFORE,
        units=D(4),
        amount_usd=D(800),
        method=Relief.FIFO,
    )
    terms = replace(_TERMS, agreed_on={"AAPL": date(2026, 2, 20)})
    row = StatedLot(security="AAPL", units=D(6), cost_usd=D(600), acquired_on=date(2020, 1, 2))

    found = reconcile(
        statement=Statement(as_of=_DAY, lots=(row,)),
        book=book_of("AAPL 10 @ 100 2020-01-02"),
        transactions=(late,),
        terms=terms,
    )

    assert [(e.kind, e.is_past) for e in found.events] == [(EventKind.SELL, False)]
    assert (found.breaks, found.adjustments, found.explained) == ((), (), ("AAPL",))
