"""Addresses of accounts and households."""

from django.urls import path

from rebalancing.views import accounts, bulk_changes

app_name = "accounts"

urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/change/", bulk_changes.change_accounts, name="change_accounts"),
    path("accounts/<int:account_id>/", accounts.account, name="account"),
    path("households/<int:household_id>/", accounts.household, name="household"),
]
