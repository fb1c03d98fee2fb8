"""Work the chunks of open runs without a queue, on as many hosts as one likes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from advisors import audit
from rebalancing.services import solving
from rebalancing.tasks import worker_here


class Command(BaseCommand):
    """`drain [--run ID]`."""

    help = "Work every chunk that waits or was left by a dead worker, then return."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the run, if it is to be one only."""
        parser.add_argument("--run", type=int, metavar="ID", help="only this run")

    def handle(self, *, run: int | None, **_: Any) -> None:
        """Work until nothing can be claimed."""
        count = 0
        with audit.acting_from("drain"):
            for chunk_id in solving.drain(worker=worker_here(), run_id=run):
                count += 1
                self.stdout.write(f"chunk {chunk_id} done")
        self.stdout.write(f"{count} chunks done, nothing left to claim")
