"""The forms of the preferences page. Each turns what was posted into one typed value and saves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from django import forms
from django.http import QueryDict

from portfolios.models.preferences import CashNeedKind, CashPeriod, Disposal, Level, SubjectKind, Verb
from portfolios.policy import SETTINGS, Group, Setting, SettingValue, Type
from portfolios.selectors.limits import ProfileChoice
from portfolios.selectors.preference_pages import PastLine
from portfolios.selectors.preferences import SettingLine
from portfolios.selectors.statement_words import setting_words
from portfolios.selectors.subjects import SubjectChoice
from portfolios.services.restrictions import MOST_LEAD_DAYS, NewCashNeed, NewRestriction
from portfolios.services.statement_guard import Terms

UNITS: Final = {Type.MONEY: "$", Type.FRACTION: "%", Type.BPS: "bp"}
_HUNDRED = Decimal(100)
_NUMERIC = {"class": "numeric", "inputmode": "decimal", "autocomplete": "off"}


def field_name(key: str) -> str:
    """Return the name of a setting's field."""
    return key.replace(".", "__")


class AmountField(forms.DecimalField):
    """A number as people write it: $12,000 and 1.5 % are understood."""

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # the stubs copy an IntegerField
        """Read a number without its signs of currency, percent and grouping."""
        if isinstance(value, str):
            value = value.strip().strip("$%").replace(",", "").replace("\u00a0", "").strip()
        return super().to_python(value)


def ambiguous_percent(typed: object) -> str:
    """Say what is unclear about a percentage below one that was typed without its sign; nothing where all is clear."""
    text = str(typed or "").strip()
    if text.endswith("%"):
        return ""
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return ""
    if not 0 < number < 1:
        return ""
    return f"Write {text}% if that is meant, or {(number * _HUNDRED).normalize():f}%: {text} alone can be either."


class PercentField(AmountField):
    """A percentage; below one it needs its sign, since 0.05 can mean five per cent too."""

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # the stubs copy an IntegerField
        """Read a percentage, and refuse what can be read in two ways."""
        if said := ambiguous_percent(value):
            raise forms.ValidationError(said)
        return super().to_python(value)


def date_field(label: str, *, required: bool = False, help_text: str = "") -> forms.DateField:
    """Make a field for a date, with the browser's own calendar."""
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=required, widget=widget, help_text=help_text)


def number_field(label: str, *, required: bool = False, help_text: str = "", least: int | None = None) -> forms.Field:
    """Make a field for an amount or a percentage."""
    return AmountField(
        label=label,
        required=required,
        help_text=help_text,
        min_value=least,
        max_digits=15,
        widget=forms.TextInput(attrs=_NUMERIC),
    )


