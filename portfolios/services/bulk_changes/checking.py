"""
What the lines of a bulk change would do, found without saving anything.

Statements are read for some hundred accounts at once and changed in memory, line after line, so that a line is tested
against those before it. What is found is a preview: every line goes through the usual services when it is applied.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from advisors.errors import Invalid
from advisors.models import Membership
from portfolios.ledger.errors import BadInput
from portfolios.models.bulk_changes import BulkLineStatus
from portfolios.models.households import Account, Standing
from portfolios.models.preferences import SubjectKind, Verb
from portfolios.models.securities import Security, SecurityKind
from portfolios.policy import SETTINGS, parse_setting
from portfolios.selectors.preferences import RestrictionLine
from portfolios.selectors.statement_words import setting_words
from portfolios.selectors.statements import StatementFacts, facts_of
from portfolios.selectors.subjects import Subject, subject_choices, subjects_of
from portfolios.services.bulk_changes.asked import AskedLine, AskedSetting, as_line
from portfolios.services.contradictions import faults_of, range_faults
from portfolios.services.restrictions import NewRestriction
from portfolios.services.statement_guard import check_terms

ACCOUNTS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A line with what would become of it, what stands now, and why it is refused."""

    line: AskedLine
    status: BulkLineStatus
    was: str = ""
    why: str = ""


def check_lines(member: Membership, lines: Sequence[AskedLine], *, on: date, now: datetime) -> list[Checked]:
    """Tell of every line whether it can be applied; in the order given."""
    by_account: dict[int, list[AskedLine]] = {}
    found: dict[int, Checked] = {}
    for line in lines:
        if line.account is None or line.asked is None or line.faults:
            why = " ".join(line.faults) or "Nothing is asked for."
            found[line.position] = Checked(line=line, status=BulkLineStatus.REFUSED, why=why)
        else:
            by_account.setdefault(line.account.pk, []).append(line)
    known = _Known(member.firm_id, [line.asked for line in lines if isinstance(line.asked, NewRestriction)])
    for chunk in _together(by_account):
        checker = _Checker(member, _with_partners(chunk), known=known, on=on, now=now)
        for pk in sorted(chunk):
            for line in by_account[pk]:
                found[line.position] = checker.check(line)
    return [found[line.position] for line in lines]


def _together(by_account: Mapping[int, Sequence[AskedLine]]) -> Iterator[set[int]]:
    """Yield accounts in groups; those of one tax return stand in one group, since they share settings."""
    accounts = [lines[0].account for lines in by_account.values()]
    ordered = sorted((a for a in accounts if a is not None), key=lambda a: (a.tax_return_id or 0, a.pk))
    group: set[int] = set()
    before: Account | None = None
    for account in ordered:
        is_partner = before is not None and before.tax_return_id is not None
        is_partner = is_partner and before is not None and before.tax_return_id == account.tax_return_id
        if len(group) >= ACCOUNTS_AT_ONCE and not is_partner:
            yield group
            group = set()
        group.add(account.pk)
        before = account
    if group:
        yield group


def _with_partners(ids: Iterable[int]) -> list[Account]:
    """Return the accounts and all others that share their tax returns, closed and declared ones left out."""
    ids = set(ids)
    own = Account.objects.filter(pk__in=ids).select_related("risk_profile")
    returns = {account.tax_return_id for account in own if account.tax_return_id}
    partners = Account.objects.filter(tax_return_id__in=returns).exclude(pk__in=ids).select_related("risk_profile")
    open_ones = [row for row in partners if not row.is_held_away and row.standing != Standing.CLOSED]
    return [*own, *open_ones]


class _Known:
    """What restrictions may name: every subject asked for that exists, and what else each security is called."""

    def __init__(self, firm_id: int, asked: Iterable[NewRestriction]) -> None:
        symbols = {new.subject for new in asked if new.subject_kind == SubjectKind.SECURITY}
        rows = Security.objects.filter(symbol__in=symbols).exclude(kind=SecurityKind.CASH)
        real = set(rows.values_list("symbol", flat=True))
        self.subjects: Mapping[str, frozenset[Subject]] = subjects_of(real, firm_id=firm_id)
        self.names = {(choice.kind, choice.key) for choice in subject_choices(firm_id)}

    def has(self, new: NewRestriction) -> bool:
        if new.subject_kind == SubjectKind.SECURITY:
            return new.subject in self.subjects
        return (new.subject_kind, new.subject) in self.names


