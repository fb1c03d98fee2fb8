"""What restrictions can be about: securities, groups, sectors, industries, countries and screens of a firm."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from portfolios.models.preferences import SubjectKind
from portfolios.models.securities import FirmSecurity, IdentityGroup, Screen, Security, SecurityKind

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectChoice:
    """One thing that a restriction can name, and how people call it."""

    kind: str
    key: str
    name: str


def subject_choices(firm_id: int) -> tuple[SubjectChoice, ...]:
    """Return everything but single securities that a restriction of this firm can name; five queries."""
    choices = [
        SubjectChoice(kind=SubjectKind.SCREEN, key=key, name=name)
        for key, name in Screen.objects.filter(firm_id=firm_id).order_by("name", "pk").values_list("key", "name")
    ]
    for kind in (SubjectKind.SECTOR, SubjectKind.INDUSTRY, SubjectKind.COUNTRY):
        words = Security.objects.exclude(**{kind: ""}).order_by(kind).values_list(kind, flat=True).distinct()
        choices += [SubjectChoice(kind=kind, key=word, name=word) for word in words]
    groups = IdentityGroup.objects.filter(firm_id=firm_id).order_by("name", "pk").values_list("key", "name")
    choices += [SubjectChoice(kind=SubjectKind.IDENTITY_GROUP, key=key, name=name) for key, name in groups]
    return tuple(choices)


def subject_names(firm_id: int) -> Mapping[Subject, str]:
    """Return the names of screens and groups by what restrictions call them; two queries."""
    names: dict[Subject, str] = {}
    for key, name in Screen.objects.filter(firm_id=firm_id).values_list("key", "name"):
        names[SubjectKind.SCREEN, key] = name
    for key, name in IdentityGroup.objects.filter(firm_id=firm_id).values_list("key", "name"):
        names[SubjectKind.IDENTITY_GROUP, key] = name
    return names


def is_known_subject(firm_id: int, *, kind: str, key: str) -> bool:
    """Tell whether there is such a security, group, sector, industry, country or screen."""
    if kind == SubjectKind.SECURITY:
        return Security.objects.filter(symbol=key).exclude(kind=SecurityKind.CASH).exists()
    if kind == SubjectKind.SCREEN:
        return Screen.objects.filter(firm_id=firm_id, key=key).exists()
    if kind == SubjectKind.IDENTITY_GROUP:
        return IdentityGroup.objects.filter(firm_id=firm_id, key=key).exists()
    return kind in SubjectKind.values and Security.objects.filter(**{kind: key}).exists()


def subjects_of(symbols: Collection[str], *, firm_id: int) -> Mapping[str, frozenset[Subject]]:
    """Return by symbol everything a restriction could call it: itself, its group, sector and so on; three queries."""
    found: dict[str, set[Subject]] = {symbol: {(SubjectKind.SECURITY, symbol)} for symbol in symbols}
    for symbol, *words in Security.objects.filter(symbol__in=symbols).values_list(
        "symbol", "sector", "industry", "country"
    ):
        kinds = (SubjectKind.SECTOR, SubjectKind.INDUSTRY, SubjectKind.COUNTRY)
        found[symbol].update((kind, word) for kind, word in zip(kinds, words, strict=True) if word)
    groups = FirmSecurity.objects.filter(firm_id=firm_id, security__symbol__in=symbols, identity_group__isnull=False)
    for symbol, key in groups.values_list("security__symbol", "identity_group__key"):
        found[symbol].add((SubjectKind.IDENTITY_GROUP, key))
    screened = Screen.securities.through.objects.filter(screen__firm_id=firm_id, security__symbol__in=symbols)
    for symbol, key in screened.values_list("security__symbol", "screen__key"):
        found[symbol].add((SubjectKind.SCREEN, key))
    return {symbol: frozenset(subjects) for symbol, subjects in found.items()}