class TermsForm(forms.Form):
    """Why, from when, until when, and when to look again."""

    reason = forms.CharField(
        label="Reason", max_length=400, help_text="Who asked for it, and why. Kept in the history."
    )
    starts_on = date_field("Start")
    ends_on = date_field("End")
    review_on = date_field("Review on")

    term_names: tuple[str, ...] = ("starts_on", "ends_on", "review_on")

    def terms(self) -> Terms:
        """Return the terms of the line."""
        said = self.cleaned_data
        return Terms(
            reason=said["reason"],
            starts_on=said.get("starts_on"),
            ends_on=said.get("ends_on"),
            review_on=said.get("review_on"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChange:
    """The settings that were touched, the lines they were shown with, and the terms."""

    values: Mapping[str, SettingValue]
    seen: Mapping[str, int | None]
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting as the form shows it."""

    field: forms.BoundField
    setting: Setting
    line: SettingLine
    unit: str
    default: str
    history: tuple[PastLine, ...]


class SettingsForm(TermsForm):
    """The settings of one group. Only what was touched is a change, whatever others did meanwhile."""

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        group: Group,
        lines: Mapping[str, SettingLine],
        history: Mapping[str, tuple[PastLine, ...]],
        is_disabled: bool,
    ) -> None:
        super().__init__(data, auto_id=f"id_{group.name.lower()}_%s")
        self.group = group
        self.lines = lines
        self.history = history
        self.keys = [key for key, setting in SETTINGS.items() if setting.group is group]
        for key in self.keys:
            field = setting_field(SETTINGS[key])
            field.initial = shown_setting(SETTINGS[key], lines[key].value)
            field.show_hidden_initial = True
            field.disabled = is_disabled
            self.fields[field_name(key)] = field
            seen = lines[key].preference_id
            self.fields[_seen_name(key)] = forms.IntegerField(required=False, initial=seen, widget=forms.HiddenInput())

    def setting_rows(self) -> list[SettingRow]:
        """Return the settings with their fields, in the order of the registry."""
        return [
            SettingRow(
                field=self[field_name(key)],
                setting=SETTINGS[key],
                line=self.lines[key],
                default=setting_words(key, self.lines[key].default),
                history=self.history.get(key, ()),
                unit=UNITS.get(SETTINGS[key].type, ""),
            )
            for key in self.keys
        ]

    def seen_fields(self) -> list[forms.BoundField]:
        """Return the hidden fields that name the lines shown."""
        return [self[_seen_name(key)] for key in self.keys]

    def value(self) -> SettingsChange:
        """Return what was changed."""
        changed = [key for key in self.keys if field_name(key) in self.changed_data]
        return SettingsChange(
            values={key: stored_setting(SETTINGS[key], self.cleaned_data[field_name(key)]) for key in changed},
            seen={key: self.cleaned_data[_seen_name(key)] for key in changed},
            terms=self.terms(),
        )

    def renewed(self) -> "SettingsForm":
        """Return the form with the same input beside what stands now, so that saving again is a decision."""
        data = cast(QueryDict, self.data).copy()
        for key in self.keys:
            data[_seen_name(key)] = str(self.lines[key].preference_id or "")
            name = field_name(key)
            if name not in self.changed_data:
                data[name] = _posted(shown_setting(SETTINGS[key], self.lines[key].value))
            data[f"initial-{name}"] = _posted(shown_setting(SETTINGS[key], self.lines[key].value))
        return SettingsForm(data, group=self.group, lines=self.lines, history=self.history, is_disabled=False)


def _seen_name(key: str) -> str:
    return f"seen__{field_name(key)}"


def setting_field(setting: Setting) -> forms.Field:
    """Make the field in which a setting is typed; shares in per cent."""
    required = setting.default is not None
    common: dict[str, Any] = {"label": setting.label, "required": required, "help_text": setting.help}
    if setting.type is Type.FLAG:
        return forms.TypedChoiceField(
            coerce=lambda said: said == "yes", choices=(("no", "No"), ("yes", "Yes")), **common
        )
    if setting.type is Type.CHOICE:
        return forms.ChoiceField(choices=setting.choices, **common)
    is_share = setting.type is Type.FRACTION
    scale = _HUNDRED if is_share else Decimal(1)
    return (PercentField if is_share else AmountField)(
        min_value=None if setting.minimum is None else setting.minimum * scale,
        max_value=None if setting.maximum is None else setting.maximum * scale,
        decimal_places=0 if setting.type is Type.COUNT else None,
        widget=forms.TextInput(attrs=_NUMERIC | ({} if required else {"placeholder": "no cap"})),
        **common,
    )


def shown_setting(setting: Setting, value: SettingValue) -> object:
    """Turn a stored value into what its field shows."""
    if value is None:
        return None
    if setting.type is Type.FLAG:
        return "yes" if value else "no"
    if setting.type in (Type.CHOICE, Type.COUNT):
        return value
    number = Decimal(str(value)) * (_HUNDRED if setting.type is Type.FRACTION else 1)
    if setting.type is Type.FRACTION and 0 < number < 1:
        return f"{number.normalize():f}%"
    return Decimal(f"{number.normalize():f}")


def _posted(shown: object) -> str:
    return "" if shown is None else str(shown)


def stored_setting(setting: Setting, value: object) -> SettingValue:
    """Turn what was typed into the value that is stored."""
    if value is None or isinstance(value, bool | str):
        return value
    number = Decimal(str(value))
    if setting.type is Type.COUNT:
        return int(number)
    if setting.type is Type.FRACTION:
        number /= _HUNDRED
    return f"{number.normalize():f}"


class ProfileForm(TermsForm):
    """The choice of a risk profile."""

    profile = forms.TypedChoiceField(label="Risk profile", coerce=int)
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        profiles: Sequence[ProfileChoice],
        profile_id: int | None,
        is_disabled: bool,
    ) -> None:
        super().__init__(data, auto_id="id_profile_%s", initial={"profile": profile_id, "seen": profile_id})
        field = cast(forms.ChoiceField, self.fields["profile"])
        field.choices = [(choice.id, choice.name) for choice in profiles]
        field.disabled = is_disabled
        del self.fields["starts_on"], self.fields["ends_on"]
        self.profiles = profiles

    term_names = ("review_on",)

    def renewed(self, profile_id: int | None) -> "ProfileForm":
        """Return the form with the same input beside what stands now."""
        data = cast(QueryDict, self.data).copy()
        data["seen"] = str(profile_id or "")
        return ProfileForm(data, profiles=self.profiles, profile_id=profile_id, is_disabled=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionChange:
    """A new restriction, the level it applies at, and its terms."""

    level: Level
    new: NewRestriction
    terms: Terms


class RestrictionForm(TermsForm):
    """A new restriction: a verb, and either a symbol or something from the firm's lists."""

    verb = forms.ChoiceField(label="What", choices=Verb.choices)
    symbol = forms.CharField(
        label="Security", required=False, max_length=24, help_text="A symbol. Or choose a group of them beside."
    )
    listed = forms.ChoiceField(label="Or from a list", required=False)
    disposal = forms.ChoiceField(label="What is held", choices=Disposal.choices, required=False)
    unit = forms.ChoiceField(
        label="Measured in",
        choices=(("frac", "% of the account"), ("usd", "Dollars"), ("units", "Shares")),
        required=False,
    )
    least = number_field("At least", least=0)
    most = number_field("At most", least=0)
    level = forms.ChoiceField(
        label="Applies to",
        choices=((Level.ACCOUNT.value, "This account"), (Level.HOUSEHOLD.value, "All accounts of the household")),
    )

    field_order = ("verb", "symbol", "listed", "disposal", "unit", "least", "most", "level", "reason")

    def __init__(self, data: QueryDict | None = None, *, subjects: Sequence[SubjectChoice]) -> None:
        super().__init__(data, auto_id="id_restriction_%s")
        cast(forms.ChoiceField, self.fields["listed"]).choices = _grouped(subjects)

    def clean(self) -> dict[str, Any]:
        """Refuse neither and both of symbol and list."""
        said = super().clean() or self.cleaned_data
        if bool(said.get("symbol")) == bool(said.get("listed")):
            self.add_error("symbol", "Write a symbol, or choose from the list: one of them, not both.")
        if said.get("verb") == Verb.RANGE and said.get("unit") == "frac":
            for name in ("least", "most"):
                if unclear := ambiguous_percent(self.data.get(name)):
                    self.add_error(name, unclear)
        return said

    def value(self) -> RestrictionChange:
        """Return the restriction asked for."""
        said = self.cleaned_data
        kind, _, key = said["listed"].partition(":")
        is_range = said["verb"] == Verb.RANGE
        scale = _HUNDRED if said["unit"] == "frac" else Decimal(1)
        bounds = {
            f"{side}_{said['unit']}": said[name] / scale
            for side, name in (("min", "least"), ("max", "most"))
            if is_range and said[name] is not None
        }
        new = NewRestriction(
            verb=said["verb"],
            subject_kind=kind or SubjectKind.SECURITY,
            subject=key or said["symbol"].strip().upper(),
            disposal=said["disposal"] if said["verb"] == Verb.NEVER_OWN else "",
            **bounds,
        )
        return RestrictionChange(level=Level(said["level"]), new=new, terms=self.terms())


def _grouped(subjects: Sequence[SubjectChoice]) -> list[tuple[str, Any]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for choice in subjects:
        groups.setdefault(SubjectKind(choice.kind).label, []).append((f"{choice.kind}:{choice.key}", choice.name))
    return [("", "None of these"), *groups.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class CashNeedChange:
    """A new cash need and its terms."""

    new: NewCashNeed
    terms: Terms


class CashNeedForm(TermsForm):
    """Money that leaves or comes."""

    kind = forms.ChoiceField(label="What", choices=CashNeedKind.choices)
    amount_usd = number_field("Amount, $", required=True, least=0)
    due_on = date_field("Due, or next due", required=True)
    period = forms.ChoiceField(label="How often", choices=CashPeriod.choices)
    lead_days = forms.IntegerField(
        label="Raise so many days before",
        initial=5,
        min_value=0,
        max_value=MOST_LEAD_DAYS,
        widget=forms.TextInput(attrs=_NUMERIC | {"inputmode": "numeric"}),
    )

    field_order = ("kind", "amount_usd", "due_on", "period", "lead_days", "reason")
    term_names = ("ends_on", "review_on")

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="id_cash_need_%s")
        del self.fields["starts_on"]

    def value(self) -> CashNeedChange:
        """Return the cash need asked for."""
        said = self.cleaned_data
        new = NewCashNeed(
            kind=said["kind"],
            amount_usd=said["amount_usd"],
            due_on=said["due_on"],
            period=said["period"],
            lead_days=said["lead_days"],
        )
        return CashNeedChange(new=new, terms=self.terms())


class EndForm(forms.Form):
    """Why a line is ended."""

    reason = forms.CharField(label="Why it ends", max_length=240)
