"""The forms of the Data pages: files to receive, and why a hold is lifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from portfolios.custodians.registry import NAMES
from portfolios.selectors.held import HOLD_KINDS

ReceivedFile: TypeAlias = "UploadedFile[Any]"


class ManyFilesInput(forms.FileInput):
    """An input that takes several files."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files, each checked as one."""

    widget = ManyFilesInput

    def clean(self, data: object, initial: object = None) -> list[ReceivedFile]:
        """Check every file that was chosen."""
        chosen = list(data) if isinstance(data, list | tuple) else [data]
        one = super().clean
        return [one(each, initial) for each in chosen or [None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What was uploaded: whose layout, which files, and the account where the layout names none."""

    custodian: str
    files: Sequence[tuple[str, bytes]]
    account: str


class UploadForm(forms.Form):
    """Files of one custodian."""

    custodian = forms.ChoiceField(label="Custodian", choices=[(key, NAMES[key]) for key in sorted(NAMES)])
    chosen = ManyFilesField(
        label="Files", help_text="CSV, XLSX, XML, OFX or QFX, as downloaded; at most 50 MB at once."
    )
    account = forms.CharField(
        label="Account number",
        required=False,
        max_length=40,
        help_text="Only where the file does not name its account.",
    )

    def clean_chosen(self) -> list[ReceivedFile]:
        """Refuse too much at once, before anything is read."""
        files: list[ReceivedFile] = self.cleaned_data["chosen"]
        total = sum(file.size or 0 for file in files)
        if total > settings.MAX_UPLOAD_BYTES:
            raise forms.ValidationError(f"These files have {total / 1e6:,.0f} MB; the limit is 50 MB at once.")
        return files

    def value(self) -> Upload:
        """Return what was uploaded."""
        said = self.cleaned_data
        return Upload(
            custodian=said["custodian"],
            files=[(file.name or "file", file.read()) for file in said["chosen"]],
            account=said["account"],
        )


class LiftForm(forms.Form):
    """Why a hold is lifted."""

    reason = forms.CharField(label="Why it is lifted", max_length=240)


class HeldFilterForm(forms.Form):
    """Which held accounts to list."""

    kind = forms.ChoiceField(label="Why held", choices=[("", "Every reason"), *HOLD_KINDS], required=False)

    def kind_value(self) -> str:
        """Return the kind that was chosen, "" for all."""
        return str(self.cleaned_data["kind"]) if self.is_valid() else ""
