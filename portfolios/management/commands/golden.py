"""Compute worked tax cases with the production ledger, or compare it with what they expect."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portfolios.ledger.worked_cases.run import differences, run_file

AGREES, DIFFERS, MALFORMED = 0, 1, 2


class Command(BaseCommand):
    help = (
        "Compute the worked tax cases of FILE.json and print their results as JSON; with --check compare them with "
        "what the file expects. Exit code 0: all agree (or were computed); 1: a case differs or cannot be computed; "
        "2: the file is malformed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, and whether to compare."""
        parser.add_argument("file", type=Path, metavar="FILE.json", help="cases in the schema of docs/golden.md")
        parser.add_argument("--check", action="store_true", help="compare, print what differs, exit 1 on a difference")

    def handle(self, *, file: Path, check: bool, **_: object) -> None:
        """Compute every case; leave with the exit code that the help tells."""
        data = _read(file)
        results = run_file(data)
        if check:
            sys.exit(self._compare(data, results))
        self.stdout.write(json.dumps({"results": results}, indent=1))
        failed = [result for result in results if "error" in result]
        for result in failed:
            self.stderr.write(f"{result['id']}: {result['error']}")
        if failed:
            sys.exit(DIFFERS)

    def _compare(self, data: Mapping[str, Any], results: list[dict[str, Any]]) -> int:
        tolerance = data.get("tolerance") or {}
        wrong = 0
        for case, result in zip(data["cases"], results, strict=True):
            if "error" in result:
                found = [result["error"]]
            elif "expected" not in case:
                found = ["the case expects nothing"]
            else:
                found = differences(case["expected"], result["actual"], tolerance=tolerance)
            wrong += bool(found)
            for line in found:
                self.stdout.write(f"{result['id']}: {line}")
        self.stdout.write(f"{len(results) - wrong} of {len(results)} cases agree.")
        return DIFFERS if wrong else AGREES


def _read(file: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise CommandError(f"{file}: cannot be read: {fault.strerror or fault}", returncode=MALFORMED) from fault
    except ValueError as fault:
        raise CommandError(f"{file}: is no JSON: {fault}", returncode=MALFORMED) from fault
    cases = data.get("cases") if isinstance(data, dict) else None
    if isinstance(data, dict) and not all(
        isinstance(data.get(name) or {}, dict) for name in ("tolerance", "default_policy")
    ):
        raise CommandError(f"{file}: tolerance and default_policy are objects", returncode=MALFORMED)
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise CommandError(f"{file}: has no list of cases", returncode=MALFORMED)
    found: Mapping[str, Any] = data
    return found
