"""Screens of the firm, said in a draft as a whole list."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.text import slugify

from advisors.errors import Invalid
from advisors.models import Firm, Membership
from portfolios.custodians.house_tables import ScreenEntry
from portfolios.models.guidance import ScreenLine, ScreenListVersion, ScreenRule
from portfolios.models.preferences import Restriction, SubjectKind
from portfolios.models.securities import Screen, Security, SecurityKind
from portfolios.selectors.preferences import in_force
from portfolios.selectors.screens import ScreenRow
from portfolios.services.house_view.drafts import Draft, editable, stamp_of
from portfolios.services.house_view.lifecycle import note_edit
from portfolios.services.house_view.versions import add_version


@transaction.atomic
def put_screens(member: Membership, draft: Draft, *, entries: Sequence[ScreenEntry], now: datetime) -> None:
    """
    Say who is in which screen: the whole list.

    :raises Invalid: an unknown security, sector, industry or country, each with its row, or a screen that falls away
        while a restriction needs it
    """
    change = editable(member, draft)
    known = dict(Screen.objects.filter(firm=member.firm).values_list("key", "name"))
    by_name = {name.lower(): key for key, name in known.items()}
    rows = [_row(entry, known, by_name) for entry in entries]
    faults = [*_unknown(entries), *_still_needed(member.firm, {row.key for row in rows}, on=change.effective_on)]
    if faults:
        raise Invalid(f"The list of screens was not changed: {faults[0]}", faults=tuple(faults))
    version = add_version(ScreenListVersion, stamp_of(change, member, now), firm=member.firm)
    ScreenLine.objects.bulk_create(
        ScreenLine(version=version, screen_key=row.key, screen_name=row.name, kind=row.kind, subject=row.subject)
        for row in rows
    )
    note_edit(change, member, what="screens", now=now)


def _row(entry: ScreenEntry, known: dict[str, str], by_name: dict[str, str]) -> ScreenRow:
    key = entry.screen if entry.screen in known else by_name.get(entry.screen.lower(), "")
    key = key or slugify(entry.screen).replace("-", "_")[:48]
    return ScreenRow(key=key, name=known.get(key, entry.screen)[:80], kind=entry.kind, subject=entry.subject)


def _unknown(entries: Sequence[ScreenEntry]) -> Iterable[str]:
    securities = Security.objects.exclude(kind=SecurityKind.CASH)
    columns = {
        ScreenRule.SECURITY: "symbol",
        ScreenRule.SECTOR: "sector",
        ScreenRule.INDUSTRY: "industry",
        ScreenRule.COUNTRY: "country",
    }
    known = {rule: set(securities.values_list(column, flat=True).distinct()) for rule, column in columns.items()}
    for entry in entries:
        if not slugify(entry.screen):
            yield f"Row {entry.row}: “{entry.screen}” is no name of a screen."
        if entry.subject not in known[ScreenRule(entry.kind)]:
            yield f"Row {entry.row}: No security of the master has the {entry.kind} {entry.subject}."


def _still_needed(firm: Firm, keys: set[str], *, on: date) -> Iterable[str]:
    rows = Restriction.objects.filter(in_force(on), firm=firm, subject_kind=SubjectKind.SCREEN).exclude(
        subject__in=keys
    )
    counts: dict[str, int] = {}
    for key in rows.values_list("subject", flat=True):
        counts[key] = counts.get(key, 0) + 1
    for key, count in sorted(counts.items()):
        yield f"The screen {key} falls away, but {count} restriction{'' if count == 1 else 's'} in force need it."
