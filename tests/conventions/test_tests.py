"""Rules of CONVENTIONS.md that hold for the tests themselves."""

import ast
import re
from pathlib import Path

from tests.conventions.sources import functions_of, place, python_files, tree_of

FORBIDDEN = re.compile(r"\b(?:unittest\.mock|mocker|MagicMock|time\.sleep\(|pytest\.mark\.(?:skip|xfail)|freezegun)")
# These wait for processes of their own, or name what is forbidden.
MAY_WAIT = {"test_tests.py", "test_run_survives_kills.py"}
CHECKING = re.compile(r"_?(?:raises|warns|assert|check|expect|refuse|django_assert|wait_for)")


def test_unit_tests_never_touch_the_database() -> None:
    marked = [
        place(path)
        for path in python_files("tests/unit", "tests/conventions")
        if path.name != "test_tests.py" and "django_db" in path.read_text(encoding="utf-8")
    ]

    assert marked == [], "\n".join(marked)


def test_names_of_tests_are_sentences() -> None:
    short = [
        f"{place(path, function.lineno)} {function.name}"
        for path in python_files("tests")
        for function in functions_of(path)
        if function.name.startswith("test_") and function.name.count("_") < 3
    ]

    assert short == [], "\n".join(short)


def test_every_test_checks_something() -> None:
    idle = [
        f"{place(path, function.lineno)} {function.name}"
        for path in python_files("tests")
        for function in functions_of(path)
        if function.name.startswith("test_") and not _checks(function, path)
    ]

    assert idle == [], "\n".join(idle)


def _called(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def _asserts(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or any(
        CHECKING.match(name) for name in _called(function)
    )


def _checks(function: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> bool:
    """Tell whether a test asserts, expects an exception, or calls a helper of its module that does."""
    helpers = {one.name for one in functions_of(path) if not one.name.startswith("test_") and _asserts(one)}
    return _asserts(function) or bool(helpers & _called(function))


def test_tests_neither_sleep_nor_skip_nor_mock() -> None:
    found = [
        f"{place(path, number)}: {line.strip()}"
        for path in python_files("tests")
        if path.name not in MAY_WAIT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]

    assert found == [], "\n".join(found)


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in python_files("tests")}

    assert [place(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
    assert all(isinstance(tree_of(folder / "__init__.py"), ast.Module) for folder in folders)
