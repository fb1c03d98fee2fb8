"""The form of what a tax return is taxed at in one calendar year."""

from decimal import Decimal
from typing import Final, cast

from django import forms
from django.http import QueryDict

from portfolios.forms.preferences import AmountField, number_field
from portfolios.models.households import TaxSituation
from portfolios.services.households import NewTaxSituation

_RATES: Final = (
    ("federal_ordinary_frac", "Federal, ordinary, %"),
    ("federal_long_frac", "Federal, long-term, %"),
    ("niit_frac", "Net investment income, %"),
    ("state_ordinary_frac", "State, ordinary, %"),
    ("state_long_frac", "State, long-term, %"),
)
_AMOUNTS: Final = (
    ("ordinary_offset_usd", "Losses against ordinary income, $"),
    ("carryforward_short_usd", "Carried in, short-term losses, $"),
    ("carryforward_long_usd", "Carried in, long-term losses, $"),
    ("outside_short_usd", "Realised elsewhere, short-term, $"),
    ("outside_long_usd", "Realised elsewhere, long-term, $"),
)
_HUNDRED = Decimal(100)


class TaxSituationForm(forms.Form):
    """Rates in percent, losses carried in as positive dollars, gains realised elsewhere with their sign."""

    reason = forms.CharField(label="Reason", max_length=240, help_text="Where the figures come from.")
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, situation: TaxSituation | None) -> None:
        super().__init__(data, auto_id="id_situation_%s")
        self.fields["seen"].initial = situation.pk if situation else None
        for name, label in _RATES:
            self.fields[name] = AmountField(
                label=label,
                min_value=0,
                max_value=100,
                max_digits=6,
                widget=_numeric(),
                initial=_percent(situation, name),
            )
        for name, label in _AMOUNTS:
            least = None if name.startswith("outside") else 0
            self.fields[name] = number_field(label, required=True, least=least)
            self.fields[name].initial = _plain(getattr(situation, name)) if situation else _default(name)
        self.order_fields([name for name, _ in (*_RATES, *_AMOUNTS)])

    def value(self, *, year: int) -> NewTaxSituation:
        """Return the situation stated."""
        said = self.cleaned_data
        rates = {name: said[name] / _HUNDRED for name, _ in _RATES}
        amounts = {name: said[name] for name, _ in _AMOUNTS}
        return NewTaxSituation(year=year, reason=said["reason"], **rates, **amounts)

    def renewed(self, situation: TaxSituation | None) -> "TaxSituationForm":
        """Return the form with the same input beside what stands now."""
        data = cast(QueryDict, self.data).copy()
        data["seen"] = str(situation.pk if situation else "")
        return TaxSituationForm(data, situation=situation)


def _numeric() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "numeric", "inputmode": "decimal", "autocomplete": "off"})


def _percent(situation: TaxSituation | None, name: str) -> Decimal:
    return _plain(getattr(situation, name) * _HUNDRED) if situation else Decimal(0)


def _plain(value: Decimal) -> Decimal:
    return Decimal(f"{value.normalize():f}")


def _default(name: str) -> Decimal:
    return Decimal(3000) if name == "ordinary_offset_usd" else Decimal(0)
