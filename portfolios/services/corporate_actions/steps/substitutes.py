"""Substitutes: where a security is no more, its successor stands in its place, as what is replaced and as stand-in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from portfolios.models.guidance import SubstituteListVersion
from portfolios.models.securities import Security
from portfolios.selectors.guidance_versions import SubstituteRow, substitute_list_id, substitute_rows
from portfolios.services.corporate_actions.steps.change import Change, Data, Setting, Step, carrying, ids_in
from portfolios.services.corporate_actions.term_facts import is_ending, successors
from portfolios.services.lists_carried import carry_substitute_lists, withdraw_lists

NOT_YET: Final = -1  # stands for a successor that the security master learns of when the action is applied


def plan_substitutes(setting: Setting) -> Sequence[Change]:
    """Say which rows name the successor from now on, and which fall away; the first change makes the new list."""
    if not is_ending(setting.terms):
        return []
    rows = substitute_rows(substitute_list_id(setting.firm.pk, on=setting.on))
    said = [words for words in (_words(setting, one) for one in _moves(setting, rows)) if words]
    return [Change(words=words, data={"carry": True} if place == 0 else {}) for place, words in enumerate(said)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A row before and after; None where it falls away."""

    before: SubstituteRow
    after: SubstituteRow | None
    is_there_already: bool = False


def _moves(setting: Setting, rows: Sequence[SubstituteRow]) -> Iterator[_Move]:
    """Yield every row as it becomes; what would stand there twice, or for itself, falls away."""
    old = _id_of(setting.terms.security)
    heirs = successors(setting.terms)
    heir = (_id_of(heirs[0]) or NOT_YET) if heirs else None
    taken = {(row.security_id, row.use_id) for row in rows if old not in (row.security_id, row.use_id)}
    for row in rows:
        if old not in (row.security_id, row.use_id):
            yield _Move(before=row, after=row)
            continue
        if heir is None:
            yield _Move(before=row, after=None)
            continue
        security, use = (heir if key == old else key for key in (row.security_id, row.use_id))
        if security == use or (security, use) in taken:
            yield _Move(before=row, after=None, is_there_already=True)
            continue
        taken.add((security, use))
        yield _Move(before=row, after=replace(row, security_id=security, use_id=use))


def _id_of(symbol: str) -> int | None:
    return Security.objects.filter(symbol=symbol).values_list("pk", flat=True).first()


def _words(setting: Setting, move: _Move) -> str:
    if move.before == move.after:
        return ""
    said = _pair(setting, move.before)
    if move.after is None:
        why = f": {successors(setting.terms)[0]} is there already" if move.is_there_already else ""
        return f"{said} falls away{why}."
    return f"{said} becomes {_pair(setting, move.after)}."


def _pair(setting: Setting, row: SubstituteRow) -> str:
    symbols = dict.fromkeys((NOT_YET,), next(iter(successors(setting.terms)), ""))
    symbols |= dict(Security.objects.filter(pk__in=(row.security_id, row.use_id)).values_list("pk", "symbol"))
    return f"{symbols[row.use_id]} as a substitute of {symbols[row.security_id]}"


def make_substitute(setting: Setting, change: Change) -> Data:
    """Carry the list in force and those approved for later."""
    if not change.data.get("carry"):
        return change.data
    made = carry_substitute_lists(
        carrying(setting),
        lambda rows: tuple(move.after for move in _moves(setting, rows) if move.after is not None),
    )
    return {**change.data, "substitute_lists": list(made)}


def undo_substitute(setting: Setting, data: Data) -> None:
    """Withdraw the lists; those before are in force again."""
    withdraw_lists(SubstituteListVersion, ids_in(data, "substitute_lists"), why=setting.title, now=setting.now)


SUBSTITUTES: Final = Step(name="substitutes", plan=plan_substitutes, make=make_substitute, undo=undo_substitute)
