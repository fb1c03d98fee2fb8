"""Compile the engine's kernels, or load them from the cache on disk, by solving a small case."""

from time import perf_counter

from django.core.management.base import BaseCommand

from rebalancing.services.solving import warm_engine


class Command(BaseCommand):
    """`warm_engine`."""

    help = "Compile the engine's kernels once; later processes load them from the cache beside the code."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Warm up and say how long it took."""
        started = perf_counter()
        warm_engine()
        self.stdout.write(f"The engine is warm after {perf_counter() - started:.1f} s.")
