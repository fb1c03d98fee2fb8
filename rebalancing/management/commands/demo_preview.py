"""Let the queue find out what the demo's waiting change of the house view would do."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from portfolios.models.guidance import HouseViewChange, VersionStatus


class Command(BaseCommand):
    """`demo_preview`."""

    help = "Preview every change of the house view that waits for approval, for the demo."

    def handle(self, **_: Any) -> None:
        """Preview one after the other, each to its end."""
        waiting = HouseViewChange.objects.filter(status=VersionStatus.SUBMITTED).order_by("number")
        for number in waiting.values_list("number", flat=True):
            call_command("rebalance", change=number, stdout=self.stdout, stderr=self.stderr)
