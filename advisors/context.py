"""What the masthead of every page shows."""

from django.http import HttpRequest


def masthead(request: HttpRequest) -> dict[str, object]:
    """Return who is signed in and where they may go."""
    return {}
