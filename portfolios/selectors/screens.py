"""The firm's screens: the lines of the list in force or of a draft, and which securities they hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from portfolios.models.guidance import ScreenLine, ScreenListVersion, ScreenRule
from portfolios.models.preferences import Restriction, SubjectKind
from portfolios.models.securities import Screen, Security, SecurityKind
from portfolios.selectors.guidance_versions import strongest_by_owner
from portfolios.selectors.preferences import in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRow:
    """One line of a screen."""

    key: str
    name: str
    kind: str
    subject: str


def screen_list_id(firm_id: int, *, on: date, change_id: int | None = None) -> int | None:
    """Return the list of screens in force, None before the first."""
    return strongest_by_owner(ScreenListVersion, "firm", firm_id=firm_id, on=on, change_id=change_id).get(firm_id)


def screen_rows(firm_id: int, *, on: date, change_id: int | None = None) -> tuple[ScreenRow, ...]:
    """
    Return every line of every screen, by name.

    Before the first list these are the securities that the security master put there.
    """
    version_id = screen_list_id(firm_id, on=on, change_id=change_id)
    if version_id is not None:
        lines = ScreenLine.objects.filter(version_id=version_id).order_by("screen_name", "kind", "subject", "pk")
        return tuple(
            ScreenRow(key=line.screen_key, name=line.screen_name, kind=line.kind, subject=line.subject)
            for line in lines
        )
    members = Screen.securities.through.objects.filter(screen__firm_id=firm_id)
    told = members.order_by("screen__name", "security__symbol").values_list(
        "screen__key", "screen__name", "security__symbol"
    )
    return tuple(ScreenRow(key=key, name=name, kind=ScreenRule.SECURITY, subject=symbol) for key, name, symbol in told)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenLineOfPage:
    """A screen as the house view shows it: its lines in words, what it holds, and how many restrictions name it."""

    name: str
    lines: tuple[str, ...]
    security_count: int
    restriction_count: int


def screens_of_page(firm_id: int, *, on: date) -> tuple[ScreenLineOfPage, ...]:
    """Return the screens in force, by name; five queries."""
    rows = screen_rows(firm_id, on=on)
    held = dict(
        Screen.objects.filter(firm_id=firm_id).annotate(number=Count("securities")).values_list("key", "number")
    )
    naming = Restriction.objects.filter(in_force(on), firm_id=firm_id, subject_kind=SubjectKind.SCREEN)
    counts = dict(naming.values_list("subject").annotate(number=Count("pk")))
    lines: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        said = row.subject if row.kind == ScreenRule.SECURITY else f"{row.kind} {row.subject}"
        lines.setdefault((row.name, row.key), []).append(said)
    return tuple(
        ScreenLineOfPage(
            name=name,
            lines=tuple(said),
            security_count=held.get(key, 0),
            restriction_count=counts.get(key, 0),
        )
        for (name, key), said in lines.items()
    )


def securities_of(rows: tuple[ScreenRow, ...]) -> Mapping[str, frozenset[int]]:
    """Return the ids of the securities that each screen of these lines holds, by its key; one query."""
    found: dict[str, set[int]] = {row.key: set() for row in rows}
    by_rule: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        by_rule.setdefault((row.kind, row.subject), []).append(row.key)
    securities = Security.objects.exclude(kind=SecurityKind.CASH)
    for pk, symbol, sector, industry, country in securities.values_list(
        "pk", "symbol", "sector", "industry", "country"
    ):
        called = (
            (ScreenRule.SECURITY, symbol),
            (ScreenRule.SECTOR, sector),
            (ScreenRule.INDUSTRY, industry),
            (ScreenRule.COUNTRY, country),
        )
        for rule in called:
            for key in by_rule.get(rule, ()):
                found[key].add(pk)
    return {key: frozenset(ids) for key, ids in found.items()}


def screens_by_security(firm_id: int, *, on: date, change_id: int | None = None) -> Mapping[int, tuple[str, ...]]:
    """Return the keys of the screens that each security is in, those of a draft as if its day had come."""
    found: dict[int, set[str]] = {}
    members = Screen.securities.through.objects.filter(screen__firm_id=firm_id)
    for security_id, key in members.values_list("security_id", "screen__key"):
        found.setdefault(security_id, set()).add(key)
    drafted = ScreenListVersion.objects.filter(firm_id=firm_id, change_id=change_id).exists() if change_id else False
    if drafted:
        said = securities_of(screen_rows(firm_id, on=on, change_id=change_id))
        found = {}
        for key, ids in said.items():
            for security_id in ids:
                found.setdefault(security_id, set()).add(key)
    return {security_id: tuple(sorted(keys)) for security_id, keys in found.items()}
