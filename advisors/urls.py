"""Addresses of people, the audit log and the monitor."""

from django.urls import path

from advisors import views

app_name = "advisors"

urlpatterns = [
    path("audit/", views.audit_log, name="audit"),
    path("audit/file/", views.audit_export, name="audit_export"),
    path("audit/verify/", views.audit_verify, name="audit_verify"),
    path("team/", views.team, name="team"),
    path("team/invite/", views.team_invite, name="team_invite"),
    path("team/second-factor/", views.team_second_factor, name="team_second_factor"),
    path("team/<int:membership_id>/active/", views.team_set_active, name="team_set_active"),
    path("health/", views.health, name="health"),
]
