"""From outcomes to proposals: stored in bulk, in one transaction a chunk, never twice."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from django.db import transaction

from advisors import audit
from portfolios.models.households import Account
from portfolios.models.securities import AssetClass, Security
from rebalancing.engine import types as wire
from rebalancing.engine.outcome import AccountOutcome, Check, Outcome, ReturnOutcome, Trade, encode_outcome
from rebalancing.models.proposals import (
    CaseSnapshot,
    LotSelection,
    Proposal,
    ProposalCheck,
    ProposalStatus,
    ProposedTrade,
    StoredOutcome,
)
from rebalancing.models.runs import DayState, RunAccount, RunAccountStatus
from rebalancing.services import moving, runs
from rebalancing.services.cases import packed
from rebalancing.services.figures import Analysis, record_analyses
from rebalancing.services.unfolding import (
    Told,
    account_value_usd,
    allocation_of,
    cents,
    drift_of,
    sentence_of,
    traded_usd,
)
from rebalancing.snapshots.facts import AT_WORK
from rebalancing.snapshots.taking import TakenCase

_WORST_FIRST: Final = ("fail", "relaxed", "pass")
_AT_WORK_SENTENCE: Final = "Its orders went out meanwhile. Nothing is proposed until they are booked."


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What became of one tax household: its case as stored and the answer; or neither, and the failures say why."""

    taken: TakenCase
    snapshot: CaseSnapshot | None
    outcome: Outcome | None
    failed: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drafted:
    """A proposal before it has an id, with the wire values that its rows unfold from."""

    proposal: Proposal
    account: wire.Account
    outcome: AccountOutcome
    analysis: Analysis


@transaction.atomic
def store_outcomes(claim: runs.Claim, solved: Sequence[Solved], *, now: datetime) -> int:
    """
    Store everything that a chunk found out, and close it; return how many proposals there are.

    :raises LostLease: somebody else works on the chunk by now; nothing is stored
    """
    runs.complete_chunk(claim, now=now)
    stored = _store_whole(claim, solved, now=now)
    names = dict(AssetClass.objects.filter(firm_id=claim.firm_id).order_by("position", "pk").values_list("key", "name"))
    everybody = RunAccount.objects.filter(chunk_id=claim.chunk_id).values("account_id")
    busy = set(
        Proposal.objects.filter(account_id__in=everybody, status__in=AT_WORK).values_list("account_id", flat=True)
    )
    drafts = [
        draft
        for one in solved
        if one.outcome is not None
        for draft in _drafts(one, stored=stored[one.taken.tax_household_id], names=names, now=now)
        if draft.proposal.account_id not in busy
    ]
    superseded = moving.supersede([draft.proposal.account_id for draft in drafts], now=now)
    _store_drafts(drafts)
    analyses = _close_accounts(claim, solved, drafts=drafts, busy=busy, now=now)
    _record_figures(claim, analyses, now=now)
    _record_audit(claim, solved, drafts=drafts, superseded_count=superseded, now=now)
    return len(drafts)


def _store_whole(claim: runs.Claim, solved: Sequence[Solved], *, now: datetime) -> Mapping[int, StoredOutcome]:
    rows = [
        StoredOutcome(
            run_id=claim.run_id,
            tax_household_id=one.taken.tax_household_id,
            case=one.snapshot,
            engine_version=one.outcome.engine,
            status=one.outcome.status,
            solver=one.outcome.solver,
            objective_usd=one.outcome.objective,
            lower_bound_usd=one.outcome.lower_bound,
            gap_bps=one.outcome.gap_bps,
            content=packed(encode_outcome(one.outcome)),
            solved_at=now,
        )
        for one in solved
        if one.outcome is not None
    ]
    return {row.tax_household_id: row for row in StoredOutcome.objects.bulk_create(rows)}


