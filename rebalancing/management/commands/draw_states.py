"""Draw the states of proposals and orders as Mermaid."""

from django.core.management.base import BaseCommand

from rebalancing import states


class Command(BaseCommand):
    help = "Print the state diagrams of proposals and orders in Mermaid's language."

    def handle(self, *args: object, **options: object) -> None:
        """Print both diagrams."""
        self.stdout.write(states.as_mermaid())
