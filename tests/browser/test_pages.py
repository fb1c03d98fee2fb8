"""Every page, looked at: accessible, inside its width, without a fault in the console, and without JavaScript."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.pages import STOPS, Stop, Visitors

LOOKS = [(1440, "light"), (390, "dark")]
stops = pytest.mark.parametrize("stop", STOPS, ids=[stop.key for stop in STOPS])


@stops
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_page_is_accessible_and_keeps_inside_its_width(
    visitors: Visitors, stop: Stop, width: int, scheme: str
) -> None:
    page = visitors.open(stop, width=width, scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.reload(wait_until="networkidle")
    said = list(faults)  # what the page said of itself: axe tries styles that the policy refuses

    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    drawn = page.evaluate("document.documentElement.scrollWidth")
    page.close()

    assert found.violations_count == 0, found.generate_report()
    assert drawn <= width
    assert said == []


@stops
def test_a_page_says_the_same_without_javascript(visitors: Visitors, stop: Stop) -> None:
    page = visitors.open(stop, has_script=False)
    heading = page.locator("main h1, main .lede").first.inner_text()
    page.close()

    assert heading.strip()


def test_the_slash_key_finds_an_account(visitors: Visitors) -> None:
    page = visitors.page("reviewer")
    page.goto(f"{visitors.site.url}/")

    page.keyboard.press("/")
    page.wait_for_url("**/accounts/**")
    page.close()


def test_the_first_tab_stop_skips_to_the_content(visitors: Visitors) -> None:
    page = visitors.page("reviewer")
    page.goto(f"{visitors.site.url}/")

    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    page.close()

    assert focused == "#main"


def test_a_search_in_the_audit_log_works_without_javascript(visitors: Visitors) -> None:
    page = visitors.page("compliance", has_script=False)
    page.goto(f"{visitors.site.url}/audit/")

    page.fill("#id_action", "user.signed_in")
    page.click("form.filters button[type=submit]")
    actions = page.locator("#events tbody td:nth-child(3)").all_inner_texts()
    page.close()

    assert actions
    assert set(actions) == {"user.signed_in"}


def test_a_search_in_the_audit_log_changes_only_the_events_with_javascript(visitors: Visitors) -> None:
    page = visitors.page("compliance")
    page.goto(f"{visitors.site.url}/audit/")
    page.evaluate("document.querySelector('h1').dataset.kept = 'yes'")

    page.fill("#id_action", "user.signed_in")
    page.click("form.filters button[type=submit]")
    page.wait_for_url("**action=user.signed_in**")
    kept = page.evaluate("document.querySelector('h1').dataset.kept")
    page.close()

    assert kept == "yes"


def test_a_theme_that_was_chosen_stays_on_the_next_page(visitors: Visitors) -> None:
    page = visitors.page("cio")
    page.goto(f"{visitors.site.url}/team/")

    page.click(".menu summary")
    page.click("[data-choice=theme] button[value=dark]")
    page.goto(f"{visitors.site.url}/accounts/")
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.close()

    assert theme == "dark"
