"""Addresses of proposals, review and orders."""

from django.urls import path

from rebalancing.views import orders, preference_prices, proposals, review

app_name = "rebalancing"

urlpatterns = [
    path("proposals/", proposals.proposals, name="proposals"),
    path("proposals/<int:proposal_id>/", proposals.proposal, name="proposal"),
    path("proposals/<int:proposal_id>/case.json", proposals.case_file, name="proposal_case"),
    path(
        "proposals/<int:proposal_id>/approve-as-advisor/",
        proposals.approve_as_advisor,
        name="proposal_approve_as_advisor",
    ),
    path("proposals/<int:proposal_id>/approve/", proposals.approve, name="proposal_approve"),
    path("proposals/<int:proposal_id>/release/", proposals.release_one, name="proposal_release"),
    path("proposals/<int:proposal_id>/preference-prices/", preference_prices.ask_prices, name="preference_prices"),
    path(
        "proposals/<int:proposal_id>/preference-prices/<int:question_id>/",
        preference_prices.asked_prices,
        name="preference_prices_asked",
    ),
    path("accounts/<int:account_id>/preference-prices/", preference_prices.account_prices, name="account_prices"),
    path("proposals/<int:proposal_id>/<slug:action>/", proposals.decide, name="proposal_decide"),
    path("review/", review.review_queue, name="review"),
    path("review/approve/", review.review_approve, name="review_approve"),
    path("review/release/", review.release, name="release"),
    path("orders/", orders.batches, name="batches"),
    path("orders/fills/", orders.fills, name="fills"),
    path("orders/fills/<int:file_id>/", orders.fill_file, name="fill_file"),
    path("orders/<int:batch_id>/", orders.batch, name="batch"),
    path("orders/<int:batch_id>/cancel/", orders.cancel, name="batch_cancel"),
    path("orders/<int:batch_id>/files/<slug:custodian>/", orders.order_file, name="batch_file"),
]
