"""Django's entry to this room."""

from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    """Names the app."""

    name = "rebalancing"
    default_auto_field = "django.db.models.BigAutoField"
