"""The form of how a household's accounts are run together."""

from django import forms
from django.http import QueryDict

from portfolios.forms.preferences import AmountField
from portfolios.models.households import HouseholdMode, TaxStatus
from portfolios.selectors.household_policies import HouseholdPolicyPage, veto_words
from portfolios.services.household_policies import NewHouseholdPolicy

_NUMERIC = {"class": "numeric", "inputmode": "decimal", "autocomplete": "off"}


class HouseholdPolicyForm(forms.Form):
    """Mode, target or band, how near to it, what a transfer costs, and what is bought where."""

    mode = forms.ChoiceField(label="The accounts are run", choices=HouseholdMode.choices)
    profile = forms.TypedChoiceField(
        label="Risk profile of the household", coerce=int, required=False, empty_value=None
    )
    tracking_preference = forms.IntegerField(
        label="Tracking preference",
        min_value=1,
        max_value=10,
        help_text="Of a unified household: 1 puts taxes first, 10 the target.",
        widget=forms.TextInput(attrs=_NUMERIC),
    )
    transfer_cost_bps = AmountField(
        label="Cost of a transfer, bp",
        min_value=0,
        max_value=1000,
        max_digits=6,
        decimal_places=2,
        help_text="What selling here to buy there has to be worth.",
        widget=forms.TextInput(attrs=_NUMERIC),
    )
    vetoes = forms.MultipleChoiceField(label="Never buy", required=False, widget=forms.CheckboxSelectMultiple())
    reason = forms.CharField(label="Reason", max_length=400)
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, page: HouseholdPolicyPage) -> None:
        current = page.current
        initial = {
            "mode": current.mode if current else HouseholdMode.INDEPENDENT,
            "profile": current.risk_profile_id if current else None,
            "tracking_preference": current.tracking_preference if current else 5,
            "transfer_cost_bps": f"{current.transfer_cost_bps.normalize():f}" if current else "2",
            "vetoes": [f"{status}:{key}" for status, key in current.vetoes] if current else [],
            "seen": current.pk if current else None,
        }
        super().__init__(data, auto_id="id_policy_%s", initial=initial)
        self.fields["profile"].choices = [("", "None"), *((one.id, one.name) for one in page.profiles)]  # type: ignore[attr-defined]
        self.fields["vetoes"].choices = [  # type: ignore[attr-defined]
            (f"{status.value}:{key}", veto_words(status, name)) for key, name in page.classes for status in TaxStatus
        ]

    def value(self) -> NewHouseholdPolicy:
        """Return the policy asked for."""
        said = self.cleaned_data
        pairs = (veto.partition(":") for veto in said["vetoes"])
        return NewHouseholdPolicy(
            mode=HouseholdMode(said["mode"]),
            risk_profile_id=said["profile"],
            tracking_preference=said["tracking_preference"],
            transfer_cost_bps=said["transfer_cost_bps"],
            vetoes=tuple((status, key) for status, _, key in pairs),
        )
