"""Addresses of the API."""

from django.urls import path

from portfolios.api import actions

app_name = "api"

urlpatterns = [
    path("corporate-actions/", actions.CorporateActions.guarded(), name="actions"),
    path("corporate-actions/<int:action_id>/", actions.OneCorporateAction.guarded(), name="action"),
    path("corporate-actions/<int:action_id>/preview/", actions.PreviewOfAction.guarded(), name="preview"),
]
