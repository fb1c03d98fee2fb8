"""
The comparison of accounts with what their custodian states: with what terms, and what the ledger knows beside its lots.

Most accounts agree and need nothing more. What explains a basis is looked up only for those that differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from advisors.models import BookOfRecord, Firm
from portfolios.ledger.actions_seen import ActionKnown, ActionStanding
from portfolios.ledger.booking import apply_events
from portfolios.ledger.comparison import AdjustLimit, LotFacts, Terms
from portfolios.ledger.corporate_actions.check import check_terms, describe
from portfolios.ledger.corporate_actions.terms import ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.explaining import Explained
from portfolios.ledger.reconcile import Reconciliation, compare, reconcile
from portfolios.ledger.statements import Statement
from portfolios.ledger.types import Book, EventKind, LotEvent, Relief
from portfolios.models.households import Account, TaxStatus
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.selectors import actions_known, comparisons
from portfolios.selectors.break_policies import BreakPolicy, break_policy_of
from portfolios.selectors.comparisons import Standing
from portfolios.services.corporate_actions.stored_terms import all_holder_terms, terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAction:
    """A confirmed action that posting applies before it compares; a preview books it for the look only."""

    known: ActionKnown
    row: CorporateAction
    terms: ActionTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the comparisons of one file share: the firm's rules, its actions, what stands of each account."""

    firm: Firm
    ref: str
    as_of: date
    policy: BreakPolicy
    actions: actions_known.KnownActions
    due: tuple[DueAction, ...]
    set_aside: frozenset[str]
    standing: Mapping[int, Standing]
    accepted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One account as it was compared: what was asked, under which terms, and what was found."""

    statement: Statement
    transactions: tuple[LotEvent, ...]
    book: Book
    terms: Terms
    actions: tuple[ActionKnown, ...] = ()
    facts: LotFacts = field(default_factory=LotFacts)

    def found(self) -> Reconciliation:
        """
        Compare.

        :raises BadInput: what is stated cannot be
        """
        return reconcile(
            statement=self.statement,
            book=self.book,
            transactions=self.transactions,
            actions=self.actions,
            facts=self.facts,
            terms=self.terms,
        )


def open_desk(
    firm: Firm, *, ref: str, as_of: date, accounts: Sequence[Account], accepted: frozenset[str] = frozenset()
) -> Desk:
    """Gather what the comparisons of one file share, in a constant number of queries."""
    keys = [account.pk for account in accounts]
    rows = actions_known.action_rows(firm, as_of=as_of)
    done = actions_known.done_by(rows, keys)
    known = [_known(row) for row in rows]
    ids = {action.key: row.pk for action, row in zip(known, rows, strict=True)}
    due = tuple(
        DueAction(known=action, row=row, terms=terms_of(row))
        for action, row in zip(known, rows, strict=True)
        if row.status == ActionStatus.CONFIRMED and not check_terms(terms_of(row))
    )
    return Desk(
        firm=firm,
        ref=ref,
        as_of=as_of,
        policy=break_policy_of(firm),
        actions=actions_known.KnownActions(actions=known, ids=ids, done=done),
        due=due,
        set_aside=actions_known.set_aside(firm, as_of=as_of),
        standing=comparisons.standing_of(keys),
        accepted=accepted,
    )


def _known(row: CorporateAction) -> ActionKnown:
    terms = terms_of(row)
    prices = [terms.fraction_price_usd, *(each.fraction_price_usd or each.price_usd for each in terms.delivered)]
    return ActionKnown(
        key=terms.key,
        security=terms.security,
        effective_on=terms.effective_on,
        standing=actions_known.standing_of(row),
        sentence=describe(terms),
        delivered=terms.securities[1:],
        ratio=terms.ratio,
        unit_price_usd=max((price for price in prices if price is not None), default=None),
    )


def case_of(
    account: Account,
    *,
    statement: Statement,
    transactions: Sequence[LotEvent],
    book: Book,
    is_cash_known: bool,
    desk: Desk,
) -> Case:
    """Say how an account is compared; a due action is booked for the look where posting would apply it first."""
    standing = desk.standing.get(account.pk, Standing())
    terms = Terms(
        ref=f"{desk.ref}:{account.pk}",
        stated_on=account.positions_on,
        is_custodian_the_record=desk.firm.book_of_record == BookOfRecord.CUSTODIAN,
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        is_cash_known=is_cash_known,
        agreed_on=standing.agreed_on,
        settled=standing.settled,
        accepted=desk.accepted,
        no_split=desk.set_aside,
    )
    actions = list(desk.actions.of(account.pk))
    for due in desk.due:
        if not terms.is_past(due.known.security, due.known.effective_on):
            book, actions = _foreseen(account, due, book, actions)
    return Case(statement=statement, transactions=tuple(transactions), book=book, terms=terms, actions=tuple(actions))


def _foreseen(
    account: Account, due: DueAction, book: Book, actions: list[ActionKnown]
) -> tuple[Book, list[ActionKnown]]:
    """Return the book with a due action in it; one that cannot be booked stays to be waited for."""
    units = book.units_of(due.known.security)
    if not units:
        return book, actions
    holder = all_holder_terms(due.row).get(account.pk, HolderTerms())
    try:
        after = apply_events(book, [_event_of(due, holder)])
    except BadInput:
        return book, actions
    applied = replace(
        due.known,
        standing=ActionStanding.APPLIED,
        before_units=units,
        cash_usd=after.cash.total_usd - book.cash.total_usd,
    )
    return after, [applied if action.key == due.known.key else action for action in actions]


def _event_of(due: DueAction, holder: HolderTerms) -> LotEvent:
    return LotEvent(
        kind=EventKind.CORPORATE_ACTION,
        ref=due.terms.key,
        traded_on=due.terms.effective_on,
        security=due.terms.security,
        action=due.terms,
        holder=holder,
        method=Relief.FIFO,
    )


def look_closer(cases: Mapping[int, Case], desk: Desk) -> dict[int, Case]:
    """Give the accounts that differ what may explain it, and what it is worth: commissions, washes, prices."""
    if not cases:
        return {}
    facts = comparisons.lot_facts(list(cases))
    symbols = {lot.security for case in cases.values() for lot in case.book.lots.values()}
    symbols |= {lot.security for case in cases.values() for lot in case.statement.lots or ()}
    symbols |= {symbol for case in cases.values() for symbol in case.statement.positions or ()}
    prices = comparisons.prices_of(symbols, as_of=max(desk.as_of, desk.firm.business_on or desk.as_of))
    return {
        key: replace(case, facts=facts[key], terms=_priced(case, prices, desk.policy)) for key, case in cases.items()
    }


def _priced(case: Case, prices: Mapping[str, Decimal], policy: BreakPolicy) -> Terms:
    limit = AdjustLimit(
        most_usd=policy.adjust_up_to_usd,
        most_frac=policy.adjust_up_to_frac,
        account_usd=comparisons.value_of(case.book, prices),
    )
    return replace(case.terms, prices=prices, limit=limit)


def compared_again(account: Account, case: Case, book: Book, *, before: Reconciliation) -> tuple[Case, Reconciliation]:
    """Compare a statement with the book that posting led to, where washes made it another than expected."""
    closer = replace(case, facts=comparisons.lot_facts([account.pk])[account.pk])
    explained = Explained(events=before.explaining, book=book)
    found = compare(
        statement=case.statement, explained=explained, actions=case.actions, facts=closer.facts, terms=case.terms
    )
    return closer, replace(found, paid=before.paid)
