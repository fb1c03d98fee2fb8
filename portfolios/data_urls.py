"""Addresses of data."""

from django.urls import path

from portfolios.views import data

app_name = "data"

urlpatterns = [
    path("", data.files, name="files"),
    path("upload/", data.upload, name="upload"),
    path("files/<int:file_id>/", data.file, name="file"),
    path("files/<int:file_id>/post/", data.post_file, name="post_file"),
    path("held/", data.held_accounts, name="held"),
    path("held/<int:hold_id>/lift/", data.lift_hold, name="lift_hold"),
    path("actions/", data.actions, name="actions"),
]
