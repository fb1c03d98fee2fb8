from portfolios.models import guidance, households, imports, lots, market, preferences, securities  # noqa: F401  Django finds models here
