"""The project's own files, as git knows them and as they lie in the tree."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("advisors", "portfolios", "rebalancing", "reporting")
CORE = (
    "portfolios/ledger", "portfolios/custodians", "rebalancing/engine", "rebalancing/states.py", "rebalancing/rules.py",
    "rebalancing/exports.py", "reporting/measures.py", "reporting/charts.py", "advisors/errors.py",
)  # fmt: skip


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git tracks and that is there; without git, every file outside of hidden folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    paths = [ROOT / name for name in names] or [
        path
        for path in ROOT.rglob("*")
        if not any(part.startswith(".") or part == "var" for part in path.relative_to(ROOT).parts)
    ]
    return tuple(path for path in paths if path.is_file())


def python_files(*folders: str) -> list[Path]:
    """Return our modules below these folders (all when none is named), migrations left out."""
    wanted = [ROOT / folder for folder in folders]
    return [
        path
        for path in tracked()
        if path.suffix == ".py"
        and "migrations" not in path.parts
        and (not wanted or any(path == one or one in path.parents for one in wanted))
    ]


def templates() -> list[Path]:
    """Return every page and part."""
    return [path for path in tracked() if path.suffix == ".html" and ROOT / "templates" in path.parents]


@cache
def tree_of(path: Path) -> ast.Module:
    """Read a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a module."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def place(path: Path, line: int = 0) -> str:
    """Write a place as editors open it."""
    name = path.relative_to(ROOT).as_posix()
    return f"{name}:{line}" if line else name
