"""Start a run and show how far it is."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from advisors.errors import DomainError
from advisors.templatetags.ui import lasting
from rebalancing.selectors import runs as selectors
from rebalancing.selectors.runs import RunProgress
from rebalancing.services import runs, solving
from rebalancing.services.impacts import start_preview_by_number
from rebalancing.services.runs import Scope

POLL_SECONDS: Final = 1.0
PATIENCE: Final = timedelta(seconds=30)
BAR: Final = 30


class Command(BaseCommand):
    """`rebalance --all | --household ID | --account ID | --change NUMBER [--firm SLUG] [--no-wait] [--here]`."""

    help = "Propose trades for all accounts, one household or one account, or preview a change of the house view."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the scope."""
        scope = parser.add_mutually_exclusive_group(required=True)
        scope.add_argument("--all", action="store_true", help="every account of the firm")
        scope.add_argument("--household", type=int, metavar="ID")
        scope.add_argument("--account", type=int, metavar="ID")
        scope.add_argument("--change", type=int, metavar="NUMBER", help="what it would do to every account")
        parser.add_argument("--firm", default="", metavar="SLUG", help="needed where there are several firms")
        parser.add_argument("--no-wait", action="store_true", help="start the run and return")
        parser.add_argument("--here", action="store_true", help="work in this process, without a queue")

    def handle(self, *, firm: str, change: int | None, **options: Any) -> None:
        """Start the run, then follow it to its end."""
        is_here = options["here"]
        scope = Scope(household_id=options["household"], account_id=options["account"])
        try:
            with audit.acting_from("rebalance"):
                if change is None:
                    run_id = runs.start_run_by_name(firm, scope=scope, now=timezone.now(), wake_queue=not is_here)
                else:
                    run_id = start_preview_by_number(firm, change, now=timezone.now(), wake_queue=not is_here)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"run {run_id} started")
        if is_here:
            self._work(run_id)
        elif options["no_wait"]:
            return
        else:
            self._follow(run_id)
        self._sum_up(selectors.run_progress(run_id))

    def _work(self, run_id: int) -> None:
        from rebalancing.tasks import worker_here

        with audit.acting_from("rebalance"):
            for _ in solving.drain(worker=worker_here(), run_id=run_id):
                self._show(selectors.run_progress(run_id))

    def _follow(self, run_id: int) -> None:
        asked_at = timezone.now()
        is_warned, shown = False, -1
        while (progress := selectors.run_progress(run_id)).is_open:
            if progress.analysed_count != shown or self.stdout.isatty():
                self._show(progress)
                shown = progress.analysed_count
            if progress.started_at is None and not is_warned and timezone.now() - asked_at > PATIENCE:
                is_warned = True
                self.stderr.write("\nnobody works: start `manage.py qcluster`, or run `manage.py drain` here")
            time.sleep(POLL_SECONDS)
        self._show(progress)

    def _show(self, progress: RunProgress) -> None:
        now = timezone.now()
        pace, left = progress.accounts_a_minute(now), progress.remaining(now)
        filled = BAR * progress.analysed_count // max(progress.total_count, 1)
        parts = [
            f"[{'#' * filled}{'.' * (BAR - filled)}] {progress.analysed_count} of {progress.total_count}",
            f"{pace:.0f} a minute" if pace else "waiting for a worker",
        ]
        if left:
            parts.append(f"{lasting(left)} left")
        if progress.failed_count:
            parts.append(f"{progress.failed_count} failed")
        line = ", ".join(parts).replace("\u00a0", " ")
        if self.stdout.isatty():
            self.stdout.write(f"\r{line:<78}", ending="")
            self.stdout.flush()
        else:
            self.stdout.write(line)

    def _sum_up(self, progress: RunProgress) -> None:
        for failure in selectors.run_failures(progress.run_id):
            self.stdout.write(f"\n  {failure.status}: {failure.label}: {failure.message}", ending="")
        lasted = progress.lasted(timezone.now())
        seconds = f" in {lasted.total_seconds():.1f} s" if lasted else ""
        self.stdout.write(
            f"\nrun {progress.run_id} {progress.status}{seconds}: {progress.done_count} analysed, "
            f"{progress.held_count} held, {progress.failed_count} failed"
        )
        if progress.status != "done":
            raise CommandError(f"run {progress.run_id} was {progress.status}")
