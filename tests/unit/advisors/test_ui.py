"""Figures, dates, states and charts are written alike on every page."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from advisors.status_words import STATUS_WORDS
from advisors.templatetags import ui

STATIC = Path(__file__).parents[3] / "static"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("9963.49"), "$9,963"),
        (Decimal("-32.50"), "−$33"),
        (Decimal("-0.4"), "$0"),
        (0, "$0"),
        (2418600.0, "$2,418,600"),
        ("1234.5", "$1,235"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_money_is_whole_dollars_with_a_true_minus(value: ui.Number, written: str) -> None:
    assert ui.money(value) == written


def test_cents_are_written_when_asked_for() -> None:
    assert ui.money(Decimal("1234.5"), 2) == "$1,234.50"


@pytest.mark.parametrize(("value", "written"), [("1172", "+$1,172"), ("-33", "−$33"), ("0.2", "$0"), (None, "–")])
def test_a_change_carries_its_sign_and_nothing_carries_none(value: str | None, written: str) -> None:
    assert ui.signed_money(value) == written


def test_columns_that_name_their_unit_write_bare_numbers() -> None:
    assert (ui.amount(32208), ui.signed(3567), ui.signed(-4511)) == ("32,208", "+3,567", "−4,511")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (640, "$640"),
        (9999, "$9,999"),
        (82400, "$82.4\u00a0K"),
        (999949, "$999.9\u00a0K"),
        (999960, "$1.0\u00a0M"),
        (18_100_000, "$18.1\u00a0M"),
        (6_210_000_000, "$6.21\u00a0B"),
        (-61_400_000, "−$61.4\u00a0M"),
    ],
)
def test_short_money_never_shows_a_thousand_of_its_unit(value: int, written: str) -> None:
    assert ui.money_short(value) == written


def test_fractions_become_percentages() -> None:
    assert ui.pct(0.83) == "83.0%"
    assert ui.pct(Decimal("0.0142"), 2) == "1.42%"
    assert ui.signed_pct(-0.014) == "−1.4%"
    assert ui.pct(None) == "–"


def test_basis_points_name_their_unit() -> None:
    assert ui.bps(7.6) == "7.6\u00a0bp"


@pytest.mark.parametrize(
    ("value", "written"),
    [("120.000000", "120"), ("12.345600", "12.3456"), ("1200", "1,200"), ("0.000001", "0.000001"), (None, "–")],
)
def test_units_keep_every_digit_that_counts(value: str | None, written: str) -> None:
    assert ui.units(None if value is None else Decimal(value)) == written


def test_another_locale_writes_its_own_numbers() -> None:
    with translation.override("de"):
        assert ui.money(Decimal("1234567.89"), 2) == "$1.234.567,89"


def test_dates_are_written_out() -> None:
    assert ui.day(date(2026, 11, 12)) == "Nov 12, 2026"
    assert ui.long_day(date(2026, 11, 12)) == "Thursday, November 12, 2026"
    assert ui.day(None) == "–"


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(seconds=20), "under 1 min"),
        (timedelta(minutes=44), "44 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=20, minutes=5), "20 h"),
        (timedelta(days=3, hours=2), "3 d 2 h"),
        (timedelta(days=3), "3 d"),
    ],
)
def test_a_length_of_time_has_two_parts_at_most(length: timedelta, written: str) -> None:
    assert ui.lasting(length) == written


def test_age_is_measured_at_the_moment_the_view_names() -> None:
    now = datetime(2026, 11, 12, 10, 40, tzinfo=UTC)

    assert ui.ago(now - timedelta(minutes=26), now) == "26 min"


def test_every_state_has_an_icon_of_the_sprite_and_a_word() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))

    assert all(known.word for known in STATUS_WORDS.values())
    assert {known.icon for known in STATUS_WORDS.values()} <= drawn


def test_every_icon_a_template_names_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    pages = (STATIC.parent / "templates").rglob("*.html")
    named = {name for page in pages for name in re.findall(r'{% icon "([^"]+)" %}', page.read_text())}

    assert named
    assert named <= drawn


def test_a_status_is_a_word_beside_an_icon() -> None:
    html = Template("{% load ui %}{% status 'held' word %}").render(Context({"word": "Held <by> you"}))

    assert 'class="st attention"' in html
    assert "icons" in html and "#pause" in html
    assert "Held &lt;by&gt; you" in html


def test_an_unknown_state_is_a_fault_and_not_a_blank() -> None:
    with pytest.raises(KeyError):
        ui.status("no such state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    key: str = "allocation"
    title: str = "Allocation"
    unit: str = "% of value"
    alt: str = "Bonds at 40 percent"
    note: str = ""
    spec: object = None
    columns: tuple[str, ...] = ("Class", "Weight")
    rows: tuple[tuple[str, ...], ...] = (("Bonds", "40.0%"),)


def test_a_chart_has_title_text_alternative_data_and_table() -> None:
    html = Template("{% load ui %}{% chart figure %}").render(Context({"figure": Figure(spec={"mark": "</script>"})}))

    assert "<h2>Allocation</h2>" in html
    assert 'aria-label="Bonds at 40 percent"' in html
    assert 'id="chart-allocation"' in html
    assert '{"mark": "\\u003C/script\\u003E"}' in html
    assert '<th scope="row">Bonds</th>' in html and '<td class="n">40.0%</td>' in html


def test_a_bar_never_leaves_its_track() -> None:
    assert 'width="72.0"' in ui.bar_mini(5, 4)
    assert 'width="0.0"' in ui.bar_mini(-1, 4)
    assert 'width="0.0"' in ui.bar_mini(1, 0)


def test_query_changes_keep_the_other_parameters() -> None:
    request = RequestFactory().get("/accounts/?state=held&page=3")

    html = Template("{% load ui %}{% with_query sort='-value' page='' %}").render(Context({"request": request}))

    assert html == "?state=held&amp;sort=-value"
