"""System checks of this room: no address without a guard."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

# Views that are not ours, by the start of their module, and why they need no guard of ours.
UNGUARDED: Final[dict[str, str]] = {
    "allauth.": "signing in, signing out and one's own password and second factor: allauth guards each itself",
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Walk every address of the site with its pattern, as written in the urls modules."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        else:
            yield path, entry


def is_ours(pattern: URLPattern) -> bool:
    """Tell whether a view is guarded by us, and not by the library that it comes from."""
    return not pattern.callback.__module__.startswith(tuple(UNGUARDED))


@register
def check_every_view_is_guarded(
    app_configs: Sequence[AppConfig] | None,
    **_: object,
) -> list[CheckMessage]:
    """Name every address whose view carries no mark of `requires`, `signed_in` or `public`."""
    return [
        Error(
            f"the view of /{path} is not guarded",
            hint="put @requires(Capability.X), @signed_in or @public (advisors.access) on top of it",
            id="advisors.E001",
        )
        for path, pattern in routes()
        if is_ours(pattern) and not hasattr(pattern.callback, "requires")
    ]
