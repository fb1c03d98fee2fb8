"""The accounts of a household together, as the engine sees them: one target or one band, after-tax dollars, vetoes."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast

import msgspec

from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import HouseholdMode, TaxStatus
from rebalancing.engine import types as wire
from rebalancing.snapshots.accounts import Member, Shared, substitutes_of, symbols_of, worth_of


def household_of(members: Sequence[Member], *, shared: Shared) -> wire.Household | None:
    """
    Return what the accounts of a case follow together, None where each follows its own target.

    A household whose mode nobody gave a profile follows that of its first account.
    :raises BadInput: its profile is not in force, or a class of it has no product
    """
    first = members[0]
    mode = HouseholdMode(first.row.household.mode)
    if mode is HouseholdMode.INDEPENDENT:
        return None
    policy = shared.facts.policies.get(first.row.household_id)
    profile_id = policy.risk_profile_id if policy else first.row.risk_profile_id
    limits = {line.key: (float(line.min_frac), float(line.max_frac)) for line in shared.guidance.profile_of(profile_id)}
    return wire.Household(
        mode="unified" if mode is HouseholdMode.UNIFIED else "guardrail",
        target=_target(members, profile_id, shared=shared) if mode is HouseholdMode.UNIFIED else {},
        class_limits=limits,
        tracking_preference=policy.tracking_preference if policy else first.wire.trading.tracking_preference,
        transfer_cost_bps=float(policy.transfer_cost_bps) if policy else 0.0,
        location=_location(policy),
    )


def _target(members: Sequence[Member], profile_id: int | None, *, shared: Shared) -> dict[str, float]:
    """Look the profile through the products of taxable accounts, where there is one."""
    statuses = [member.row.tax_status for member in members]
    status = TaxStatus.TAXABLE if TaxStatus.TAXABLE in statuses else statuses[0]
    value = sum((worth_of(member.wire, market=shared.market) for member in members), Decimal(0))
    weights = shared.guidance.target_of(profile_id, tax_status=status, value_usd=value)
    return symbols_of(weights, market=shared.market)


def _location(policy: HouseholdPolicy | None) -> tuple[wire.Location, ...]:
    vetoes = policy.vetoes if policy else []
    return tuple(
        wire.Location(tax_status=cast(wire.TaxStatus, status), asset_class=asset_class)
        for status, asset_class in vetoes
    )


def run_together(members: Sequence[Member], household: wire.Household | None, *, shared: Shared) -> list[Member]:
    """Weigh each account after tax, and let those of a unified household buy what it follows."""
    if household is None:
        return list(members)
    rate = next((member.wire.tax.ordinary_rate for member in members if member.wire.tax is not None), 0.0)
    together = []
    for member in members:
        weight = 1.0 - rate if member.row.tax_status == TaxStatus.DEFERRED else 1.0
        account = msgspec.structs.replace(member.wire, after_tax_weight=round(weight, 6))
        approved = member.approved
        if household.mode == "unified":
            substitutes = substitutes_of(shared, target=household.target)
            account = msgspec.structs.replace(account, substitutes=substitutes)
            known = {security.id for security in shared.market.securities.values() if security.buyable}
            stand_ins = {line.use for line in substitutes if not line.hold_only}
            approved = frozenset((stand_ins | set(household.target) | set(member.approved)) & known)
        together.append(replace(member, wire=account, approved=approved))
    return together
