"""Rules of CONVENTIONS.md that hold for every module and that ruff, mypy and import-linter cannot see."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conventions.sources import CORE, ROOT, functions_of, place, python_files, tracked, tree_of

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400
NAMELESS = {"utils.py", "helpers.py", "common.py", "misc.py"}
CLOCKS = {("timezone", "now"), ("timezone", "localdate"), ("datetime", "now"), ("date", "today"), ("time", "time")}
CLOCK_FREE = (*CORE, "portfolios/services", "portfolios/selectors", "rebalancing/services", "rebalancing/selectors",
              "reporting/services", "reporting/selectors", "reporting/selectors.py",
              "advisors/services.py", "advisors/selectors.py")  # fmt: skip
HOSTS = re.compile(
    r"pythonhosted\.org|pypi\.org/simple|registry\.npmjs|registry\.yarnpkg|--(?:extra-)?index.url|--find.links"
    r"|https?://\S+\.(?:whl|tgz|deb)\b"
)
MACHINE_PATHS = re.compile(r"(?:^|[^A-Za-z0-9_.~-])/(?:work|farm|root|opt|home)/[A-Za-z.]")


def test_functions_are_at_most_sixty_lines() -> None:
    long = [
        f"{place(path, function.lineno)} {function.name}: {function.end_lineno - function.lineno + 1} lines"
        for path in python_files()
        for function in functions_of(path)
        if function.end_lineno and function.end_lineno - function.lineno + 1 > MAX_FUNCTION_LINES
    ]

    assert long == [], "\n".join(long)


def test_files_are_at_most_four_hundred_lines() -> None:
    long = [
        f"{place(path)}: {lines} lines"
        for path in python_files()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    ]

    assert long == [], "\n".join(long)


def test_no_module_is_named_for_nothing() -> None:
    assert [place(path) for path in python_files() if path.name in NAMELESS] == []


def test_packages_carry_no_code_of_their_own() -> None:
    """Every `__init__.py` is empty; that of a `models` package only imports, because Django looks there."""
    full = [
        place(path)
        for path in python_files()
        if path.name == "__init__.py"
        and path.read_text(encoding="utf-8").strip()
        and not (path.parent.name == "models" and all(isinstance(n, ast.ImportFrom) for n in tree_of(path).body))
    ]

    assert full == [], "\n".join(full)


def test_services_selectors_and_core_never_ask_the_clock() -> None:
    asked = [
        place(path, node.lineno)
        for path in python_files(*CLOCK_FREE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in CLOCKS
    ]

    assert asked == [], "\n".join(asked)


def _computes_once(node: ast.ClassDef) -> bool:
    """Tell whether a value keeps what is computed of it, for which slots leave no place."""
    marks = [mark for part in node.body if isinstance(part, ast.FunctionDef) for mark in part.decorator_list]
    return any(isinstance(mark, ast.Name) and mark.id == "cached_property" for mark in marks)


def test_values_of_the_core_are_frozen_and_slotted() -> None:
    loose = [
        place(path, node.lineno)
        for path in python_files(*CORE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call)
        and isinstance(mark.func, ast.Name)
        and mark.func.id == "dataclass"
        and not {"slots"} <= {keyword.arg for keyword in mark.keywords}
        and not _computes_once(node)
    ]

    assert loose == [], "\n".join(loose)


def test_no_file_names_a_package_registry() -> None:
    named = [
        f"{place(path, number)}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix in {".py", ".txt", ".in", ".toml", ".cfg", ".yml", ".yaml", ".sh", ".json", ".md"}
        and path.name != "test_sources.py"
        and "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if HOSTS.search(line)
    ]

    assert named == [], "\n".join(named)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    named = [
        f"{place(path, number)}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix in {".py", ".txt", ".toml", ".md", ".html", ".css", ".js", ".json", ".csv", ".xml", ""}
        and path.name not in {"test_sources.py", "LICENSE"}
        and "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATHS.search(line)
    ]

    assert named == [], "\n".join(named)


@pytest.mark.slow
def test_a_web_process_carries_no_solver_and_no_printer() -> None:
    """cvxpy takes two seconds and 115 MB to import: it belongs to workers."""
    program = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"
import django
django.setup()
from django.urls import get_resolver
from django.test import RequestFactory
from django.core.handlers.wsgi import WSGIHandler
get_resolver().url_patterns
WSGIHandler().get_response(RequestFactory().get("/sign-in/signup/"))
heavy = {"cvxpy", "osqp", "clarabel", "vl_convert", "weasyprint", "pandas"} & set(sys.modules)
print(",".join(sorted(heavy)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
