"""Forms of this room: what is looked for in the audit log, and whom an administrator invites."""

import re
from collections.abc import Mapping
from typing import Final

from django import forms

from advisors import selectors
from advisors.models import Membership
from advisors.permissions import Role
from advisors.selectors import AuditQuery
from advisors.services import NewPerson

MACHINE: Final = "machine"
_ACTION: Final = forms.TextInput(attrs={"placeholder": "proposal."})
_EXAMPLE: Final = forms.TextInput(attrs={"placeholder": "proposal 12"})
_SUBJECT: Final = re.compile(r"^(?P<kind>[a-z][a-z_ ]*?)? ?(?P<id>\S*\d\S*)?$")


class AuditSearchForm(forms.Form):
    """A search in the audit log, sent by GET. `value()` is the query; a form with faults finds everything."""

    person = forms.ChoiceField(label="Person", required=False)
    action = forms.CharField(label="Action begins with", required=False, max_length=64, widget=_ACTION)
    subject = forms.CharField(label="Subject", required=False, max_length=112, widget=_EXAMPLE)
    starts_on = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Mapping[str, object], *, member: Membership) -> None:
        super().__init__(data)
        people = [(str(user_id), name) for user_id, name in selectors.people_of(member)]
        field = self.fields["person"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Everybody"), (MACHINE, "Trimtab itself"), *people]

    def clean_subject(self) -> tuple[str, str]:
        """Part a subject into its kind and its id, either of which may be missing."""
        text = " ".join(self.cleaned_data["subject"].lower().split())
        found = _SUBJECT.match(text)
        if found is None:
            raise forms.ValidationError("Write a kind, an id, or both: proposal 12.")
        return (found["kind"] or "").replace(" ", "_"), found["id"] or ""

    def clean(self) -> dict[str, object]:
        """Refuse a period that ends before it starts."""
        cleaned = dict(super().clean() or {})
        starts_on, ends_on = cleaned.get("starts_on"), cleaned.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", "The last day lies before the first.")
        return cleaned

    def value(self) -> AuditQuery:
        """Return what is looked for."""
        if not self.is_valid():
            return AuditQuery()
        clean = self.cleaned_data
        kind, subject_id = clean["subject"]
        person = clean["person"]
        return AuditQuery(
            person_id=int(person) if person and person != MACHINE else None,
            is_machine=person == MACHINE,
            action=clean["action"].strip().lower(),
            subject_type=kind,
            subject_id=subject_id,
            starts_on=clean["starts_on"],
            ends_on=clean["ends_on"],
        )


class InviteForm(forms.Form):
    """Whom an administrator brings into the firm."""

    full_name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    office = forms.ChoiceField(label="Office", required=False)

    def __init__(self, data: Mapping[str, object] | None = None, *, member: Membership) -> None:
        super().__init__(data)
        field = self.fields["office"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Home office"), *((str(key), name) for key, name in selectors.offices_of(member))]

    def value(self) -> NewPerson:
        """Return the person to invite."""
        clean = self.cleaned_data
        return NewPerson(
            email=clean["email"],
            full_name=clean["full_name"],
            role=Role(clean["role"]),
            office_id=int(clean["office"]) if clean["office"] else None,
        )


class SecondFactorForm(forms.Form):
    """The roles of which a second factor is asked; none is a choice too."""

    roles = forms.MultipleChoiceField(
        label="Asked of", choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple()
    )

    def value(self) -> tuple[Role, ...]:
        """Return the roles."""
        return tuple(Role(role) for role in self.cleaned_data["roles"])
