"""The form that starts a run."""

from django import forms

from rebalancing.services.runs import Scope


class StartRunForm(forms.Form):
    """What is to be analysed: everything, one household or one account."""

    scope = forms.ChoiceField(choices=[("firm", "All accounts"), ("household", "Household"), ("account", "Account")])
    household = forms.IntegerField(required=False, min_value=1)
    account = forms.IntegerField(required=False, min_value=1)

    def clean(self) -> dict[str, object]:
        """A small run names its household or account."""
        said: dict[str, object] = super().clean() or {}
        scope = said.get("scope")
        if scope in ("household", "account") and not said.get(str(scope)):
            raise forms.ValidationError(f"Name the {scope} to rebalance.")
        return said

    def value(self) -> Scope:
        """Return the scope; only of a valid form."""
        said = self.cleaned_data
        if said["scope"] == "household":
            return Scope(household_id=said["household"])
        return Scope(account_id=said["account"]) if said["scope"] == "account" else Scope()
