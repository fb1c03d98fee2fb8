"""All that an action changes beside lots, in order: planned in words, made, kept, and undone backwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.market import CorporateAction
from portfolios.services.corporate_actions.steps.change import Change, Data, Json, Setting, Step
from portfolios.services.corporate_actions.steps.firm_securities import FIRM_SECURITIES
from portfolios.services.corporate_actions.steps.master import MASTER
from portfolios.services.corporate_actions.steps.models import MODELS
from portfolios.services.corporate_actions.steps.prices import PRICES, price_before
from portfolios.services.corporate_actions.steps.restrictions import RESTRICTIONS
from portfolios.services.corporate_actions.steps.risk_models import RISK_MODEL
from portfolios.services.corporate_actions.steps.substitutes import SUBSTITUTES
from portfolios.services.corporate_actions.stored_terms import choices_of
from portfolios.services.corporate_actions.term_facts import price_after

STEPS: Final[tuple[Step, ...]] = (
    MASTER,
    PRICES,
    FIRM_SECURITIES,
    MODELS,
    SUBSTITUTES,
    RESTRICTIONS,
    RISK_MODEL,
)
_BY_NAME: Final[Mapping[str, Step]] = {step.name: step for step in STEPS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A change, and the step that makes it."""

    step: Step
    change: Change


def setting_of(action: CorporateAction, terms: ActionTerms, *, now: datetime) -> Setting:
    """Read what every step knows of an action."""
    before = price_before(action)
    return Setting(
        firm=action.firm,
        action=action,
        terms=terms,
        choices=choices_of(action),
        title=describe(terms),
        maker=action.announced_by,
        checker=action.confirmed_by,
        before_usd=before,
        after_usd=terms.price_usd if before is None else price_after(terms, before_usd=before),
        now=now,
    )


def plan_steps(setting: Setting) -> tuple[Planned, ...]:
    """Return every change beside lots, in the order in which they are made."""
    return tuple(Planned(step=step, change=change) for step in STEPS for change in step.plan(setting))


def make_steps(setting: Setting, planned: Sequence[Planned]) -> list[Json]:
    """Make the changes and return what is kept of them."""
    kept: list[Json] = []
    for each in planned:
        made: Data = each.step.make(setting, each.change) if each.change.data else {}
        kept.append({"step": each.step.name, "words": each.change.words, "data": made})
    return kept


def undo_steps(setting: Setting, kept: Sequence[Mapping[str, object]]) -> None:
    """Undo changes, the last first."""
    for each in reversed(kept):
        data = each["data"]
        if data:
            assert isinstance(data, dict)  # as kept
            _BY_NAME[str(each["step"])].undo(setting, data)
