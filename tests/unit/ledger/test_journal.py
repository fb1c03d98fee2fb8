"""What an event carries comes back from the journal as it was."""

from datetime import date
from decimal import Decimal

from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.journal import IN_COLUMNS, event_detail, event_from
from portfolios.ledger.types import Disposition, DispositionKind, EventKind, LotEvent, Relief, Term

D = Decimal


def _there_and_back(event: LotEvent) -> LotEvent:
    return event_from({name: getattr(event, name) for name in IN_COLUMNS}, event_detail(event))


def test_a_corporate_action_keeps_its_terms_and_its_holder() -> None:
    terms = ActionTerms(
        kind=ActionKind.SPIN_OFF, key="7", security="PAR", effective_on=date(2025, 3, 3), price_usd=D("90.10"),
        delivered=(Delivery(security="CHI", units_per_unit=D("0.25"), basis_frac=D("0.1")),), pays_fractions=True,
    )  # fmt: skip
    holder = HolderTerms(fraction_cash_usd=(("CHI", D("6.10")),), tendered_lots=(("L1", D(5)),))
    event = LotEvent(
        kind=EventKind.CORPORATE_ACTION, ref="action:7", traded_on=terms.effective_on, security="PAR", action=terms,
        holder=holder, method=Relief.HIFO,
    )  # fmt: skip

    assert _there_and_back(event) == event


def test_a_disposition_keeps_its_kind_and_what_is_lost_for_good() -> None:
    sold = Disposition(
        event_ref="S", lot_key="L", root_key="L", security="XYZ", units=D(3), proceeds_usd=D(10), cost_usd=D(30),
        gain_usd=D(-20), term=Term.LONG, sold_on=date(2025, 3, 3), acquired_on=date(2020, 3, 3),
        disallowed_usd=D(12), permanent_usd=D(5), wash_adjustment_usd=D(2), kind=DispositionKind.CASH_IN_LIEU,
    )  # fmt: skip
    event = LotEvent(
        kind=EventKind.SELL, ref="S", traded_on=sold.sold_on, security="XYZ", units=D(3), is_past=True,
        dispositions=(sold,), short_frac=D("0.4"), long_frac=D("0.2"),
    )  # fmt: skip

    assert _there_and_back(event) == event
    assert sold.is_permanent and sold.provisional_until_on == date(2025, 4, 2)


def test_a_cancellation_names_what_never_happened() -> None:
    event = LotEvent(kind=EventKind.CANCEL, ref="C", traded_on=date(2025, 3, 3), corrects="S", reason="never traded")

    assert _there_and_back(event) == event
