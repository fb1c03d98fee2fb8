"""The form that asks for a client report."""

from datetime import date

from django import forms

from reporting.services.reports import Wanted


def _date_field(label: str, *, help_text: str = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, help_text=help_text)


class ReportForm(forms.Form):
    """The days that a report covers, from the first of the year unless said otherwise."""

    period_starts_on = _date_field("First day", help_text="Usually the first day of the year or of a quarter.")
    period_ends_on = _date_field("Last day", help_text="Not after the firm's business date.")

    def value(self, *, account_id: int, proposal_id: int | None) -> Wanted:
        """Return what is asked for."""
        return Wanted(
            account_id=account_id,
            proposal_id=proposal_id,
            period_starts_on=self.cleaned_data["period_starts_on"],
            period_ends_on=self.cleaned_data["period_ends_on"],
        )


def this_year(business_on: date | None) -> dict[str, date]:
    """Return the days from the first of the year to the business date, to begin with."""
    if business_on is None:
        return {}
    return {"period_starts_on": date(business_on.year, 1, 1), "period_ends_on": business_on}
