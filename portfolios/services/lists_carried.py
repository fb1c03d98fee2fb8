"""The firm's lists of products and substitutes, carried on by a corporate action: a new version of each that counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from advisors import audit
from advisors.models import Firm, User
from portfolios.models.guidance import ProductListVersion, SubstituteListVersion, Version, VersionStatus
from portfolios.selectors.guidance_versions import ProductRow, SubstituteRow, product_rows, substitute_rows
from portfolios.services.house_view.versions import Stamp, add_product_list, add_substitute_list

V = TypeVar("V", ProductListVersion, SubstituteListVersion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrying:
    """Who answers for it and why: whoever announced the action, whoever confirmed it, from its ex-date on."""

    firm: Firm
    on: date
    why: str
    maker: User
    checker: User
    now: datetime

    def stamp(self, version: Version) -> Stamp:
        """Stamp what takes the place of a version."""
        on = max(version.effective_on, self.on)
        return Stamp(effective_on=on, author=self.maker, approver=self.checker, now=self.now)


def carry_product_lists(
    carrying: Carrying, edit: Callable[[Sequence[ProductRow]], Sequence[ProductRow]]
) -> tuple[int, ...]:
    """Edit the list of products in force and those approved for later; return the ids of the new versions."""
    made = []
    for version in counting_lists(ProductListVersion, carrying.firm.pk, on=carrying.on):
        rows = product_rows(version.pk)
        edited = edit(rows)
        if edited != rows:
            made.append(add_product_list(carrying.firm, edited, stamp=carrying.stamp(version)))
    return _recorded("product_list.carried", made, carrying)


def carry_substitute_lists(
    carrying: Carrying, edit: Callable[[Sequence[SubstituteRow]], Sequence[SubstituteRow]]
) -> tuple[int, ...]:
    """Edit the list of substitutes in force and those approved for later; return the ids of the new versions."""
    made = []
    for version in counting_lists(SubstituteListVersion, carrying.firm.pk, on=carrying.on):
        rows = substitute_rows(version.pk)
        edited = edit(rows)
        if edited != rows:
            made.append(add_substitute_list(carrying.firm, edited, stamp=carrying.stamp(version)))
    return _recorded("substitute_list.carried", made, carrying)


def counting_lists(kind: type[V], firm_id: int, *, on: date) -> Iterator[V]:
    """Yield the list in force on a day and those that are approved for later."""
    approved = kind._default_manager.filter(firm_id=firm_id, status=VersionStatus.APPROVED)
    in_force = approved.filter(effective_on__lte=on).order_by("-effective_on", "-number").first()
    if in_force is not None:
        yield in_force
    yield from approved.filter(effective_on__gt=on).order_by("effective_on", "number")


def withdraw_lists(kind: type[V], ids: Sequence[int], *, why: str, now: datetime) -> None:
    """Withdraw versions that an action made; what they replaced is in force again."""
    for version in kind._default_manager.filter(pk__in=ids).exclude(status=VersionStatus.WITHDRAWN).order_by("pk"):
        kind._default_manager.filter(pk=version.pk).update(status=VersionStatus.WITHDRAWN)
        facts: Mapping[str, object] = {"number": version.number}
        audit.record(
            f"{kind._meta.model_name}.withdrawn",
            actor=None,
            subject=version,
            firm_id=version.firm_id,
            data=facts,
            reason=why,
            now=now,
        )


def _recorded(action: str, made: Sequence[V], carrying: Carrying) -> tuple[int, ...]:
    for version in made:
        facts = {"number": version.number, "effective_on": version.effective_on}
        audit.record(
            action,
            actor=carrying.checker,
            subject=version,
            firm_id=carrying.firm.pk,
            data=facts,
            reason=carrying.why,
            now=carrying.now,
        )
    return tuple(version.pk for version in made)
