"""Addresses of rebalancing."""

from django.urls import URLPattern

app_name = "rebalancing"

urlpatterns: list[URLPattern] = []
