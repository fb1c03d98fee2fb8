"""Addresses of Today and of runs."""

from django.urls import path

from rebalancing.views import runs, today

app_name = "runs"

urlpatterns = [
    path("", today.today, name="today"),
    path("runs/", runs.runs, name="runs"),
    path("runs/start/", runs.start, name="start"),
    path("runs/<int:run_id>/", runs.run, name="run"),
    path("runs/<int:run_id>/progress/", runs.progress, name="progress"),
    path("runs/<int:run_id>/cancel/", runs.cancel, name="cancel"),
]
