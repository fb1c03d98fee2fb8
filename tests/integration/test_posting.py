"""Posting: the journal is appended to, and lots, cash and gains follow from it."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from advisors.errors import Invalid
from advisors.models import AuditEvent, Firm
from portfolios.ledger.types import Disposition, EventKind, Lot, LotEvent, LotPick, Relief, Term
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.services.posting import JournalMoved, post_events
from tests.books import NOW, cash_of, know_securities, open_account

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm)


def _buy(ref: str, units: str, usd: str, on: date = date(2026, 1, 5), symbol: str = "AAPL") -> LotEvent:
    lot = Lot(key=ref, security=symbol, units=D(units), cost_usd=D(usd), acquired_on=on)
    return LotEvent(
        kind=EventKind.BUY, ref=ref, traded_on=on, security=symbol, units=D(units), amount_usd=-D(usd), lot=lot
    )


def _sell(ref: str, units: str, usd: str, *picks: LotPick, on: date = date(2026, 3, 5)) -> LotEvent:
    return LotEvent(
        kind=EventKind.SELL,
        ref=ref,
        traded_on=on,
        security="AAPL",
        units=D(units),
        amount_usd=D(usd),
        picks=picks,
        method=None if picks else Relief.FIFO,
    )


def _post(account: Account, *events: LotEvent, source: str = "test") -> int:
    return post_events(account, events, source=source, actor=None, now=NOW).posted_count


def test_a_purchase_opens_a_lot_takes_cash_and_leaves_an_audit_event(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"))

    lot = account.lots.get()
    assert (lot.key, lot.units, lot.cost_usd, lot.acquired_on) == ("B1", D(100), D(15000), date(2026, 1, 5))
    assert cash_of(account) == D("-15000.00")
    event = AuditEvent.objects.get(action="lots.posted")
    assert event.subject_id == str(account.pk)
    assert event.data["kinds"] == {"buy": 1}


def test_the_events_of_an_account_are_numbered_from_one(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"))
    _post(account, _buy("B2", "1", "151.00"), _sell("S1", "50", "8000.00"))

    assert list(LedgerEvent.objects.order_by("position").values_list("position", flat=True)) == [1, 2, 3]
    account.refresh_from_db()
    assert account.journal_position == 3


def test_what_was_posted_before_is_skipped(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"))

    again = post_events(
        account, [_buy("B1", "100", "15000.00"), _buy("B2", "1", "150")], source="test", actor=None, now=NOW
    )

    assert (again.posted_count, again.skipped_count) == (1, 1)
    assert account.lots.count() == 2


def test_two_accounts_may_use_the_same_reference(firm: Firm, account: Account) -> None:
    other = open_account(firm, "8812-4402")

    assert _post(account, _buy("B1", "100", "15000.00")) == 1
    assert _post(other, _buy("B1", "7", "700.00")) == 1


def test_a_sale_reduces_the_lots_it_names_and_books_the_gain(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"), _buy("B2", "100", "16000.00", date(2026, 2, 2)))

    _post(account, _sell("S1", "120", "18000.00", LotPick(key="B2", units=D(100)), LotPick(key="B1", units=D(20))))

    assert account.lots.get(key="B1").units == D(80)
    closed = account.lots.get(key="B2")
    assert (closed.units, closed.closed_on) == (D(0), date(2026, 3, 5))
    gains = {gain.lot_key: gain.gain_usd for gain in RealizedGain.objects.all()}
    assert gains == {"B2": D("-1000.00"), "B1": D("0.00")}
    assert cash_of(account) == D(-15000 - 16000 + 18000)


def test_an_unknown_basis_stays_unknown(account: Account) -> None:
    lot = Lot(key="L1", security="KO", units=D(10), cost_usd=None, acquired_on=date(2020, 1, 2))
    _post(
        account,
        LotEvent(kind=EventKind.OPEN, ref="O1", traded_on=date(2026, 1, 2), security="KO", units=D(10), lot=lot),
    )
    sale = LotEvent(
        kind=EventKind.SELL,
        ref="S1",
        traded_on=date(2026, 3, 5),
        security="KO",
        units=D(4),
        amount_usd=D(240),
        method=Relief.FIFO,
    )

    _post(account, sale)

    assert account.lots.get().cost_usd is None
    assert RealizedGain.objects.get().gain_usd is None


def test_a_past_sale_counts_for_the_year_and_changes_neither_lots_nor_cash(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"))
    sold = Disposition(
        event_ref="R1",
        lot_key="old",
        root_key="old",
        security="MSFT",
        units=D(5),
        proceeds_usd=D(500),
        cost_usd=D(700),
        gain_usd=D(-200),
        term=Term.LONG,
        sold_on=date(2026, 2, 1),
        acquired_on=date(2020, 1, 2),
        disallowed_usd=D(50),
    )
    past = LotEvent(
        kind=EventKind.SELL, ref="R1", traded_on=date(2026, 2, 1), security="MSFT", units=D(5), amount_usd=D(500),
        dispositions=(sold,), is_past=True,
    )  # fmt: skip

    _post(account, past)

    gain = RealizedGain.objects.get()
    assert (gain.gain_usd, gain.disallowed_usd, gain.event.kind) == (D(-200), D(50), "sell")
    assert cash_of(account) == D(-15000)
    assert account.lots.count() == 1


def test_what_cannot_be_booked_is_refused_and_nothing_is_written(account: Account) -> None:
    with pytest.raises(Invalid, match="S1 of AAPL"):
        _post(account, _buy("B1", "10", "1500.00"), _sell("S1", "11", "1600.00"))

    assert LedgerEvent.objects.count() == 0
    assert account.lots.count() == 0
    assert AuditEvent.objects.filter(action="lots.posted").count() == 0
    account.refresh_from_db()
    assert account.journal_position == 0


def test_an_unknown_security_is_refused(account: Account) -> None:
    with pytest.raises(Invalid, match="Unknown securities: ZZZZ"):
        _post(account, _buy("B1", "10", "1500.00", symbol="ZZZZ"))

    account.refresh_from_db()
    assert account.journal_position == 0


def test_of_two_postings_at_once_the_second_is_refused(account: Account) -> None:
    stale = Account.objects.get(pk=account.pk)
    _post(account, _buy("B1", "100", "15000.00"))

    with pytest.raises(JournalMoved):
        _post(stale, _buy("B2", "1", "150.00"))

    assert account.lots.count() == 1


def test_a_lot_that_was_closed_by_mistake_opens_again_under_its_key(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"), _sell("S1", "100", "15500.00"))
    _post(account, _buy("B2", "100", "15000.00"), _sell("S2", "100", "15500.00"))
    lot = Lot(key="B2", security="AAPL", units=D(100), cost_usd=D(15000), acquired_on=date(2026, 1, 5))

    _post(
        account,
        LotEvent(kind=EventKind.OPEN, ref="O1", traded_on=date(2026, 3, 6), security="AAPL", units=D(100), lot=lot),
    )

    row = account.lots.get(key="B2")
    assert (row.units, row.closed_on) == (D(100), None)


def test_the_journal_can_be_neither_changed_nor_deleted(account: Account) -> None:
    _post(account, _buy("B1", "100", "15000.00"))

    for attempt in (
        lambda: LedgerEvent.objects.update(reason="better"),
        lambda: LedgerEvent.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()
    assert LedgerEvent.objects.get().reason == ""


def test_a_correction_takes_the_place_of_the_event_it_names(account: Account) -> None:
    _post(account, LotEvent(kind=EventKind.FEE, ref="F1", traded_on=date(2026, 2, 1), amount_usd=D(-30)))

    _post(account, LotEvent(kind=EventKind.FEE, ref="F2", traded_on=date(2026, 2, 1), amount_usd=D(-20), corrects="F1"))

    assert LedgerEvent.objects.get(position=2).corrects == LedgerEvent.objects.get(position=1)
    assert cash_of(account) == D(-20)


def test_an_event_is_corrected_once(account: Account) -> None:
    _post(account, LotEvent(kind=EventKind.FEE, ref="F1", traded_on=date(2026, 2, 1), amount_usd=D(-30)))
    mended = LotEvent(kind=EventKind.FEE, ref="F2", traded_on=date(2026, 2, 1), amount_usd=D(-20), corrects="F1")
    _post(account, mended)

    with pytest.raises(Invalid, match="F1 was corrected already"):
        _post(account, LotEvent(kind=EventKind.CANCEL, ref="F3", traded_on=date(2026, 2, 1), corrects="F1"))

    assert cash_of(account) == D(-20)
