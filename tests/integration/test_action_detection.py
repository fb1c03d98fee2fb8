"""A split that one source shows and nobody announced: seen in posted prices, announced once, accounts held."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.models import Firm
from portfolios import vault
from portfolios.ledger.split_signs import UnitStep
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import CustodianFile
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.action_detection import (
    announce_unit_signs,
    detect_in_prices,
    set_aside_explained,
    signs_in_positions,
    words_of_ratio,
)
from portfolios.services.corporate_actions import desk
from portfolios.services.importing import import_custodian_file
from tests.action_rows import action_row
from tests.conftest import Persona
from tests.desk_actions import holder, second_operator
from tests.factories import BUSINESS_ON, NOW, PriceFactory, SecurityFactory

pytestmark = pytest.mark.django_db
D = Decimal
NEXT = BUSINESS_ON + timedelta(days=1)
PEERS = tuple(f"PEER{number}" for number in range(9))


@pytest.fixture
def account(firm: Firm) -> Account:
    made = holder(firm)  # AAPL, priced at 100 on the business date
    for symbol in PEERS:
        PriceFactory(security=SecurityFactory(symbol=symbol))
    return made


def _prices(firm: Firm, day: date = NEXT, *, name: str = "prices.csv", **prices: str) -> CustodianFile:
    rows = {**dict.fromkeys(PEERS, "100.5"), **prices}
    content = "symbol,date,price\n" + "".join(f"{symbol},{day},{price}\n" for symbol, price in rows.items())
    return import_custodian_file(firm, custodian="generic", name=name, content=content.encode(), actor=None, now=NOW)


def _holds(account: Account) -> list[str]:
    rows = AccountHold.objects.filter(account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True)
    return list(rows.values_list("reason", flat=True))


def test_a_price_that_halves_is_announced_and_holds_the_accounts(firm: Firm, account: Account) -> None:
    file = _prices(firm, AAPL="50.2")

    action = CorporateAction.objects.get()
    assert (action.kind, action.ratio, action.effective_on) == ("split", D(2), NEXT)
    assert (action.is_detected, action.source, action.announced_by) == (True, "prices", None)
    assert "AAPL went from $100.00 to $50.20" in action.note
    assert "2 for 1 that nobody announced" in action.note
    assert any("that nobody announced" in sentence for sentence in file.said)
    (reason,) = _holds(account)
    assert "AAPL splits 2 for 1" in reason


def test_the_same_prices_again_announce_nothing_more(firm: Firm, account: Account) -> None:
    _prices(firm, AAPL="50.2")

    _prices(firm, AAPL="50.3", name="corrected.csv")

    assert CorporateAction.objects.count() == 1


def test_an_ordinary_day_raises_nothing(firm: Firm, account: Account) -> None:
    _prices(firm, AAPL="92")

    assert CorporateAction.objects.count() == 0
    assert _holds(account) == []


def test_what_nobody_owns_or_means_to_buy_raises_nothing(firm: Firm, account: Account) -> None:
    PriceFactory(security=SecurityFactory(symbol="OTHER"))

    _prices(firm, AAPL="100", OTHER="50")

    assert CorporateAction.objects.count() == 0


def test_the_first_prices_of_a_firm_have_no_yesterday(firm: Firm, account: Account) -> None:
    assert detect_in_prices(firm, days=[NEXT], known_until=None, now=NOW) == ()


@pytest.mark.parametrize("status", [ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED, ActionStatus.APPLIED])
def test_a_known_action_of_those_days_explains_the_price(firm: Firm, account: Account, status: ActionStatus) -> None:
    action_row(firm, "AAPL", kind="spin_off", ratio=None, on=NEXT + timedelta(days=1), status=status)

    _prices(firm, AAPL="50.2")

    assert not CorporateAction.objects.filter(is_detected=True).exists()


@pytest.mark.parametrize("status", [ActionStatus.WITHDRAWN, ActionStatus.REVERSED])
def test_what_a_person_withdrew_or_reversed_explains_nothing(
    firm: Firm, account: Account, status: ActionStatus
) -> None:
    action_row(firm, "AAPL", on=NEXT, status=status)

    _prices(firm, AAPL="50.2")

    assert CorporateAction.objects.get(is_detected=True).ratio == 2


def test_a_false_alarm_is_not_raised_again_for_its_day(operations: Persona, account: Account) -> None:
    firm = operations.firm
    _prices(firm, AAPL="50.2")
    action = CorporateAction.objects.get()
    desk.withdraw(operations.membership, action, reason="Bad earnings.", now=NOW)
    assert _holds(account) == []

    _prices(firm, AAPL="49.9", name="again.csv")

    assert CorporateAction.objects.count() == 1
    assert _holds(account) == []


def test_a_jump_that_no_split_explains_is_no_split(firm: Firm, account: Account) -> None:
    _prices(firm, AAPL="41.5")

    action = CorporateAction.objects.get()
    assert (action.kind, action.ratio) == ("other", None)
    assert "a spin-off, a large dividend or a merger" in action.note


def test_a_day_on_which_all_fall_raises_nothing(firm: Firm, account: Account) -> None:
    _prices(firm, NEXT, AAPL="50", **dict.fromkeys(PEERS, "51"))

    assert CorporateAction.objects.count() == 0


def test_whoever_announces_it_takes_its_place(operations: Persona, account: Account) -> None:
    firm = operations.firm
    _prices(firm, AAPL="50.2")
    content = f"symbol,kind,effective,ratio\nAAPL,stock_dividend,{NEXT},2\n".encode()

    import_custodian_file(firm, custodian="generic", name="a.csv", content=content, actor=operations.user, now=NOW)

    detected = CorporateAction.objects.get(source="prices")
    assert detected.status == ActionStatus.WITHDRAWN
    assert "Stock dividend" in detected.end_reason
    assert CorporateAction.objects.get(status=ActionStatus.ANNOUNCED).kind == "stock_dividend"
    assert set_aside_explained(firm, now=NOW) == 0


def test_the_same_split_announced_by_a_file_is_the_same_action(operations: Persona, account: Account) -> None:
    firm = operations.firm
    _prices(firm, AAPL="50.2")
    content = f"symbol,kind,effective,ratio\nAAPL,split,{NEXT},2\n".encode()

    import_custodian_file(firm, custodian="generic", name="a.csv", content=content, actor=operations.user, now=NOW)

    assert CorporateAction.objects.count() == 1


def test_a_detected_split_that_is_confirmed_is_applied_and_the_accounts_trade(
    operations: Persona, account: Account
) -> None:
    firm = operations.firm
    _prices(firm, AAPL="50.2")
    action = CorporateAction.objects.get()
    second = second_operator(firm)
    second.membership.firm.refresh_from_db()
    desk.confirm(second.membership, action, seen="", now=NOW)

    desk.apply_now(second.membership, CorporateAction.objects.get(), now=NOW)

    assert CorporateAction.objects.get().status == ActionStatus.APPLIED
    assert [lot.units for lot in account.lots.filter(closed_on__isnull=True)] == [D(200)]
    assert _holds(account) == []


def _unit_steps(*pairs: tuple[str, str]) -> list[UnitStep]:
    return [
        UnitStep(account=number, security="AAPL", expected_units=D(expected), stated_units=D(stated))
        for number, (expected, stated) in enumerate(pairs)
    ]


def test_positions_that_multiply_in_several_accounts_are_announced(firm: Firm, account: Account) -> None:
    signs = signs_in_positions(firm, _unit_steps(("100", "300"), ("35", "105")), day=BUSINESS_ON)

    (found,) = announce_unit_signs(firm, signs, day=BUSINESS_ON, source_name="Schwab", now=NOW)

    action = CorporateAction.objects.get()
    assert (action.kind, action.ratio, action.source, action.is_detected) == ("split", D(3), "positions", True)
    assert found.sentence == action.note
    assert "Schwab states 3 for 1 of the units of AAPL in 2 accounts" in found.sentence


def test_one_account_proves_what_prices_hinted_at(firm: Firm, account: Account) -> None:
    _prices(firm, AAPL="22.5")  # 4 for 1 fits best, 5 for 1 as well
    assert CorporateAction.objects.get().ratio == 4
    signs = signs_in_positions(firm, _unit_steps(("100", "500"), ("35", "175")), day=NEXT)

    announce_unit_signs(firm, signs, day=NEXT, source_name="Schwab", now=NOW)

    action = CorporateAction.objects.get()
    assert (action.ratio, action.is_detected, action.status) == (D(5), True, ActionStatus.ANNOUNCED)
    assert "Schwab states 5 for 1" in action.note


def test_positions_say_nothing_new_about_a_known_action(firm: Firm, account: Account) -> None:
    action_row(firm, "AAPL", ratio="3")
    signs = signs_in_positions(firm, _unit_steps(("100", "300"), ("35", "105")), day=BUSINESS_ON)

    assert announce_unit_signs(firm, signs, day=BUSINESS_ON, source_name="Schwab", now=NOW) == ()
    assert CorporateAction.objects.count() == 1


LOTS = "account,as_of,symbol,quantity,cost,acquired\n"


def _statement(firm: Firm, *rows: tuple[Account, str], day: date = NEXT, cost: str = "8200.00") -> CustodianFile:
    lines = [
        f"{vault.decrypt_text(account.number_encrypted)},{day},AAPL,{units},{cost},2024-03-01"
        for account, units in rows
    ]
    content = LOTS + "".join(f"{line}\n" for line in lines)
    return import_custodian_file(
        firm, custodian="generic", name=f"lots {day}.csv", content=content.encode(), actor=None, now=NOW
    )


def _units(account: Account) -> Decimal:
    return sum((lot.units for lot in account.lots.filter(closed_on__isnull=True)), D(0))


def test_accounts_whose_positions_double_are_held_and_not_posted(firm: Firm, account: Account) -> None:
    other = holder(firm, units="40")

    _statement(firm, (account, "200"), (other, "80"), cost="9000.00")

    action = CorporateAction.objects.get()
    assert (action.ratio, action.source, action.is_detected) == (D(2), "positions", True)
    assert (_units(account), _units(other)) == (D(100), D(40))
    assert all("looks like a split" in _holds(each)[0] for each in (account, other))


def test_a_doubling_that_was_set_aside_posts_as_the_custodian_says(operations: Persona, account: Account) -> None:
    firm = operations.firm
    other = holder(firm, units="40")
    _statement(firm, (account, "200"), (other, "80"))
    desk.withdraw(operations.membership, CorporateAction.objects.get(), reason="They bought outside.", now=NOW)

    _statement(firm, (account, "200"), (other, "80"), day=NEXT + timedelta(days=1))

    assert CorporateAction.objects.count() == 1
    assert (_units(account), _units(other)) == (D(200), D(80))
    assert _holds(account) == []


def test_one_account_that_grows_is_its_own_affair(firm: Firm, account: Account) -> None:
    other = holder(firm, units="40")

    _statement(firm, (account, "200"), (other, "40"), cost="17350.00")

    assert CorporateAction.objects.count() == 0


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(D(4), "4 for 1"), (D("1.5"), "3 for 2"), (1 / D(8), "1 for 8"), (1 / D(3), "1 for 3"), (D("1.05"), "21 for 20")],
)
def test_ratios_are_written_as_people_say_them(ratio: Decimal, words: str) -> None:
    assert words_of_ratio(ratio) == words
