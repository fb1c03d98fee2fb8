"""Addresses of the house view."""

from django.urls import path, register_converter

from portfolios.views import house_view, house_view_changes

app_name = "house_view"


class DecisionConverter:
    """What is decided on a change, in an address."""

    regex = "submit|approve|send-back|drop"

    def to_python(self, value: str) -> str:
        """Take it as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """Write it as it stands."""
        return value


register_converter(DecisionConverter, "house_view_decision")

_CHANGE = "changes/<int:change_id>/"

urlpatterns = [
    path("", house_view.house_view, name="house_view"),
    path("models/<int:model_id>/", house_view.model, name="model"),
    path("models/<int:model_id>/weights.csv", house_view.model_export, name="model_export"),
    path("restricted/", house_view.restricted, name="restricted"),
    path("restricted/<int:line_id>/end/", house_view.end_restricted, name="end_restricted"),
    path("changes/", house_view.changes, name="changes"),
    path(_CHANGE, house_view_changes.change, name="change"),
    path(f"{_CHANGE}details/", house_view_changes.describe, name="describe"),
    path(f"{_CHANGE}profiles/<int:profile_id>/", house_view_changes.edit_profile, name="edit_profile"),
    path(f"{_CHANGE}models/new/", house_view_changes.new_model, name="new_model"),
    path(f"{_CHANGE}models/<int:model_id>/", house_view_changes.edit_model, name="edit_model"),
    path(f"{_CHANGE}products/", house_view_changes.edit_products, name="edit_products"),
    path(f"{_CHANGE}substitutes/", house_view_changes.edit_substitutes, name="edit_substitutes"),
    path(f"{_CHANGE}screens/", house_view_changes.edit_screens, name="edit_screens"),
    path(f"{_CHANGE}defaults/", house_view_changes.edit_defaults, name="edit_defaults"),
    path(f"{_CHANGE}take-out/<slug:kind>/<int:version_id>/", house_view_changes.take_out, name="take_out"),
    path(f"{_CHANGE}<house_view_decision:decision>/", house_view_changes.decide, name="decide"),
]
