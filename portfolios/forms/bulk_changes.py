"""The forms of bulk changes: one setting or restriction for many accounts, a file of them, another's example."""

from collections.abc import Sequence
from typing import Any, Final, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portfolios.forms.preferences import UNITS, RestrictionForm, TermsForm, setting_field, stored_setting
from portfolios.policy import SETTINGS, Group
from portfolios.selectors.bulk_changes import AccountChoice
from portfolios.selectors.subjects import SubjectChoice
from portfolios.services.bulk_changes.asked import AskedSetting

MOST_BYTES: Final = 5_000_000


class WhichSettingForm(forms.Form):
    """Which setting shall change."""

    key = forms.ChoiceField(
        label="Setting",
        choices=[
            (group.value, [(key, setting.label) for key, setting in SETTINGS.items() if setting.group is group])
            for group in Group
        ],
    )


class BulkSettingForm(TermsForm):
    """The value of one setting for all accounts chosen."""

    key = forms.ChoiceField(choices=[(key, key) for key in SETTINGS], widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, key: str) -> None:
        super().__init__(data, auto_id="id_bulk_setting_%s", initial={"key": key})
        self.setting = SETTINGS[key]
        self.unit = UNITS.get(self.setting.type, "")
        self.fields["value"] = setting_field(self.setting)
        self.order_fields(["key", "value", "reason", "starts_on", "ends_on", "review_on"])

    @property
    def value_field(self) -> forms.BoundField:
        """Return the field in which the value is typed."""
        return self["value"]

    def value(self) -> AskedSetting:
        """Return the setting asked for."""
        return AskedSetting(key=self.setting.key, value=stored_setting(self.setting, self.cleaned_data["value"]))


class BulkRestrictionForm(RestrictionForm):
    """One restriction for all accounts chosen."""

    def __init__(self, data: QueryDict | None = None, *, subjects: Sequence[SubjectChoice]) -> None:
        super().__init__(data, subjects=subjects)
        self.fields["level"].required = False
        self.fields["level"].initial = "account"
        self.fields["level"].widget = forms.HiddenInput()

    def clean_level(self) -> str:
        """Apply to each account alone."""
        return "account"


class WishFileForm(forms.Form):
    """A table of settings and restrictions."""

    file = forms.FileField(label="The file", help_text="CSV or XLSX, one setting or restriction a row.")

    def __init__(
        self,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
    ) -> None:
        super().__init__(data, files, auto_id="id_wishes_%s")

    def clean_file(self) -> "UploadedFile[Any]":
        """Refuse a file beyond every plausible size."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"The file has more than {MOST_BYTES // 1_000_000} MB.")
        return file


class CopyForm(TermsForm):
    """Which account to take as the example, and what of it."""

    source = forms.TypedChoiceField(label="Copy from", coerce=int, widget=forms.RadioSelect())
    groups = forms.MultipleChoiceField(
        label="What to copy",
        choices=[(group.name.lower(), f"{group.value} preferences") for group in Group]
        + [("restrictions", "Restrictions")],
        widget=forms.CheckboxSelectMultiple(),
    )

    def __init__(self, data: QueryDict | None = None, *, sources: Sequence[AccountChoice]) -> None:
        super().__init__(data, auto_id="id_copy_%s", initial={"groups": [name for name, _ in _all_groups()]})
        field = cast(forms.ChoiceField, self.fields["source"])
        field.choices = [
            (one.id, f"{one.name}, {one.household}: {one.own_count or 'nothing'} of its own") for one in sources
        ]
        del self.fields["starts_on"], self.fields["ends_on"], self.fields["review_on"]
        self.order_fields(["source", "groups", "reason"])

    def chosen_groups(self) -> tuple[Group, ...]:
        """Return the groups of settings to copy."""
        return tuple(group for group in Group if group.name.lower() in self.cleaned_data["groups"])

    @property
    def with_restrictions(self) -> bool:
        """Tell whether restrictions are copied too."""
        return "restrictions" in self.cleaned_data["groups"]


def _all_groups() -> list[tuple[str, str]]:
    return [*((group.name.lower(), "") for group in Group), ("restrictions", "")]


class UndoForm(forms.Form):
    """Why what was applied is taken back."""

    reason = forms.CharField(label="Why", max_length=220)
