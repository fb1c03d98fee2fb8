"""What a change of the house view says against what is in force: one table per profile, model and list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Model

from advisors.templatetags.ui import money, pct
from portfolios.models.guidance import HouseViewChange
from portfolios.models.households import TaxStatus
from portfolios.policy import SETTINGS, resolve_settings
from portfolios.selectors.guidance_versions import ProductRow, SubstituteRow, firm_defaults
from portfolios.selectors.house_view import ClassLine, HouseView, house_view
from portfolios.selectors.screens import screen_rows
from portfolios.selectors.statement_words import setting_words

NOTHING: Final = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One row as it is and as it becomes, in words; `after` of a row that falls away is a dash."""

    name: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        """Tell whether the change touches the row."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of guidance in a change: what it is, the rows that change, and how many stay as they are."""

    kind: str
    version_id: int
    number: int
    owner_id: int
    title: str
    is_new: bool
    changed: tuple[DiffLine, ...]
    same_count: int
    moved_frac: Decimal | None = None

    @property
    def is_list(self) -> bool:
        """Tell whether the firm has only one of its kind."""
        return self.kind in ("productlistversion", "substitutelistversion", "defaultsversion", "screenlistversion")


def pieces_of(change: HouseViewChange) -> tuple[Piece, ...]:
    """Return everything that a change says, against the house view of the day on which it takes effect."""
    before = house_view(change.firm_id, on=change.effective_on)
    after = house_view(change.firm_id, on=change.effective_on, change_id=change.pk)
    return (
        *_profile_pieces(change, before, after),
        *_model_pieces(change, before, after),
        *_list_pieces(change, before, after),
        *_default_pieces(change),
        *_screen_pieces(change),
    )


def _profile_pieces(change: HouseViewChange, before: HouseView, after: HouseView) -> Iterator[Piece]:
    for row in change.riskprofileversions.order_by("risk_profile__position", "pk"):
        old = {line.asset_class_id: line for line in before.profiles.get(row.risk_profile_id, ())}
        new = {line.asset_class_id: line for line in after.profiles[row.risk_profile_id]}
        names = ((key, node.name) for key, node in after.classes.items() if key in old or key in new)
        lines = [DiffLine(name=name, before=_limits(old.get(key)), after=_limits(new.get(key))) for key, name in names]
        yield _piece(
            row, row.risk_profile_id, title=after.profile_names[row.risk_profile_id], is_new=not old, lines=lines
        )


def _limits(line: ClassLine | None) -> str:
    if line is None:
        return NOTHING
    return f"{pct(line.weight_frac, 2)} ({pct(line.min_frac, 2)} to {pct(line.max_frac, 2)})"


def _model_pieces(change: HouseViewChange, before: HouseView, after: HouseView) -> Iterator[Piece]:
    for row in change.securitymodelversions.order_by("security_model__name", "pk"):
        old, new = before.models.get(row.security_model_id, {}), after.models[row.security_model_id]
        lines = weight_lines(old, new, symbols=_symbols(before, after))
        yield _piece(
            row,
            row.security_model_id,
            title=after.model_names[row.security_model_id],
            is_new=not old,
            lines=lines,
            moved_frac=moved(old, new),
        )


def weight_lines(
    old: Mapping[int, Decimal], new: Mapping[int, Decimal], *, symbols: Mapping[int, str]
) -> list[DiffLine]:
    """Compare two lists of weights, the largest move first."""
    zero = Decimal(0)
    keys = sorted({*old, *new}, key=lambda key: (-abs(new.get(key, zero) - old.get(key, zero)), symbols[key]))
    return [DiffLine(name=symbols[key], before=_weight(old.get(key)), after=_weight(new.get(key))) for key in keys]


def moved(old: Mapping[int, Decimal], new: Mapping[int, Decimal]) -> Decimal | None:
    """Return what part of a model moves: half the sum of what weights change; None for a new one."""
    if not old:
        return None
    zero = Decimal(0)
    return sum((abs(new.get(key, zero) - old.get(key, zero)) for key in {*old, *new}), zero) / 2


def _weight(weight: Decimal | None) -> str:
    return NOTHING if weight is None else pct(weight, 4)


