"""The web server's door."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()


def _warm() -> None:
    from rebalancing.services.solving import warm_engine  # the site is up before the kernels are loaded

    warm_engine()


threading.Thread(target=_warm, name="warm-engine", daemon=True).start()
