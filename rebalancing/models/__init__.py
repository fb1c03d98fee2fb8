from rebalancing.models import impacts, orders, proposals, questions, runs  # noqa: F401  Django finds models here
