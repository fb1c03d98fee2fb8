"""What of an account's settings the client asked for, and what is the firm's own."""

from datetime import date
from decimal import Decimal

from portfolios.models.households import Account
from portfolios.models.preferences import CashNeedKind, CashPeriod, Level
from portfolios.selectors.preferences import (
    CashNeedLine,
    RestrictionLine,
    cash_needs_by_account,
    restrictions_by_account,
    setting_lines_by_account,
)
from rebalancing.engine.types import CashNeeds
from rebalancing.snapshots.needs import cash_needs
from reporting.measures.inputs import Wishes
from reporting.measures.wording import day

_OFTEN = {CashPeriod.MONTHLY: "monthly ", CashPeriod.QUARTERLY: "quarterly ", CashPeriod.YEARLY: "yearly "}


def wishes_of(account: Account, *, needs: CashNeeds, on: date) -> Wishes:
    """Read the policy statement in force on a day; `needs` are those of the case."""
    lines = setting_lines_by_account([account], on=on)[account.pk]
    values = {key: line.value for key, line in lines.items()}
    budget = values["tax.budget_usd"]
    raised = [
        line
        for line in cash_needs_by_account([account], on=on).get(account.pk, ())
        if line.kind == CashNeedKind.WITHDRAWAL and cash_needs([line], settings=values, as_of=on).raise_
    ]
    return Wishes(
        chosen=frozenset(key for key, line in lines.items() if line.level is not None and line.is_changed),
        firm_rules=_firm_rules(restrictions_by_account([account], on=on).get(account.pk, ())),
        needs=tuple(_need_words(line) for line in raised) if needs.raise_ else (),
        budget_usd=None if budget is None else Decimal(str(budget)),
    )


def _firm_rules(lines: tuple[RestrictionLine, ...]) -> frozenset[str]:
    """Return the ids of rules that only the firm set."""
    firm = {_rule(line) for line in lines if line.level == Level.FIRM}
    return frozenset(firm - {_rule(line) for line in lines if line.level != Level.FIRM})


def _rule(line: RestrictionLine) -> str:
    return f"{line.verb} {line.subject_kind} {line.subject}"


def _need_words(line: CashNeedLine) -> str:
    often = _OFTEN.get(CashPeriod(line.period), "")
    due = f" due {day(line.due_on)}" if not often else ""
    return f"your {often}withdrawal{due}"
