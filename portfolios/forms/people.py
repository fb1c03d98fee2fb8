"""Forms about people of the firm: what they are, who stands in for them, who takes their book."""

from collections.abc import Sequence
from datetime import date
from typing import Final, cast

from django import forms
from django.http import QueryDict

from advisors.delegations import NewDelegation
from advisors.permissions import Role
from advisors.services import Place
from portfolios.forms.preferences import date_field
from portfolios.selectors.people import PersonPage

MOST_CHOICES: Final = 100


def _parts(place: Place) -> str:
    """Write what was shown into one hidden field."""
    told = (place.role.value, place.office_id, place.starts_on, place.ends_on)
    return "|".join("" if part is None else str(part) for part in told)


def _place(text: str) -> Place:
    role, office, starts, ends = text.split("|")
    return Place(
        role=Role(role),
        office_id=int(office) if office else None,
        starts_on=date.fromisoformat(starts) if starts else None,
        ends_on=date.fromisoformat(ends) if ends else None,
    )


class PlaceForm(forms.Form):
    """Role, office and days of somebody."""

    role = forms.ChoiceField(label="Role", choices=Role.choices)
    office = forms.ChoiceField(label="Office", required=False)
    starts_on = date_field("First day")
    ends_on = date_field("Last day")
    reason = forms.CharField(label="Reason", max_length=240)
    seen = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, page: PersonPage) -> None:
        shown = Place(role=page.role, office_id=page.office_id, starts_on=page.starts_on, ends_on=page.ends_on)
        initial = {
            "role": page.role.value,
            "office": page.office_id or "",
            "starts_on": page.starts_on,
            "ends_on": page.ends_on,
            "seen": _parts(shown),
        }
        super().__init__(data, auto_id="id_place_%s", initial=initial)
        field = cast(forms.ChoiceField, self.fields["office"])
        field.choices = [("", "Home office"), *((str(pk), name) for pk, name in page.offices)]

    def clean_seen(self) -> Place:
        """Read what the form showed."""
        try:
            return _place(self.cleaned_data["seen"])
        except ValueError as error:
            raise forms.ValidationError("This form is damaged. Open the page again.") from error

    def value(self) -> Place:
        """Return what they shall be."""
        said = self.cleaned_data
        return Place(
            role=Role(said["role"]),
            office_id=int(said["office"]) if said["office"] else None,
            starts_on=said["starts_on"],
            ends_on=said["ends_on"],
        )


def _choice_of(label: str, people: Sequence[tuple[int, str]]) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, coerce=int, choices=[("", "Choose"), *people])


class DelegationForm(forms.Form):
    """Who stands in, from when until when, and why."""

    starts_on = date_field("From", required=True)
    ends_on = date_field("Until", required=True)
    reason = forms.CharField(label="Reason", max_length=240)

    def __init__(self, data: QueryDict | None = None, *, page: PersonPage) -> None:
        super().__init__(data, auto_id="id_deputy_%s")
        self.fields["deputy"] = _choice_of("Deputy", page.other_advisors)
        self.order_fields(["deputy", "starts_on", "ends_on", "reason"])

    def value(self, advisor_id: int) -> NewDelegation:
        """Return the delegation asked for."""
        said = self.cleaned_data
        return NewDelegation(
            advisor_id=advisor_id,
            deputy_id=said["deputy"],
            starts_on=said["starts_on"],
            ends_on=said["ends_on"],
            reason=said["reason"],
        )


class HandOverForm(forms.Form):
    """Which households go to whom, and why; none chosen means nothing happens."""

    reason = forms.CharField(label="Reason", max_length=240)

    def __init__(self, data: QueryDict | None = None, *, page: PersonPage) -> None:
        super().__init__(data, auto_id="id_book_%s", initial={"households": [line.id for line in page.book]})
        self.fields["to"] = _choice_of("To", page.other_advisors)
        if len(page.book) > MOST_CHOICES:  # nobody ticks hundreds of boxes: the whole book goes
            self.order_fields(["to", "reason"])
            return
        self.fields["households"] = forms.TypedMultipleChoiceField(
            label="Households",
            coerce=int,
            choices=[
                (line.id, f"{line.name}, {line.account_count} account{'' if line.account_count == 1 else 's'}")
                for line in page.book
            ],
            widget=forms.CheckboxSelectMultiple(),
        )
        self.order_fields(["households", "to", "reason"])