class _Checker:
    """The statements of some accounts, changed in memory."""

    def __init__(
        self, member: Membership, accounts: Sequence[Account], *, known: _Known, on: date, now: datetime
    ) -> None:
        self._member, self._known, self._on, self._now = member, known, on, now
        self._facts = dict(facts_of(accounts, firm_id=member.firm_id, on=on))
        self._faults = {pk: faults_of(facts) for pk, facts in self._facts.items()}
        self._partners: dict[int, list[int]] = {}
        for account in accounts:
            if account.tax_return_id is not None:
                self._partners.setdefault(account.tax_return_id, []).append(account.pk)

    def check(self, line: AskedLine) -> Checked:
        """Test one line against what stands, and let it stand where it is good."""
        assert line.account is not None and line.asked is not None
        try:
            check_terms(line.terms, on=self._on)
        except Invalid as error:
            return Checked(line=line, status=BulkLineStatus.REFUSED, why=str(error))
        if isinstance(line.asked, AskedSetting):
            return self._setting(line, line.account, line.asked)
        return self._restriction(line, line.account, line.asked)

    def _setting(self, line: AskedLine, account: Account, asked: AskedSetting) -> Checked:
        try:
            value = parse_setting(asked.key, asked.value)
        except BadInput as error:
            return Checked(line=line, status=BulkLineStatus.REFUSED, why=f"{error}.")
        now = self._facts[account.pk].settings[asked.key]
        was = setting_words(asked.key, now)
        is_dated = line.terms.starts_on or line.terms.ends_on
        if value == now and not is_dated:
            return Checked(line=line, status=BulkLineStatus.UNCHANGED, was=was)
        reached = [account.pk]
        if SETTINGS[asked.key].is_shared_by_return and account.tax_return_id is not None:
            reached = self._partners[account.tax_return_id]
        after = {
            pk: replace(self._facts[pk], settings={**self._facts[pk].settings, asked.key: value}) for pk in reached
        }
        return self._settle(line, after, was=was)

    def _restriction(self, line: AskedLine, account: Account, new: NewRestriction) -> Checked:
        row = as_line(new, terms=line.terms, position=line.position, set_by=self._member.user.full_name, now=self._now)
        faults = self._own_faults(new, row)
        if faults:
            return Checked(line=line, status=BulkLineStatus.REFUSED, why=" ".join(faults))
        facts = self._facts[account.pk]
        if any(_is_same(row, other) for other in facts.restrictions):
            return Checked(line=line, status=BulkLineStatus.UNCHANGED, was="in force")
        subjects = {**facts.subjects}
        if new.subject_kind == SubjectKind.SECURITY:
            subjects[new.subject] = self._known.subjects[new.subject]
        after = replace(facts, restrictions=(*facts.restrictions, row), subjects=subjects)
        return self._settle(line, {account.pk: after})

    def _own_faults(self, new: NewRestriction, row: RestrictionLine) -> tuple[str, ...]:
        if new.verb not in Verb.values:
            return (f"There is no restriction called {new.verb}.",)
        if not self._known.has(new):
            kind = new.subject_kind.replace("_", " ")
            return (f"There is no {kind} called {new.subject}.",)
        return range_faults(row) if new.verb == Verb.RANGE else ()

    def _settle(self, line: AskedLine, after: Mapping[int, StatementFacts], *, was: str = "") -> Checked:
        faults = {pk: faults_of(facts) for pk, facts in after.items()}
        new = sorted(set().union(*(faults[pk] - self._faults[pk] for pk in after)))
        if new:
            return Checked(line=line, status=BulkLineStatus.REFUSED, was=was, why=" ".join(new))
        self._facts.update(after)
        self._faults.update(faults)
        return Checked(line=line, status=BulkLineStatus.READY, was=was)


def _is_same(row: RestrictionLine, other: RestrictionLine) -> bool:
    """Tell whether a line says the same for the same days, whoever set it and at whichever level."""
    told = {name: getattr(row, name) for name in ("id", "level", "reason", "set_by", "set_at", "review_on")}
    return replace(other, **told) == row
