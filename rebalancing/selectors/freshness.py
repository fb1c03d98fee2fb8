"""What changed since a proposal's case was taken: prices, positions, corporate actions, preferences, guidance."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from django.db.models import Max

from advisors.models import AuditEvent, Firm
from portfolios.models.guidance import (
    DefaultsVersion,
    ProductListVersion,
    RiskProfileVersion,
    ScreenListVersion,
    SecurityModelVersion,
    SubstituteListVersion,
    VersionStatus,
)
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import RiskModelVersion
from portfolios.selectors.preferences import preferences_changed_at
from portfolios.selectors.prices import last_prices
from rebalancing.models.proposals import Proposal, ProposedTrade
from rebalancing.rules import DEFAULT_TOLERANCE_FRAC, PriceMove
from rebalancing.selectors.action_words import actions_since

TOLERANCE_POLICY: Final = "stale.price_tolerance_frac"
_GUIDANCE_ACTIONS: Final = ("securities.posted",)
_LISTS: Final = (ProductListVersion, SubstituteListVersion, DefaultsVersion, ScreenListVersion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs today from a proposal's case."""

    moves: tuple[PriceMove, ...] = ()
    actions: tuple[str, ...] = ()
    is_position_changed: bool = False
    is_preference_changed: bool = False
    is_guidance_changed: bool = False


def tolerance_of(firm: Firm) -> Decimal:
    """Return how far a price may move before a proposal is stale: the firm's policy, else two per cent."""
    try:
        said = Decimal(str(firm.policies.get(TOLERANCE_POLICY, DEFAULT_TOLERANCE_FRAC)))
    except InvalidOperation:
        return DEFAULT_TOLERANCE_FRAC
    return said if said.is_finite() and said >= 0 else DEFAULT_TOLERANCE_FRAC


def taken_at(proposal: Proposal) -> datetime:
    """
    Return since when changes count: when the case was taken.

    A case that a later run found unchanged keeps its first row, so the start of the run counts where that is later.
    """
    moment = proposal.outcome.case.taken_at
    return max(moment, proposal.run.started_at or moment)


def changes_of(proposals: Sequence[Proposal], *, firm: Firm) -> Mapping[int, Changes]:
    """
    Compare proposals of a firm with today, by proposal id; a dozen queries for any number.

    The proposals come with `outcome__case`, `run` and `account` loaded.
    """
    if not proposals:
        return {}
    account_ids = {proposal.account_id for proposal in proposals}
    posted = _posted_at(account_ids)
    preferred = preferences_changed_at(account_ids)
    guided = _guidance_changed_at(firm)
    moves = _moves([proposal.pk for proposal in proposals], firm=firm)
    taken = {proposal.pk: taken_at(proposal) for proposal in proposals}
    acted = actions_since(proposals, since=taken)
    found = {}
    for proposal in proposals:
        since = taken[proposal.pk]
        guidance = (guided.get(None), guided.get(proposal.account.risk_profile_id))
        found[proposal.pk] = Changes(
            moves=moves.get(proposal.pk, ()),
            actions=acted.get(proposal.pk, ()),
            is_position_changed=_is_later(posted.get(proposal.account_id), since),
            is_preference_changed=_is_later(preferred.get(proposal.account_id), since),
            is_guidance_changed=any(_is_later(moment, since) for moment in guidance),
        )
    return found


def _is_later(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment > since


def _posted_at(account_ids: Collection[int]) -> Mapping[int, datetime]:
    rows = LedgerEvent.objects.filter(account_id__in=account_ids).values_list("account_id")
    return dict(rows.annotate(last=Max("recorded_at")))


def _guidance_changed_at(firm: Firm) -> Mapping[int | None, datetime]:
    """Return when each risk profile was last changed by its id, and under None what concerns every account."""
    in_force = {"status": VersionStatus.APPROVED}
    if firm.business_on is not None:
        in_force["effective_on__lte"] = firm.business_on  # type: ignore[assignment]
    profiles = RiskProfileVersion.objects.filter(risk_profile__firm=firm, **in_force).values_list("risk_profile_id")
    found: dict[int | None, datetime] = dict(profiles.annotate(last=Max("approved_at")))
    models = SecurityModelVersion.objects.filter(security_model__firm=firm, **in_force)
    events = AuditEvent.objects.filter(firm_id=firm.pk, action__in=_GUIDANCE_ACTIONS)
    everywhere = [
        models.aggregate(last=Max("approved_at"))["last"],
        *(
            kind._default_manager.filter(firm=firm, **in_force).aggregate(last=Max("approved_at"))["last"]
            for kind in _LISTS
        ),
        *RiskModelVersion.objects.filter(firm=firm, status=VersionStatus.APPROVED)
        .aggregate(received=Max("received_at"), approved=Max("decided_at"))
        .values(),
        events.aggregate(last=Max("happened_at"))["last"],
    ]
    known = [moment for moment in everywhere if moment is not None]
    return {**found, None: max(known)} if known else found


def _moves(proposal_ids: Collection[int], *, firm: Firm) -> Mapping[int, tuple[PriceMove, ...]]:
    if firm.business_on is None:
        return {}
    columns = ("proposal_id", "security_id", "security__symbol", "price_usd")
    trades = list(ProposedTrade.objects.filter(proposal_id__in=proposal_ids).values_list(*columns))
    prices = last_prices({security_id for _, security_id, _, _ in trades}, as_of=firm.business_on)
    found: dict[int, list[PriceMove]] = defaultdict(list)
    for proposal_id, security_id, symbol, price in trades:
        last = prices.get(security_id)
        if last is None or last.price_usd != price:
            found[proposal_id].append(
                PriceMove(symbol=symbol, case_usd=price, now_usd=last.price_usd if last else None)
            )
    return {proposal_id: tuple(moves) for proposal_id, moves in found.items()}
