"""The page Preferences: own book only, forms without script, 422 keeps the input, 409 says who was quicker."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import AuditEvent
from portfolios.models.preferences import CashNeed, Preference, Restriction
from portfolios.services.preferences import set_preference
from portfolios.services.statement_guard import Terms
from tests.conftest import Persona
from tests.factories import (
    NOW,
    SecurityFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal
WHY = {"reason": "Asked on the phone"}


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def _url(world: World, name: str = "preferences", *args: object) -> str:
    return reverse(f"portfolios:{name}", args=[world.account.pk, *args])


def _text(who: Persona, world: World) -> str:
    answer = who.client.get(_url(world))
    assert answer.status_code == 200
    return answer.content.decode()


def _settings_input(who: Persona, world: World, group: str, **changes: str) -> dict[str, str]:
    """Return what a browser would post: every field of the form as the page shows it, and the changes."""
    form = who.client.get(_url(world)).context[f"{group}_form"]
    data = {name: _posted(form[name].value()) for name in form.fields}
    data |= {f"initial-{name}": data[name] for name in form.fields if form.fields[name].show_hidden_initial}
    return data | WHY | changes


def _posted(value: object) -> str:
    return "" if value is None else str(value)


def _restriction_input(**changes: str) -> dict[str, str]:
    base = {"verb": "never_sell", "symbol": "lumr", "listed": "", "disposal": "now", "unit": "frac", "level": "account"}
    return base | WHY | changes


def _need_input(**changes: str) -> dict[str, str]:
    base = {"kind": "withdrawal", "amount_usd": "$1,500", "due_on": "2026-12-01", "period": "monthly", "lead_days": "5"}
    return base | WHY | changes


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_statement_outside_the_book_does_not_exist(outsider: Persona, foreigner: Persona, world: World) -> None:
    assert [who.client.get(_url(world)).status_code for who in (outsider, foreigner)] == [404, 404]


POSTS: dict[str, Callable[[World], tuple[str, dict[str, str]]]] = {
    "settings": lambda world: (_url(world, "change_settings", "trading"), WHY),
    "profile": lambda world: (_url(world, "choose_profile"), WHY),
    "restriction": lambda world: (_url(world, "restrict"), _restriction_input()),
    "cash need": lambda world: (_url(world, "need_cash"), _need_input()),
    "ending": lambda world: (_url(world, "end_line", "restriction", 1), WHY),
}


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("reviewer", 403), ("compliance", 403)])
def test_nobody_else_changes_anything(
    request: pytest.FixtureRequest, world: World, post: str, who: str, status: int
) -> None:
    persona: Persona = request.getfixturevalue(who)
    url, data = POSTS[post](world)

    assert persona.client.post(url, data).status_code == status
    assert not Preference.objects.exists()
    assert not Restriction.objects.exists()


def test_who_may_only_look_sees_values_and_no_button(reviewer: Persona, world: World) -> None:
    page = _text(reviewer, world)
    assert "Tracking preference" in page
    assert "Save trading preferences" not in page


# --- settings ---------------------------------------------------------------------------------------------------------


def test_only_the_setting_that_was_touched_is_saved(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading", trading__tracking_preference="8")

    answer = advisor.client.post(_url(world, "change_settings", "trading"), data)

    assert (answer.status_code, answer["Location"]) == (303, _url(world))
    saved = Preference.objects.get()
    assert (saved.key, saved.value, saved.reason) == ("trading.tracking_preference", 8, WHY["reason"])


def test_percentages_are_written_as_people_write_them(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading", trading__max_tracking_error_frac="1.5 %")

    advisor.client.post(_url(world, "change_settings", "trading"), data)

    assert Preference.objects.get().value == "0.015"


def test_a_flag_and_a_choice_are_saved_at_the_return(advisor: Persona, world: World) -> None:
    changes = {"tax__never_realize_gains": "yes", "tax__short_gains": "forbid"}
    data = _settings_input(advisor, world, "tax", **changes)

    advisor.client.post(_url(world, "change_settings", "tax"), data)

    values = dict(Preference.objects.filter(level="tax_return").values_list("key", "value"))
    assert values == {"tax.never_realize_gains": True, "tax.short_gains": "forbid"}


def test_a_changed_setting_is_marked_with_the_firms_default_beside_it(advisor: Persona, world: World) -> None:
    assert "Firm: 5" not in _text(advisor, world)
    _change(advisor, world, 8)

    page = _text(advisor, world)
    assert "Firm: 5" in page
    assert "1 of 21 settings differ" in page
    assert "#equal-not" in page


def _change(advisor: Persona, world: World, value: int) -> None:
    set_preference(
        advisor.membership,
        account_id=world.account.pk,
        key="trading.tracking_preference",
        value=value,
        terms=Terms(reason="Earlier wish"),
        now=NOW,
    )


def test_the_history_of_a_setting_names_every_value_and_who_set_it(advisor: Persona, world: World) -> None:
    for value in (8, 3):
        _change(advisor, world, value)

    page = _text(advisor, world)
    assert "History, 2" in page
    assert "set by Ada Advisor" in page
    assert "ended by Ada Advisor" in page


def test_a_wrong_value_is_refused_with_the_input_kept_and_the_summary_focused(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading", trading__tracking_preference="11", trading__max_trades="7")

    answer = advisor.client.post(_url(world, "change_settings", "trading"), data)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "data-faults" in page
    assert 'value="11"' in page
    assert 'value="7"' in page
    assert not Preference.objects.exists()


def test_a_contradiction_is_refused_in_a_sentence(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "cash", cash__reserve_frac="60")

    answer = advisor.client.post(_url(world, "change_settings", "cash"), data)

    assert answer.status_code == 422
    assert "leaves the limits of Balanced for Cash" in answer.content.decode()
    assert 'value="60"' in answer.content.decode()


def test_a_change_without_a_reason_is_refused(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading", trading__tracking_preference="8", reason="")

    assert advisor.client.post(_url(world, "change_settings", "trading"), data).status_code == 422


def test_a_conflict_says_who_changed_what_keeps_the_input_and_lets_me_decide_again(
    advisor: Persona, world: World
) -> None:
    data = _settings_input(advisor, world, "trading", trading__tracking_preference="2")
    _change(advisor, world, 8)

    answer = advisor.client.post(_url(world, "change_settings", "trading"), data)

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Ada Advisor changed “Tracking preference” to 8" in page
    assert world.value("trading.tracking_preference") == 8
    form = answer.context["trading_form"]
    assert form["trading__tracking_preference"].value() == "2"

    again = advisor.client.post(_url(world, "change_settings", "trading"), form.data)

    assert again.status_code == 303
    assert world.value("trading.tracking_preference") == 2


def test_somebody_elses_change_of_another_setting_is_no_conflict(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading", trading__max_trades="7")
    _change(advisor, world, 8)

    assert advisor.client.post(_url(world, "change_settings", "trading"), data).status_code == 303
    assert (world.value("trading.max_trades"), world.value("trading.tracking_preference")) == (7, 8)


def test_saving_nothing_says_so(advisor: Persona, world: World) -> None:
    data = _settings_input(advisor, world, "trading")

    page = advisor.client.post(_url(world, "change_settings", "trading"), data, follow=True).content.decode()

    assert "nothing changed" in page
    assert not Preference.objects.exists()


# --- restrictions and cash needs --------------------------------------------------------------------------------------


def test_a_restriction_on_a_symbol_is_added(advisor: Persona, world: World) -> None:
    answer = advisor.client.post(_url(world, "restrict"), _restriction_input())

    assert answer.status_code == 303
    assert (Restriction.objects.get().subject, Restriction.objects.get().level) == ("LUMR", "account")
    assert "Never sell LUMR" in _text(advisor, world)


def test_a_range_on_a_sector_for_the_household_is_added(advisor: Persona, world: World) -> None:
    data = _restriction_input(verb="range", symbol="", listed="sector:Technology", most="60", level="household")

    advisor.client.post(_url(world, "restrict"), data)

    row = Restriction.objects.get()
    assert (row.subject_kind, row.subject, row.max_frac, row.level) == ("sector", "Technology", D("0.6"), "household")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"symbol": ""}, "one of them, not both"),
        ({"listed": "sector:Technology"}, "one of them, not both"),
        ({"symbol": "NOPE"}, "There is no security called NOPE"),
        ({"verb": "range"}, "needs at least one bound"),
        ({"reason": ""}, "This field is required"),
        ({"starts_on": "2026-12-02", "ends_on": "2026-12-01"}, "before it starts"),
    ],
)
def test_a_restriction_that_makes_no_sense_keeps_its_input(
    advisor: Persona, world: World, changes: dict[str, str], sentence: str
) -> None:
    answer = advisor.client.post(_url(world, "restrict"), _restriction_input(**changes))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert '<option value="never_sell" selected' in page or '<option value="range" selected' in page
    assert not Restriction.objects.exists()


def test_a_contradicting_restriction_names_both_sides(advisor: Persona, world: World) -> None:
    advisor.client.post(_url(world, "restrict"), _restriction_input())

    answer = advisor.client.post(_url(world, "restrict"), _restriction_input(verb="never_own"))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "“Never own LUMR, sell now, whatever it costs” contradicts “Never sell LUMR”, set by Ada Advisor" in page


def test_a_restriction_is_ended_with_a_reason_and_stays_in_the_history(advisor: Persona, world: World) -> None:
    advisor.client.post(_url(world, "restrict"), _restriction_input())
    url = _url(world, "end_line", "restriction", Restriction.objects.get().pk)

    assert advisor.client.post(url, {"reason": ""}).status_code == 422
    assert advisor.client.post(url, {"reason": "Left the company"}).status_code == 303

    assert Restriction.objects.get().ended_by == advisor.user
    assert AuditEvent.objects.get(action="restriction.ended").reason == "Left the company"
    assert "History, 1" in _text(advisor, world)


def test_ending_what_somebody_ended_is_a_conflict(advisor: Persona, world: World) -> None:
    advisor.client.post(_url(world, "restrict"), _restriction_input())
    url = _url(world, "end_line", "restriction", Restriction.objects.get().pk)
    advisor.client.post(url, WHY)

    answer = advisor.client.post(url, WHY)

    assert answer.status_code == 409
    assert "Ada Advisor already ended" in answer.content.decode()


def test_a_cash_need_is_added_and_ended(advisor: Persona, world: World) -> None:
    advisor.client.post(_url(world, "need_cash"), _need_input())
    row = CashNeed.objects.get()
    assert (row.amount_usd, row.period) == (D(1500), "monthly")
    assert "Withdrawal of $1,500 every month, next on Dec 1, 2026" in _text(advisor, world)

    advisor.client.post(_url(world, "end_line", "cash-need", row.pk), WHY)

    assert CashNeed.objects.get().ended_at is not None


def test_a_cash_need_beyond_the_account_is_refused(advisor: Persona, world: World) -> None:
    answer = advisor.client.post(_url(world, "need_cash"), _need_input(amount_usd="90,000"))

    assert answer.status_code == 422
    assert "is more than Whitcombe Joint is worth, $20,000" in answer.content.decode()


# --- speed ------------------------------------------------------------------------------------------------------------


def test_the_page_takes_the_same_queries_for_3_and_for_30_lines(advisor: Persona, world: World) -> None:
    counts = []
    for more in (3, 27):
        for number in range(more):
            SecurityFactory(symbol=f"R{more}N{number}")
            data = _restriction_input(verb="never_buy", symbol=f"R{more}N{number}")
            assert advisor.client.post(_url(world, "restrict"), data).status_code == 303
        _text(advisor, world)
        with CaptureQueriesContext(connection) as queries:
            _text(advisor, world)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


@pytest.mark.parametrize(("typed", "stored"), [("5", "0.05"), ("5%", "0.05"), ("0.05%", "0.0005"), ("1", "0.01")])
def test_a_percentage_that_can_be_read_in_one_way_is_saved(
    advisor: Persona, world: World, typed: str, stored: str
) -> None:
    data = _settings_input(advisor, world, "cash", cash__reserve_frac="2")
    data |= {"cash__reserve_frac": typed, "initial-cash__reserve_frac": "2"}

    assert advisor.client.post(_url(world, "change_settings", "cash"), data).status_code == 303
    assert D(str(world.value("cash.reserve_frac"))) == D(stored)


def test_a_percentage_that_can_be_read_in_two_ways_is_asked_back(advisor: Persona, world: World) -> None:
    url = _url(world, "change_settings", "cash")
    answer = advisor.client.post(url, _settings_input(advisor, world, "cash", cash__reserve_frac="0.05"))

    assert answer.status_code == 422
    assert "Write 0.05% if that is meant, or 5%: 0.05 alone can be either." in answer.content.decode()
    assert world.value("cash.reserve_frac") == "0.01"


def test_what_stands_below_one_per_cent_is_shown_with_its_sign_and_saved_beside_others(
    advisor: Persona, world: World
) -> None:
    set_preference(
        advisor.membership,
        account_id=world.account.pk,
        key="cash.reserve_frac",
        value="0.0075",
        terms=Terms(reason="x"),
        now=NOW,
    )
    data = _settings_input(advisor, world, "cash", cash__reserve_usd="500")
    assert data["cash__reserve_frac"] == "0.75%"

    assert advisor.client.post(_url(world, "change_settings", "cash"), data).status_code == 303
    assert (world.value("cash.reserve_frac"), world.value("cash.reserve_usd")) == ("0.0075", "500")


def test_a_bound_in_per_cent_that_can_be_read_in_two_ways_is_asked_back(advisor: Persona, world: World) -> None:
    data = _restriction_input(verb="range", unit="frac", most="0.3")

    answer = advisor.client.post(_url(world, "restrict"), data)
    assert answer.status_code == 422
    assert "0.3 alone can be either" in answer.content.decode()
    assert advisor.client.post(_url(world, "restrict"), data | {"most": "30%"}).status_code == 303
    assert Restriction.objects.get().max_frac == D("0.3")
