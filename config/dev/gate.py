"""What every change must pass: lint, types, walls, Django's own checks, and the tests. Standard library only."""

import time
from argparse import Namespace
from dataclasses import dataclass, field

from config.dev.environment import browser, index_settings, prepare
from config.dev.steps import PYTHON, ROOT, VENV, Stop, run, step

BIN = VENV / "bin"
OURS = ("advisors", "portfolios", "rebalancing", "reporting", "config", "tests", "dev.py", "manage.py")
PRODUCTION = {
    "TRIMTAB_PRODUCTION": "1",
    "TRIMTAB_HOSTS": "trimtab.example",
    "TRIMTAB_SECRET_KEY": "a-key-that-serves-this-check-only-0123456789-abcdefghij",
    "TRIMTAB_FIELD_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "TRIMTAB_HASH_KEY": "another-key-that-serves-this-check-only",
}
PYTEST = (PYTHON, "-m", "pytest", "-q")
WORKERS = ("-n", "2", "--dist", "loadfile")
TOUCH_THE_DATABASE = ("integration", "views", "matrix", "journeys")


@dataclass(slots=True)
class Verdict:
    """Runs checks to the last one and remembers which failed, so that one run names every fault."""

    failed: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def check(self, title: str, *command: object, env: dict[str, str] | None = None) -> None:
        """Run one check; go on when it fails."""
        try:
            with step(title):
                run(*(str(word) for word in command), env=env)
        except Stop as fault:
            print(f"          {fault}", flush=True)
            self.failed.append(title)

    def close(self) -> None:
        """Say how it went; a failure ends with a bad exit code."""
        took = time.monotonic() - self.started
        if self.failed:
            raise Stop(f"Failed after {took:.0f} s: {', '.join(self.failed)}.")
        print(f"\n  Everything passed, in {took:.0f} s.", flush=True)


def _static(verdict: Verdict) -> None:
    verdict.check("lint", BIN / "ruff", "check", "--quiet", ".")
    verdict.check("format", BIN / "ruff", "format", "--check", "--quiet", ".")
    verdict.check("import walls", BIN / "lint-imports", "--no-logo")
    verdict.check("types", BIN / "mypy", *OURS)


def _django(verdict: Verdict) -> None:
    verdict.check("bytecode", PYTHON, "-m", "compileall", "-q", *OURS)
    verdict.check("templates", BIN / "djlint", "templates", "--lint", "--quiet")
    verdict.check("Django checks", PYTHON, "manage.py", "check", "--fail-level", "WARNING")
    deploy = ("check", "--deploy", "--fail-level", "WARNING")
    verdict.check("Django checks for production", PYTHON, "manage.py", *deploy, env=PRODUCTION)
    verdict.check("migrations complete", PYTHON, "manage.py", "makemigrations", "--check", "--dry-run")


def test(args: Namespace) -> None:
    """Run everything; `--database-only` what touches the database, for a second database."""
    prepare(for_tests=True)
    verdict = Verdict()
    if args.database_only:
        verdict.check("kernels", PYTHON, "manage.py", "warm_engine")
        paths = [f"tests/{name}" for name in TOUCH_THE_DATABASE if (ROOT / "tests" / name).is_dir()]
        verdict.check("tests that touch the database", *PYTEST, *WORKERS, *paths)
        verdict.close()
        return
    _static(verdict)
    _django(verdict)
    verdict.check("kernels", PYTHON, "manage.py", "warm_engine")
    verdict.check("tests", *PYTEST, *WORKERS, "tests", "--ignore=tests/browser")
    env = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true", "TRIMTAB_BROWSER": browser()}
    verdict.check("tests in the browser", *PYTEST, "tests/browser", env=env)
    verdict.close()


def check(_: Namespace) -> None:
    """Run the quick part: lint, types, walls and the unit tests."""
    prepare(for_tests=True)
    verdict = Verdict()
    _static(verdict)
    verdict.check("kernels", PYTHON, "manage.py", "warm_engine")
    verdict.check("unit tests", *PYTEST, *WORKERS, "tests/unit", "tests/conventions", "-m", "not slow")
    verdict.close()


def fix(_: Namespace) -> None:
    """Mend what a machine can mend: imports, format, simple lint."""
    prepare(for_tests=True)
    with step("mend"):
        run(BIN / "ruff", "check", "--fix", "--quiet", "--exit-zero", ".")
        run(BIN / "ruff", "format", "--quiet", ".")


def bench(args: Namespace) -> None:
    """Measure, and write docs/performance.md; `--quick` only the engine, in under five minutes."""
    prepare(for_tests=True)
    _install_baselines()
    with step("kernels"):
        run(PYTHON, "manage.py", "warm_engine", quiet=True)
    quick = ("--quick",) if args.quick else ()
    run(PYTHON, "manage.py", "bench", *quick, *args.rest)


def _install_baselines() -> None:
    """Install the solvers that the engine is compared with; the table names the ones that are missing."""
    command = (BIN / "uv", "pip", "install", "--python", PYTHON, "--require-hashes")
    try:
        with step("solvers to compare with"):
            run(*command, "-r", "requirements-bench.txt", env=index_settings(), quiet=True)
    except Stop as fault:
        print(f"          {fault}", flush=True)


def screenshots(_: Namespace) -> None:
    """Draw the pages of the demo firm anew, for the README."""
    prepare(for_tests=True)
    env = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true", "TRIMTAB_BROWSER": browser()}
    with step("screenshots"):
        run(PYTHON, "-m", "tests.browser.screenshots", env=env)


def lock(_: Namespace) -> None:
    """Choose versions anew and write them with their hashes; the files name no host."""
    prepare(for_tests=True)
    options = ("--generate-hashes", "--universal", "--no-header", "--no-annotate")
    for name in ("requirements", "requirements-dev", "requirements-bench"):
        with step(f"{name}.txt"):
            command = (BIN / "uv", "pip", "compile", "--quiet", "--upgrade", *options)
            run(*command, "--python-version", "3.11", f"{name}.in", "-o", f"{name}.txt", env=index_settings())
