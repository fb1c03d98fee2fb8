"""Write the case of a proposal as one self-contained file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from advisors.errors import DomainError
from rebalancing.selectors.cases import proposal_with_case, self_contained_json


class Command(BaseCommand):
    """`export_case PROPOSAL_ID [--out FILE]`."""

    help = "Write the case of a proposal, its shared parts inside, for `manage.py solve`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the proposal and the file."""
        parser.add_argument("proposal_id", type=int)
        parser.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")

    def handle(self, *, proposal_id: int, out: Path | None, **_: Any) -> None:
        """Write it."""
        try:
            content = self_contained_json(proposal_with_case(proposal_id).outcome.case)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if out is None:
            self.stdout.write(content.decode())
        else:
            out.write_bytes(content + b"\n")
