"""Django's entry to this room."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Names the app."""

    name = "reporting"
    default_auto_field = "django.db.models.BigAutoField"
