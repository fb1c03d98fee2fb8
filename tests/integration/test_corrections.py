"""What a person changes in a ledger: shown before, kept after, refused where it cannot be, by who may."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from advisors.errors import Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent
from portfolios.ledger.entries import Entry, EntryKind
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, LedgerReplay, OutsideTrade, RealizedGain
from portfolios.services.corrections import cancellation_of, correction_of, entry_of, make_change, preview_change
from portfolios.services.outside_trades import NewOutsideTrade, record_outside_trade
from tests.books import NOW, cash_of, know_securities, open_account
from tests.conftest import Persona
from tests.factories import TaxSituationFactory
from tests.integration.test_replays import buy, post, sell, sibling
from tests.ledgers import assert_ledger_is_whole, ledger_rows

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def account(operations: Persona) -> Account:
    know_securities(operations.firm)
    account = open_account(operations.firm)
    TaxSituationFactory(tax_return=account.tax_return, year=2026)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "50", "6000", date(2026, 3, 2)))
    return account


def _entry(**fields: object) -> Entry:
    given = {"kind": EntryKind.SALE, "on": date(2026, 3, 2), "security": "AAPL", "units": D(40)}
    return Entry(**(given | {"amount_usd": D(4800), "reason": "The confirmation says 40"} | fields))  # type: ignore[arg-type]


def _sale(account: Account) -> LedgerEvent:
    return LedgerEvent.objects.get(account=account, kind="sell")


def test_a_correction_shows_what_changes_and_changes_nothing_yet(account: Account, operations: Persona) -> None:
    before = ledger_rows({"it": account})
    change = correction_of(operations.membership, event_id=_sale(account).pk, entry=_entry(), ref="m:1")

    shown = preview_change(operations.membership, change, now=NOW)

    assert [(lot.key, lot.before and lot.before.units, lot.after and lot.after.units) for lot in shown.lots] == [
        ("B1", D(50), D(60))
    ]
    (gain,) = shown.gains
    assert gain.before is not None and gain.after is not None
    assert (gain.before.gain_usd, gain.after.gain_usd) == (D(-1500), D(-1200))
    year = next(one for one in shown.years if one.year == 2026)
    assert (year.before.short_usd, year.after.short_usd) == (D(-1500), D(-1200))
    assert year.before.tax_usd is not None and year.after.tax_usd is not None
    assert year.before.tax_usd < year.after.tax_usd
    assert [(row.before_usd, row.after_usd) for row in shown.cash] == [(D(-9000), D(-10200))]
    assert ledger_rows({"it": account}) == before
    assert LedgerEvent.objects.filter(account=account).count() == 2
    assert AuditEvent.objects.filter(action="ledger.corrected").count() == 0


def test_what_a_correction_changed_is_kept(account: Account, operations: Persona) -> None:
    change = correction_of(operations.membership, event_id=_sale(account).pk, entry=_entry(), ref="m:1")

    make_change(operations.membership, change, now=NOW)

    assert account.lots.get().units == D(60)
    assert cash_of(account) == D(-10200)
    assert RealizedGain.objects.get().event.corrects == _sale_of(account, 2)
    replay = LedgerReplay.objects.get()
    assert (replay.cause, replay.replayed_by) == ("An earlier event is corrected", operations.membership.user)
    assert replay.changes["lots"][0]["before"]["units"] == "50"
    event = AuditEvent.objects.get(action="ledger.corrected")
    assert event.reason == "The confirmation says 40"
    assert [D(told) for told in event.data["years"][0]["short_usd"]] == [D(-1500), D(-1200)]
    assert_ledger_is_whole(account.firm_id)


def _sale_of(account: Account, position: int) -> LedgerEvent:
    return LedgerEvent.objects.get(account=account, position=position)


def test_a_cancelled_sale_gives_back_its_lot(account: Account, operations: Persona) -> None:
    change = cancellation_of(operations.membership, event_id=_sale(account).pk, reason="Never sold", ref="m:1")

    make_change(operations.membership, change, now=NOW)

    assert account.lots.get().units == D(100)
    assert not RealizedGain.objects.exists()
    assert cash_of(account) == D(-15000)
    assert_ledger_is_whole(account.firm_id)


def test_a_correction_sent_twice_counts_once(account: Account, operations: Persona) -> None:
    change = correction_of(operations.membership, event_id=_sale(account).pk, entry=_entry(), ref="m:1")
    make_change(operations.membership, change, now=NOW)

    with pytest.raises(Invalid, match="recorded already"):
        make_change(operations.membership, change, now=NOW)

    assert account.lots.get().units == D(60)


def test_what_the_ledger_does_not_allow_is_refused_in_a_sentence(account: Account, operations: Persona) -> None:
    change = correction_of(operations.membership, event_id=_sale(account).pk, entry=_entry(units=D(400)), ref="m:1")

    with pytest.raises(Invalid, match="400"):
        preview_change(operations.membership, change, now=NOW)
    with pytest.raises(Invalid, match="400"):
        make_change(operations.membership, change, now=NOW)

    assert account.lots.get().units == D(50)
    assert_ledger_is_whole(account.firm_id)


def test_the_future_is_not_recorded(account: Account, operations: Persona) -> None:
    entry = _entry(kind=EntryKind.PURCHASE, on=date(2027, 1, 4))
    change = entry_of(operations.membership, account_id=account.pk, entry=entry, ref="m:1")

    with pytest.raises(Invalid, match="business date"):
        make_change(operations.membership, change, now=datetime(2026, 11, 20, tzinfo=NOW.tzinfo))


def test_only_who_resolves_exceptions_changes_a_ledger(account: Account, reviewer: Persona, foreigner: Persona) -> None:
    with pytest.raises(NotPermitted):
        cancellation_of(reviewer.membership, event_id=_sale(account).pk, reason="no", ref="m:1")
    with pytest.raises(NotFound):
        cancellation_of(foreigner.membership, event_id=_sale(account).pk, reason="no", ref="m:1")


def test_a_gift_keeps_the_donors_basis_and_has_its_value_for_a_loss(account: Account, operations: Persona) -> None:
    entry = _entry(
        kind=EntryKind.GIFT, on=date(2026, 2, 2), security="KO", units=D(10), amount_usd=D(0), cost_usd=D(700),
        fair_usd=D(600), acquired_on=date(2020, 5, 4), reason="From her father",
    )  # fmt: skip
    change = entry_of(operations.membership, account_id=account.pk, entry=entry, ref="m:1")

    make_change(operations.membership, change, now=NOW)

    lot = account.lots.get(security__symbol="KO")
    assert (lot.cost_usd, lot.loss_cost_usd, lot.acquired_on, lot.holding_on, lot.is_wash_acquisition) == (
        D(700), D(600), date(2026, 2, 2), date(2020, 5, 4), False,
    )  # fmt: skip
    assert cash_of(account) == D(-9000)


def test_an_inheritance_is_worth_what_it_was_at_death(account: Account, operations: Persona) -> None:
    entry = _entry(
        kind=EntryKind.INHERITANCE, on=date(2026, 2, 2), security="KO", units=D(10), amount_usd=D(0),
        fair_usd=D(600), acquired_on=date(2026, 1, 4), reason="Estate of her father",
    )  # fmt: skip
    change = entry_of(operations.membership, account_id=account.pk, entry=entry, ref="m:1")

    make_change(operations.membership, change, now=NOW)

    lot = account.lots.get(security__symbol="KO")
    assert (lot.cost_usd, lot.is_inherited, lot.is_wash_acquisition) == (D(600), True, False)


def test_a_late_purchase_by_hand_washes_a_loss_and_shows_it_first(account: Account, operations: Persona) -> None:
    entry = _entry(kind=EntryKind.PURCHASE, on=date(2026, 3, 20), units=D(20), amount_usd=D(2500))
    change = entry_of(operations.membership, account_id=account.pk, entry=entry, ref="m:1")

    shown = preview_change(operations.membership, change, now=NOW)

    (gain,) = shown.gains
    assert gain.after is not None and gain.after.disallowed_usd == D(600)
    (lot,) = shown.lots
    assert lot.after is not None and (lot.after.cost_usd, lot.after.wash_usd) == (D(3100), D(600))


def test_a_purchase_told_of_an_outside_account_washes_the_loss(account: Account, operations: Persona) -> None:
    away = sibling(account, "8812-4410", is_held_away=True, registration="ira", tax_status="deferred")
    trade = NewOutsideTrade(side="buy", on=date(2026, 3, 10), security="AAPL", units=D(25))

    for _ in range(2):
        record_outside_trade(
            operations.membership, account_id=away.pk, trade=trade, ref="m:1", reason="The client told", now=NOW
        )

    assert OutsideTrade.objects.count() == 1
    gain = RealizedGain.objects.get()
    assert (gain.disallowed_usd, gain.permanent_usd) == (D(750), D(750))
    assert_ledger_is_whole(account.firm_id)
