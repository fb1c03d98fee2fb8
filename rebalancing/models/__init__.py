from rebalancing.models import orders, proposals, questions, runs  # noqa: F401  Django finds models here
