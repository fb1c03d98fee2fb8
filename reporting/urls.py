"""Addresses of reporting."""

from django.urls import URLPattern, path

from reporting import views

app_name = "reporting"

urlpatterns: list[URLPattern] = [
    path("", views.reports, name="reports"),
    path("<int:report_id>/", views.report, name="report"),
    path("<int:report_id>/client-report.pdf", views.download, name="download"),
    path("accounts/<int:account_id>/form-8949/<int:year>/", views.form_8949, name="form_8949"),
    path("accounts/<int:account_id>/form-8949/<int:year>/lines.csv", views.form_8949_csv, name="form_8949_csv"),
    path("accounts/<int:account_id>/policy-statement/", views.policy_statement, name="policy_statement"),
    path("new/<int:account_id>/", views.new_report, name="new"),
]
