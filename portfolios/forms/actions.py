"""The forms of corporate actions: announcing one, with the fields of its kind, and deciding on it with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from portfolios.forms.action_kinds import (
    CHILD_COUNTS,
    HAS_CASH,
    HAS_FRACTIONS,
    HAS_PRICE,
    HAS_RATIO,
    KIND_WORDS,
    MAY_BE_TAXABLE,
)
from portfolios.forms.preferences import AmountField, date_field
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.services.corporate_actions.queue import STAGE_WORDS

_NUMERIC: Final = {"class": "numeric", "inputmode": "decimal", "autocomplete": "off"}
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a person announces: the terms, a remark, and whether models buy what a spin-off delivers."""

    terms: ActionTerms
    note: str
    buy_children: bool


def _number(label: str, *, help_text: str = "", required: bool = False) -> AmountField:
    return AmountField(
        label=label,
        required=required,
        help_text=help_text,
        min_value=0,
        max_digits=18,
        widget=forms.TextInput(attrs=_NUMERIC),
    )


class KindForm(forms.Form):
    """Which kind of action is announced; the rest of the form follows from it."""

    kind = forms.ChoiceField(label="Kind", choices=[(kind.value, words[0]) for kind, words in KIND_WORDS.items()])

    def kind_value(self) -> ActionKind:
        """Return the chosen kind, a split where none was."""
        return ActionKind(self.cleaned_data["kind"]) if self.is_valid() else ActionKind.SPLIT


