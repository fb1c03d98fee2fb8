"""Addresses of the engine's API."""

from django.urls import path

from rebalancing.api import questions

app_name = "engine"

urlpatterns = [
    path("proposals/<int:proposal_id>/questions/", questions.Questions.guarded(), name="questions"),
    path("questions/<int:question_id>/", questions.OneQuestion.guarded(), name="question"),
]
