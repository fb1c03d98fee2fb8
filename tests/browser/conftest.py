"""A served demo and Debian's Chromium for the tests of this folder."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.pages import Visitors
from tests.browser.site import CHROMIUM_ARGS, Site, demo_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the demo once for all tests of the browser."""
    with demo_site(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Start the system's Chromium, not a downloaded one."""
    path = os.environ.get("TRIMTAB_BROWSER") or shutil.which("chromium")
    return {"executable_path": path, "args": CHROMIUM_ARGS}


@pytest.fixture(scope="session")
def visitors(browser: Browser, site: Site) -> Iterator[Visitors]:
    """Windows of the demo's people."""
    people = Visitors(browser, site)
    yield people
    people.close()
