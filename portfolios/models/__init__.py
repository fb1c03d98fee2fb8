from portfolios.models import (  # noqa: F401  Django finds models here
    bulk_changes,
    guidance,
    household_policies,
    households,
    imports,
    lots,
    market,
    preferences,
    securities,
)
