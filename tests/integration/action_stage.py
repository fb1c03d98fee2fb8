"""
What the tests of killed and competing applications do in processes of their own, on a database of their own.

    python -m tests.integration.action_stage setup HOLDERS | die | apply | count
"""

import os
import signal
import sys
from typing import Final

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from portfolios.ledger.corporate_actions.terms import ActionKind  # noqa: E402
from portfolios.models.lots import LedgerEvent, Lot  # noqa: E402
from portfolios.models.market import ActionApplication, CorporateAction, Price  # noqa: E402
from portfolios.services.action_signals import action_applied  # noqa: E402
from portfolios.services.corporate_actions.applying import apply  # noqa: E402
from tests.actions import action_world, terms_for  # noqa: E402

LINE: Final = "OLD 100 @ 80 2024-03-01"


def set_up(holder_count: int) -> None:
    """Make so many holders of a security, and a spin-off that is confirmed."""
    with transaction.atomic():
        world = action_world()
        world.security("OLD")
        world.security("NEW", price=None)
        for _ in range(holder_count):
            world.account(LINE)
        world.confirmed(terms_for(ActionKind.SPIN_OFF))


def die() -> None:
    """Apply the action, and be killed when all is written and nothing is committed."""

    def kill(**_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    action_applied.connect(kill)
    apply(CorporateAction.objects.get(), actor=None, now=timezone.now())


def apply_it() -> None:
    """Apply the action as the schedule does; print whether this process did it."""
    came = apply(CorporateAction.objects.get(), actor=None, now=timezone.now())
    sys.stdout.write(f"{came.is_applied}\n")


def count() -> None:
    """Print the status, and how many applications, events, lots of the child and prices of the action there are."""
    numbers = (
        ActionApplication.objects.count(),
        LedgerEvent.objects.filter(kind="corporate_action").count(),
        Lot.objects.filter(security__symbol="NEW").count(),
        Price.objects.filter(source="corporate action").count(),
    )
    sys.stdout.write(f"{CorporateAction.objects.get().status} {' '.join(map(str, numbers))}\n")


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    {"setup": lambda: set_up(int(rest[0])), "die": die, "apply": apply_it, "count": count}[command]()
