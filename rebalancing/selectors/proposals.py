"""One proposal as its page shows it: what, why, why not, the checks, the settings, the way it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from advisors.models import AuditEvent, Membership
from portfolios.models.households import TaxStatus
from portfolios.models.securities import AssetClass
from portfolios.selectors.accounts import StatementSummary, registration_words, statement_summaries
from rebalancing import rules
from rebalancing.charts import ClassWeights
from rebalancing.models.proposals import Proposal, ProposalCheck, ProposalStatus
from rebalancing.models.runs import AccountFigures
from rebalancing.selectors.facts import account_label, proposal_in_book
from rebalancing.selectors.proposal_trades import TradeLine, dollars, trade_lines
from rebalancing.selectors.review import Group, groups_in_book
from rebalancing.selectors.rule_prices import Method, RulePrice, method_of, rule_prices
from rebalancing.selectors.rule_words import kind_words, rule_words, stop_words
from rebalancing.states import OPEN_TO_REVIEW, Status

MOST_EVENTS: Final = 60
_VERDICT_ORDER: Final = {"fail": 0, "relaxed": 1, "pass": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check, or several passed ones of a kind in one line with `parts` below."""

    key: str
    rule: str
    verdict: str
    evidence: str
    parts: tuple["CheckLine", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNotLine:
    """A wish that was not granted, and what stopped it."""

    security: str
    wanted: str
    stopped_by: str
    tax_usd: Decimal | None
    risk_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxedLine:
    """A rule that gave way, by how much, because of what."""

    rule: str
    by: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    happened_at: datetime
    words: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another proposal of the tax household, decided together with this one."""

    id: int
    label: str
    status: str
    traded_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalPage:
    """Everything of the proposal page."""

    proposal: Proposal
    group: Group
    label: str
    account_name: str
    number_last4: str
    registration: str
    is_taxable: bool
    advisor: str
    siblings: tuple[Sibling, ...]
    stale_reasons: tuple[str, ...]
    bars: tuple[str, ...]
    waits_for_advisor: bool
    tolerance_frac: Decimal
    statement: StatementSummary
    sales: tuple[TradeLine, ...]
    purchases: tuple[TradeLine, ...]
    sold_usd: Decimal
    bought_usd: Decimal
    checks: tuple[CheckLine, ...]
    check_count: int
    passed_count: int
    relaxed: tuple[RelaxedLine, ...]
    why_not: tuple[WhyNotLine, ...]
    rule_prices: tuple[RulePrice, ...]
    method: Method
    weights: tuple[ClassWeights, ...]
    history: tuple[HistoryLine, ...]
    figures: AccountFigures | None

    @property
    def trade_count(self) -> int:
        """Return how many trades are proposed."""
        return len(self.sales) + len(self.purchases)

    @property
    def profile(self) -> str:
        """Return the name of the risk profile."""
        profile = self.proposal.account.risk_profile
        return profile.name if profile else ""

    @property
    def net_usd(self) -> Decimal:
        """Return what the trades bring in cash, before cost."""
        return self.sold_usd - self.bought_usd

    @property
    def gain_usd(self) -> Decimal:
        """Return the gains that the sales realise, of both terms."""
        return sum((line.gain_usd for line in self.sales), Decimal(0))

    @property
    def worth_usd(self) -> Decimal | None:
        """Return what all trades bring in dollars of the objective."""
        parts = [line.worth_usd for line in (*self.sales, *self.purchases) if line.worth_usd is not None]
        return sum(parts, Decimal(0)) if parts else None

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still has to decide."""
        return self.proposal.status in OPEN_TO_REVIEW


def proposal_page(member: Membership, proposal_id: int) -> ProposalPage:
    """
    Collect one proposal's page; a constant number of queries for any number of trades and lots.

    :raises NotFound: the proposal lies outside the member's book
    """
    proposal = proposal_in_book(member, proposal_id)
    is_alone = proposal.status in {ProposalStatus.NO_TRADE, ProposalStatus.SUPERSEDED}
    group = Group(proposals=(), facts=()) if is_alone else groups_in_book(member, [proposal_id])[0]
    facts = next((facts for facts in group.facts if facts.proposal_id == proposal.pk), None)
    trades = trade_lines(proposal)
    checks = _check_lines(proposal)
    account = proposal.account
    on = member.firm.business_on or proposal.as_of_on
    return ProposalPage(
        proposal=proposal,
        group=group,
        label=account_label(account),
        account_name=account.name,
        number_last4=account.number_last4,
        registration=registration_words(account),
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        advisor=proposal.household.advisor.user.full_name,
        siblings=tuple(_sibling(each) for each in group.proposals if each.pk != proposal.pk),
        stale_reasons=_together(group, rules.stale_reasons),
        bars=_together(group, rules.release_bars) if proposal.status in OPEN_TO_REVIEW else (),
        waits_for_advisor=bool(rules.waiting_for_advisor(group.facts)),
        tolerance_frac=facts.tolerance_frac if facts else rules.DEFAULT_TOLERANCE_FRAC,
        statement=statement_summaries([account], firm_id=account.firm_id, on=on)[account.pk],
        sales=tuple(line for line in trades if line.is_sale),
        purchases=tuple(line for line in trades if not line.is_sale),
        sold_usd=sum((line.amount_usd for line in trades if line.is_sale), Decimal(0)),
        bought_usd=sum((line.amount_usd for line in trades if not line.is_sale), Decimal(0)),
        checks=checks,
        check_count=sum(max(1, len(check.parts)) for check in checks),
        passed_count=sum(max(1, len(check.parts)) for check in checks if check.verdict == "pass"),
        relaxed=_relaxed_lines(proposal),
        why_not=tuple(_why_not_line(row) for row in proposal.why_not),
        rule_prices=rule_prices(proposal),
        method=method_of(proposal),
        weights=tuple(_weights(row) for row in proposal.allocation),
        history=_history(proposal),
        figures=AccountFigures.objects.filter(account=account).first(),
    )


def _together(group: Group, said: rules.type_of_sayer) -> tuple[str, ...]:
    """Collect what the rules say of each proposal of a group; the account is named where there are several."""
    many = len(group.facts) > 1
    found = [(facts.label, reason) for facts in group.facts for reason in said(facts)]
    return tuple(dict.fromkeys(f"{label}: {reason}" if many else reason for label, reason in found))


def _sibling(proposal: Proposal) -> Sibling:
    return Sibling(
        id=proposal.pk,
        label=account_label(proposal.account),
        status=proposal.status,
        traded_usd=proposal.traded_usd,
    )


def _check_lines(proposal: Proposal) -> tuple[CheckLine, ...]:
    """Unfold the checks, the worst first; what passed many times of one kind becomes one line."""
    classes = _class_names(proposal.firm_id)
    rows = list(ProposalCheck.objects.filter(proposal=proposal).order_by("pk"))
    kinds: dict[tuple[str, str], list[CheckLine]] = {}
    for row in rows:
        words = rule_words(row.rule, classes=classes)
        line = CheckLine(key=f"c{row.pk}", rule=words, verdict=row.verdict, evidence=row.evidence)
        kind = kind_words(row.rule) if row.verdict == "pass" else row.rule
        kinds.setdefault((row.verdict, kind), []).append(line)
    lines = [_one_line(kind, members) for (_, kind), members in kinds.items()]
    return tuple(sorted(lines, key=lambda line: _VERDICT_ORDER[line.verdict]))


def _one_line(kind: str, members: Sequence[CheckLine]) -> CheckLine:
    if len(members) == 1:
        return members[0]
    return CheckLine(
        key=members[0].key,
        rule=kind.removesuffix(" of"),
        verdict=members[0].verdict,
        evidence=f"{len(members)} checked, all passed",
        parts=tuple(members),
    )


def _class_names(firm_id: int) -> Mapping[str, str]:
    return dict(AssetClass.objects.filter(firm_id=firm_id).values_list("key", "name"))


def _relaxed_lines(proposal: Proposal) -> tuple[RelaxedLine, ...]:
    classes = {str(row["key"]): str(row["name"]) for row in proposal.allocation}
    return tuple(
        RelaxedLine(
            rule=rule_words(str(row["rule"]), classes=classes),
            by=str(row["by"]),
            because=rule_words(str(row["because"]), classes=classes) if row.get("because") else "",
        )
        for row in proposal.relaxed
    )


def _why_not_line(row: Mapping[str, object]) -> WhyNotLine:
    price = row.get("price_of_it")
    price = price if isinstance(price, Mapping) else {}
    return WhyNotLine(
        security=str(row["security"]),
        wanted=str(row["wanted"]),
        stopped_by=stop_words(str(row["stopped_by"])),
        tax_usd=dollars(price.get("tax")),
        risk_usd=dollars(price.get("risk_benefit")),
    )


def _weights(row: Mapping[str, object]) -> ClassWeights:
    return ClassWeights(
        name=str(row["name"]),
        held_frac=dollars(row["before"]) or Decimal(0),
        after_frac=dollars(row["after"]),
        target_frac=dollars(row["target"]),
        min_frac=dollars(row.get("min")),
        max_frac=dollars(row.get("max")),
    )


def _history(proposal: Proposal) -> tuple[HistoryLine, ...]:
    events = AuditEvent.objects.filter(
        firm_id=proposal.firm_id, subject_type="proposal", subject_id=str(proposal.pk)
    ).order_by("-happened_at", "-pk")
    said = [
        HistoryLine(
            happened_at=event.happened_at,
            words=event.action.removeprefix("proposal.").replace("_", " ").capitalize(),
            who=event.actor_name or "Trimtab",
            reason=event.reason,
        )
        for event in events[:MOST_EVENTS]
    ]
    words = "Analysed, no trade needed" if proposal.status == Status.NO_TRADE else "Proposed"
    first = HistoryLine(happened_at=proposal.created_at, words=words, who=f"Run {proposal.run_id}", reason="")
    return (*said, first)
