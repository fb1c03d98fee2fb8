"""Addresses of ledgers, wash sales and tax policies."""

from django.urls import path

from portfolios.views import ledgers, tax_policies, wash_sales

app_name = "ledger"

urlpatterns = [
    path("accounts/<int:account_id>/ledger/", ledgers.ledger, name="ledger"),
    path("accounts/<int:account_id>/ledger/record/", ledgers.record, name="record"),
    path("ledger/<int:event_id>/correct/", ledgers.correct, name="correct"),
    path("ledger/<int:event_id>/cancel/", ledgers.cancel, name="cancel"),
    path("households/<int:household_id>/wash-sales/", wash_sales.wash_sales, name="wash_sales"),
    path("settings/tax-policies/", tax_policies.policies, name="tax_policies"),
]
