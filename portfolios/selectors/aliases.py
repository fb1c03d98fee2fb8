"""Which security a symbol means on a day, where it has changed its name since."""

from collections.abc import Collection, Mapping
from datetime import date

from portfolios.models.securities import SecurityAlias


def successors(*, on: date) -> Mapping[str, str]:
    """Return the successor of every symbol whose name has changed by that day, the latest where it changed twice."""
    changed = SecurityAlias.objects.filter(until_on__lte=on).order_by("until_on", "pk")
    return dict(changed.values_list("symbol", "security__symbol"))


def renamed_in(held: Collection[str], later: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return what an old symbol in a statement means for an account: its successor, once the account holds that instead.

    An account that holds the old one still (its firm has not applied the change) means the old one by it.
    """
    return {old: new for old, new in later.items() if new in held and old not in held}
