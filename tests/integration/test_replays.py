"""Replays: what comes late, is mended or washes a loss is worked out again from the journals of the tax household."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import StringIO
from itertools import permutations

import pytest
from django.core.management import CommandError, call_command

from advisors.errors import Invalid
from advisors.models import AuditEvent, Firm
from portfolios.ledger.types import EventKind, Lot, LotEvent, LotPick, Relief
from portfolios.models.households import Account
from portfolios.models.lots import LedgerEvent, LedgerReplay, OutsideTrade, RealizedGain, WashMatch
from portfolios.models.securities import FirmSecurity, IdentityGroup, Security
from portfolios.selectors.ledgers import load_book
from portfolios.services.posting import JournalMoved, post_events, post_to_many
from tests.books import NOW, cash_of, know_securities, open_account
from tests.ledgers import assert_ledger_is_whole, ledger_rows

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm)


def sibling(account: Account, number: str = "8812-4402", **changes: object) -> Account:
    return open_account(
        account.firm,
        number,
        household=account.household,
        tax_household=account.tax_household,
        tax_return=account.tax_return,
        **changes,
    )


def ira_of(account: Account) -> Account:
    return sibling(account, "8812-4409", registration="ira", tax_status="deferred")


def buy(ref: str, units: str, usd: str, on: date, symbol: str = "AAPL", kind: EventKind = EventKind.BUY) -> LotEvent:
    lot = Lot(key=ref, security=symbol, units=D(units), cost_usd=D(usd), acquired_on=on)
    return LotEvent(kind=kind, ref=ref, traded_on=on, security=symbol, units=D(units), amount_usd=-D(usd), lot=lot)


def sell(ref: str, units: str, usd: str, on: date, *picks: LotPick, symbol: str = "AAPL") -> LotEvent:
    return LotEvent(
        kind=EventKind.SELL, ref=ref, traded_on=on, security=symbol, units=D(units), amount_usd=D(usd), picks=picks,
        method=None if picks else Relief.FIFO,
    )  # fmt: skip


def cancel(ref: str, of: str, on: date, symbol: str = "AAPL") -> LotEvent:
    return LotEvent(kind=EventKind.CANCEL, ref=ref, traded_on=on, corrects=of, security=symbol, reason="never happened")


def post(account: Account, *events: LotEvent) -> None:
    account.refresh_from_db()
    post_events(account, events, source="test", actor=None, now=NOW)


def test_a_repurchase_within_thirty_days_washes_the_loss_into_its_basis(account: Account) -> None:
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "100", "12000", date(2026, 3, 2)))
    assert RealizedGain.objects.get().disallowed_usd == 0

    post(account, buy("B2", "40", "4900", date(2026, 3, 20)))

    gain = RealizedGain.objects.get()
    assert (gain.gain_usd, gain.disallowed_usd, gain.permanent_usd) == (D(-3000), D(1200), D(0))
    assert gain.provisional_until_on == date(2026, 4, 1)
    assert gain.policy is not None
    match = WashMatch.objects.get()
    assert (match.loss, match.lot_key, match.units, match.amount_usd) == (gain, match.lot_key, D(40), D(1200))
    lot = account.lots.get(closed_on=None)
    assert (lot.cost_usd, lot.wash_adjustment_usd, lot.is_wash_consumed) == (D(6100), D(1200), True)
    assert lot.holding_on == date(2026, 3, 20) - (date(2026, 3, 2) - date(2025, 6, 2))
    assert_ledger_is_whole(account.firm_id)


def test_a_purchase_in_an_ira_takes_the_loss_for_good(account: Account) -> None:
    ira = ira_of(account)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "100", "12000", date(2026, 3, 2)))

    post(ira, buy("I1", "100", "12100", date(2026, 3, 10)))

    gain = RealizedGain.objects.get()
    assert (gain.disallowed_usd, gain.permanent_usd) == (D(3000), D(3000))
    assert ira.lots.get(closed_on=None).cost_usd == D(12100)
    assert WashMatch.objects.get().is_permanent
    assert_ledger_is_whole(account.firm_id)


def test_identical_securities_of_the_firm_are_one_group(account: Account) -> None:
    group = IdentityGroup.objects.create(firm=account.firm, key="apple", name="Apple")
    FirmSecurity.objects.filter(security__symbol__in=["AAPL", "MSFT"]).update(identity_group=group)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "100", "12000", date(2026, 3, 2)))

    post(account, buy("B2", "100", "9000", date(2026, 3, 20), symbol="MSFT"))

    assert RealizedGain.objects.get().disallowed_usd == D(3000)
    assert account.lots.get(closed_on=None).cost_usd == D(12000)


def test_a_late_purchase_is_sold_first_by_the_sale_that_came_before_it(account: Account) -> None:
    post(account, buy("B2", "100", "16000", date(2026, 2, 2)))
    post(account, sell("S1", "60", "12000", date(2026, 5, 5)))

    post(account, buy("B1", "50", "5000", date(2025, 1, 6)))

    gains = dict(RealizedGain.objects.values_list("lot_key", "units"))
    assert gains == {"B1": D(50), "B2": D(10)}
    assert account.lots.get(closed_on=None).units == D(90)
    replay = LedgerReplay.objects.get()
    assert replay.cause == "An event comes late"
    lots = replay.changes["lots"]
    assert [(row["key"], row["before"] and row["before"]["units"], row["after"]["units"]) for row in lots] == [
        ("B2", "40", "90"),
    ]
    assert AuditEvent.objects.get(action="lots.replayed").data["gains"] == 2
    assert_ledger_is_whole(account.firm_id)


def test_a_cancelled_purchase_gives_back_lot_and_cash(account: Account) -> None:
    post(account, buy("B1", "100", "15000", date(2026, 1, 5)))
    post(account, buy("B2", "10", "1600", date(2026, 1, 6)))

    post(account, cancel("X1", "B1", date(2026, 1, 5)))

    assert list(account.lots.values_list("key", "units")) == [("B2", D(10))]
    assert cash_of(account) == D(-1600)
    assert_ledger_is_whole(account.firm_id)


def test_a_corrected_sale_moves_its_gain(account: Account) -> None:
    post(account, buy("B1", "100", "15000", date(2026, 1, 5)))
    post(account, sell("S1", "50", "9000", date(2026, 3, 5)))

    post(account, replace(sell("S2", "40", "8000", date(2026, 3, 6)), corrects="S1", reason="as confirmed"))

    gain = RealizedGain.objects.get()
    assert (gain.units, gain.gain_usd, gain.closed_on, gain.event.source_ref) == (
        D(40), D(2000), date(2026, 3, 6), f"{account.pk}:S2",
    )  # fmt: skip
    assert account.lots.get().units == D(60)
    assert cash_of(account) == D(-15000 + 8000)
    assert_ledger_is_whole(account.firm_id)


def test_a_replay_that_is_not_possible_refuses_the_posting_and_leaves_nothing(account: Account) -> None:
    post(account, buy("B1", "100", "15000", date(2026, 1, 5)))
    post(account, sell("S1", "50", "9000", date(2026, 3, 5), LotPick(key="B1", units=D(50))))
    before = ledger_rows({"it": account})

    with pytest.raises(Invalid, match="names lot B1, which is not open"):
        post(account, cancel("X1", "B1", date(2026, 1, 5)))

    assert ledger_rows({"it": account}) == before
    assert LedgerEvent.objects.count() == 2
    assert LedgerReplay.objects.count() == 0
    account.refresh_from_db()
    assert account.journal_position == 2


def test_a_replay_moves_the_position_of_every_account_whose_lots_change(account: Account) -> None:
    other = sibling(account)
    post(other, buy("B2", "100", "12500", date(2026, 2, 20)))
    stale = Account.objects.get(pk=other.pk)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))

    post(account, sell("S1", "100", "12000", date(2026, 3, 2)))

    other.refresh_from_db()
    assert other.lots.get(closed_on=None).cost_usd == D(15500)
    assert other.journal_position > stale.journal_position
    assert_ledger_is_whole(account.firm_id)


def test_a_book_loaded_before_a_sibling_washed_into_it_is_refused(account: Account) -> None:
    other = sibling(account)
    post(other, buy("B2", "100", "12500", date(2026, 2, 20)))
    stale = Account.objects.get(pk=other.pk)
    book = load_book(stale)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)), sell("S1", "100", "12000", date(2026, 3, 2)))
    sale = sell("S2", "100", "13000", date(2026, 6, 2))

    with pytest.raises(JournalMoved):
        post_events(stale, [sale], source="test", actor=None, now=NOW, book=book)

    other.refresh_from_db()
    assert other.lots.get(closed_on=None).cost_usd == D(15500)
    post(other, sale)
    assert RealizedGain.objects.get(account=other).gain_usd == D(-2500)
    assert_ledger_is_whole(account.firm_id)


def test_a_trade_in_an_account_held_away_washes_the_loss(account: Account) -> None:
    away = sibling(account, "8812-4410", is_held_away=True, registration="ira", tax_status="deferred")
    security = Security.objects.get(symbol="AAPL")
    OutsideTrade.objects.create(
        account=away, security=security, traded_on=date(2026, 3, 1), side="buy", units=D(30), source_ref="o1",
        recorded_at=NOW,
    )  # fmt: skip
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))

    post(account, sell("S1", "100", "12000", date(2026, 3, 2)))

    gain = RealizedGain.objects.get()
    assert (gain.disallowed_usd, gain.permanent_usd) == (D(900), D(900))
    assert WashMatch.objects.get().account == away


HISTORY: Sequence[tuple[str, LotEvent]] = (
    ("joint", buy("B1", "100", "15000", date(2025, 6, 2))),
    ("joint", sell("S1", "60", "7200", date(2026, 3, 2))),
    ("ira", buy("I1", "20", "2450", date(2026, 3, 10))),
    ("spouse", buy("P1", "30", "3700", date(2026, 3, 12), kind=EventKind.REINVEST)),
    ("joint", LotEvent(kind=EventKind.SPLIT, ref="X1", traded_on=date(2026, 3, 16), security="AAPL", ratio=D(2))),
)


@pytest.mark.parametrize("order", list(permutations(range(len(HISTORY))))[::7])
def test_the_same_events_give_the_same_rows_in_whatever_order_they_are_posted(
    account: Account, order: tuple[int, ...]
) -> None:
    first, other = _home(account.firm, "1"), _home(account.firm, "2")
    for name, event in HISTORY:
        post(first[name], event)

    for place in (*order, *range(len(HISTORY))):  # a sale cannot come before what it sells: it waits for the end
        name, event = HISTORY[place]
        with suppress(Invalid):
            post(other[name], event)

    assert ledger_rows(other) == ledger_rows(first)
    assert len(ledger_rows(first)["matches"]) == 2
    assert_ledger_is_whole(account.firm_id)


def _home(firm: Firm, digit: str) -> dict[str, Account]:
    joint = open_account(firm, f"7000-000{digit}")
    return {
        "joint": joint,
        "ira": sibling(joint, f"7000-001{digit}", registration="ira", tax_status="deferred"),
        "spouse": sibling(joint, f"7000-002{digit}"),
    }


def test_an_action_is_posted_to_many_accounts_once(account: Account) -> None:
    other = sibling(account)
    for one in (account, other):
        post(one, buy("B1", "100", "15000", date(2025, 6, 2)), buy("B2", "10", "1700", date(2025, 7, 2)))
    split = LotEvent(kind=EventKind.SPLIT, ref="A1", traded_on=date(2026, 3, 2), security="AAPL", ratio=D(4))
    stale = dict.fromkeys((account, other), (split,))

    done = post_to_many(stale, source="actions", actor=None, now=NOW)
    again = post_to_many(stale, source="actions", actor=None, now=NOW)

    assert (done.posted_count, again.posted_count, again.skipped_count) == (2, 0, 2)
    assert done.accounts[other.pk].before_units == {"AAPL": D(110)}
    assert done.accounts[other.pk].after_units == {"AAPL": D(440)}
    assert LedgerEvent.objects.get(pk=done.accounts[other.pk].event_ids["A1"]).account == other
    assert sorted(other.lots.values_list("key", "units", "cost_usd")) == [
        ("B1", D(400), D(15000)), ("B2", D(40), D(1700)),
    ]  # fmt: skip
    assert_ledger_is_whole(account.firm_id)


def test_an_action_that_one_of_many_cannot_book_is_posted_to_none(account: Account) -> None:
    other = sibling(account)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    wanted = {one: (sell("S1", "10", "1500", date(2026, 3, 2)),) for one in (account, other)}

    with pytest.raises(Invalid, match=other.number_last4):
        post_to_many(wanted, source="actions", actor=None, now=NOW)

    assert account.lots.get().units == D(100)


def test_the_check_names_a_row_that_is_not_what_the_journal_says(account: Account) -> None:
    post(account, buy("B1", "100", "15000", date(2026, 1, 5)))
    call_command("check_ledger", firm=account.firm.slug)
    account.lots.update(units=D(99))
    told = StringIO()

    with pytest.raises(CommandError, match="1 differences"):
        call_command("check_ledger", firm=account.firm.slug, stdout=told)

    assert "lot B1: 99 should be 100" in told.getvalue()
