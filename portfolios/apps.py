"""Django's entry to this room."""

from django.apps import AppConfig


class PortfoliosConfig(AppConfig):
    """Names the app."""

    name = "portfolios"
    default_auto_field = "django.db.models.BigAutoField"
