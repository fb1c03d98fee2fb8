"""A restriction, a tax budget and a withdrawal, entered by keyboard alone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.pages import Visitors

MOST_TABS = 400
FOCUSED_WORDS = "(one => /BUTTON|SUMMARY/.test(one.tagName) ? one.innerText : '')(document.activeElement)"


@pytest.fixture
def page(visitors: Visitors) -> Iterator[Page]:
    """The preferences of a taxable account of the advisor's book, whose return has no budget yet."""
    opened = visitors.page("advisor")
    opened.goto(f"{visitors.site.url}/accounts/?tax_status=taxable&differs=no")
    found = re.search(r'href="(/accounts/\d+/)"', opened.locator("#rows").inner_html())
    assert found, "the demo has a taxable account without preferences of its own"
    opened.goto(f"{visitors.site.url}{found[1]}preferences/")
    yield opened
    opened.close()


def tab_to(page: Page, element_id: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(MOST_TABS):
        if page.evaluate("document.activeElement.id") == element_id:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches #{element_id}")


def tab_to_button(page: Page, words: str) -> None:
    """Press Tab until a button or summary with these words has the focus."""
    for _ in range(MOST_TABS):
        if words in page.evaluate(FOCUSED_WORDS):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches “{words}”")


def send(page: Page, words: str) -> None:
    """Press the button with these words and wait for the page that follows."""
    tab_to_button(page, words)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_restriction_by_keyboard(page: Page) -> None:
    tab_to_button(page, "Add a restriction")
    page.keyboard.press("Enter")
    tab_to(page, "id_restriction_verb")
    page.keyboard.press("ArrowDown")  # from never buy to never sell
    tab_to(page, "id_restriction_symbol")
    page.keyboard.type("bcus")
    tab_to(page, "id_restriction_reason")
    page.keyboard.type("Asked on the phone")
    send(page, "Add this restriction")

    assert "The restriction is added" in page.locator("#messages").inner_text()
    assert "Never sell BCUS" in page.locator("#restrictions").inner_text()


def test_a_tax_budget_by_keyboard(page: Page) -> None:
    tab_to(page, "id_tax_tax__budget_usd")
    page.keyboard.type("7,500")
    tab_to(page, "id_tax_reason")
    page.keyboard.type("Agreed with the accountant")
    send(page, "Save tax preferences")

    assert "1 setting changed" in page.locator("#messages").inner_text()
    assert page.locator("#id_tax_tax__budget_usd").input_value() == "7500"


def test_a_withdrawal_by_keyboard(page: Page) -> None:
    tab_to_button(page, "Add a cash need")
    page.keyboard.press("Enter")
    tab_to(page, "id_cash_need_amount_usd")
    page.keyboard.type("$12,000")
    tab_to(page, "id_cash_need_due_on")
    page.keyboard.type("01152027")
    tab_to(page, "id_cash_need_reason")
    page.keyboard.type("A new roof")
    send(page, "Add this cash need")

    assert "The cash need is added" in page.locator("#messages").inner_text()
    assert "Withdrawal of $12,000, on Jan 15, 2027" in " ".join(page.locator("#needs").inner_text().split())
