"""Losses carried where a return does not simply carry on: corporations, ending trusts, parted spouses, death."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax import NO_GAINS, Gains
from portfolios.ledger.types import ZERO

CORPORATE_YEARS_BACK: Final = 3
CORPORATE_YEARS_FORWARD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateCarry:
    """A corporation's net loss: used in each earlier year (the earliest first), and what is left to carry forward."""

    used_back_usd: tuple[Decimal, ...]
    forward: Gains


def carry_corporate_loss(loss_usd: Decimal, *, earlier_gains_usd: Sequence[Decimal]) -> CorporateCarry:
    """
    Carry a corporation's net loss back to the gains of up to three years, then forward as short-term.

    `earlier_gains_usd` are the net gains of the years before, the earliest first.
    :raises BadInput: the loss is negative, or more years are given than the law reaches
    """
    if loss_usd < 0:
        raise BadInput("a loss is written as a positive amount")
    if len(earlier_gains_usd) > CORPORATE_YEARS_BACK:
        raise BadInput(f"a corporation carries losses back {CORPORATE_YEARS_BACK} years")
    used, left = [], loss_usd
    for gain in earlier_gains_usd:
        part = min(left, max(ZERO, gain))
        used.append(part)
        left -= part
    return CorporateCarry(used_back_usd=tuple(used), forward=Gains(short_usd=left))


def expire_corporate_losses(losses_by_year: Mapping[int, Decimal], *, year: int) -> Mapping[int, Decimal]:
    """Keep the losses that a corporation may still use in a year: those of the five years before it."""
    return {lost_in: loss for lost_in, loss in losses_by_year.items() if 0 < year - lost_in <= CORPORATE_YEARS_FORWARD}


def pass_out(carried: Gains, *, shares: Mapping[str, Decimal], is_final_year: bool) -> Mapping[str, Gains]:
    """
    Give a trust's carried losses to its beneficiaries, in its final year only; empty before it.

    :raises BadInput: the shares of the beneficiaries do not add up to 1
    """
    if not is_final_year:
        return {}
    if sum(shares.values(), ZERO) != 1:
        raise BadInput("the shares of the beneficiaries do not add up to 1")
    return {
        name: Gains(short_usd=carried.short_usd * share, long_usd=carried.long_usd * share)
        for name, share in shares.items()
    }


def split_by_owner(carried: Gains, *, own_losses: Mapping[str, Gains]) -> Mapping[str, Gains]:
    """
    Split a joint return's carried losses over the spouses, by what each lost of either character.

    A spouse who died takes theirs away: leave them out of what is carried on.
    :raises BadInput: something is carried of a character in which nobody lost
    """
    short, long = (
        _shares(amount, [getattr(one, name) for one in own_losses.values()], name=name)
        for amount, name in ((carried.short_usd, "short_usd"), (carried.long_usd, "long_usd"))
    )
    return {
        owner: Gains(short_usd=part, long_usd=other) for owner, part, other in zip(own_losses, short, long, strict=True)
    }


def _shares(amount: Decimal, losses: Sequence[Decimal], *, name: str) -> list[Decimal]:
    total = sum((max(ZERO, loss) for loss in losses), ZERO)
    if not amount:
        return [ZERO for _ in losses]
    if not total:
        raise BadInput(f"{amount} is carried, but nobody has a loss of this character ({name})")
    parts = [amount * max(ZERO, loss) / total for loss in losses[:-1]]
    return [*parts, amount - sum(parts, ZERO)]


def carried_after_death(carried_by_owner: Mapping[str, Gains], *, deceased: str) -> Gains:
    """Return what is carried into the year after a death: the deceased's own losses end with the final return."""
    return sum((carried for owner, carried in carried_by_owner.items() if owner != deceased), NO_GAINS)
