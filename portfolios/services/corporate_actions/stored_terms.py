"""The terms of a corporate action as its row keeps them: read, written, and what is particular to single holders."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

from advisors.errors import Invalid
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.models.market import CorporateAction

SOURCE: Final = "corporate_actions"
FORM: Final = "form"  # the source of what a person announces on the page
CHOICES: Final = "choices"
HOLDERS: Final = "holders"
ENTERED_BY: Final = "entered_by"  # who entered the terms of each of these holders since the last confirmation
STEPS: Final = "steps"  # of `done`: what was changed beside lots
FAILED: Final = "failed"  # of `done`: who could not be booked, and why
RATIO_STEP: Final = Decimal("0.000000001")
_OWN_KEYS: Final = (CHOICES, HOLDERS, ENTERED_BY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionChoices:
    """What a firm decides about an action: whether its models buy the children of a spin-off."""

    buy_children: bool = True


STANDARD: Final = ActionChoices()


def event_ref(action: CorporateAction) -> str:
    """Return the reference of the event that applies an action, the same in every account."""
    return f"action:{action.pk}"


def plain_terms(terms: ActionTerms) -> dict[str, object]:
    """Return terms as the row keeps them, without the key, which is the row's own."""
    plain = as_json(terms)
    del plain["key"]
    return plain


def as_json(value: ActionTerms | HolderTerms | ActionChoices) -> dict[str, object]:
    """Return a value as it reads back from a JSON column."""
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def terms_of(action: CorporateAction) -> ActionTerms:
    """
    Return the terms of an action; one that was announced without has its kind, day and ratio only.

    :raises Invalid: what is kept are no terms
    """
    said = {name: value for name, value in action.terms.items() if name not in _OWN_KEYS}
    if not said:
        said = {"ratio": None if action.ratio is None else f"{action.ratio.normalize():f}"}
    own = {
        "kind": action.kind,
        "key": event_ref(action),
        "security": action.security.symbol,
        "effective_on": action.effective_on.isoformat(),
    }
    try:
        return msgspec.convert({**said, **own}, ActionTerms)
    except (msgspec.ValidationError, BadInput) as fault:
        raise Invalid(f"The terms of the action on {action.security.symbol} cannot be read: {fault}.") from fault


def choices_of(action: CorporateAction) -> ActionChoices:
    """Return what the firm decided about an action."""
    return msgspec.convert(action.terms.get(CHOICES, {}), ActionChoices)


def all_holder_terms(action: CorporateAction) -> Mapping[int, HolderTerms]:
    """Return the terms of those holders who have some of their own, by account id."""
    kept: Mapping[str, object] = action.terms.get(HOLDERS, {})
    return {int(key): msgspec.convert(plain, HolderTerms) for key, plain in kept.items()}


def holder_terms_of(action: CorporateAction, account_id: int) -> HolderTerms:
    """Return what is particular to one holder of an action."""
    return all_holder_terms(action).get(account_id, HolderTerms())


def is_only_for_elected(terms: ActionTerms) -> bool:
    """Tell whether an action touches only holders who said so: nobody tenders by default."""
    return terms.kind is ActionKind.TENDER


def ratio_column(terms: ActionTerms) -> Decimal | None:
    """Return the ratio as the queue sorts and shows it; the exact one stays in the terms."""
    return None if terms.ratio is None else terms.ratio.quantize(RATIO_STEP, ROUND_HALF_EVEN)


def stamp_of(action: CorporateAction) -> str:
    """Return a short mark of what an action says, to see that nobody restated it between reading and deciding."""
    ratio = "" if action.ratio is None else f"{action.ratio.normalize():f}"
    said = json.dumps([action.status, action.terms, ratio], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
