"""What the pages of the house view show: the whole of it, one model with its versions, one change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from advisors.errors import NotFound
from advisors.models import Firm, Membership
from portfolios.models.guidance import (
    HouseViewChange,
    SecurityModel,
    SecurityModelVersion,
    SecurityModelWeight,
    VersionStatus,
)
from portfolios.models.households import Account
from portfolios.policy import SETTINGS, resolve_settings
from portfolios.selectors.guidance_versions import firm_defaults, model_versions
from portfolios.selectors.house_view import CASH_CLASS, ClassLine, HouseView, firm_securities, house_view
from portfolios.selectors.house_view_diffs import (
    DiffLine,
    Piece,
    moved,
    pieces_of,
    product_place,
    product_use,
    weight_lines,
)
from portfolios.selectors.screens import ScreenLineOfPage, screens_of_page
from portfolios.selectors.statement_words import setting_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """A class of the tree with what each profile says of it, in the order of the profiles; None where nothing."""

    name: str
    depth: int
    lines: tuple[ClassLine | None, ...]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    id: int
    name: str
    security_count: int
    largest: str
    since_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A change in a list: who made it, where it stands, since when."""

    id: int
    number: int
    title: str
    why: str
    status: str
    effective_on: date
    author: str
    edited_at: datetime
    decided_by: str
    decided_at: datetime | None
    decision_note: str

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still has to do something."""
        return self.status in (VersionStatus.DRAFT, VersionStatus.SUBMITTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseViewPage:
    """The house view in force on the business date."""

    on: date
    profiles: tuple[tuple[int, str, int], ...]  # id, name, accounts that follow it
    rows: tuple[ClassRow, ...]
    models: tuple[ModelRow, ...]
    substitutes: tuple[tuple[str, str, int, Decimal, bool], ...]  # security, use, rank, hurdle in bp, hold only
    screens: tuple[ScreenLineOfPage, ...]
    defaults: tuple[tuple[str, str, str], ...]  # setting, the firm's default, Trimtab's own; only where they differ


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version of a model, and what moved against the one before."""

    number: int
    status: str
    effective_on: date
    author: str
    approved_by: str
    security_count: int
    moved_frac: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """A security model: weights in force, versions newest first, and the chosen version against the one before it."""

    id: int
    name: str
    number: int | None
    weights: tuple[tuple[str, str, str, Decimal], ...]  # symbol, name, asset class, weight
    versions: tuple[VersionRow, ...]
    compared: tuple[int, int | None]
    diff: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """A change of the house view with everything in it."""

    row: ChangeRow
    revision: int
    editor_ids: tuple[int, ...]
    pieces: tuple[Piece, ...]


def business_day(firm: Firm, *, today: date) -> date:
    """Return the day whose house view counts."""
    return firm.business_on or today


def house_view_page(member: Membership, *, today: date) -> HouseViewPage:
    """Return the house view in force; the same few queries for any number of models."""
    on = business_day(member.firm, today=today)
    view = house_view(member.firm_id, on=on)
    profiles = tuple(view.profile_names)
    counts = _followers(member.firm_id)
    return HouseViewPage(
        on=on,
        profiles=tuple((key, view.profile_names[key], counts.get(key, 0)) for key in profiles),
        rows=tuple(_class_rows(view, profiles)),
        models=tuple(_model_rows(member.firm_id, view, on=on)),
        substitutes=tuple(
            (view.symbol(row.security_id), view.symbol(row.use_id), row.rank, row.hurdle_bps, row.is_hold_only)
            for row in view.substitutes
        ),
        screens=screens_of_page(member.firm_id, on=on),
        defaults=_defaults(member.firm_id, on=on),
    )


def _defaults(firm_id: int, *, on: date) -> tuple[tuple[str, str, str], ...]:
    values = resolve_settings(firm_defaults=firm_defaults([firm_id], on=on)[firm_id], chosen={})
    own = resolve_settings(firm_defaults={}, chosen={})
    return tuple(
        (SETTINGS[key].label, setting_words(key, value), setting_words(key, own[key]))
        for key, value in values.items()
        if value != own[key]
    )


def _followers(firm_id: int) -> Mapping[int, int]:
    rows = Account.objects.filter(firm_id=firm_id, is_held_away=False, risk_profile__isnull=False)
    counts: dict[int, int] = {}
    for key in rows.values_list("risk_profile_id", flat=True):
        counts[key] = counts.get(key, 0) + 1
    return counts


def _class_rows(view: HouseView, profiles: tuple[int, ...]) -> list[ClassRow]:
    by_class: dict[int, list[str]] = {}
    for row in view.products:
        place = product_place(view, row).removeprefix(view.classes[row.asset_class_id].name).removeprefix(", ")
        said = product_use(view, row)
        by_class.setdefault(row.asset_class_id, []).append(f"{said} ({place})" if place else said)
    lines = {key: {line.asset_class_id: line for line in view.profiles.get(key, ())} for key in profiles}
    return [
        ClassRow(
            name=node.name,
            depth=0 if node.parent_id is None else 1,
            lines=tuple(lines[key].get(node.id) for key in profiles),
            products=tuple(by_class.get(node.id, ())) or (("Cash",) if node.key == CASH_CLASS else ()),
        )
        for node in view.classes.values()
    ]


