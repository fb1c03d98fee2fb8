"""Let an advisor of the demo prepare a bulk change that waits to be looked at."""

from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from advisors.models import Membership
from advisors.permissions import Role
from portfolios.models.bulk_changes import BulkChange
from portfolios.models.households import Standing
from portfolios.selectors.books import accounts_in_book
from portfolios.services.bulk_changes.preparing import prepare_from_file

_HEADER: Final = "account,what,subject_kind,subject,disposal,at_least,at_most,value,reason,starts_on,ends_on,review_on"
_ROWS: Final = (
    "never_buy,screen,tobacco,,,,,Policy of the foundation’s clients,,,",
    "trading.tracking_preference,,,,,,6,Agreed at the yearly review,,,",
    "trading.max_tracking_error_frac,,,,,,4%,Agreed at the yearly review,,,",
    "trading.max_tracking_error_frac,,,,,,0.04,Agreed at the yearly review,,,",
    "never_buy,,NOSUCH,,,,,Asked on the phone,,,",
    "trading.min_trade_usd,,,,,,250,Ticket costs,,,",
)


class Command(BaseCommand):
    """`demo_bulk`."""

    help = "Prepare a bulk change from a file for the first advisor of the demo, unless there is one."

    def handle(self, **_: Any) -> None:
        """Ask something of the advisor's first accounts, two of it wrongly."""
        advisor = Membership.objects.filter(role=Role.ADVISOR).order_by("pk").first()
        if advisor is None or BulkChange.objects.filter(member=advisor).exists():
            return
        managed = accounts_in_book(advisor).filter(is_held_away=False).exclude(standing=Standing.CLOSED)
        refs = managed.order_by("household__name", "name").values_list("external_ref", flat=True)[: len(_ROWS)]
        rows = [f"{ref},{row}" for ref, row in zip(refs, _ROWS, strict=False)]
        content = "\n".join([_HEADER, *rows]).encode()
        prepare_from_file(advisor, name="wishes-of-november.csv", content=content, now=timezone.now())
