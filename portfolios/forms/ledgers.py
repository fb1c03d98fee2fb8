"""The forms of the ledger page: what to look for, what is recorded by hand, why an event is cancelled."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import uuid4

from django import forms

from portfolios.forms.preferences import date_field, number_field
from portfolios.ledger.entries import Entry, EntryKind
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import UNIT_STEP, LotPick, Relief
from portfolios.selectors.ledger_pages import LedgerQuery

KIND_CHOICES: Final = (
    (EntryKind.PURCHASE.value, "Purchase"),
    (EntryKind.REINVESTMENT.value, "Reinvested dividend"),
    (EntryKind.SALE.value, "Sale"),
    (EntryKind.TRANSFER_IN.value, "Received in kind"),
    (EntryKind.TRANSFER_OUT.value, "Delivered in kind"),
    (EntryKind.GIFT.value, "Gift received"),
    (EntryKind.INHERITANCE.value, "Inheritance received"),
    (EntryKind.CASH.value, "Cash in or out"),
)
_METHODS: Final = (
    (Relief.FIFO.value, "First in, first out"),
    (Relief.LIFO.value, "Last in, first out"),
    (Relief.HIFO.value, "Highest basis first"),
    (Relief.LOFO.value, "Lowest basis first"),
    (Relief.MAX_LOSS.value, "Most loss first"),
    (Relief.MAX_GAIN.value, "Most gain first"),
    (Relief.LONG_FIRST.value, "Long-term first"),
    (Relief.MIN_TAX.value, "Least tax, by the rates of the return"),
    (Relief.AVERAGE_COST.value, "Average cost, mutual funds only"),
)
_FIRST_TRADE_ON: Final = date(1970, 1, 1)
_FIRST_ACQUIRED_ON: Final = date(1900, 1, 1)


def new_ref() -> str:
    """Return a reference that makes a form count once, however often it is sent."""
    return f"m:{uuid4().hex[:16]}"


class LedgerFilterForm(forms.Form):
    """Which events of a journal to show."""

    security = forms.ChoiceField(label="Security", required=False)
    starts_on = date_field("From")
    ends_on = date_field("To")

    def __init__(self, data: Mapping[str, Any] | None, *, symbols: Sequence[str]) -> None:
        super().__init__(data)
        field = self.fields["security"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Every security"), *((symbol, symbol) for symbol in symbols)]

    def value(self) -> LedgerQuery:
        """Return what is looked for; a form with faults finds everything."""
        if not self.is_valid():
            return LedgerQuery()
        said = self.cleaned_data
        return LedgerQuery(symbol=said["security"], starts_on=said["starts_on"], ends_on=said["ends_on"])


class ReasonForm(forms.Form):
    """Why something changes in the ledger; `ref` makes it count once."""

    reason = forms.CharField(label="Reason", max_length=240, help_text="Kept with the change, and in the audit log.")
    ref = forms.CharField(widget=forms.HiddenInput, max_length=24)


class TradeForm(ReasonForm):
    """What happened on a day to units of a security, within what a ledger can hold."""

    def clean_on(self) -> date:
        """Refuse a day before ledgers begin, which is a slip of the keyboard."""
        return _not_before(self.cleaned_data["on"], _FIRST_TRADE_ON)

    def clean_units(self) -> Decimal | None:
        """Refuse units that the journal cannot keep."""
        units: Decimal | None = self.cleaned_data["units"]
        if units and not _is_kept(units):
            raise forms.ValidationError(f"Units are counted in steps of {UNIT_STEP}.")
        return units


def _not_before(day: date, first: date) -> date:
    if day < first:
        raise forms.ValidationError(f"{day} lies before {first}, the first day that is accepted here.")
    return day


def _is_kept(units: Decimal) -> bool:
    return units == units.quantize(UNIT_STEP)


class EntryForm(TradeForm):
    """What is recorded by hand, or takes the place of an event."""

    kind = forms.ChoiceField(label="What happened", choices=KIND_CHOICES)
    on = date_field("On", required=True, help_text="The trade date; for what came in kind, the day it came.")
    security = forms.CharField(label="Security", max_length=24, required=False, help_text="Its symbol.")
    units = number_field("Units", least=0)
    amount_usd = number_field(
        "Net amount $", help_text="What a purchase cost or a sale brought, fees included. Of cash: minus for paid out."
    )
    acquired_on = date_field(
        "Acquired on",
        help_text="In kind: when it was bought. A gift: when the donor bought it. Inherited: day of death.",
    )
    cost_usd = number_field(
        "Basis $",
        least=0,
        help_text="In kind: the total basis; of a gift, the donor's. Leave blank if nobody knows it.",
    )
    fair_usd = number_field(
        "Value $", least=0, help_text="Of a gift on the day it was given, of an inheritance on the day of death."
    )
    method = forms.ChoiceField(label="Lots by", choices=_METHODS, required=False)
    lots = forms.CharField(
        label="Or these lots",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line: the lot and its units, as in “L12 40”.",
    )
    field_order = (
        "kind", "on", "security", "units", "amount_usd", "acquired_on", "cost_usd", "fair_usd", "method", "lots",
        "reason", "ref",
    )  # fmt: skip

    def clean_acquired_on(self) -> date | None:
        """Refuse a day that nobody alive can have bought on."""
        day: date | None = self.cleaned_data["acquired_on"]
        return None if day is None else _not_before(day, _FIRST_ACQUIRED_ON)

    def clean_lots(self) -> tuple[LotPick, ...]:
        """Read lots and units, line by line."""
        picks = []
        for number, line in enumerate(self.cleaned_data["lots"].splitlines(), start=1):
            key, _, told = line.strip().rpartition(" ")
            if not line.strip():
                continue
            try:
                units = Decimal(told.replace(",", ""))
                if not _is_kept(units):
                    raise forms.ValidationError(f"Line {number}: units are counted in steps of {UNIT_STEP}.")
                picks.append(LotPick(key=key.strip(), units=units))
            except (InvalidOperation, BadInput):
                raise forms.ValidationError(f"Line {number}: write the lot, a blank, and its units.") from None
        return tuple(picks)

    def value(self) -> Entry:
        """Return what is recorded."""
        said = self.cleaned_data
        return Entry(
            kind=EntryKind(said["kind"]),
            on=said["on"],
            security=said["security"].strip().upper(),
            units=said["units"] or Decimal(0),
            amount_usd=said["amount_usd"] or Decimal(0),
            cost_usd=said["cost_usd"],
            fair_usd=said["fair_usd"],
            acquired_on=said["acquired_on"],
            picks=said["lots"],
            method=Relief(said["method"] or Relief.FIFO),
            reason=said["reason"],
        )


class OutsideTradeForm(TradeForm):
    """A trade in an account held away."""

    side = forms.ChoiceField(label="What happened", choices=(("buy", "Purchase"), ("sell", "Sale")))
    on = date_field("On", required=True)
    security = forms.CharField(label="Security", max_length=24, help_text="Its symbol.")
    units = number_field("Units", required=True, least=0)
    loss_usd = number_field("Loss $", least=0, help_text="Of a sale at a loss: the loss, as a positive amount.")
    field_order = ("side", "on", "security", "units", "loss_usd", "reason", "ref")
