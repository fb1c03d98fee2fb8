from portfolios.models import bulk_changes, guidance, households, imports, lots, market, preferences, securities  # noqa: F401  Django finds models here
