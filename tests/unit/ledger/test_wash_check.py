"""Proposed trades against a household's losses and purchases, before anybody trades."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from portfolios.ledger.errors import BadInput
from portfolios.ledger.projection import AccountEvent, project
from portfolios.ledger.types import EventKind, LotEvent, LotPick, Relief
from portfolios.ledger.wash_check import (
    HouseholdState,
    ProposedTrade,
    WashStatus,
    provisional_losses,
    safe_loss_sale_on,
    safe_purchase_on,
    wash_status,
)
from portfolios.ledger.wash_policy import WashPolicy
from portfolios.ledger.wash_sales import Side
from portfolios.ledger.worked_cases.history import events_of, facts_of
from tests.wash_words import ACCOUNTS, journal_line

D = Decimal
MANAGED = {key: facts for key, facts in ACCOUNTS.items() if not facts.is_held_away}
LOSS = ("B1 2024-11-04 T1 buy 50 XYZ 5000", "S1 2025-03-03 T1 sell 50 XYZ 4400 B1:50")


def state(*lines: str, policy: WashPolicy | None = None, is_away: bool = False) -> HouseholdState:
    accounts = ACCOUNTS if is_away else MANAGED
    events = [journal_line(line, number) for number, line in enumerate(lines)]
    known = policy or WashPolicy()
    history = project(events, accounts=accounts, policy=known)
    return HouseholdState(books=history.books, carried=history.carried, accounts=accounts, policy=known)


def sell(units: int, usd: int, day: str, *, account: str = "T1", key: str = "") -> ProposedTrade:
    picks = (LotPick(key=key, units=D(units)),) if key else ()
    return ProposedTrade(
        key="S", account=account, security="XYZ", side=Side.SELL, units=D(units), amount_usd=D(usd),
        on=date.fromisoformat(day), picks=picks, method=None if key else Relief.FIFO,
    )  # fmt: skip


def buy(units: int, day: str, *, account: str = "T1", key: str = "P") -> ProposedTrade:
    return ProposedTrade(
        key=key, account=account, security="XYZ", side=Side.BUY, units=D(units), amount_usd=D(units * 90),
        on=date.fromisoformat(day),
    )  # fmt: skip


def test_a_loss_with_nothing_bought_nearby_is_clean_and_bars_purchases_for_30_days() -> None:
    (status,) = wash_status([sell(50, 4400, "2025-03-03")], state=state(LOSS[0]))

    assert (status.status, status.until_on) == (WashStatus.CLEAN, date(2025, 4, 2))


def test_a_gain_is_clean_and_bars_nothing() -> None:
    (status,) = wash_status([sell(50, 9900, "2025-03-03")], state=state(LOSS[0]))

    assert (status.status, status.until_on) == (WashStatus.CLEAN, None)


def test_a_loss_is_washed_by_what_was_bought_before_in_any_account() -> None:
    held = state(LOSS[0], "B2 2025-02-20 T2 buy 10 XYZ 900", "B3 2025-02-21 R1 buy 5 XYZ 450")

    (status,) = wash_status([sell(50, 4400, "2025-03-03")], state=held)

    assert (status.status, status.units, status.amount_usd) == (WashStatus.WASHED, 15, 180)
    assert status.permanent_usd == 60 and status.until_on == date(2025, 4, 2)
    assert {match.lot_key for match in status.matches} == {"B2", "B3"}


@pytest.mark.parametrize(("account", "permanent"), [("T1", 0), ("W1", 0), ("R1", 240)])
def test_a_purchase_that_washes_a_loss_of_the_last_30_days_says_so(account: str, permanent: int) -> None:
    (status,) = wash_status([buy(20, "2025-03-20", account=account)], state=state(*LOSS))

    assert (status.status, status.units, status.amount_usd) == (WashStatus.WASHED, 20, 240)
    assert status.permanent_usd == permanent


def test_a_purchase_on_the_31st_day_is_clean() -> None:
    statuses = wash_status([buy(20, "2025-04-03"), buy(20, "2025-04-02", key="Q")], state=state(*LOSS))

    assert [each.status for each in statuses] == [WashStatus.CLEAN, WashStatus.WASHED]


def test_purchases_of_accounts_held_away_put_a_loss_at_risk() -> None:
    (status,) = wash_status([sell(50, 4400, "2025-03-03")], state=state(LOSS[0], is_away=True))

    assert (status.status, status.units, status.until_on) == (WashStatus.AT_RISK, 0, date(2025, 4, 2))


def test_a_reinvestment_after_the_window_is_no_risk() -> None:
    sale = sell(50, 4400, "2025-03-03")

    (inside,) = wash_status([sale], state=state(LOSS[0]), foreseen=[buy(2, "2025-04-02")])
    (outside,) = wash_status([sale], state=state(LOSS[0]), foreseen=[buy(2, "2025-04-03")])

    assert (inside.status, inside.amount_usd) == (WashStatus.AT_RISK, 24)
    assert outside.status is WashStatus.CLEAN


def test_a_sale_of_more_than_is_held_is_refused() -> None:
    with pytest.raises(BadInput, match="51 units are to be sold, 50 are held"):
        wash_status([sell(51, 4400, "2025-03-03")], state=state(LOSS[0]))


def test_looking_changes_nothing() -> None:
    held = state(*LOSS)

    first = wash_status([buy(20, "2025-03-20")], state=held)

    assert wash_status([buy(20, "2025-03-20")], state=held) == first


def test_safe_days_go_by_what_is_left_to_wash() -> None:
    day = date(2025, 3, 12)
    washed = state(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500", "B0 2020-01-02 T2 buy 5 XYZ 9000")
    free = state(*LOSS, "B2 2025-03-10 T1 buy 80 XYZ 7200", "B0 2020-01-02 T2 buy 5 XYZ 9000")
    old = washed.books["T2"].lots["B0"]

    assert safe_purchase_on("XYZ", account="T1", state=state(*LOSS), as_of=day) == date(2025, 4, 3)
    assert safe_purchase_on("XYZ", account="T1", state=state(*LOSS), as_of=date(2025, 6, 1)) == date(2025, 6, 1)
    assert safe_purchase_on("XYZ", account="T1", state=washed, as_of=day) == day
    assert safe_loss_sale_on(old, account="T2", state=washed, as_of=day) == day
    assert safe_loss_sale_on(old, account="T2", state=free, as_of=day) == date(2025, 4, 10)
    just_bought = free.books["T1"].lots["B2"]
    assert safe_loss_sale_on(just_bought, account="T1", state=free, as_of=day) == day


def test_a_loss_is_provisional_to_the_end_of_its_window() -> None:
    held = state(*LOSS)

    assert [one.units_left for one in provisional_losses(held, as_of=date(2025, 4, 2))] == [50]
    assert provisional_losses(held, as_of=date(2025, 4, 3)) == ()


LEAST = ("B1 2024-11-04 T1 buy 10 XYZ 1000", "B2 2024-11-05 T1 buy 10 XYZ 500")


@pytest.mark.parametrize(
    ("bought", "first"),
    [
        ("", "B1"),  # a loss of 40 a share saves 16
        ("B9 2025-02-20 T2 buy 10 XYZ 600", "B1"),  # nothing now, against 4 for the gain
        ("B9 2025-02-20 R1 buy 10 XYZ 600", "B2"),  # lost for good: rather pay 4
        ("B9 2025-02-20 R1 buy 1 XYZ 60", "B1"),  # a tenth lost for good, the rest counts
        ("B9 2025-01-31 R1 buy 10 XYZ 600", "B1"),  # out of the window
    ],
)
def test_a_sale_by_the_least_tax_knows_which_losses_are_washed_or_lost(bought: str, first: str) -> None:
    rows = [journal_line(line, number) for number, line in enumerate((*LEAST, *([bought] if bought else ())))]
    sale = LotEvent(
        kind=EventKind.SELL, ref="S", traded_on=date(2025, 3, 3), security="XYZ", units=D(10), amount_usd=D(600),
        method=Relief.MIN_TAX, short_frac=D("0.4"), long_frac=D("0.2"),
    )  # fmt: skip

    after = project([*rows, AccountEvent(account="T1", position=9, event=sale)], accounts=ACCOUNTS, is_sequenced=True)

    assert [one.lot_key for one in after.dispositions["T1"]] == [first]


def test_a_worked_list_sold_by_the_least_tax_keeps_a_loss_that_a_roth_would_swallow() -> None:
    def bought(name: str, on: str, account: str, usd: str) -> dict[str, str]:
        return {
            "id": name, "type": "BUY", "date": on, "account": account, "symbol": "XYZ", "shares": "100", "amount": usd,
        }  # fmt: skip

    sale = bought("P1", "2025-06-16", "T1", "4500") | {"type": "SELL", "method": "MIN_TAX"}
    given: dict[str, Any] = {
        "accounts": [
            {"id": "T1", "owner": "O1", "tax_status": "taxable"}, {"id": "R1", "owner": "O1", "tax_status": "roth_ira"},
        ],
        "transactions": [
            bought("L1", "2023-01-10", "T1", "4400"),
            bought("L2", "2024-08-01", "T1", "5500"),
            bought("I1", "2025-06-02", "R1", "4500"),
        ],
        "rates": {"st": "0.40", "lt": "0.20"},
    }  # fmt: skip

    events = events_of([*given["transactions"], sale], accounts=("T1", "R1"), rates=given["rates"])
    after = project(events, accounts=facts_of(given, {"retirement_statuses": ["roth_ira"]}), is_sequenced=True)

    assert [(one.lot_key, one.gain_usd) for one in after.dispositions["T1"]] == [("L1", 100)]
