"""Measure the server time of every page on the database as it stands."""

import json
from argparse import ArgumentParser
from dataclasses import asdict

from django.core.management.base import BaseCommand

from reporting.management.page_times import measure_pages


class Command(BaseCommand):
    """`bench_pages [--json]`."""

    help = "Ask every page as somebody who may see it; print median, 95th percentile and queries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Choose the form."""
        parser.add_argument("--json", action="store_true", dest="is_json")

    def handle(self, *, is_json: bool, **_: object) -> None:
        """Measure and print."""
        rows = measure_pages()
        if is_json:
            self.stdout.write(json.dumps([asdict(row) for row in rows]))
            return
        for row in rows:
            self.stdout.write(
                f"{row.name:<36} {row.count:>4} {row.median_ms:>8.1f} ms {row.p95_ms:>8.1f} ms {row.query_count:>4} q"
            )