class ActionForm(forms.Form):
    """One action, with the fields that its kind needs. A number of units is new for old, as it is published."""

    symbol = forms.CharField(label="Symbol", max_length=24, help_text="Of the security that its holders own today.")
    effective_on = date_field("Ex-date", required=True, help_text="The first day of the new units or prices.")

    def __init__(
        self, data: QueryDict | None = None, *, kind: ActionKind, terms: ActionTerms | None = None, note: str = ""
    ) -> None:
        super().__init__(data, auto_id="id_action_%s")
        self.kind = kind
        self.child_count = CHILD_COUNTS.get(kind, 0)
        self._add_numbers()
        self._add_boxes()
        self.fields["note"] = forms.CharField(
            label="Remark", required=False, max_length=400, help_text="Where the terms stand: the notice, the agent."
        )
        if terms is not None:
            self._fill(terms, note)

    def _add_numbers(self) -> None:
        if self.kind in HAS_RATIO:
            self._add_ratio()
        for place in range(1, self.child_count + 1):
            self._add_child(place)
        if self.kind in HAS_CASH:
            self.fields["cash_per_unit"] = _number("Cash for each old unit, $")
        if self.kind in HAS_PRICE:
            self.fields["price"] = _number(
                "Price after, $", help_text="Fair market value of one unit of the security itself on the first day."
            )
        if self.kind in HAS_FRACTIONS and not self.child_count:
            self.fields["fraction_price"] = _number("Fractions paid at, $", help_text="For one new unit.")

    def _add_boxes(self) -> None:
        if self.kind in MAY_BE_TAXABLE:
            self.fields["is_taxable"] = forms.BooleanField(
                label="Taxable", required=False, help_text="The issuer says that holders are taxed on it."
            )
        if self.kind in HAS_FRACTIONS:
            self.fields["pays_fractions"] = forms.BooleanField(
                label="Fractions are paid in cash", required=False, help_text="Otherwise they stay in the account."
            )
        if self.kind is ActionKind.SPIN_OFF:
            self.fields["buy_children"] = forms.BooleanField(
                label="Security models hold the new companies too",
                required=False,
                initial=True,
                help_text="Their weight is divided by value; otherwise the parent keeps it and the rest is sold.",
            )

    def _add_ratio(self) -> None:
        is_dividend = self.kind is ActionKind.STOCK_DIVIDEND
        self.fields["new_units"] = _number(
            "Units after",
            required=True,
            help_text="105 for a stock dividend of 5 %." if is_dividend else "4 in “4 for 1”.",
        )
        self.fields["old_units"] = _number(
            "For units before", required=True, help_text="100 for a stock dividend of 5 %." if is_dividend else ""
        )
        self.fields["old_units"].initial = 100 if is_dividend else 1

    def _add_child(self, place: int) -> None:
        is_only = self.child_count == 1
        title = "New symbol" if self.kind is ActionKind.SYMBOL_CHANGE else "Symbol delivered"
        self.fields[f"child{place}_symbol"] = forms.CharField(
            label=title if is_only else f"{title}, {place}", required=False, max_length=24
        )
        if self.kind is ActionKind.SYMBOL_CHANGE:
            return
        self.fields[f"child{place}_units"] = _number("Units for each old unit")
        self.fields[f"child{place}_price"] = _number("Price on the first day, $")
        self.fields[f"child{place}_share"] = _number("Share of the basis, %")
        self.fields[f"child{place}_fraction"] = _number("Fractions paid at, $")

    @property
    def common_fields(self) -> Sequence[BoundField]:
        """Return the fields that every kind has, for the template."""
        return [self[name] for name in ("symbol", "effective_on")]

    @property
    def own_fields(self) -> Sequence[BoundField]:
        """Return the numbers of the action itself."""
        names = ("new_units", "old_units", "cash_per_unit", "price", "fraction_price")
        return [self[name] for name in names if name in self.fields]

    @property
    def check_fields(self) -> Sequence[BoundField]:
        """Return the boxes."""
        names = ("is_taxable", "pays_fractions", "buy_children")
        return [self[name] for name in names if name in self.fields]

    @property
    def child_rows(self) -> Sequence[Sequence[BoundField]]:
        """Return the fields of each security that may be delivered."""
        return [
            [self[name] for name in self.fields if name.startswith(f"child{place}_")]
            for place in range(1, self.child_count + 1)
        ]

    def _fill(self, terms: ActionTerms, note: str) -> None:
        """Show what an action says already."""
        start: dict[str, object] = {
            "symbol": terms.security,
            "effective_on": terms.effective_on,
            "cash_per_unit": _plain(terms.cash_per_unit_usd) if terms.cash_per_unit_usd else None,
            "price": _plain(terms.price_usd),
            "is_taxable": terms.is_taxable,
            "pays_fractions": terms.pays_fractions,
            "fraction_price": _plain(terms.fraction_price_usd),
            "note": note,
        }
        if terms.ratio is not None:
            start["new_units"], start["old_units"] = _as_fraction(terms.ratio)
        for place, each in enumerate(terms.delivered, start=1):
            start |= {
                f"child{place}_symbol": each.security,
                f"child{place}_units": _plain(each.units_per_unit),
                f"child{place}_price": _plain(each.price_usd),
                f"child{place}_share": None if each.basis_frac is None else _plain(each.basis_frac * _HUNDRED),
                f"child{place}_fraction": _plain(each.fraction_price_usd),
            }
        for name, value in start.items():
            if name in self.fields:
                self.fields[name].initial = value

    def clean_symbol(self) -> str:
        """Write the symbol in capitals."""
        return str(self.cleaned_data["symbol"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        """Build the terms, so that what they refuse stands on the form."""
        said = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                said["terms"] = self._terms(said)
            except BadInput as fault:
                raise forms.ValidationError(f"{str(fault)[0].upper()}{str(fault)[1:]}.") from fault
        return dict(said)

    def _terms(self, said: Mapping[str, Any]) -> ActionTerms:
        ratio = None
        if self.kind in HAS_RATIO:
            if not said["new_units"] or not said["old_units"]:
                raise BadInput("units after and before are both above 0")
            ratio = said["new_units"] / said["old_units"]
        return ActionTerms(
            kind=self.kind,
            key="",
            security=said["symbol"],
            effective_on=said["effective_on"],
            ratio=ratio,
            delivered=tuple(self._deliveries(said)),
            price_usd=said.get("price"),
            cash_per_unit_usd=said.get("cash_per_unit") or Decimal(0),
            is_taxable=bool(said.get("is_taxable")),
            pays_fractions=bool(said.get("pays_fractions")),
            fraction_price_usd=said.get("fraction_price"),
        )

    def _deliveries(self, said: Mapping[str, Any]) -> list[Delivery]:
        made: list[Delivery] = []
        for place in range(1, self.child_count + 1):
            symbol = str(said.get(f"child{place}_symbol") or "").strip().upper()
            numbers = [said.get(f"child{place}_{name}") for name in ("units", "price", "share", "fraction")]
            if not symbol:
                if any(number is not None for number in numbers):
                    raise BadInput(f"row {place} of what is delivered has numbers but no symbol")
                continue
            units, price, share, fraction = numbers
            if self.kind is ActionKind.SYMBOL_CHANGE:
                units = Decimal(1)
            if units is None:
                raise BadInput(f"how many units of {symbol} a holder gets for each unit is missing")
            made.append(
                Delivery(
                    security=symbol,
                    units_per_unit=units,
                    price_usd=price,
                    basis_frac=None if share is None else share / _HUNDRED,
                    fraction_price_usd=fraction,
                )
            )
        return made

    def value(self) -> Announcement:
        """Return what is announced."""
        said = self.cleaned_data
        return Announcement(terms=said["terms"], note=said["note"], buy_children=bool(said.get("buy_children", True)))


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def _as_fraction(ratio: Decimal) -> tuple[str, str]:
    """Write a ratio as it is published: 4 and 1, 1 and 8, 3 and 2."""
    for old in range(1, 1001):
        new = ratio * old
        if abs(new - round(new)) < Decimal("0.0000001") and round(new) > 0:
            return str(round(new)), str(old)
    return f"{ratio.normalize():f}", "1"


class ReasonForm(forms.Form):
    """Why an action is withdrawn, set aside or reversed."""

    reason = forms.CharField(label="Reason", max_length=240, help_text="It stays on the record.")


class HolderForm(forms.Form):
    """What one holder tendered, or got after an election; left empty, what was kept is taken back."""

    account = forms.TypedChoiceField(label="Account", coerce=int)
    tendered_units = _number("Units tendered", help_text="Empty: all that is held.")
    elected_cash = _number("Cash for each old unit, $")
    elected_units = _number("New units for each old unit")
    take_back = forms.BooleanField(label="Take back what was kept", required=False)

    def __init__(self, data: QueryDict | None = None, *, kind: ActionKind, choices: Sequence[tuple[int, str]]) -> None:
        super().__init__(data, auto_id="id_holder_%s")
        self.fields["account"].choices = choices  # type: ignore[attr-defined]  # a choice field has them
        unused = ("elected_cash", "elected_units") if kind is ActionKind.TENDER else ("tendered_units",)
        for name in unused:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Build the terms of the holder, so that what they refuse stands on the form."""
        said = dict(super().clean() or self.cleaned_data)
        if not self.errors:
            try:
                said["terms"] = None if said["take_back"] else self._terms(said)
            except BadInput as fault:
                raise forms.ValidationError(f"{str(fault)[0].upper()}{str(fault)[1:]}.") from fault
        return said

    def _terms(self, said: Mapping[str, Any]) -> HolderTerms:
        return HolderTerms(
            tendered_units=said.get("tendered_units"),
            elected_cash_per_unit_usd=said.get("elected_cash"),
            elected_units_per_unit=said.get("elected_units"),
        )

    def value(self) -> tuple[int, HolderTerms | None]:
        """Return the account and its terms, None to take them back."""
        return self.cleaned_data["account"], self.cleaned_data["terms"]


class QueueFilterForm(forms.Form):
    """Which actions to list."""

    stage = forms.ChoiceField(
        label="Stage",
        required=False,
        choices=[("", "Every stage"), *((stage.value, words[0]) for stage, words in STAGE_WORDS.items())],
    )
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "Every kind"), *((kind.value, words[0]) for kind, words in KIND_WORDS.items())],
    )
    text = forms.CharField(label="Symbol or name", required=False, max_length=40)
