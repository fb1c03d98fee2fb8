"""The effect of an action on every account before it is applied, computed by the code that applies it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.types import ZERO, Term
from portfolios.models.market import ActionApplication, CorporateAction
from portfolios.services.corporate_actions.effects import AccountEffect, effect_on
from portfolios.services.corporate_actions.holders import HolderIds, holder_ids, load_holders
from portfolios.services.corporate_actions.life import faults_of
from portfolios.services.corporate_actions.steps.sequence import plan_steps, setting_of
from portfolios.services.corporate_actions.stored_terms import all_holder_terms, terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPreview:
    """
    One page of what an action will do. `steps` is everything beside lots, in words.

    `holder_count` counts the accounts that may hold the security on the eve; one that turns out not to has no row.
    """

    sentence: str
    faults: tuple[str, ...]
    steps: tuple[str, ...]
    holder_count: int
    rows: tuple[AccountEffect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTotals:
    """What an action does to all its holders together."""

    account_count: int = 0
    failed_count: int = 0
    units_before: Decimal = ZERO
    units_after: Decimal = ZERO
    cash_usd: Decimal = ZERO
    income_usd: Decimal = ZERO
    gain_short_usd: Decimal = ZERO
    gain_long_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRow:
    """One holder as an action was applied to it."""

    account_id: int
    account_name: str
    before_units: Decimal
    after_units: Decimal
    cash_usd: Decimal
    is_undone: bool


def preview(action: CorporateAction, *, offset: int = 0, limit: int = 50) -> ActionPreview:
    """
    Return one page of the effect of an action that is not applied yet, and all that goes with it.

    :raises Invalid: its terms cannot be read
    """
    terms = terms_of(action)
    ids = holder_ids(action, terms)
    faults = faults_of(action)
    planned = () if faults else plan_steps(setting_of(action, terms, now=action.announced_at))
    return ActionPreview(
        sentence=describe(terms),
        faults=faults,
        steps=tuple(each.change.words for each in planned),
        holder_count=len(ids.all_ids),
        rows=tuple(_effects(action, ids, ids.all_ids[offset : offset + limit])),
    )


def stream_preview(action: CorporateAction) -> Iterator[AccountEffect]:
    """Yield the effect on every holder, loaded in batches."""
    ids = holder_ids(action, terms_of(action))
    yield from _effects(action, ids, ids.all_ids)


def _effects(action: CorporateAction, ids: HolderIds, chosen: tuple[int, ...]) -> Iterator[AccountEffect]:
    terms = terms_of(action)
    elected = all_holder_terms(action)
    for holder in load_holders(action, terms, chosen, counted_back=ids.counted_back):
        yield effect_on(holder, action, terms, elected)


def totals_of(action: CorporateAction) -> PreviewTotals:
    """Add up the effect on every holder."""
    sums = dict.fromkeys(("units_before", "units_after", "cash_usd", "income_usd"), ZERO)
    short, long, count, failed = ZERO, ZERO, 0, 0
    for effect in stream_preview(action):
        count += 1
        failed += bool(effect.fault)
        for name in sums:
            sums[name] += getattr(effect, name)
        short += effect.gain_of(Term.SHORT)
        long += effect.gain_of(Term.LONG)
    return PreviewTotals(account_count=count, failed_count=failed, gain_short_usd=short, gain_long_usd=long, **sums)


def applied_rows(action: CorporateAction, *, offset: int = 0, limit: int = 50) -> tuple[AppliedRow, ...]:
    """Return one page of the holders that an action was applied to."""
    rows = ActionApplication.objects.filter(action=action).select_related("account").order_by("account_id")
    return tuple(
        AppliedRow(
            account_id=row.account_id,
            account_name=row.account.name,
            before_units=row.before_units,
            after_units=row.after_units,
            cash_usd=row.cash_usd,
            is_undone=row.undone_by_id is not None,
        )
        for row in rows[offset : offset + limit]
    )
