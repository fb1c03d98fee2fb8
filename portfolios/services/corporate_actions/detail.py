"""The page of one corporate action: its terms in words, what happened to it, and what follows beyond this room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from advisors.models import AuditEvent
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.models.households import Account
from portfolios.models.market import CorporateAction
from portfolios.models.securities import Security
from portfolios.services.action_signals import action_foreseen
from portfolios.services.corporate_actions.agreement import Disagreement, disagreements
from portfolios.services.corporate_actions.stored_terms import ActionChoices, all_holder_terms

_SUBJECT: Final = "corporate_action"
_WORDS: Final[Mapping[str, str]] = {
    "corporate_action.announced": "Announced",
    "corporate_action.restated": "Restated, to be confirmed again",
    "corporate_action.confirmed": "Confirmed",
    "corporate_action.applied": "Applied",
    "corporate_action.applied_to_latecomers": "Applied to holders who had been left out",
    "corporate_action.followed": "Proposals and orders followed",
    "corporate_action.reversed": "Reversed",
    "corporate_action.withdrawn": "Withdrawn",
    "corporate_action.set_aside": "Set aside",
    "corporate_action.holder_terms_set": "One holder's terms kept",
    "corporate_action.cash_in_lieu_corrected": "Cash for a fraction corrected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TermLine:
    """One term of an action: what it is, and what is said."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened to an action."""

    happened_at: datetime
    words: str
    who: str
    detail: str


def term_lines(terms: ActionTerms, choices: ActionChoices) -> tuple[TermLine, ...]:
    """Return the terms as pairs for a page; what is not told is left out."""
    return tuple(TermLine(label=label, value=value) for label, value in _lines(terms, choices) if value)


def _lines(terms: ActionTerms, choices: ActionChoices) -> Iterator[tuple[str, str]]:
    yield "New units for one old", "" if terms.ratio is None else _number(terms.ratio)
    for each in terms.delivered:
        yield f"Delivers {each.security}", _delivered(each)
    yield "Cash for each old unit", _usd(terms.cash_per_unit_usd) if terms.cash_per_unit_usd else ""
    yield f"Price of {terms.security} after", "" if terms.price_usd is None else _usd(terms.price_usd)
    yield "Taxed to holders", "yes" if terms.is_taxable else ""
    yield "Fractions", _fractions(terms)
    if terms.kind is ActionKind.SPIN_OFF:
        yield "Security models", "hold the new companies too" if choices.buy_children else "keep only the parent"


def _delivered(each: Delivery) -> str:
    parts = [f"{_number(each.units_per_unit)} for each unit"]
    if each.price_usd is not None:
        parts.append(f"worth {_usd(each.price_usd)}")
    if each.basis_frac is not None:
        parts.append(f"{_number(each.basis_frac * 100)} % of the basis")
    if each.fraction_price_usd is not None:
        parts.append(f"fractions at {_usd(each.fraction_price_usd)}")
    return ", ".join(parts)


def _fractions(terms: ActionTerms) -> str:
    if not terms.pays_fractions:
        return ""
    if terms.fraction_price_usd is None:
        return "paid in cash"
    return f"paid in cash, {_usd(terms.fraction_price_usd)} a new unit"


def _number(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.000000001')).normalize():,f}"


def _usd(value: Decimal) -> str:
    plain = value.normalize()
    places = max(2, -int(plain.as_tuple().exponent))
    return f"${value:,.{places}f}"


def moments_of(action: CorporateAction) -> tuple[Moment, ...]:
    """Return what happened to an action, newest first, from the audit log."""
    events = AuditEvent.objects.filter(
        firm_id=action.firm_id, subject_type=_SUBJECT, subject_id=str(action.pk), action__startswith="corporate_action."
    ).order_by("-happened_at", "-pk")
    return tuple(
        Moment(
            happened_at=event.happened_at,
            words=_WORDS.get(
                event.action, event.action.removeprefix("corporate_action.").replace("_", " ").capitalize()
            ),
            who=event.actor_name or "by itself",
            detail=event.reason or _detail(event),
        )
        for event in events
    )


def _detail(event: AuditEvent) -> str:
    data: Mapping[str, object] = event.data
    match event.action:
        case "corporate_action.applied":
            return f"{data.get('account_count', 0)} accounts"
        case "corporate_action.followed":
            return (
                f"{data.get('stale', 0)} proposals stale, {data.get('withdrawn', 0)} orders withdrawn, "
                f"{data.get('held', 0)} accounts wait for orders that are out"
            )
    return ""


def foreseen(action: CorporateAction, terms: ActionTerms) -> tuple[str, ...]:
    """Ask the other rooms what applying an action will do there: to open proposals, to orders."""
    securities = Security.objects.filter(symbol__in=terms.securities).values_list("pk", flat=True)
    answers = action_foreseen.send(
        sender=CorporateAction, firm_id=action.firm_id, security_ids={action.security_id, *securities}
    )
    return tuple(str(sentence) for _, sentences in answers for sentence in sentences or ())


def disagreements_on(action: CorporateAction) -> tuple[Disagreement, ...]:
    """Return where price, position and model do not agree about the security of an action."""
    return tuple(one for one in disagreements(action.firm) if one.symbol == action.security.symbol)


def holder_choices(action: CorporateAction) -> tuple[tuple[int, str], ...]:
    """Return the accounts that hold the security of an action, by name, for what single holders elect or tender."""
    accounts = Account.objects.filter(
        firm_id=action.firm_id, is_held_away=False, lots__security_id=action.security_id, lots__closed_on__isnull=True
    ).distinct()
    rows = accounts.order_by("name", "pk").values_list("pk", "name", "number_last4")
    return tuple((pk, f"{name} ··{last4}") for pk, name, last4 in rows)


def holder_lines(action: CorporateAction) -> tuple[TermLine, ...]:
    """Return what single holders elected or tendered so far."""
    kept = all_holder_terms(action)
    names = dict(Account.objects.filter(pk__in=kept).values_list("pk", "name"))
    return tuple(
        TermLine(label=names.get(pk, f"account {pk}"), value=_holder_words(terms)) for pk, terms in sorted(kept.items())
    )


def _holder_words(terms: HolderTerms) -> str:
    said = []
    if terms.tendered_units is not None:
        said.append(f"tenders {_number(terms.tendered_units)} units")
    if terms.elected_cash_per_unit_usd is not None and terms.elected_units_per_unit is not None:
        got = f"{_usd(terms.elected_cash_per_unit_usd)} and {_number(terms.elected_units_per_unit)} units for each unit"
        said.append(f"elected {got}")
    said += [f"was paid {_usd(paid)} for a fraction of {symbol}" for symbol, paid in terms.fraction_cash_usd]
    return ", ".join(said) or "tenders all that is held"
