"""The pages of the demo that are looked at, each as somebody whose work it is."""

import re
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One page: who opens it, where, and (where the address is not known before) which link on it is followed."""

    key: str
    role: str
    path: str
    follow: str = ""


STOPS: Final[tuple[Stop, ...]] = (
    Stop(key="today", role="reviewer", path="/"),
    Stop(key="run", role="reviewer", path="/runs/", follow=r"/runs/\d+/"),
    Stop(key="accounts", role="advisor", path="/accounts/"),
    Stop(key="account", role="advisor", path="/accounts/", follow=r"/accounts/\d+/"),
    Stop(key="household", role="advisor", path="/accounts/", follow=r"/households/\d+/"),
    Stop(key="household-policy", role="advisor", path="/accounts/", follow=r"/households/\d+/ /households/\d+/policy/"),
    Stop(key="ledger", role="operations", path="/accounts/", follow=r"/accounts/\d+/ /accounts/\d+/ledger/"),
    Stop(
        key="record",
        role="operations",
        path="/accounts/",
        follow=r"/accounts/\d+/ /accounts/\d+/ledger/ /accounts/\d+/ledger/record/",
    ),
    Stop(
        key="form-8949",
        role="advisor",
        path="/accounts/",
        follow=r"/accounts/\d+/ /reports/accounts/\d+/form-8949/\d+/",
    ),
    Stop(key="wash-sales", role="advisor", path="/accounts/", follow=r"/households/\d+/ /households/\d+/wash-sales/"),
    Stop(key="tax-policies", role="administrator", path="/settings/tax-policies/"),
    Stop(key="preferences", role="advisor", path="/accounts/", follow=r"/accounts/\d+/ preferences/"),
    Stop(key="review-list", role="advisor", path="/preferences/review/"),
    Stop(key="team", role="administrator", path="/team/"),
    Stop(key="person", role="administrator", path="/team/", follow=r"/team/\d+/"),
    Stop(key="bulk-accounts", role="advisor", path="/accounts/change/"),
    Stop(key="bulk-file", role="advisor", path="/preferences/bulk/file/"),
    Stop(key="bulk-changes", role="advisor", path="/preferences/bulk/"),
    Stop(key="bulk-change", role="advisor", path="/preferences/bulk/", follow=r"/preferences/bulk/\d+/"),
    Stop(
        key="policy-statement",
        role="advisor",
        path="/accounts/",
        follow=r"/accounts/\d+/ preferences/ policy-statement/",
    ),
    Stop(key="copy-preferences", role="advisor", path="/accounts/", follow=r"/accounts/\d+/ preferences/ copy/"),
    Stop(key="tax", role="advisor", path="/accounts/", follow=r"/households/\d+/ /tax-returns/\d+/\d+/"),
    Stop(key="proposals", role="advisor", path="/proposals/"),
    Stop(key="proposal", role="reviewer", path="/proposals/", follow=r"/proposals/\d+/"),
    Stop(key="review", role="reviewer", path="/review/"),
    Stop(key="batches", role="operations", path="/orders/"),
    Stop(key="batch", role="operations", path="/orders/", follow=r"/orders/\d+/"),
    Stop(key="fills", role="operations", path="/orders/fills/"),
    Stop(key="house-view", role="cio", path="/house-view/"),
    Stop(key="security-model", role="cio", path="/house-view/", follow=r"/house-view/models/\d+/"),
    Stop(key="risk-models", role="cio", path="/house-view/risk-models/"),
    Stop(key="risk-model", role="cio", path="/house-view/risk-models/", follow=r"/house-view/risk-models/\d+/"),
    Stop(key="restricted-list", role="cio", path="/house-view/restricted/"),
    Stop(key="house-view-changes", role="cio", path="/house-view/changes/"),
    Stop(key="house-view-change", role="cio", path="/house-view/changes/", follow=r"/house-view/changes/\d+/"),
    Stop(
        key="impact",
        role="cio",
        path="/house-view/changes/",
        follow=r"/house-view/changes/\d+/ /house-view/changes/\d+/impact/",
    ),
    Stop(key="files", role="operations", path="/data/"),
    Stop(key="file", role="operations", path="/data/", follow=r"/data/files/\d+/"),
    Stop(key="reconciliation", role="operations", path="/data/reconciliation/"),
    Stop(
        key="comparison",
        role="operations",
        path="/data/reconciliation/",
        follow=r"/data/reconciliation/accounts/\d+/",
    ),
    Stop(key="held", role="operations", path="/data/held/"),
    Stop(key="actions", role="operations", path="/data/actions/"),
    Stop(key="action", role="operations", path="/data/actions/", follow=r"/data/actions/\d+/"),
    Stop(key="new-action", role="operations", path="/data/actions/new/"),
    Stop(key="reports", role="reviewer", path="/reports/"),
    Stop(key="report", role="reviewer", path="/reports/", follow=r"/reports/\d+/"),
    Stop(key="audit", role="compliance", path="/audit/"),
    Stop(key="second-factor", role="advisor", path="/sign-in/second-factor/"),
)


def sign_in(page: Page, site: Site, role: str) -> None:
    """Sign in by the form, as everybody does."""
    page.goto(f"{site.url}/sign-in/login/")
    page.fill("#id_login", site.email_of(role))
    page.fill("#id_password", site.password)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{site.url}/")


class Visitors:
    """A browser window for each role, width, theme and scripting; signed in once and kept."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.browser, self.site = browser, site
        self.kept: dict[tuple[object, ...], BrowserContext] = {}

    def page(self, role: str, *, width: int = 1440, scheme: str = "light", has_script: bool = True) -> Page:
        """Return a fresh page of somebody."""
        key = (role, width, scheme, has_script)
        if key not in self.kept:
            window = self.browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
                java_script_enabled=has_script,
            )
            window.set_default_timeout(20_000)
            sign_in(window.new_page(), self.site, role)
            self.kept[key] = window
        return self.kept[key].new_page()

    def open(self, stop: Stop, *, width: int = 1440, scheme: str = "light", has_script: bool = True) -> Page:
        """Open one of the stops."""
        page = self.page(stop.role, width=width, scheme=scheme, has_script=has_script)
        page.goto(f"{self.site.url}{stop.path}")
        for pattern in stop.follow.split():
            found = re.search(rf'href="([^"]*{pattern})["?#]', page.content())
            assert found, f"no link to {pattern} on {page.url}"
            page.goto(f"{self.site.url}{found[1]}")
        return page

    def close(self) -> None:
        """Close every window."""
        for window in self.kept.values():
            window.close()
