"""A firm's tax policies: set by a person, kept as versions, and every tax household replayed by the new ones."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Invalid
from advisors.jobs import enqueue
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.ledger.errors import BadInput
from portfolios.ledger.wash_policy import WashPolicy
from portfolios.models.lots import TaxPolicyVersion
from portfolios.selectors.tax_policies import CurrentPolicy, current_policy

DEFAULTS = "The defaults of the tax rules"


def policy_in_force(firm_id: int, *, now: datetime) -> CurrentPolicy:
    """Return the policy that counts, as a version that results can point at: the defaults become the first one."""
    found = current_policy(firm_id)
    if found.version is not None:
        return found
    version = TaxPolicyVersion.objects.create(
        firm_id=firm_id, values=found.policy.to_json(), reason=DEFAULTS, set_at=now, set_by=None
    )
    return CurrentPolicy(version=version, policy=found.policy)


@transaction.atomic
def set_tax_policy(member: Membership, values: Mapping[str, object], *, reason: str, now: datetime) -> TaxPolicyVersion:
    """
    Set a firm's choices; those not named stay. Every tax household with a loss is replayed by a background job.

    :raises Invalid: an unknown choice, a value that it cannot have, no reason, or nothing changes
    """
    check_can(member, Capability.MANAGE_SETTINGS)
    said = " ".join(reason.split())
    if not said:
        raise Invalid("Say why the tax policy changes.")
    before = policy_in_force(member.firm_id, now=now)
    try:
        after = WashPolicy.from_json({**before.policy.to_json(), **values})
    except BadInput as fault:
        raise Invalid(f"{str(fault)[:1].upper()}{str(fault)[1:]}.") from fault
    changed = {
        name: {"before": old, "after": new}
        for name, new in after.to_json().items()
        if (old := before.policy.to_json()[name]) != new
    }
    if not changed:
        raise Invalid("Nothing was changed: every choice is as it was.")
    version = TaxPolicyVersion.objects.create(
        firm_id=member.firm_id, values=after.to_json(), reason=said[:240], set_at=now, set_by=member.user
    )
    audit.record("tax_policy.set", actor=member, subject=version, data={"changed": changed}, reason=said[:240], now=now)
    enqueue("portfolios.tasks.replay_by_policy_task", version_id=version.pk)
    return version
