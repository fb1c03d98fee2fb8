"""
Restrictions: a client's word on a security goes on to its successor and its children; bounds in units follow the units.

An action is never blocked by a restriction. A line is added or ended, never edited, so each carried one says where it
comes from, and the page shows it with that reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from django.db.models import Q

from portfolios.models.preferences import Restriction, SubjectKind, Verb
from portfolios.services.corporate_actions.steps.change import Change, Data, Json, Setting, Step, ids_in
from portfolios.services.corporate_actions.term_facts import children, is_ending, successors, unit_ratios, value_fracs

_PLACES: Final = ("level", "firm_id", "office_id", "household_id", "tax_return_id", "account_id")
_UNITS: Final = ("min_units", "max_units")
_VALUES: Final = ("min_frac", "max_frac", "min_usd", "max_usd")
_STEPS: Final[Mapping[str, Decimal]] = {
    "min_units": Decimal("0.000001"),
    "max_units": Decimal("0.000001"),
    "min_frac": Decimal("0.000001"),
    "max_frac": Decimal("0.000001"),
    "min_usd": Decimal("0.01"),
    "max_usd": Decimal("0.01"),
}
_BATCH: Final = 1000


def plan_restrictions(setting: Setting) -> Sequence[Change]:
    """Say how many lines go on to which security, and how many bounds follow the units."""
    lines = list(_standing(setting))
    if not lines:
        return []
    old, changes = setting.terms.security, []
    for symbol in (*successors(setting.terms), *children(setting.terms)):
        words = f"{_count(lines)} on {old} {'goes' if len(lines) == 1 else 'go'} on to {symbol}, saying why."
        changes.append(Change(words=words, data={"carry_to": symbol}))
    if _rescales(setting) and any(_has_bounds(line, _moving_bounds(setting)) for line in lines):
        count = sum(_has_bounds(line, _moving_bounds(setting)) for line in lines)
        words = f"The bounds of {count} range{'' if count == 1 else 's'} of {old} follow what a holding becomes."
        changes.append(Change(words=words, data={"rescale": old}))
    return changes


def _count(lines: Sequence[Restriction]) -> str:
    return "1 restriction" if len(lines) == 1 else f"{len(lines):,} restrictions"


def _standing(setting: Setting) -> Iterator[Restriction]:
    """Yield the lines of the firm on the security that hold on the ex-date or later."""
    lines = Restriction.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=setting.on),
        firm=setting.firm,
        subject_kind=SubjectKind.SECURITY,
        subject=setting.terms.security,
        ended_at__isnull=True,
    )
    yield from lines.order_by("pk").iterator()


def _rescales(setting: Setting) -> bool:
    """Tell whether bounds on the security itself move: its units are multiplied, or a child takes part of its value."""
    return not is_ending(setting.terms) and _own_factors(setting) != (Decimal(1), Decimal(1))


def _own_factors(setting: Setting) -> tuple[Decimal, Decimal]:
    symbol = setting.terms.security
    return _factors(setting, symbol)


def _factors(setting: Setting, symbol: str) -> tuple[Decimal, Decimal]:
    """Return by what a bound in units and a bound in value are multiplied for a security after the action."""
    units = unit_ratios(setting.terms).get(symbol, Decimal(1))
    return units, value_fracs(setting.terms, price_usd=setting.after_usd).get(symbol, Decimal(1))


def _moving_bounds(setting: Setting) -> tuple[str, ...]:
    units, value = _own_factors(setting)
    return (*(_UNITS if units != 1 else ()), *(_VALUES if value != 1 else ()))


def _has_bounds(line: Restriction, names: Sequence[str]) -> bool:
    return line.verb == Verb.RANGE and any(getattr(line, name) is not None for name in names)


def make_restriction(setting: Setting, change: Change) -> Data:
    """Add the carried lines; where bounds move, end the old line and add the new one."""
    if "carry_to" in change.data:
        symbol = str(change.data["carry_to"])
        made = [_carried(setting, line, symbol) for line in _standing(setting)]
        return {**change.data, "added": _added(made)}
    moving = [line for line in _standing(setting) if _has_bounds(line, _moving_bounds(setting))]
    made = [_carried(setting, line, setting.terms.security) for line in moving]
    _end(setting, [line.pk for line in moving])
    return {**change.data, "added": _added(made), "ended": [line.pk for line in moving]}


def _added(made: Sequence[Restriction]) -> list[Json]:
    return [row.pk for row in Restriction.objects.bulk_create(made, batch_size=_BATCH)]


def _carried(setting: Setting, line: Restriction, symbol: str) -> Restriction:
    assert setting.checker is not None  # an applied action was confirmed by a person
    units, value = _factors(setting, symbol)
    bounds = {name: _times(line, name, units) for name in _UNITS} | {
        name: _times(line, name, value) for name in _VALUES
    }
    origin = "" if symbol == setting.terms.security else f"Carried over from {setting.terms.security}. "
    return Restriction(
        **{name: getattr(line, name) for name in _PLACES},
        verb=line.verb,
        subject_kind=line.subject_kind,
        subject=symbol,
        disposal=line.disposal,
        **bounds,
        reason=f"{origin}Corporate action: {setting.title}. {line.reason}"[:400].strip(),
        starts_on=line.starts_on,
        ends_on=line.ends_on,
        review_on=line.review_on,
        set_at=setting.now,
        set_by=setting.checker,
    )


def _times(line: Restriction, name: str, factor: Decimal) -> Decimal | None:
    bound: Decimal | None = getattr(line, name)
    return None if bound is None else (bound * factor).quantize(_STEPS[name], ROUND_HALF_EVEN)


def _end(setting: Setting, keys: Sequence[int]) -> None:
    for start in range(0, len(keys), _BATCH):
        Restriction.objects.filter(pk__in=keys[start : start + _BATCH], ended_at__isnull=True).update(
            ended_at=setting.now, ended_by=setting.checker
        )


def undo_restriction(setting: Setting, data: Data) -> None:
    """End what was added and still stands; of a line that was ended for it, add one with the old bounds."""
    added, ended = ids_in(data, "added"), ids_in(data, "ended")
    standing: set[int] = set()
    for start in range(0, len(added), _BATCH):
        rows = Restriction.objects.filter(pk__in=added[start : start + _BATCH], ended_at__isnull=True)
        standing.update(rows.values_list("pk", flat=True))
    _end(setting, sorted(standing))
    again = [old for new, old in zip(added, ended, strict=False) if new in standing]
    rows = Restriction.objects.filter(pk__in=again).order_by("pk")
    Restriction.objects.bulk_create([_copy(setting, row) for row in rows], batch_size=_BATCH)


def _copy(setting: Setting, row: Restriction) -> Restriction:
    row.pk, row.ended_at, row.ended_by = None, None, None
    row._state.adding = True
    row.set_at = setting.now
    return row


RESTRICTIONS: Final = Step(name="restrictions", plan=plan_restrictions, make=make_restriction, undo=undo_restriction)
