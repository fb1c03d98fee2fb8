#!/usr/bin/env python3
"""
The one door to Trimtab: `python3 dev.py demo` and `python3 dev.py test`.

Standard library only; every command may be repeated. What it makes lives in `.venv/` and `var/`.
"""

import argparse
import os
import signal
import sys

from config.dev import demo, gate
from config.dev.steps import ROOT, Stop


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    show = add("demo", demo.demo, "make the demo firm and its day, then serve it")
    show.add_argument("--no-serve", action="store_true", help="do everything but serve, then end")
    show.add_argument("--fresh", action="store_true", help="delete the database in var/ first")
    site = add("run", demo.run_site, "serve what the database holds: web server and worker")
    for command in (show, site):
        command.add_argument("--port", type=int, default=8000)
    test = add("test", gate.test, "run every check and every test")
    test.add_argument("--database-only", action="store_true", help="only the tests that touch the database")
    add("check", gate.check, "run the quick part: lint, types, walls, unit tests")
    add("fix", gate.fix, "mend imports, format and simple lint")
    bench = add("bench", gate.bench, "measure, and write docs/performance.md")
    bench.add_argument("--quick", action="store_true", help="only the engine, with fewer accounts: under five minutes")
    bench.add_argument("rest", nargs=argparse.REMAINDER, help="options of `manage.py bench`")
    add("screenshots", gate.screenshots, "draw the pages of the demo firm anew")
    add("lock", gate.lock, "choose versions anew and write requirements*.txt")
    return parser.parse_args()


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Do what the command line asks."""
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, _end)
    arguments = _arguments()
    try:
        arguments.run(arguments)
    except Stop as reason:
        print(f"\n{reason}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\n  Stopped.", flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
