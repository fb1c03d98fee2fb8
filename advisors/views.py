"""Pages of people and the audit log, and what the site says when something goes wrong."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the request could not be read."""
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that this is not allowed."""
    return render(request, "403.html", {"sentence": "This is not allowed.", "back_url": "/"}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing here."""
    return render(request, "404.html", {"sentence": "There is nothing at this address.", "back_url": "/"}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something of ours failed, without touching the database."""
    return render(request, "500.html", status=500)
