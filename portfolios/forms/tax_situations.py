"""The form of what a tax return is taxed at in one calendar year, in one of two ways."""

from decimal import Decimal
from typing import Any, Final, cast

from django import forms
from django.http import QueryDict

from portfolios.forms.preferences import AmountField, number_field
from portfolios.ledger.state_tables import state_choices
from portfolios.ledger.tax import ordinary_offset_limit_usd
from portfolios.models.households import FilingStatus, StatedAs, TaxSituation
from portfolios.selectors.tax_pages import BooksDiffer
from portfolios.services.tax_rates import StatedAmounts, StatedIncome, StatedRates, StatedSituation

_HUNDRED = Decimal(100)
_WHO: Final = (
    (
        "stated_as",
        "How rates are stated",
        "Either way they are stored as rates, and the brackets are not looked up again.",
    ),
    ("filing_status", "Filing status", "Decides brackets, breakpoints and how much net loss counts against income."),
    ("state", "State", "Where the return is filed. State figures are defaults: check them once a year."),
)
_RATES: Final = (
    (
        "federal_ordinary_frac",
        "Federal, ordinary, %",
        "Rate on the last dollar of income; short-term gains pay it too.",
    ),
    ("federal_long_frac", "Federal, long-term, %", "0, 15 or 20: the rate on long-term gains."),
    ("niit_frac", "Net investment income, %", "3.8 where income is beyond 200,000 (joint 250,000), else 0."),
    ("state_ordinary_frac", "State, ordinary, %", "Rate on the last dollar of income, local tax included."),
    ("state_long_frac", "State, long-term, %", "Most states tax long-term gains like income; some leave a part out."),
)
_SHORT: Final = ("state_short_frac", "State, short-term, %", "Only where it differs from the ordinary rate, as in MA.")
_INCOMES: Final = (
    (
        "ordinary_income_usd",
        "Taxable ordinary income, $",
        "After deductions, without gains of this year and without qualified dividends.",
    ),
    (
        "preferred_income_usd",
        "Qualified dividends and expected long-term gains, $",
        "Taxed at long-term rates on top of it; decides 0, 15 or 20 %.",
    ),
    (
        "modified_income_usd",
        "Modified adjusted gross income, $",
        "Decides the net investment income tax. Empty: the two above and the standard deduction.",
    ),
)
_OWN_STATE: Final = (
    ("own_state_ordinary_frac", "State rate instead of the table's, %", "For a bracket or local tax the table misses."),
    ("own_state_long_frac", "And on long-term gains, %", "Empty: the same."),
)
_AMOUNTS: Final = (
    (
        "ordinary_offset_usd",
        "Losses against ordinary income, $",
        "3,000 a year; 1,500 for each of a couple filing separately. 0 where others have used it.",
    ),
    (
        "carryforward_short_usd",
        "Carried in, short-term losses, $",
        "A positive amount, from the carryover worksheet of last year's return.",
    ),
    ("carryforward_long_usd", "Carried in, long-term losses, $", "A positive amount; it keeps its character."),
    (
        "outside_short_usd",
        "Realised elsewhere, short-term, $",
        "Net gains of this year in accounts not kept here; losses with a minus.",
    ),
    ("outside_long_usd", "Realised elsewhere, long-term, $", "The same for long-term gains."),
    (
        "distributions_usd",
        "Capital gain distributions, $",
        "Box 2a of Form 1099-DIV so far: long-term, however long the fund was held.",
    ),
)
_LATER: Final = (
    ("later_rate_frac", "Rate expected for carried losses, %", "What a dollar of carried loss will save one day."),
    ("later_discount_frac", "And worth today, %", "Of that saving. 0: carried losses are not counted as a benefit."),
)
_GROUPS: Final = {
    "who": _WHO,
    "rates": (*_RATES, _SHORT),
    "income": (*_INCOMES, *_OWN_STATE),
    "amounts": _AMOUNTS,
    "later": _LATER,
}
_OPTIONAL: Final = {"state_short_frac", "preferred_income_usd", "modified_income_usd"} | {
    name for name, *_ in _OWN_STATE
}


