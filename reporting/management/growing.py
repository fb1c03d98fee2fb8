"""
A large firm out of a small one: every household of the demo copied, with what hangs on it, until there are enough.

Made for measuring pages and selectors only. Copies differ in names and references; lots, figures, preferences and
proposals are those of their originals, so that lists, filters and queues have as much to do as in a real firm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import models, transaction

from portfolios.models.households import (
    Account,
    AccountHold,
    Household,
    Person,
    TaxHousehold,
    TaxReturn,
    TaxSituation,
)
from portfolios.models.lots import CashBalance, Lot
from portfolios.models.preferences import CashNeed, Preference, Restriction
from rebalancing.models.proposals import (
    CaseSnapshot,
    LotSelection,
    Proposal,
    ProposalCheck,
    ProposedTrade,
    StoredOutcome,
)
from rebalancing.models.runs import AccountFigures, RunAccount

BATCH: Final = 2_000
Ids = dict[type[models.Model], dict[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A table to copy: which of its columns point to rows that are copied too, and what makes a copy unique."""

    model: type[models.Model]
    parents: Mapping[str, type[models.Model]]
    unique: Callable[[models.Model, int], None] = lambda _row, _copy: None


def _of_household(row: models.Model, copy: int) -> None:
    assert isinstance(row, Household | Account)
    row.external_ref, row.name = f"{row.external_ref}~{copy}"[:64], f"{row.name} {copy}"[:120]


def _of_account(row: models.Model, copy: int) -> None:
    assert isinstance(row, Account)
    _of_household(row, copy)
    row.number_hash = f"{row.number_hash[-54:]}~{copy}"


def _of_case(row: models.Model, copy: int) -> None:
    assert isinstance(row, CaseSnapshot)
    row.case_hash = f"{row.case_hash[-70:]}~{copy}"


_PLACES: Final[Mapping[str, type[models.Model]]] = {
    "household": Household,
    "tax_return": TaxReturn,
    "account": Account,
}
_KINDS: Final[Sequence[_Kind]] = (
    _Kind(model=Household, parents={}, unique=_of_household),
    _Kind(model=Person, parents={"household": Household}),
    _Kind(model=TaxHousehold, parents={"household": Household}),
    _Kind(model=TaxReturn, parents={"tax_household": TaxHousehold}),
    _Kind(model=TaxSituation, parents={"tax_return": TaxReturn}),
    _Kind(
        model=Account,
        parents={"household": Household, "tax_household": TaxHousehold, "tax_return": TaxReturn},
        unique=_of_account,
    ),
    _Kind(model=Lot, parents={"account": Account}),
    _Kind(model=CashBalance, parents={"account": Account}),
    _Kind(model=AccountHold, parents={"account": Account}),
    _Kind(model=Preference, parents=_PLACES),
    _Kind(model=Restriction, parents=_PLACES),
    _Kind(model=CashNeed, parents=_PLACES),
    _Kind(model=RunAccount, parents={"account": Account, "tax_household": TaxHousehold}),
    _Kind(model=CaseSnapshot, parents={"tax_household": TaxHousehold}, unique=_of_case),
    _Kind(model=StoredOutcome, parents={"tax_household": TaxHousehold, "case": CaseSnapshot}),
    _Kind(model=Proposal, parents={"household": Household, "account": Account, "outcome": StoredOutcome}),
    _Kind(model=ProposedTrade, parents={"proposal": Proposal}),
    _Kind(model=LotSelection, parents={"trade": ProposedTrade}),
    _Kind(model=ProposalCheck, parents={"proposal": Proposal}),
    _Kind(model=AccountFigures, parents={"account": Account, "proposal": Proposal}),
)


def grow(account_count: int) -> int:
    """Copy all households until there are so many accounts; return how many there are."""
    originals = {kind.model: list(kind.model._default_manager.order_by("pk")) for kind in _KINDS}
    copy = 0
    while Account.objects.count() < account_count:
        copy += 1
        with transaction.atomic():
            _copy(originals, copy)
    return Account.objects.count()


def _copy(originals: Mapping[type[models.Model], Sequence[models.Model]], copy: int) -> None:
    ids: Ids = {}
    for kind in _KINDS:
        rows, old = [], []
        for original in originals[kind.model]:
            row = _moved(original, kind, ids)
            if row is not None:
                kind.unique(row, copy)
                rows.append(row)
                old.append(original.pk)
        made = kind.model._default_manager.bulk_create(rows, batch_size=BATCH)
        ids[kind.model] = {before: row.pk for before, row in zip(old, made, strict=True)}


def _moved(original: models.Model, kind: _Kind, ids: Ids) -> models.Model | None:
    """Return an unsaved copy that points to the copies of its parents, None where it hangs on none of them."""
    values = {field.attname: getattr(original, field.attname) for field in kind.model._meta.concrete_fields}
    values.pop(kind.model._meta.pk.attname)
    is_moved = not kind.parents
    for name, parent in kind.parents.items():
        before = values[f"{name}_id"]
        if before is None:
            continue
        if before not in ids[parent]:
            return None
        values[f"{name}_id"] = ids[parent][before]
        is_moved = True
    return kind.model(**values) if is_moved else None
