"""Addresses of data."""

from django.urls import path

from portfolios.views import data, data_action_forms, data_actions, data_reconciliation

app_name = "data"

urlpatterns = [
    path("", data.files, name="files"),
    path("upload/", data.upload, name="upload"),
    path("files/<int:file_id>/", data.file, name="file"),
    path("files/<int:file_id>/post/", data.post_file, name="post_file"),
    path("held/", data.held_accounts, name="held"),
    path("held/<int:hold_id>/lift/", data.lift_hold, name="lift_hold"),
    path("reconciliation/", data_reconciliation.reconciliation, name="reconciliation"),
    path("reconciliation/accounts/<int:account_id>/", data_reconciliation.comparison, name="comparison"),
    path("reconciliation/breaks/<int:break_id>/assign/", data_reconciliation.assign_break, name="assign_break"),
    path("reconciliation/breaks/<int:break_id>/note/", data_reconciliation.note_break, name="note_break"),
    path("reconciliation/breaks/<int:break_id>/resolve/", data_reconciliation.resolve_break, name="resolve_break"),
    path("actions/", data_actions.actions, name="actions"),
    path("actions/new/", data_action_forms.new_action, name="new_action"),
    path("actions/<int:action_id>/", data_actions.action, name="action"),
    path("actions/<int:action_id>/change/", data_action_forms.edit_action, name="edit_action"),
    path("actions/<int:action_id>/effects.csv", data_actions.action_effects, name="action_effects"),
    path("actions/<int:action_id>/holder/", data_actions.set_holder, name="set_holder"),
    path("actions/<int:action_id>/<slug:decision>/", data_actions.decide_action, name="decide_action"),
]