class TaxSituationForm(forms.Form):
    """Rates in percent, losses carried in as positive dollars, gains realised elsewhere with their sign."""

    stated_as = forms.ChoiceField(choices=StatedAs.choices)
    filing_status = forms.ChoiceField(choices=FilingStatus.choices)
    state = forms.ChoiceField(required=False)
    reason = forms.CharField(label="Reason", max_length=240, help_text="Where the figures come from.")
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        situation: TaxSituation | None,
        year: int,
        filing_status: str,
        state: str,
        books: BooksDiffer | None = None,
    ) -> None:
        super().__init__(data, auto_id="id_situation_%s")
        self.year, self.situation = year, situation
        self._of_return = (filing_status, state)
        choices = state_choices(year)
        others = () if not state or state in dict(choices) else ((state, state),)
        cast(forms.ChoiceField, self.fields["state"]).choices = [("", "No state"), *choices, *others]
        needed = _needed(None if data is None else data.get("stated_as"))
        for name, label, help_text in (*_GROUPS["rates"], *_OWN_STATE, *_LATER):
            self.fields[name] = _percent_field(label, help_text, required=name in needed)
        for name, label, help_text in (*_INCOMES, *_AMOUNTS):
            least = None if name.startswith("outside") else 0
            self.fields[name] = number_field(label, help_text=help_text, least=least, required=name in needed)
        for name, label, help_text in _WHO:
            self.fields[name].label, self.fields[name].help_text = label, help_text
        self._fill(situation, filing_status=filing_status, state=state, books=books)

    def _fill(
        self, situation: TaxSituation | None, *, filing_status: str, state: str, books: BooksDiffer | None
    ) -> None:
        initial: dict[str, Any] = {
            "seen": situation.pk if situation else None,
            "stated_as": situation.stated_as if situation else StatedAs.RATES,
            "filing_status": (situation.filing_status if situation else "") or filing_status,
            "state": (situation.state if situation and situation.filing_status else "") or state,
        }
        for name in (name for group in ("rates", "income", "amounts", "later") for name, *_ in _GROUPS[group]):
            initial[name] = _shown(situation, name) if situation else _default(name)
        most = ordinary_offset_limit_usd(initial["filing_status"])
        initial["ordinary_offset_usd"] = min(most, initial["ordinary_offset_usd"]) if situation else most
        if books is not None:
            initial["carryforward_short_usd"] = _plain(books.books_short_usd)
            initial["carryforward_long_usd"] = _plain(books.books_long_usd)
        for name, value in initial.items():
            self.fields[name].initial = value

    def group(self, name: str) -> list[forms.BoundField]:
        """Return the fields of one group."""
        return [self[field] for field, *_ in _GROUPS[name]]

    @property
    def who(self) -> list[forms.BoundField]:
        """Return how, who and where."""
        return self.group("who")

    @property
    def rates(self) -> list[forms.BoundField]:
        """Return the fields of rates that are stated."""
        return self.group("rates")

    @property
    def income(self) -> list[forms.BoundField]:
        """Return the fields of income from which rates are derived."""
        return self.group("income")

    @property
    def amounts(self) -> list[forms.BoundField]:
        """Return the amounts of the year."""
        return self.group("amounts")

    @property
    def later(self) -> list[forms.BoundField]:
        """Return what carried losses are expected to be worth."""
        return self.group("later")

    def clean(self) -> dict[str, Any]:
        """Hold the allowance to the filing status, and a stated state rate to both its parts."""
        said = super().clean() or self.cleaned_data
        is_income = said.get("stated_as") == StatedAs.INCOME
        self._check_offset(said)
        if is_income and said.get("own_state_long_frac") is not None and said.get("own_state_ordinary_frac") is None:
            self.add_error("own_state_ordinary_frac", "Write the state's rate too, or leave both empty.")
        return said

    def _check_offset(self, said: dict[str, Any]) -> None:
        offset, filing = said.get("ordinary_offset_usd"), said.get("filing_status")
        if offset is not None and filing and offset > ordinary_offset_limit_usd(filing):
            most = ordinary_offset_limit_usd(filing)
            self.add_error("ordinary_offset_usd", f"With this filing status at most {most:,} count against income.")

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Say which fields cannot be read and why, and then which are missing."""
        wrong, missing = [], []
        for name, faults in self.errors.as_data().items():
            label = str(self.fields[name].label if name in self.fields else "").rstrip(", $%")
            if all(fault.code == "required" for fault in faults):
                missing.append(label)
            else:
                wrong.append(f"{label}: {self.errors[name][0]}")
        return (*wrong, f"Still missing: {', '.join(missing)}.") if missing else tuple(wrong)

    def value(self) -> StatedSituation:
        """Return the situation stated."""
        said = self.cleaned_data
        return StatedSituation(
            year=self.year,
            filing_status=said["filing_status"],
            state=said["state"],
            said=self._income() if said["stated_as"] == StatedAs.INCOME else self._stated_rates(),
            amounts=StatedAmounts(
                **{name: said[name] for name, *_ in _AMOUNTS},
                **{name: self._frac(name) or Decimal(0) for name, *_ in _LATER},
            ),
            reason=said.get("reason", ""),
        )

    def _stated_rates(self) -> StatedRates:
        rates = {name: self._frac(name) or Decimal(0) for name, *_ in _RATES}
        return StatedRates(**rates, state_short_frac=self._frac("state_short_frac"))

    def _income(self) -> StatedIncome:
        said = self.cleaned_data
        return StatedIncome(
            ordinary_usd=said["ordinary_income_usd"],
            preferred_usd=said["preferred_income_usd"] or Decimal(0),
            modified_usd=said["modified_income_usd"],
            state_ordinary_frac=self._frac("own_state_ordinary_frac"),
            state_long_frac=self._frac("own_state_long_frac"),
        )

    def _frac(self, name: str) -> Decimal | None:
        said = self.cleaned_data[name]
        return None if said is None else said / _HUNDRED

    def renewed(self, situation: TaxSituation | None) -> "TaxSituationForm":
        """Return the form with the same input beside what stands now."""
        data = cast(QueryDict, self.data).copy()
        data["seen"] = str(situation.pk if situation else "")
        filing_status, state = self._of_return
        return TaxSituationForm(data, situation=situation, year=self.year, filing_status=filing_status, state=state)

    def without_reason(self) -> "TaxSituationForm":
        """Return the form for a look at the rates, which needs no reason yet."""
        self.fields["reason"].required = False
        return self


def _needed(stated_as: str | None) -> set[str]:
    """Return the fields that must be filled in: those of the chosen way, or of both while none is posted."""
    needed = {name for name, *_ in _AMOUNTS}
    if stated_as != StatedAs.INCOME:
        needed |= {name for name, *_ in _RATES}
    if stated_as != StatedAs.RATES:
        needed.add("ordinary_income_usd")
    return needed


def _percent_field(label: str, help_text: str, *, required: bool) -> AmountField:
    return AmountField(
        label=label,
        required=required,
        help_text=help_text,
        min_value=0,
        max_value=100,
        max_digits=6,
        widget=forms.TextInput(attrs={"class": "numeric", "inputmode": "decimal", "autocomplete": "off"}),
    )


def _shown(situation: TaxSituation, name: str) -> Decimal | None:
    if name.startswith("own_state"):
        if not situation.is_state_stated:
            return None
        name = name.removeprefix("own_")
    value = getattr(situation, name)
    if value is None:
        return None
    return _plain(value * _HUNDRED) if name.endswith("_frac") else _plain(value)


def _plain(value: Decimal) -> Decimal:
    return Decimal(f"{value.normalize():f}")


def _default(name: str) -> Decimal | None:
    return None if name in _OPTIONAL or name == "ordinary_income_usd" else Decimal(0)
