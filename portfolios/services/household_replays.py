"""Replay whole tax households, because what they are matched by has changed: the firm's policies, or its groups."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.models import Firm, User
from portfolios.models.lots import OutsideTrade, RealizedGain, TaxPolicyVersion, WashMatch
from portfolios.selectors.identity import identity_of
from portfolios.selectors.tax_policies import CurrentPolicy
from portfolios.services.ledger_rows import lock_tax_households
from portfolios.services.replays import ReplayRefused, Wanted, plan_replays, write_replays
from portfolios.services.tax_policies import policy_in_force

_BATCH: Final = 20  # tax households in one transaction: other writers wait for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many tax households were replayed, and how many could not be."""

    household_count: int
    refused_count: int


def replay_by_policy(version_id: int, *, now: datetime) -> Replayed:
    """
    Replay every tax household of a firm that has a loss, by the policy that the firm has now.

    Safe to run twice: what stands as it should is not written.
    """
    version = TaxPolicyVersion.objects.select_related("firm").get(pk=version_id)
    ids = _with_losses(version.firm)
    return replay_tax_households(
        version.firm, ids, cause="The firm's tax policies changed", actor=version.set_by, now=now
    )


def replay_by_groups(firm_id: int, *, now: datetime) -> Replayed:
    """Replay every tax household of a firm that has a loss, because identity groups changed. Safe to run twice."""
    firm = Firm.objects.get(pk=firm_id)
    cause = "The firm's identity groups changed"
    return replay_tax_households(firm, _with_losses(firm), cause=cause, actor=None, now=now)


def _with_losses(firm: Firm) -> set[int]:
    taxable = RealizedGain.objects.filter(account__firm=firm, gain_usd__lt=0)
    ids = set(taxable.values_list("account__tax_household_id", flat=True))
    matched = WashMatch.objects.filter(account__firm=firm)
    ids |= set(matched.values_list("account__tax_household_id", flat=True))
    outside = OutsideTrade.objects.filter(account__firm=firm, loss_usd__gt=0)
    return ids | set(outside.values_list("account__tax_household_id", flat=True))


def replay_tax_households(
    firm: Firm, tax_household_ids: Collection[int], *, cause: str, actor: User | None, now: datetime
) -> Replayed:
    """Replay all that tax households of a firm did and write what differs; one that cannot be replayed stays."""
    names = sorted(tax_household_ids)
    refused = 0
    for start in range(0, len(names), _BATCH):
        with transaction.atomic():
            refused += _replay(firm, names[start : start + _BATCH], cause=cause, actor=actor, now=now)
    return Replayed(household_count=len(names) - refused, refused_count=refused)


def _replay(firm: Firm, ids: Collection[int], *, cause: str, actor: User | None, now: datetime) -> int:
    lock_tax_households(ids)
    current: CurrentPolicy = policy_in_force(firm.pk, now=now)
    wanted = {pk: Wanted(securities=None, cause=cause) for pk in ids}
    found = plan_replays(wanted, identity=identity_of(firm.pk), current=current)
    done = [one for one in found.values() if not isinstance(one, ReplayRefused)]
    write_replays(done, event_ids={}, current=current, actor=actor, now=now)
    for pk, one in found.items():
        if isinstance(one, ReplayRefused):
            audit.record(
                "lots.replay_refused",
                actor=actor,
                subject=("tax_household", pk),
                firm_id=firm.pk,
                data={"cause": cause, "why": str(one)},
                now=now,
            )
    return len(found) - len(done)
