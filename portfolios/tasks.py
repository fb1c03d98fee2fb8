"""What the queue does for this room: turn the year of tax returns, let breaks grow old, apply corporate actions."""

import structlog
from django.db import transaction
from django.utils import timezone

from advisors import audit
from portfolios.services import break_ageing, household_replays, tax_year_roll
from portfolios.services.bulk_changes import applying as applying_in_bulk
from portfolios.services.corporate_actions import applying

logger = structlog.get_logger(__name__)


def close_tax_years_task(**_: object) -> int:
    """Close the years that ended, or changed since, and open the next ones; return how many were closed."""
    with audit.acting_from("queue"):
        count = tax_year_roll.roll_all_tax_years(now=timezone.now())
    if count.closed:
        logger.info("tax_years_closed", closed_count=count.closed, opened_count=count.opened)
    return count.closed


def age_breaks_task(**_: object) -> int:
    """Hold the accounts whose breaks are older than their firm allows; return how many are held for one."""
    with audit.acting_from("queue"):
        return break_ageing.age_all_breaks(now=timezone.now())


def replay_by_policy_task(*, version_id: int, **_: object) -> int:
    """Replay a firm's tax households by its new tax policies; return how many."""
    with audit.acting_from("queue"):
        done = household_replays.replay_by_policy(version_id, now=timezone.now())
    if done.refused_count:
        logger.warning("tax_households_not_replayed", refused_count=done.refused_count)
    return done.household_count


def replay_by_groups_task(*, firm_id: int, **_: object) -> int:
    """Replay a firm's tax households by its new identity groups; return how many."""
    with audit.acting_from("queue"):
        done = household_replays.replay_by_groups(firm_id, now=timezone.now())
    if done.refused_count:
        logger.warning("tax_households_not_replayed", refused_count=done.refused_count)
    return done.household_count


def ring_for_actions_task(**_: object) -> int:
    """Put one job on the queue for every firm with corporate actions to look after."""
    with transaction.atomic():
        return applying.ring_for_actions(wake="portfolios.tasks.apply_actions_task")


def apply_actions_task(firm_id: int, **_: object) -> int:
    """Apply a firm's corporate actions that are due, and catch up who came late; return how many were applied."""
    with audit.acting_from("queue"):
        return sum(each.is_applied for each in applying.apply_for_firm(firm_id, now=timezone.now()))


def bulk_change_task(*, bulk_change_id: int, **_: object) -> int:
    """Go on with a bulk change that is being applied or undone; return how many lines were left to do."""
    with audit.acting_from("queue"):
        return applying_in_bulk.go_on(bulk_change_id, clock=timezone.now)