def _symbols(*views: HouseView) -> Mapping[int, str]:
    return {key: line.symbol for view in views for key, line in view.securities.items()}


def _list_pieces(change: HouseViewChange, before: HouseView, after: HouseView) -> Iterator[Piece]:
    for products in change.productlistversions.order_by("pk"):
        old, new = (dict(_products(view)) for view in (before, after))
        yield _piece(products, change.firm_id, title="Products", is_new=not old, lines=_lines(old, new))
    for substitutes in change.substitutelistversions.order_by("pk"):
        old, new = (dict(_substitutes(view)) for view in (before, after))
        yield _piece(substitutes, change.firm_id, title="Substitutes", is_new=not old, lines=_lines(old, new))


def _default_pieces(change: HouseViewChange) -> Iterator[Piece]:
    for row in change.defaultsversions.order_by("pk"):
        old, new = (
            resolve_settings(firm_defaults=firm_defaults([change.firm_id], **asked)[change.firm_id], chosen={})
            for asked in ({"on": change.effective_on}, {"on": change.effective_on, "change_id": change.pk})
        )
        lines = [
            DiffLine(name=setting.label, before=setting_words(key, old[key]), after=setting_words(key, new[key]))
            for key, setting in SETTINGS.items()
        ]
        yield _piece(row, change.firm_id, title="Firm defaults", is_new=False, lines=lines)


def _screen_pieces(change: HouseViewChange) -> Iterator[Piece]:
    for row in change.screenlistversions.order_by("pk"):
        old, new = (
            {f"{line.name}: {line.kind} {line.subject}": "in it" for line in screen_rows(change.firm_id, **asked)}
            for asked in ({"on": change.effective_on}, {"on": change.effective_on, "change_id": change.pk})
        )
        yield _piece(row, change.firm_id, title="Screens", is_new=not old, lines=_lines(old, new))


def _products(view: HouseView) -> Iterator[tuple[str, str]]:
    for row in view.products:
        yield product_place(view, row), product_use(view, row)


def product_place(view: HouseView, row: ProductRow) -> str:
    """Say what a product fills: US Large Cap, taxable accounts, from $50,000."""
    status = f", {TaxStatus(row.tax_status).label.lower()} accounts" if row.tax_status else ""
    least = f", from {money(row.min_account_usd)}" if row.min_account_usd else ""
    return f"{view.classes[row.asset_class_id].name}{status}{least}"


def product_use(view: HouseView, row: ProductRow) -> str:
    """Say what fills it: a symbol, or the name of a model."""
    return view.symbol(row.security_id) if row.security_id else view.model_names[row.security_model_id or 0]


def _substitutes(view: HouseView) -> Iterator[tuple[str, str]]:
    for row in view.substitutes:
        yield f"{view.symbol(row.use_id)} for {view.symbol(row.security_id)}", substitute_terms(row)


def substitute_terms(row: SubstituteRow) -> str:
    """Say how a substitute may be used: rank 1, hurdle 5 bp, held but not bought."""
    hurdle = f", hurdle {row.hurdle_bps.normalize():f} bp" if row.hurdle_bps else ""
    return f"rank {row.rank}{hurdle}{', held but not bought' if row.is_hold_only else ''}"


def _lines(old: Mapping[str, str], new: Mapping[str, str]) -> Sequence[DiffLine]:
    return [
        DiffLine(name=name, before=old.get(name, NOTHING), after=new.get(name, NOTHING))
        for name in dict.fromkeys((*new, *old))
    ]


def _piece(
    version: Model,
    owner_id: int,
    *,
    title: str,
    is_new: bool,
    lines: Iterable[DiffLine],
    moved_frac: Decimal | None = None,
) -> Piece:
    lines = list(lines)
    changed = tuple(line for line in lines if line.is_changed)
    return Piece(
        kind=str(version._meta.model_name),
        version_id=int(version.pk),
        number=int(version.number),  # type: ignore[attr-defined]  # every version has one
        owner_id=owner_id,
        title=title,
        is_new=is_new,
        changed=changed,
        same_count=len(lines) - len(changed),
        moved_frac=moved_frac,
    )
