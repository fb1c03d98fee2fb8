"""Every address of the site. The only place that looks across the apps."""

from django.urls import include, path

urlpatterns = [
    path("", include("rebalancing.run_urls")),
    path("", include("rebalancing.account_urls")),
    path("", include("rebalancing.urls")),
    path("", include("rebalancing.impact_urls")),
    path("", include("rebalancing.risk_model_urls")),
    path("", include("portfolios.urls")),
    path("", include("portfolios.ledger_urls")),
    path("data/", include("portfolios.data_urls")),
    path("house-view/", include("portfolios.house_view_urls")),
    path("api/", include("portfolios.api_urls")),
    path("api/", include("rebalancing.api_urls")),
    path("reports/", include("reporting.urls")),
    path("", include("advisors.urls")),
    path("sign-in/", include("advisors.sign_in_urls")),
]

handler400 = "advisors.views.bad_request"
handler403 = "advisors.views.forbidden"
handler404 = "advisors.views.not_found"
handler500 = "advisors.views.server_error"
