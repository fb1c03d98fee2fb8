"""Addresses of risk models."""

from django.urls import path

from rebalancing.views import risk_models

app_name = "risk_models"

urlpatterns = [
    path("house-view/risk-models/", risk_models.risk_models, name="risk_models"),
    path("house-view/risk-models/estimate/", risk_models.ask, name="ask"),
    path("house-view/risk-models/<int:version_id>/", risk_models.risk_model, name="risk_model"),
    path("house-view/risk-models/<int:version_id>/approve/", risk_models.approve, name="approve"),
    path("house-view/risk-models/<int:version_id>/drop/", risk_models.drop, name="drop"),
]
