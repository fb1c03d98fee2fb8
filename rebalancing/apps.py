"""Django's entry to this room."""

from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    """Names the app and listens to corporate actions."""

    name = "rebalancing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load what registers itself."""
        from rebalancing import receivers  # noqa: F401
