"""Addresses of the impact of changes of the house view."""

from django.urls import path

from rebalancing.views import impacts

app_name = "impact"

urlpatterns = [
    path("house-view/changes/<int:change_id>/impact/", impacts.impact, name="impact"),
    path("house-view/changes/<int:change_id>/impact/start/", impacts.start, name="start"),
    path("house-view/changes/<int:change_id>/impact/accounts.csv", impacts.impact_csv, name="csv"),
]
