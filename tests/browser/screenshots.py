"""Draw the pages of the demo for the README: `python3 dev.py screenshots`."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.pages import STOPS, Visitors
from tests.browser.site import CHROMIUM_ARGS, demo_site

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SHOWN: Final = ("today", "accounts", "account", "household", "preferences", "proposal", "review", "batch", "audit")


def main() -> None:
    """Draw each page light and wide, and three also dark and narrow."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("TRIMTAB_BROWSER") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_site(Path(folder)) as site,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS) as browser,
    ):
        visitors = Visitors(browser, site)
        for stop in STOPS:
            if stop.key not in SHOWN:
                continue
            for width, scheme, ending in ((1440, "light", ""), (390, "dark", "-narrow")):
                if ending and stop.key not in SHOWN[:1] + SHOWN[5:6]:
                    continue
                page = visitors.open(stop, width=width, scheme=scheme)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=FOLDER / f"{stop.key}{ending}.png")
                page.close()
                print(f"  {FOLDER.name}/{stop.key}{ending}.png", flush=True)  # noqa: T201  a command speaks
        visitors.close()


if __name__ == "__main__":
    main()