def _drafts(one: Solved, *, stored: StoredOutcome, names: Mapping[str, str], now: datetime) -> Iterable[_Drafted]:
    case, outcome = one.taken.case, one.outcome
    if case is None or outcome is None or outcome.status == "invalid":
        return
    by_ref = {account.external_ref: account for account in one.taken.accounts}
    asked = {account.id: account for account in case.accounts}
    returns = {answer.id: answer for answer in outcome.returns}
    for answer in outcome.accounts:
        account = asked[answer.id]
        yield _draft(
            by_ref[answer.id],
            account,
            answer,
            source=_Source(case=case, outcome=outcome, stored=stored, taken=one.taken, names=names, now=now),
            tax=returns.get(account.tax_return or ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    case: wire.Case
    outcome: Outcome
    stored: StoredOutcome
    taken: TakenCase
    names: Mapping[str, str]
    now: datetime


def _draft(
    row: Account, account: wire.Account, answer: AccountOutcome, *, source: _Source, tax: ReturnOutcome | None
) -> _Drafted:
    securities = {security.id: security for security in source.case.securities}
    shares = allocation_of(account, answer, case=source.case, names=source.names)
    proposal = Proposal(
        firm_id=row.firm_id,
        household_id=row.household_id,
        account=row,
        run_id=source.stored.run_id,
        outcome=source.stored,
        as_of_on=source.case.as_of,
        status=ProposalStatus.PROPOSED if answer.trades else ProposalStatus.NO_TRADE,
        status_at=source.now,
        created_at=source.now,
        is_relaxed=bool(answer.relaxed),
        value_usd=cents(account_value_usd(account, securities=securities)),
        traded_usd=traded_usd(answer.trades),
        cash_before_usd=cents(account.cash),
        cash_after_usd=cents(answer.cash_after),
        short_gain_usd=answer.short_gain,
        long_gain_usd=answer.long_gain,
        tax_caused_usd=None if tax is None else tax.tax_caused,
        budget_left_usd=None if tax is None else tax.budget_left,
        cost_usd=cents(answer.cost),
        turnover_frac=answer.turnover,
        tracking_error_before_frac=answer.tracking_error_before,
        tracking_error_after_frac=answer.tracking_error_after,
        opportunity_usd=cents(answer.opportunity),
        opportunity_bps=answer.opportunity_bps,
        gap_bps=source.outcome.gap_bps,
        sentence=sentence_of(answer, _told(account, tax=tax, source=source)),
        relaxed=msgspec.to_builtins(answer.relaxed),
        why_not=msgspec.to_builtins(answer.why_not),
        allocation=[share.plain() for share in shares],
    )
    year = source.taken.taxes.get(row.pk)
    analysis = Analysis(
        state=DayState.PROPOSED if answer.trades else DayState.ANALYSED,
        drift_frac=drift_of(shares),
        tracking_error_frac=answer.tracking_error_before,
        tax_used_usd=None if year is None else year.used_usd,
        budget_usd=None if year is None else year.tax.budget_tax,
        opportunity_usd=proposal.opportunity_usd if answer.trades else Decimal(0),
        opportunity_bps=answer.opportunity_bps if answer.trades else 0.0,
    )
    return _Drafted(proposal=proposal, account=account, outcome=answer, analysis=analysis)


def _told(account: wire.Account, *, tax: ReturnOutcome | None, source: _Source) -> Told:
    sharing = [one for one in source.case.accounts if one.is_taxable and one.tax_return == account.tax_return]
    return Told(account=account, classes=source.names, tax=tax, sharing_count=len(sharing))


def _store_drafts(drafts: Sequence[_Drafted]) -> None:
    """Write proposals, trades, lots and checks: one statement each."""
    Proposal.objects.bulk_create(draft.proposal for draft in drafts)
    symbols = {trade.security for draft in drafts for trade in draft.outcome.trades}
    securities = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk"))
    pairs = [
        (_trade_row(draft.proposal, trade, position=position, security_id=securities[trade.security]), trade, draft)
        for draft in drafts
        for position, trade in enumerate(draft.outcome.trades, start=1)
    ]
    ProposedTrade.objects.bulk_create(row for row, _, _ in pairs)
    LotSelection.objects.bulk_create(
        selection for row, trade, draft in pairs for selection in _selections(row, trade, draft.account)
    )
    ProposalCheck.objects.bulk_create(
        ProposalCheck(
            proposal=draft.proposal, rule=check.rule[:160], verdict=check.verdict, evidence=check.evidence[:600]
        )
        for draft in drafts
        for check in _each_rule_once(draft.outcome.checks)
    )


def _trade_row(proposal: Proposal, trade: Trade, *, position: int, security_id: int) -> ProposedTrade:
    gains = {"short": Decimal(0), "long": Decimal(0)}
    for lot in trade.lots:
        gains[lot.term] += lot.gain
    return ProposedTrade(
        proposal=proposal,
        position=position,
        side=trade.side,
        security_id=security_id,
        units=trade.quantity,
        price_usd=trade.price,
        amount_usd=cents(trade.quantity * trade.price),
        short_gain_usd=gains["short"],
        long_gain_usd=gains["long"],
        reasons=list(trade.reasons),
        why=trade.why[:600],
        benefit=msgspec.to_builtins(trade.benefit) if trade.benefit else {},
    )


def _selections(row: ProposedTrade, trade: Trade, account: wire.Account) -> Iterable[LotSelection]:
    lots = {lot.id: lot for lot in account.lots}
    for part in trade.lots:
        lot = lots[part.lot]
        basis = (lot.cost or Decimal(0)) * part.quantity / lot.quantity
        yield LotSelection(
            trade=row,
            lot_key=part.lot,
            acquired_on=lot.acquired,
            units=part.quantity,
            lot_units=lot.quantity,
            cost_usd=basis.quantize(Decimal("0.000001")),
            gain_usd=part.gain,
            term=part.term,
            waiting_usd=cents(part.waiting),
        )


def _each_rule_once(checks: Iterable[Check]) -> Iterable[Check]:
    """Keep of several checks of one rule the worst."""
    kept: dict[str, Check] = {}
    for check in checks:
        known = kept.get(check.rule)
        if known is None or _WORST_FIRST.index(check.verdict) < _WORST_FIRST.index(known.verdict):
            kept[check.rule] = check
    return kept.values()


def _close_accounts(
    claim: runs.Claim, solved: Sequence[Solved], *, drafts: Sequence[_Drafted], busy: Collection[int], now: datetime
) -> Mapping[int, Analysis]:
    """Say of every account of the chunk what became of it; return the analyses of all but those with orders out."""
    analyses = {draft.proposal.account_id: replace(draft.analysis, proposal_id=draft.proposal.pk) for draft in drafts}
    held = {pk: why for one in solved for pk, why in one.taken.held.items()}
    failed = {pk: why for one in solved for pk, why in (*one.taken.failed.items(), *one.failed.items())}
    rows = list(RunAccount.objects.filter(chunk_id=claim.chunk_id, status=RunAccountStatus.WAITING))
    for row in rows:
        row.finished_at = now
        if row.account_id in analyses:
            row.status = RunAccountStatus.DONE
        elif row.account_id in held or row.account_id in busy:
            row.status = RunAccountStatus.HELD
            row.message = held.get(row.account_id, _AT_WORK_SENTENCE)[:400]
        else:
            row.status = RunAccountStatus.FAILED
            row.message = failed.get(row.account_id, "The engine gave no answer for this account.")[:400]
    RunAccount.objects.bulk_update(rows, ["status", "message", "finished_at"])
    states = {RunAccountStatus.HELD.value: DayState.HELD, RunAccountStatus.FAILED.value: DayState.RECEIVED}
    for row in rows:
        if row.status in states and row.account_id not in busy:
            analyses[row.account_id] = Analysis(state=states[row.status])
    return analyses


def _record_figures(claim: runs.Claim, analyses: Mapping[int, Analysis], *, now: datetime) -> None:
    accounts = list(Account.objects.filter(pk__in=analyses))
    record_analyses(accounts, analyses=analyses, firm_id=claim.firm_id, as_of=claim.as_of, now=now)


def _record_audit(
    claim: runs.Claim, solved: Sequence[Solved], *, drafts: Sequence[_Drafted], superseded_count: int, now: datetime
) -> None:
    """Leave one event a household: which proposals came from which case."""
    by_household: dict[int, list[Proposal]] = {}
    for draft in drafts:
        by_household.setdefault(draft.proposal.household_id, []).append(draft.proposal)
    cases = {one.taken.tax_household_id: one.snapshot.case_hash for one in solved if one.snapshot is not None}
    for household_id, proposals in by_household.items():
        facts = {
            "chunk_id": claim.chunk_id,
            "superseded_in_chunk": superseded_count,
            "proposals": [
                {
                    "proposal_id": one.pk,
                    "account_id": one.account_id,
                    "status": one.status,
                    "case_hash": cases[one.account.tax_household_id],
                }
                for one in proposals
            ],
        }
        audit.record(
            "proposal.proposed",
            actor=None,
            subject=("run", claim.run_id),
            firm_id=claim.firm_id,
            household_id=household_id,
            data=facts,
            now=now,
        )