def _model_rows(firm_id: int, view: HouseView, *, on: date) -> list[ModelRow]:
    in_force = model_versions(firm_id, on=on)
    since = dict(SecurityModelVersion.objects.filter(pk__in=in_force.values()).values_list("pk", "effective_on"))
    rows = []
    for key, name in view.model_names.items():
        weights = view.models.get(key, {})
        largest = max(weights, key=lambda one: weights[one], default=None)
        rows.append(
            ModelRow(
                id=key,
                name=name,
                security_count=len(weights),
                largest="" if largest is None else view.symbol(largest),
                since_on=since.get(in_force.get(key, 0)),
            )
        )
    return rows


def change_rows(member: Membership) -> tuple[ChangeRow, ...]:
    """Return the firm's changes, what somebody has to do first, then the newest."""
    rows = [
        _change_row(row)
        for row in HouseViewChange.objects.filter(firm_id=member.firm_id)
        .select_related("author", "decided_by")
        .order_by("-number")
    ]
    return tuple(sorted(rows, key=lambda row: not row.is_open))


def _change_row(row: HouseViewChange) -> ChangeRow:
    return ChangeRow(
        id=row.pk,
        number=row.number,
        title=row.title,
        why=row.why,
        status=row.status,
        effective_on=row.effective_on,
        author=row.author.full_name,
        edited_at=row.edited_at,
        decided_by=row.decided_by.full_name if row.decided_by else "",
        decided_at=row.decided_at,
        decision_note=row.decision_note,
    )


def change_in_firm(member: Membership, change_id: int) -> HouseViewChange:
    """
    Return a change of the member's firm.

    :raises NotFound: there is none
    """
    rows = HouseViewChange.objects.select_related("author", "decided_by", "firm")
    change = rows.filter(firm_id=member.firm_id, pk=change_id).first()
    if change is None:
        raise NotFound("This change of the house view does not exist.")
    return change


def change_page(change: HouseViewChange) -> ChangePage:
    """Unfold a change."""
    return ChangePage(
        row=_change_row(change),
        revision=change.revision,
        editor_ids=tuple(change.editor_ids),
        pieces=pieces_of(change),
    )


def model_page(member: Membership, model_id: int, *, number: int | None, today: date) -> ModelPage:
    """
    Return a model with its versions; `number` chooses the version to compare with the one before.

    :raises NotFound: there is no such model or version
    """
    model = SecurityModel.objects.filter(firm_id=member.firm_id, pk=model_id).first()
    if model is None:
        raise NotFound("This security model does not exist.")
    versions = list(model.versions.select_related("author", "approved_by").order_by("-number"))
    weights = _weights_by_version([version.pk for version in versions])
    symbols = firm_securities(member.firm_id, {key for row in weights.values() for key in row})
    by_number = {version.number: version for version in versions}
    on = business_day(member.firm, today=today)
    current = model_versions(member.firm_id, on=on).get(model.pk)
    in_force = next((version for version in versions if version.pk == current), None)
    chosen = number or (in_force.number if in_force else max(by_number, default=0))
    if versions and chosen not in by_number:
        raise NotFound(f"{model.name} has no version {chosen}.")
    shown = weights.get(by_number[chosen].pk, {}) if versions else {}
    before = max((other for other in by_number if other < chosen), default=None)
    old = weights.get(by_number[before].pk, {}) if before else {}
    names = {key: line.symbol for key, line in symbols.items()}
    classes = house_view(member.firm_id, on=on).classes
    return ModelPage(
        id=model.pk,
        name=model.name,
        number=in_force.number if in_force else None,
        weights=tuple(
            (
                symbols[key].symbol,
                symbols[key].name,
                classes[symbols[key].asset_class_id or 0].name if symbols[key].asset_class_id else "",
                weight,
            )
            for key, weight in sorted(shown.items(), key=lambda item: (-item[1], names[item[0]]))
        ),
        versions=tuple(_version_row(version, versions, weights) for version in versions),
        compared=(chosen, before),
        diff=tuple(line for line in weight_lines(old, shown, symbols=names) if line.is_changed) if before else (),
    )


def _weights_by_version(version_ids: list[int]) -> Mapping[int, Mapping[int, Decimal]]:
    found: dict[int, dict[int, Decimal]] = {key: {} for key in version_ids}
    rows = SecurityModelWeight.objects.filter(version_id__in=version_ids).order_by("pk")
    for version_id, security_id, weight in rows.values_list("version_id", "security_id", "weight_frac"):
        found[version_id][security_id] = weight
    return found


def _version_row(
    version: SecurityModelVersion,
    versions: list[SecurityModelVersion],
    weights: Mapping[int, Mapping[int, Decimal]],
) -> VersionRow:
    before = next((other for other in versions if other.number < version.number), None)
    return VersionRow(
        number=version.number,
        status=version.status,
        effective_on=version.effective_on,
        author=version.author.full_name,
        approved_by=version.approved_by.full_name if version.approved_by else "",
        security_count=len(weights[version.pk]),
        moved_frac=moved(weights[before.pk], weights[version.pk]) if before else None,
    )
