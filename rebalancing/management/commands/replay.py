"""Recompute a stored proposal: 0 the same trades, 1 other trades, 3 another engine version."""

import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from advisors.errors import DomainError
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import ENGINE_VERSION, BadCase
from rebalancing.services.replaying import replay_proposal

OTHER_TRADES: Final = 1
BAD_CASE: Final = 2
OTHER_VERSION: Final = 3


class Command(BaseCommand):
    """`replay PROPOSAL_ID`."""

    help = "Solve the case of a proposal again and compare the trades."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the proposal."""
        parser.add_argument("proposal_id", type=int)

    def handle(self, *, proposal_id: int, **_: Any) -> None:
        """Compare, say what differs, and end with the code that case.md gives it."""
        try:
            found = replay_proposal(proposal_id, fallback=solve_convex)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=BAD_CASE) from refusal
        except BadCase as error:
            for fault in error.faults:
                self.stderr.write(str(fault))
            sys.exit(BAD_CASE)
        for difference in found.differences:
            self.stdout.write(difference)
        if found.is_same_version:
            if found.differences:
                sys.exit(OTHER_TRADES)
            self.stdout.write(f"proposal {proposal_id}: the same trades")
            return
        self.stdout.write(f"proposed by engine {found.stored_version}, replayed by {ENGINE_VERSION}")
        for remark in found.remarks:
            self.stdout.write(remark)
        sys.exit(OTHER_VERSION)
