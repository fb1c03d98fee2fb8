"""Addresses of preferences."""

from django.urls import path, register_converter

from portfolios.views import preferences

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


register_converter(GroupConverter, "settings_group")
register_converter(LineConverter, "statement_line")

_OF = "accounts/<int:account_id>/preferences/"

urlpatterns = [
    path(_OF, preferences.preferences, name="preferences"),
    path(f"{_OF}settings/<settings_group:group>/", preferences.change_settings, name="change_settings"),
    path(f"{_OF}risk-profile/", preferences.choose_profile, name="choose_profile"),
    path(f"{_OF}restrictions/", preferences.restrict, name="restrict"),
    path(f"{_OF}cash-needs/", preferences.need_cash, name="need_cash"),
    path(f"{_OF}<statement_line:what>/<int:line_id>/end/", preferences.end, name="end_line"),
    path(f"{_OF}tax-situation/", preferences.state_taxes, name="state_taxes"),
    path("tax-households/<int:tax_household_id>/confirm/", preferences.confirm_tax, name="confirm_tax_household"),
]
