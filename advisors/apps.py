"""Django's entry to the room of people, roles, access and audit."""

from django.apps import AppConfig


class AdvisorsConfig(AppConfig):
    """Registers the room's checks."""

    name = "advisors"
    default_auto_field = "django.db.models.BigAutoField"
