"""Prepare a bulk change: for a list of accounts, from a file, or after the example of another account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.custodians.wish_table import read_wishes
from portfolios.models.bulk_changes import BulkChange, BulkChangeLine, BulkLineStatus, BulkOrigin
from portfolios.models.households import Account, Standing, TaxStatus
from portfolios.models.preferences import Level
from portfolios.policy import SETTINGS, Group
from portfolios.selectors.books import account_in_book, accounts_in_book
from portfolios.selectors.preferences import restrictions_by_account, setting_lines_by_account
from portfolios.selectors.subjects import subject_names
from portfolios.services.bulk_changes.asked import BOUNDS, Asked, AskedLine, AskedSetting, asked_words, to_json
from portfolios.services.bulk_changes.checking import Checked, check_lines
from portfolios.services.bulk_changes.from_file import lines_of
from portfolios.services.restrictions import NewRestriction
from portfolios.services.statement_guard import Terms, business_date

MOST_ACCOUNTS: Final = 20_000
_OWN: Final = (Level.ACCOUNT, Level.TAX_RETURN)


@transaction.atomic
def prepare_for_accounts(
    member: Membership, *, account_ids: Collection[int], asked: Asked, terms: Terms, now: datetime
) -> BulkChange:
    """
    Ask the same of many accounts; a setting that a tax return shares is asked of each return once.

    :raises Invalid: there is no account, or too many
    """
    check_can(member, Capability.EDIT_PREFERENCES)
    rows = accounts_in_book(member).filter(pk__in=account_ids, is_held_away=False).exclude(standing=Standing.CLOSED)
    accounts = list(rows.order_by("household__name", "name", "pk"))
    if not accounts:
        raise Invalid("There is no open account among these.")
    if len(accounts) > MOST_ACCOUNTS:
        raise Invalid(f"These are {len(accounts):,} accounts. Change at most {MOST_ACCOUNTS:,} at once.")
    accounts = _once_a_return(accounts, asked)
    lines = [
        AskedLine(position=position, account=account, asked=asked, terms=terms)
        for position, account in enumerate(accounts, start=1)
    ]
    title = asked_words(asked, subject_names(member.firm_id))
    return _store(member, lines, origin=BulkOrigin.FILTER, title=title, now=now)


def _once_a_return(accounts: Sequence[Account], asked: Asked) -> list[Account]:
    if not isinstance(asked, AskedSetting) or SETTINGS[asked.key].group is not Group.TAX:
        return list(accounts)
    seen: set[int] = set()
    kept = []
    for account in accounts:
        if account.tax_status != TaxStatus.TAXABLE or account.tax_return_id in seen:
            continue
        if account.tax_return_id is not None:
            seen.add(account.tax_return_id)
        kept.append(account)
    if not kept:
        raise Invalid("None of these accounts is taxable: tax preferences do not apply to them.")
    return kept


@transaction.atomic
def prepare_from_file(member: Membership, *, name: str, content: bytes, now: datetime) -> BulkChange:
    """
    Read a table of settings and restrictions; faulty rows are kept with what is wrong, the others can be applied.

    :raises Invalid: the file as a whole cannot be read
    """
    check_can(member, Capability.EDIT_PREFERENCES)
    read = read_wishes(content)
    if read.faults:
        raise Invalid(" ".join(read.faults), faults=read.faults)
    return _store(member, lines_of(member, read.rows), origin=BulkOrigin.FILE, title=name[:240], now=now)


@transaction.atomic
def prepare_copy(
    member: Membership,
    *,
    source_id: int,
    account_id: int,
    groups: Collection[Group],
    with_restrictions: bool,
    terms: Terms,
    now: datetime,
) -> BulkChange:
    """
    Ask of one account what another one chose: its own settings of some groups, and its own restrictions.

    What the account chose beyond that stays.
    :raises Invalid: both are the same, or the other one chose nothing of the kind
    """
    source, account = account_in_book(member, source_id), account_in_book(member, account_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    if source.pk == account.pk:
        raise Invalid("Choose another account to copy from.")
    asked = _chosen_by(source, groups=groups, with_restrictions=with_restrictions, member=member, now=now)
    if account.tax_status != TaxStatus.TAXABLE:
        asked = [(one, of) for one, of in asked if not _is_tax(one)]
    if not asked:
        raise Invalid(f"{source.name} has no preferences of its own among these: there is nothing to copy.")
    lines = [
        AskedLine(
            position=position,
            account=account,
            asked=one,
            terms=Terms(reason=terms.reason, starts_on=of.starts_on, ends_on=of.ends_on, review_on=of.review_on),
        )
        for position, (one, of) in enumerate(asked, start=1)
    ]
    title = f"{account.name} ··{account.number_last4} as {source.name} ··{source.number_last4}"
    return _store(member, lines, origin=BulkOrigin.COPY, title=title, now=now)


def _is_tax(asked: Asked) -> bool:
    return isinstance(asked, AskedSetting) and SETTINGS[asked.key].group is Group.TAX


def _chosen_by(
    source: Account, *, groups: Collection[Group], with_restrictions: bool, member: Membership, now: datetime
) -> list[tuple[Asked, Terms]]:
    on = business_date(member, now=now)
    found: list[tuple[Asked, Terms]] = []
    for key, line in setting_lines_by_account([source], on=on)[source.pk].items():
        if SETTINGS[key].group in groups and line.level in _OWN:
            terms = Terms(starts_on=line.starts_on, ends_on=line.ends_on, review_on=line.review_on)
            found.append((AskedSetting(key=key, value=line.value), terms))
    if with_restrictions:
        for row in restrictions_by_account([source], on=on)[source.pk]:
            if row.level is Level.ACCOUNT:
                names = ("verb", "subject_kind", "subject", "disposal", *BOUNDS)
                terms = Terms(starts_on=row.starts_on, ends_on=row.ends_on, review_on=row.review_on)
                found.append((NewRestriction(**{name: getattr(row, name) for name in names}), terms))
    return found


def _store(
    member: Membership, lines: Sequence[AskedLine], *, origin: BulkOrigin, title: str, now: datetime
) -> BulkChange:
    """Keep the lines with what would become of each; nothing of it holds yet."""
    checked = check_lines(member, lines, on=business_date(member, now=now), now=now)
    change = BulkChange.objects.create(
        firm_id=member.firm_id, member=member, origin=origin, title=title[:240], prepared_at=now
    )
    names = subject_names(member.firm_id)
    BulkChangeLine.objects.bulk_create((_row(change, one, names) for one in checked), batch_size=500)
    counts = {status.value: sum(one.status == status for one in checked) for status in BulkLineStatus}
    audit.record(
        "bulk_change.prepared",
        actor=member,
        subject=change,
        data={"origin": origin, "title": title, "counts": {name: count for name, count in counts.items() if count}},
        now=now,
    )
    return change


def _row(change: BulkChange, checked: Checked, names: Mapping[tuple[str, str], str]) -> BulkChangeLine:
    line = checked.line
    return BulkChangeLine(
        bulk_change=change,
        position=line.position,
        account=line.account,
        account_said=line.account_said[:120],
        asked=None if line.asked is None else to_json(line.asked),
        says="" if line.asked is None else asked_words(line.asked, names)[:240],
        was=checked.was[:120],
        reason=line.terms.reason[:400],
        starts_on=line.terms.starts_on,
        ends_on=line.terms.ends_on,
        review_on=line.terms.review_on,
        status=checked.status,
        why=checked.why,
    )
