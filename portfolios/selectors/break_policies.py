"""What a firm decided about differences with custodians: what is adjusted, when one holds an account."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from advisors.errors import Invalid
from advisors.models import Firm

HOLD_AFTER_DAYS: Final = "breaks.hold_after_days"
HOLD_AT_ONCE_USD: Final = "breaks.hold_at_once_usd"
ADJUST_UP_TO_USD: Final = "breaks.adjust_up_to_usd"
ADJUST_UP_TO_FRAC: Final = "breaks.adjust_up_to_frac"
_DEFAULT_DAYS: Final = 2
_DEFAULT_AT_ONCE_USD: Final = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakPolicy:
    """
    A break holds its account from `hold_after_days` business days on, at once from `hold_at_once_usd` on.

    Where the custodian is the book of record, a difference that nothing explains is adjusted up to both limits; None is
    no limit. The share is of the account's value.
    """

    hold_after_days: int = _DEFAULT_DAYS
    hold_at_once_usd: Decimal = _DEFAULT_AT_ONCE_USD
    adjust_up_to_usd: Decimal | None = None
    adjust_up_to_frac: Decimal | None = None

    def holds_at_once(self, size_usd: Decimal | None) -> bool:
        """Tell whether a break holds its account on the first day; one of unknown size does."""
        return size_usd is None or size_usd >= self.hold_at_once_usd

    @property
    def has_limit(self) -> bool:
        """Tell whether anything is too large to be adjusted."""
        return self.adjust_up_to_usd is not None or self.adjust_up_to_frac is not None


def break_policy_of(firm: Firm) -> BreakPolicy:
    """
    Read a firm's policy, what it does not say by default.

    :raises Invalid: a value that is no number
    """
    days = _number(firm, HOLD_AFTER_DAYS)
    at_once = _number(firm, HOLD_AT_ONCE_USD)
    return BreakPolicy(
        hold_after_days=_DEFAULT_DAYS if days is None else int(days),
        hold_at_once_usd=_DEFAULT_AT_ONCE_USD if at_once is None else at_once,
        adjust_up_to_usd=_number(firm, ADJUST_UP_TO_USD),
        adjust_up_to_frac=_number(firm, ADJUST_UP_TO_FRAC),
    )


def _number(firm: Firm, key: str) -> Decimal | None:
    said = firm.policies.get(key)
    if said is None:
        return None
    try:
        number = Decimal(str(said))
    except InvalidOperation as fault:
        raise Invalid(f"The firm's policy “{key}” is “{said}”; it has to be a number.") from fault
    if not number.is_finite() or number < 0:
        raise Invalid(f"The firm's policy “{key}” is {said}; it has to be 0 or more.")
    return number
