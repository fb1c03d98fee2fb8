"""Addresses of preferences and tax returns."""

from django.urls import path, register_converter

from portfolios.views import bulk_changes, household_policies, people, preferences, review_list, taxes

app_name = "portfolios"


class GroupConverter:
    """A group of settings in an address."""

    regex = "cash|tax|trading"

    def to_python(self, value: str) -> str:
        """Take it as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """Write it as it stands."""
        return value


class LineConverter(GroupConverter):
    """A kind of line that can be ended, in an address."""

    regex = "restriction|cash-need"


class BulkDecisionConverter(GroupConverter):
    """What is decided on a bulk change, in an address."""

    regex = "apply|drop|undo"


register_converter(GroupConverter, "settings_group")
register_converter(BulkDecisionConverter, "bulk_decision")
register_converter(LineConverter, "statement_line")

_OF = "accounts/<int:account_id>/preferences/"
_BULK = "preferences/bulk/"
_RUN = "households/<int:household_id>/policy/"
_TEAM = "team/<int:membership_id>/"
_TAX = "tax-returns/<int:tax_return_id>/<int:year>/"

urlpatterns = [
    path("preferences/review/", review_list.preferences_to_review, name="review_list"),
    path(_RUN, household_policies.household_policy, name="household_policy"),
    path(f"{_RUN}change/", household_policies.change_household_policy, name="change_household_policy"),
    path(_TEAM, people.person, name="person"),
    path(f"{_TEAM}place/", people.change_place, name="change_place"),
    path(f"{_TEAM}book/", people.hand_over, name="hand_over"),
    path(f"{_TEAM}deputies/", people.delegate, name="delegate"),
    path(f"{_TEAM}deputies/<int:delegation_id>/end/", people.end_delegation, name="end_delegation"),
    path(_BULK, bulk_changes.bulk_changes, name="bulk_changes"),
    path(f"{_BULK}file/", bulk_changes.bulk_file, name="bulk_file"),
    path(f"{_BULK}example.csv", bulk_changes.bulk_example, name="bulk_example"),
    path(f"{_BULK}<int:bulk_change_id>/", bulk_changes.bulk_change, name="bulk_change"),
    path(f"{_BULK}<int:bulk_change_id>/lines.csv", bulk_changes.bulk_change_csv, name="bulk_change_csv"),
    path(f"{_BULK}<int:bulk_change_id>/<bulk_decision:decision>/", bulk_changes.decide, name="decide_bulk_change"),
    path(f"{_OF}copy/", bulk_changes.copy_preferences, name="copy_preferences"),
    path(_OF, preferences.preferences, name="preferences"),
    path(f"{_OF}settings/<settings_group:group>/", preferences.change_settings, name="change_settings"),
    path(f"{_OF}risk-profile/", preferences.choose_profile, name="choose_profile"),
    path(f"{_OF}restrictions/", preferences.restrict, name="restrict"),
    path(f"{_OF}cash-needs/", preferences.need_cash, name="need_cash"),
    path(f"{_OF}<statement_line:what>/<int:line_id>/end/", preferences.end, name="end_line"),
    path(_TAX, taxes.tax_situation, name="tax_situation"),
    path(f"{_TAX}state/", taxes.state_tax_situation, name="state_tax_situation"),
    path(f"{_TAX}rates/", taxes.show_tax_rates, name="tax_rates"),
    path("tax-households/<int:tax_household_id>/confirm/", preferences.confirm_tax, name="confirm_tax_household"),
]
