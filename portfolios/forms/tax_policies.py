"""The form of a firm's tax policies."""

from collections.abc import Mapping
from typing import Any

from django import forms

from portfolios.ledger.wash_policy import POLICY_WORDS, PolicyWord, WashPolicy


class TaxPolicyForm(forms.Form):
    """Every choice with its words, and why it is changed; what is law is shown and cannot be changed."""

    reason = forms.CharField(
        label="Reason", max_length=240, help_text="Kept with the new policies, and in the audit log."
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, policy: WashPolicy, is_disabled: bool) -> None:
        super().__init__(data)
        said = policy.to_json()
        for word in POLICY_WORDS:
            self.fields[word.name] = _field(word, said[word.name], is_disabled=is_disabled or word.is_law)
        if is_disabled:
            del self.fields["reason"]
        else:
            self.order_fields([*(word.name for word in POLICY_WORDS), "reason"])

    def value(self) -> dict[str, object]:
        """Return the choices by name, as the policy reads them."""
        return {
            word.name: self.cleaned_data[word.name]
            for word in POLICY_WORDS
            if not word.is_law and word.name in self.cleaned_data
        }


def _field(word: PolicyWord, value: object, *, is_disabled: bool) -> forms.Field:
    if isinstance(value, list):
        return forms.MultipleChoiceField(
            label=word.label,
            help_text=word.help,
            choices=word.choices,
            initial=value,
            required=False,
            disabled=is_disabled,
            widget=forms.CheckboxSelectMultiple,
        )
    if isinstance(value, bool):
        return forms.BooleanField(
            label=word.label, help_text=word.help, initial=value, required=False, disabled=is_disabled
        )
    if word.choices:
        return forms.ChoiceField(
            label=word.label, help_text=word.help, choices=word.choices, initial=value, disabled=is_disabled
        )
    return forms.IntegerField(label=word.label, help_text=word.help, initial=value, disabled=True, required=False)
