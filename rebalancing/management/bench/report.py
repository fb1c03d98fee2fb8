"""The table of what was measured against what has to be reached, and its place in the page on performance."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

BEGIN, END = "<!-- engine -->", "<!-- end of engine -->"
LIBRARIES: Final = ("numpy", "scipy", "numba", "piqp", "clarabel", "qoco", "osqp", "cvxpy", "pyscipopt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One line of the table: what has to be reached, what was measured, and whether that is enough.

    `is_met` is None where nothing is asked, or too little could be measured to say; `note` says how, or why not.
    """

    what: str
    goal: str
    measured: str
    is_met: bool | None
    note: str = ""

    @property
    def verdict(self) -> str:
        return "" if self.is_met is None else ("met" if self.is_met else "**not met**")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one run measured, on which machine and with which libraries."""

    on: str
    machine: str
    is_quick: bool
    lines: tuple[Line, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe_machine() -> str:
    """Name cores, processor, Python and the versions of every library that was measured."""
    versions = ", ".join(f"{name} {version_of(name)}" for name in LIBRARIES)
    cores = f"{os.cpu_count()} cores ({_processor()}, {platform.system()})"
    return f"{cores}; Python {platform.python_version()}; {versions}"


def version_of(package: str) -> str:
    """Return the version of a package, or that it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            named = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        named = []
    return named[0] if named else platform.machine()


def section_lines(section: Section) -> Iterator[str]:
    """Yield the section as Markdown."""
    yield "## The engine"
    kind = "A quick run: fewer accounts than a full one. " if section.is_quick else ""
    yield f"{kind}Measured on {section.on} in {section.seconds:.0f} s, all lines in one run, one thread a solver."
    yield f"{section.machine}.\n"
    yield "| what | goal | measured | |"
    yield "|---|---|---|---|"
    for line in section.lines:
        yield f"| {line.what} | {line.goal} | {line.measured} | {line.verdict} |"
    notes = list(dict.fromkeys(f"* {line.what}: {line.note}" for line in section.lines if line.note))
    if notes:
        yield "\n" + "\n".join(notes)


def replace_section(page: str, lines: Iterable[str]) -> str:
    """
    Return the page with the engine's section between its marks replaced, and not a letter of the rest.

    A page without the marks gets them at its end.
    """
    text = "\n".join(lines)
    before, mark, rest = page.partition(BEGIN)
    if not mark:
        return f"{page.rstrip()}\n\n{BEGIN}\n{text}\n{END}\n"
    _, mark, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after if mark else chr(10)}"


def missed(lines: Sequence[Line]) -> list[str]:
    """Name the lines whose goal was not reached."""
    return [line.what for line in lines if line.is_met is False]
