"""Addresses of accounts and households."""

from django.urls import path

from rebalancing.views import accounts

app_name = "accounts"

urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/<int:account_id>/", accounts.account, name="account"),
    path("households/<int:household_id>/", accounts.household, name="household"),
]
