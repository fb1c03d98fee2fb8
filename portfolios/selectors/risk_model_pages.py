"""The firm's risk models as their pages show them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.models.guidance import VersionStatus
from portfolios.models.market import RiskModelOrigin, RiskModelVersion
from portfolios.risk.realised import Summary
from portfolios.selectors.risk_models import risk_model_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModelRow:
    """One version in the list."""

    id: int
    name: str
    origin: str
    status: str
    effective_on: date
    factor_count: int
    security_count: int
    received_at: datetime
    author: str
    decided_by: str
    decided_at: datetime | None
    is_in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModelPage:
    """One version with what it was made of; an imported one has no findings."""

    row: RiskModelRow
    author_id: int | None
    from_on: date | None
    to_on: date | None
    day_count: int
    held_out_days: int
    volatilities: tuple[tuple[str, float], ...]
    by_peers: tuple[str, ...]
    unknown: tuple[str, ...]
    covered_frac: float | None
    foresight: Summary | None
    present: Summary | None


def risk_model_rows(member: Membership, *, today: date) -> tuple[RiskModelRow, ...]:
    """Return the last fifty versions of the firm, the newest first; two queries."""
    current = risk_model_in_force(member.firm_id, as_of=member.firm.business_on or today)
    rows = RiskModelVersion.objects.filter(firm_id=member.firm_id).select_related("author", "decided_by")
    ordered = rows.order_by("-effective_on", "-pk")[:50]
    return tuple(_row(row, is_in_force=current is not None and row.pk == current.pk) for row in ordered)


def risk_model_page(member: Membership, version_id: int, *, today: date) -> RiskModelPage:
    """
    Return one version.

    :raises NotFound: the firm has none of this number
    """
    rows = RiskModelVersion.objects.filter(firm_id=member.firm_id).select_related("author", "decided_by")
    version = rows.filter(pk=version_id).first()
    if version is None:
        raise NotFound("Your firm has no such risk model.")
    current = risk_model_in_force(member.firm_id, as_of=member.firm.business_on or today)
    told: dict[str, Any] = version.findings
    return RiskModelPage(
        row=_row(version, is_in_force=current is not None and version.pk == current.pk),
        author_id=version.author_id,
        from_on=_day(told.get("from_on")),
        to_on=_day(told.get("to_on")),
        day_count=told.get("day_count", 0),
        held_out_days=told.get("held_out_days", 0),
        volatilities=tuple(told.get("volatilities", {}).items()),
        by_peers=tuple(told.get("by_peers", ())),
        unknown=tuple(told.get("unknown", ())),
        covered_frac=told.get("covered_frac"),
        foresight=_summary(told.get("foresight")),
        present=_summary(told.get("present")),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _summary(told: dict[str, Any] | None) -> Summary | None:
    return Summary(**told) if told else None


def _row(row: RiskModelVersion, *, is_in_force: bool) -> RiskModelRow:
    return RiskModelRow(
        id=row.pk,
        name=row.name,
        origin=RiskModelOrigin(row.origin).label,
        status="in_force" if is_in_force else VersionStatus(row.status).value,
        effective_on=row.effective_on,
        factor_count=row.factor_count,
        security_count=row.security_count,
        received_at=row.received_at,
        author=row.author.full_name if row.author else "",
        decided_by=row.decided_by.full_name if row.decided_by else "",
        decided_at=row.decided_at,
        is_in_force=is_in_force,
    )
