"""A whole policy statement beside what the account holds and what its risk profile allows: the facts to test it by."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.models.households import Account
from portfolios.models.preferences import SubjectKind
from portfolios.policy import SettingValue
from portfolios.selectors.holdings import Holdings, SecurityRow, holdings_of
from portfolios.selectors.limits import ClassLimit, limits_by_profile
from portfolios.selectors.preferences import (
    CashNeedLine,
    RestrictionLine,
    cash_needs_by_account,
    restrictions_by_account,
    settings_by_account,
)
from portfolios.selectors.subjects import Subject, subject_names, subjects_of


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """What an account holds of one security; value and weight are None without a price."""

    symbol: str
    units: Decimal
    value_usd: Decimal | None
    weight_frac: Decimal | None
    class_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """
    One account's policy statement and what it is tested against.

    `subjects` says by symbol, for what is held or named, everything a restriction could call it. `limits` are empty
    for an account without a risk profile.
    """

    account_id: int
    account_name: str
    profile_name: str
    settings: Mapping[str, SettingValue]
    restrictions: tuple[RestrictionLine, ...]
    cash_needs: tuple[CashNeedLine, ...]
    limits: Mapping[str, ClassLimit]
    held: Mapping[str, HeldPosition]
    subjects: Mapping[str, frozenset[Subject]]
    names: Mapping[Subject, str]
    value_usd: Decimal

    def symbols_of(self, line: RestrictionLine) -> frozenset[str]:
        """Return what is held or named and falls under a restriction."""
        subject = (line.subject_kind, line.subject)
        return frozenset(symbol for symbol, subjects in self.subjects.items() if subject in subjects)


def facts_of(accounts: Collection[Account], *, firm_id: int, on: date) -> Mapping[int, StatementFacts]:
    """Collect the statements of a few accounts of one firm, with what they hold; about twenty queries."""
    settings = settings_by_account(accounts, on=on)
    restrictions = restrictions_by_account(accounts, on=on)
    needs = cash_needs_by_account(accounts, on=on)
    holdings = holdings_of(accounts, firm_id=firm_id, as_of=on)
    limits = limits_by_profile({a.risk_profile_id for a in accounts if a.risk_profile_id}, on=on)
    held = {pk: _held(row) for pk, row in holdings.items()}
    named = {
        line.subject for lines in restrictions.values() for line in lines if line.subject_kind == SubjectKind.SECURITY
    }
    subjects = subjects_of({symbol for row in held.values() for symbol in row} | named, firm_id=firm_id)
    names = subject_names(firm_id)
    return {
        account.pk: StatementFacts(
            account_id=account.pk,
            account_name=account.name,
            profile_name=account.risk_profile.name if account.risk_profile else "",
            settings=settings[account.pk],
            restrictions=restrictions[account.pk],
            cash_needs=needs[account.pk],
            limits={limit.key: limit for limit in limits.get(account.risk_profile_id or 0, ())},
            held=held[account.pk],
            subjects=subjects,
            names=names,
            value_usd=holdings[account.pk].value_usd,
        )
        for account in accounts
    }


def _held(holdings: Holdings) -> Mapping[str, HeldPosition]:
    return {row.symbol: _position(row, group.key) for group in holdings.classes for row in group.securities}


def _position(row: SecurityRow, class_key: str) -> HeldPosition:
    return HeldPosition(
        symbol=row.symbol,
        units=row.units,
        value_usd=row.value_usd,
        weight_frac=row.weight_frac,
        class_key=class_key,
    )
