"""One account's outcome in the words and figures of its page: allocation, sentence, what it adds up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from rebalancing.engine.outcome import AccountOutcome, ReturnOutcome, Trade
from rebalancing.engine.types import CASH, CASH_CLASS, Account, Case, Security
from rebalancing.services.giving_way import relaxed_sentence

CENT: Final = Decimal("0.01")
_LONGEST: Final = 400
_DEEDS: Final[Mapping[str, str]] = {
    "raise_cash": "raises cash",
    "forced_harvest": "harvests losses as asked",
    "harvest_loss": "harvests losses",
    "never_own": "sells what may not be owned",
    "replace_restricted_security": "buys stand-ins for what may not be bought",
    "cap_position": "cuts a position back to its cap",
    "restore_allocation": "restores the allocation",
    "transition_step": "takes a step of the transition",
    "model_change": "follows the change of the model",
    "invest_cash": "invests cash",
    "reduce_tracking_risk": "moves closer to the target",
    "counterbalance_held_security": "counterbalances what is held",
    "return_from_substitute": "returns from a substitute",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShare:
    """One asset class of an account before and after, its target and its limits; fractions of the value that stays."""

    key: str
    name: str
    before: float
    after: float
    target: float
    min: float | None
    max: float | None

    def plain(self) -> dict[str, str | float | None]:
        """Return it as it is stored."""
        return {name: getattr(self, name) for name in self.__slots__}


def account_value_usd(account: Account, *, securities: Mapping[str, Security]) -> Decimal:
    """Return what lots and cash are worth."""
    return account.cash + sum((lot.quantity * securities[lot.security].price for lot in account.lots), Decimal(0))


def traded_usd(trades: Iterable[Trade]) -> Decimal:
    """Return purchases and sales together."""
    return sum((cents(trade.quantity * trade.price) for trade in trades), Decimal(0))


def cents(amount: Decimal) -> Decimal:
    """Round to the cent, half to even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def allocation_of(
    account: Account, outcome: AccountOutcome, *, case: Case, names: Mapping[str, str]
) -> tuple[ClassShare, ...]:
    """Lay the classes of an account side by side, in the order of `names`; a class nobody knows comes last."""
    securities = {security.id: security for security in case.securities}
    raised = account.cash_needs.raise_
    value = float(account_value_usd(account, securities=securities) - raised)
    before = _by_class(
        ((lot.security, float(lot.quantity * securities[lot.security].price)) for lot in account.lots), securities
    )
    after = dict(before)
    for trade in outcome.trades:
        sign = 1 if trade.side == "buy" else -1
        key = securities[trade.security].asset_class
        after[key] = after.get(key, 0.0) + sign * float(trade.quantity * trade.price)
    before[CASH_CLASS] = before.get(CASH_CLASS, 0.0) + float(account.cash - raised)
    after[CASH_CLASS] = after.get(CASH_CLASS, 0.0) + float(outcome.cash_after - raised)
    target = _by_class(account.target.items(), securities)
    keys = [key for key in names if key in before or key in after or key in target or key in account.class_limits]
    keys += [key for key in sorted({*before, *target, *account.class_limits}) if key not in names]
    return tuple(
        ClassShare(
            key=key,
            name=names.get(key, key),
            before=before.get(key, 0.0) / value,
            after=after.get(key, 0.0) / value,
            target=target.get(key, 0.0),
            min=account.class_limits[key][0] if key in account.class_limits else None,
            max=account.class_limits[key][1] if key in account.class_limits else None,
        )
        for key in keys
    )


def _by_class(parts: Iterable[tuple[str, float]], securities: Mapping[str, Security]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, part in parts:
        key = CASH_CLASS if name == CASH else securities[name].asset_class
        found[key] = found.get(key, 0.0) + part
    return found


def drift_of(shares: Iterable[ClassShare]) -> float:
    """Return half the sum of what the classes are off their targets."""
    return sum(abs(share.before - share.target) for share in shares) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a sentence needs beside the outcome: the account, the tax of its return and how many accounts share it."""

    account: Account
    classes: Mapping[str, str]
    tax: ReturnOutcome | None = None
    sharing_count: int = 1


def sentence_of(outcome: AccountOutcome, told: Told) -> str:
    """Say in one sentence what a proposal does, the largest part first, and what it comes to; then what gave way."""
    if not outcome.trades:
        said = f"No trade is worth its cost; tracking error stays at {outcome.tracking_error_before:.2%}."
    else:
        said = _deed_sentence(outcome, told)
    if outcome.relaxed:
        said += f" {relaxed_sentence(outcome.relaxed[0], account=told.account, classes=told.classes)}"
        others = len(outcome.relaxed) - 1
        said += f" {_counted(others, 'other rule')} gave way too." if others else ""
    return said[:_LONGEST]


def _deed_sentence(outcome: AccountOutcome, told: Told) -> str:
    parts = [f"{_listed(_deeds(outcome.trades)).capitalize()} in {_counted(len(outcome.trades), 'trade')}"]
    before, after = outcome.tracking_error_before, outcome.tracking_error_after
    if round(before, 4) != round(after, 4):
        verb = "cuts" if after < before else "raises"
        parts.append(f"{verb} tracking error from {before:.2%} to {after:.2%}")
    if told.tax is not None and told.tax.tax_caused:
        verb = "costs" if told.tax.tax_caused > 0 else "saves"
        others = told.sharing_count - 1
        together = f" with {_counted(others, 'other account')} of its return" if others > 0 else ""
        parts.append(f"{verb}{together} {_dollars(abs(told.tax.tax_caused))} of tax this year")
    return f"{_listed(parts)}."


def _deeds(trades: Iterable[Trade]) -> list[str]:
    """Name what the trades are for by their first reasons, at most three, in the order of dollars."""
    dollars: dict[str, Decimal] = {}
    for trade in trades:
        for reason in trade.reasons[:1]:
            dollars[reason] = dollars.get(reason, Decimal(0)) + trade.quantity * trade.price
    ranked = sorted(dollars, key=lambda reason: (-dollars[reason], reason))
    return [_DEEDS[reason] for reason in ranked if reason in _DEEDS][:3] or ["trades toward the target"]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.0f}"
