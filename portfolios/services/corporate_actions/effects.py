"""What an action does to one holder: the event that books it, and the effect that the ledger gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from portfolios.ledger.corporate_actions.effect import ActionEffect
from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import ZERO, Disposition, EventKind, Lot, LotEvent, Relief, Term
from portfolios.models.market import CorporateAction
from portfolios.services.corporate_actions.holders import Holder
from portfolios.services.corporate_actions.stored_terms import event_ref

RELIEF: Final = "action_relief"  # firm policy: which lots give up a fraction or a tender


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEffect:
    """
    One account before and after an action, computed by the code that books it.

    `fault` says why it cannot be booked; then nothing else is told. `units_before` and `units_after` are of the
    security itself; a basis is None where one of the lots has an unknown one. `fractions` are (security, units, cash).
    """

    account_id: int
    account_name: str
    household_id: int
    fault: str = ""
    before: tuple[Lot, ...] = ()
    after: tuple[Lot, ...] = ()
    units_before: Decimal = ZERO
    units_after: Decimal = ZERO
    basis_before_usd: Decimal | None = ZERO
    basis_after_usd: Decimal | None = ZERO
    delivered: tuple[tuple[str, Decimal], ...] = ()
    cash_usd: Decimal = ZERO
    income_usd: Decimal = ZERO
    dispositions: tuple[Disposition, ...] = ()
    fractions: tuple[tuple[str, Decimal, Decimal], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def gain_usd(self) -> Decimal:
        """Return the gain of every disposition whose basis is known."""
        return sum((sold.gain_usd or ZERO for sold in self.dispositions), ZERO)

    def gain_of(self, term: Term) -> Decimal:
        """Return the gain of one term."""
        return sum((sold.gain_usd or ZERO for sold in self.dispositions if sold.term is term), ZERO)


def relief_of(action: CorporateAction) -> Relief:
    """Return by which method a fraction or a tender takes its lots: first in, first out unless the firm says so."""
    return Relief(action.firm.policies.get(RELIEF, Relief.FIFO.value))


def action_event(
    action: CorporateAction, terms: ActionTerms, holder: HolderTerms, *, cash_usd: Decimal = ZERO
) -> LotEvent:
    """Return the event that books an action in one account."""
    return LotEvent(
        kind=EventKind.CORPORATE_ACTION,
        ref=event_ref(action),
        traded_on=terms.effective_on,
        security=terms.security,
        amount_usd=cash_usd,
        method=relief_of(action),
        action=terms,
        holder=holder,
    )


def effect_on(
    holder: Holder, action: CorporateAction, terms: ActionTerms, elected: Mapping[int, HolderTerms]
) -> AccountEffect:
    """Return what an action does to one holder, or why it cannot be booked there."""
    account = holder.account
    try:
        effect = apply_action(
            holder.lots,
            terms,
            elected.get(account.pk, HolderTerms()),
            method=relief_of(action),
            event_ref=event_ref(action),
            taken=holder.taken,
        )
    except BadInput as fault:
        said = str(fault)
        return AccountEffect(
            account_id=account.pk,
            account_name=account.name,
            household_id=account.household_id,
            fault=f"{said[:1].upper()}{said[1:]}.",
            before=holder.lots,
            units_before=_units(holder.lots, terms.security),
        )
    return _effect(holder, terms, effect)


def _effect(holder: Holder, terms: ActionTerms, effect: ActionEffect) -> AccountEffect:
    after = (*effect.kept, *effect.opened)
    delivered = {each.security for each in terms.delivered if each.security != terms.security}
    return AccountEffect(
        account_id=holder.account.pk,
        account_name=holder.account.name,
        household_id=holder.account.household_id,
        before=holder.lots,
        after=after,
        units_before=_units(holder.lots, terms.security),
        units_after=_units(after, terms.security),
        basis_before_usd=_basis(holder.lots),
        basis_after_usd=_basis(after),
        delivered=tuple((symbol, _units(after, symbol)) for symbol in sorted(delivered)),
        cash_usd=effect.cash_usd,
        income_usd=effect.income_usd,
        dispositions=effect.dispositions,
        fractions=tuple(
            (sold.security, sold.units, sold.proceeds_usd)
            for sold in effect.dispositions
            if sold.kind.value == "cash_in_lieu"
        ),
        notes=effect.notes,
    )


def _units(lots: tuple[Lot, ...], security: str) -> Decimal:
    return sum((lot.units for lot in lots if lot.security == security), ZERO)


def _basis(lots: tuple[Lot, ...]) -> Decimal | None:
    costs = [lot.cost_usd for lot in lots]
    return None if None in costs else sum((cost for cost in costs if cost is not None), ZERO)
