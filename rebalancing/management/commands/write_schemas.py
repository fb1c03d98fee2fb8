"""Write the JSON schemas of cases and outcomes into docs/, from the engine's own types."""

import sys
from argparse import ArgumentParser
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand

from rebalancing.engine.case import case_schema
from rebalancing.engine.outcome import outcome_schema

STALE = 1


class Command(BaseCommand):
    """`write_schemas [--check]`."""

    help = "Write docs/case.schema.json and docs/outcome.schema.json; with --check only say whether they are current."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where a file is not current")

    def handle(self, *args: object, check: bool, **options: object) -> None:
        """Write both files, or compare them."""
        stale = [path for path, content in schema_files().items() if not path.is_file() or path.read_bytes() != content]
        for path in stale:
            if not check:
                path.write_bytes(schema_files()[path])
            self.stdout.write(f"{path.name}: {'is not current' if check else 'written'}")
        if check and stale:
            sys.exit(STALE)


def schema_files() -> dict[Path, bytes]:
    """Return what each file must hold."""
    docs = Path(settings.BASE_DIR) / "docs"
    schemas = {"case": case_schema(), "outcome": outcome_schema()}
    return {
        docs / f"{name}.schema.json": msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2) + b"\n"
        for name, schema in schemas.items()
    }
