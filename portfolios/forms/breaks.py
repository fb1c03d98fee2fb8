"""The forms of the Reconciliation page: which breaks to list, who has one, what is known, how it is resolved."""

from collections.abc import Iterable, Mapping
from typing import Final

from django import forms

from portfolios.selectors.breaks import BREAK_KINDS, BreakFilter

ACCEPT: Final = "accept"
LEAVE: Final = "leave"
_AGES: Final = (("", "Any age"), ("1", "1 day or more"), ("2", "2 days or more"), ("5", "5 days or more"))


class BreakFilterForm(forms.Form):
    """Which breaks to list."""

    kind = forms.ChoiceField(label="What differs", choices=[("", "Everything"), *BREAK_KINDS], required=False)
    custodian = forms.ChoiceField(label="Custodian", required=False)
    age = forms.ChoiceField(label="Age in business days", choices=_AGES, required=False)
    mine = forms.BooleanField(label="Only mine", required=False)

    def __init__(self, *args: object, custodians: Mapping[str, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # what Django's forms take
        field = self.fields["custodian"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Every custodian"), *custodians.items()]

    def value(self) -> BreakFilter:
        """Return what was asked for; a form that says nothing valid asks for all."""
        if not self.is_bound or not self.is_valid():
            return BreakFilter()
        said = self.cleaned_data
        return BreakFilter(
            kind=said["kind"],
            custodian=said["custodian"],
            is_mine=said["mine"],
            least_days=int(said["age"] or 0),
        )


class AssignForm(forms.Form):
    """Who has a break; nobody is a choice."""

    person = forms.TypedChoiceField(label="Who has it", coerce=int, empty_value=None, required=False)

    def __init__(self, *args: object, people: Iterable[tuple[int, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # what Django's forms take
        field = self.fields["person"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [("", "Nobody"), *((str(key), name) for key, name in people)]

    def value(self) -> int | None:
        """Return the person's id, None for nobody."""
        person: int | None = self.cleaned_data["person"]
        return person


class NoteForm(forms.Form):
    """What is known of a break."""

    note = forms.CharField(label="Note", max_length=400, required=False)


class ResolveForm(forms.Form):
    """How a break is resolved, and why."""

    decision = forms.ChoiceField(choices=[(ACCEPT, "Accept the custodian’s word"), (LEAVE, "The ledger is right")])
    reason = forms.CharField(label="Why", max_length=240)
