"""The forms of the house view: a change and what is decided on it, weights and limits, tables pasted or uploaded."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portfolios.forms.preferences import UNITS, date_field, field_name, setting_field, shown_setting, stored_setting
from portfolios.policy import SETTINGS, Group, SettingValue
from portfolios.selectors.house_view import ClassLine, ClassNode
from portfolios.selectors.statement_words import setting_words
from portfolios.services.house_view.drafts import ClassWeight

MOST_BYTES: Final = 2_000_000
_HUNDRED: Final = Decimal(100)
_NUMERIC: Final = {"inputmode": "decimal", "autocomplete": "off"}


class ChangeForm(forms.Form):
    """What a change is called, why it is made, and from when it counts."""

    title = forms.CharField(label="What changes", max_length=120)
    why = forms.CharField(label="Why", max_length=400, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    effective_on = date_field("Takes effect on", required=True)


class RevisionForm(forms.Form):
    """The draft as it was seen."""

    revision = forms.IntegerField(widget=forms.HiddenInput())


class NoteForm(forms.Form):
    """What the second person says, or why a change is dropped."""

    note = forms.CharField(label="Note", max_length=400, required=False)


class NewModelForm(forms.Form):
    """The name of a new security model."""

    name = forms.CharField(label="Name of the model", max_length=80)


class WeightsForm(forms.Form):
    """Weight, least and most of every class in per cent; an empty row leaves the class out."""

    revision = forms.IntegerField(widget=forms.HiddenInput())

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        classes: Sequence[ClassNode],
        lines: Mapping[int, ClassLine],
        revision: int,
    ) -> None:
        super().__init__(data, auto_id="id_weights_%s", initial={"revision": revision})
        self.classes = classes
        for node in classes:
            line = lines.get(node.id)
            shown = (line.weight_frac, line.min_frac, line.max_frac) if line else (None, None, None)
            for (name, label), value in zip(_COLUMNS, shown, strict=True):
                self.fields[f"{name}_{node.key}"] = forms.DecimalField(
                    label=f"{label} of {node.name}, %",
                    required=False,
                    min_value=0,
                    max_value=100,
                    max_digits=9,
                    decimal_places=4,
                    initial=None if value is None else f"{(value * _HUNDRED).normalize():f}",
                    widget=forms.TextInput(attrs=_NUMERIC | {"size": 7}),
                )

    def rows(self) -> list[tuple[ClassNode, list[forms.BoundField]]]:
        """Return the fields by class."""
        return [(node, [self[f"{name}_{node.key}"] for name, _ in _COLUMNS]) for node in self.classes]

    def clean(self) -> dict[str, Any]:
        """Refuse a row that is filled in halfway."""
        said = super().clean() or self.cleaned_data
        for node in self.classes:
            filled = [said.get(f"{name}_{node.key}") is not None for name, _ in _COLUMNS]
            if any(filled) and not all(filled) and not any(f"{name}_{node.key}" in self.errors for name, _ in _COLUMNS):
                missing = next(name for (name, _), is_filled in zip(_COLUMNS, filled, strict=True) if not is_filled)
                self.add_error(f"{missing}_{node.key}", f"{node.name} needs its weight, its least and its most.")
        return said

    def value(self) -> list[ClassWeight]:
        """Return the weights and limits, as fractions."""
        said = self.cleaned_data
        return [
            ClassWeight(
                asset_class=node.key,
                weight_frac=said[f"weight_{node.key}"] / _HUNDRED,
                min_frac=said[f"least_{node.key}"] / _HUNDRED,
                max_frac=said[f"most_{node.key}"] / _HUNDRED,
            )
            for node in self.classes
            if said.get(f"weight_{node.key}") is not None
        ]


_COLUMNS: Final = (("weight", "Weight"), ("least", "Least"), ("most", "Most"))


class TableForm(forms.Form):
    """A table, pasted from a spreadsheet or uploaded."""

    revision = forms.IntegerField(widget=forms.HiddenInput())
    table = forms.CharField(
        label="The table",
        required=False,
        strip=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "mono"}),
    )
    file = forms.FileField(
        label="Or a file", required=False, help_text="CSV or XLSX. It goes before what stands above."
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
        *,
        text: str = "",
        help_text: str = "",
        revision: int,
    ) -> None:
        super().__init__(data, files, auto_id="id_table_%s", initial={"revision": revision, "table": text})
        self.fields["table"].help_text = help_text

    def clean(self) -> dict[str, Any]:
        """Refuse nothing at all, and a file beyond every plausible size."""
        said = super().clean() or self.cleaned_data
        file = said.get("file")
        if file is None and not (said.get("table") or "").strip():
            self.add_error("table", "Paste the table, or choose a file.")
        elif file is not None and file.size > MOST_BYTES:
            self.add_error("file", f"The file has more than {MOST_BYTES // 1_000_000} MB.")
        return said

    def content(self) -> bytes:
        """Return the bytes of the table."""
        file = self.cleaned_data.get("file")
        if file is not None:
            content: bytes = file.read()
            return content
        return str(self.cleaned_data["table"]).encode()


class RestrictedListForm(forms.Form):
    """One more line of the firm's restricted list."""

    verb = forms.ChoiceField(
        label="What",
        choices=(
            ("never_buy", "Never buy"),
            ("never_own", "Never own"),
            ("never_trade", "Never trade"),
            ("never_sell", "Never sell"),
        ),
    )
    symbol = forms.CharField(label="Security", max_length=24)
    disposal = forms.ChoiceField(
        label="What is held (never own)",
        choices=(
            ("now", "Sell now, whatever it costs"),
            ("within_budget", "Sell as the tax budget allows"),
            ("keep", "Keep what is held, never add"),
        ),
    )
    reason = forms.CharField(label="Reason", max_length=400)
    starts_on = date_field("From")
    ends_on = date_field("Until")


class EndForm(forms.Form):
    """Why a line of the restricted list ends."""

    reason = forms.CharField(label="Why it ends", max_length=240)


class DefaultsForm(forms.Form):
    """The firm's default of every setting."""

    revision = forms.IntegerField(widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, values: Mapping[str, SettingValue], revision: int) -> None:
        super().__init__(data, auto_id="id_defaults_%s", initial={"revision": revision})
        for key, setting in SETTINGS.items():
            field = setting_field(setting)
            field.initial = shown_setting(setting, values[key])
            self.fields[field_name(key)] = field

    def groups(self) -> list[tuple[str, list[tuple[forms.BoundField, str, str]]]]:
        """Return by group the fields with their units and Trimtab's own default in words."""
        return [
            (
                group.value,
                [
                    (self[field_name(key)], UNITS.get(setting.type, ""), setting_words(key, setting.default))
                    for key, setting in SETTINGS.items()
                    if setting.group is group
                ],
            )
            for group in Group
        ]

    def value(self) -> dict[str, SettingValue]:
        """Return the value of every setting."""
        return {key: stored_setting(setting, self.cleaned_data[field_name(key)]) for key, setting in SETTINGS.items()}
