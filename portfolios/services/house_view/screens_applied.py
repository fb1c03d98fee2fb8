"""Lay down the firm's screens in the security master when the day of their list comes."""

from datetime import datetime

from django.db import transaction

from advisors import audit
from advisors.models import Firm
from portfolios.models.guidance import ScreenListVersion
from portfolios.models.securities import Screen
from portfolios.selectors.screens import screen_list_id, screen_rows, securities_of


@transaction.atomic
def apply_screens(firm: Firm, *, now: datetime) -> bool:
    """
    Lay down the list of screens whose day has come, once; else let securities that fit a rule since join.

    Return whether a list was laid down. A security that a corporate action put into a screen stays until the next list.
    """
    firm = Firm.objects.get(pk=firm.pk)
    if firm.business_on is None:
        return False
    version_id = screen_list_id(firm.pk, on=firm.business_on)
    if version_id is None:
        return False
    rows = screen_rows(firm.pk, on=firm.business_on)
    said = securities_of(rows)
    is_new = bool(ScreenListVersion.objects.filter(pk=version_id, applied_at__isnull=True).update(applied_at=now))
    screens = {screen.key: screen for screen in Screen.objects.filter(firm=firm)}
    names = {row.key: row.name for row in rows}
    for key, ids in said.items():
        screen = screens.get(key) or Screen.objects.create(firm=firm, key=key, name=names[key])
        held = set(screen.securities.values_list("pk", flat=True))
        screen.securities.add(*(ids - held))
        if is_new:
            screen.securities.remove(*(held - ids))
    if is_new:
        for key in set(screens) - set(said):
            screens[key].securities.clear()
        facts = {"version_id": version_id, "counts": {key: len(ids) for key, ids in said.items()}}
        audit.record("screens.applied", actor=None, subject=firm, firm_id=firm.pk, data=facts, now=now)
    return is_new


def screens_by_list(firm: Firm) -> frozenset[str]:
    """Return the keys of the screens that the list in force says, and the security master does not."""
    if firm.business_on is None or screen_list_id(firm.pk, on=firm.business_on) is None:
        return frozenset()
    return frozenset(row.key for row in screen_rows(firm.pk, on=firm.business_on))
