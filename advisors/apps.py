"""Django's entry to the room of people, roles, access and audit."""

from django.apps import AppConfig


class AdvisorsConfig(AppConfig):
    """Registers the room's checks and listens to sign-ins."""

    name = "advisors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load what registers itself."""
        from advisors import checks, receivers  # noqa: F401
