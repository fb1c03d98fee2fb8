"""The demo firm, built in a database of its own and served as users get it: gunicorn, whitenoise, a worker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.dev.demo import PASSWORD_FILE, build, start_site
from config.dev.steps import Children
from portfolios.demo.firm import staff_with_role

PORT = 8070
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the demo is served, and the one password of its people."""

    url: str
    password: str

    def email_of(self, role: str) -> str:
        """Return the address of the first person of a role."""
        return staff_with_role(role)[0].email


@contextmanager
def demo_site(folder: Path) -> Iterator[Site]:
    """
    Build and serve the demo in `folder`; `TRIMTAB_SITE` names one that is served already.

    Nothing of the developer's own demo is touched but its password file, which is made when it is missing.
    """
    served = os.environ.get("TRIMTAB_SITE", "")
    if served:
        yield Site(url=served, password=PASSWORD_FILE.read_text(encoding="utf-8").strip())
        return
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'demo.sqlite3'}"
    children = Children()
    try:
        build(children)
        url = start_site(children, port=PORT)
        yield Site(url=url, password=PASSWORD_FILE.read_text(encoding="utf-8").strip())
    finally:
        children.stop()
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before
