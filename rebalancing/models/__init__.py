from rebalancing.models import orders, proposals, runs  # noqa: F401  Django finds models here
