"""The table of the benchmark, and its place in a page that has other sections."""

import pytest

from rebalancing.management.bench.report import (
    BEGIN,
    END,
    Line,
    Section,
    describe_machine,
    missed,
    replace_section,
    section_lines,
    version_of,
)

PAGE = f"# Performance\n\nHow to run it.\n\n{BEGIN}\nold\nnumbers\n{END}\n\n<!-- measured -->\n| import | 9.9 s |\n"


def line(what: str, *, is_met: bool | None, note: str = "") -> Line:
    return Line(what=what, goal="<= 2 ms", measured="1 ms", is_met=is_met, note=note)


def section(*lines: Line, is_quick: bool = False) -> Section:
    return Section(on="2026-11-25", machine="2 cores", is_quick=is_quick, lines=lines, seconds=61.4)


def test_only_the_engines_section_of_the_page_is_replaced() -> None:
    written = replace_section(PAGE, ["## The engine", "new"])

    assert written == PAGE.replace("old\nnumbers", "## The engine\nnew")


def test_writing_the_section_twice_is_writing_it_once() -> None:
    once = replace_section(PAGE, ["new"])

    assert replace_section(once, ["new"]) == once


def test_a_page_without_the_marks_gets_the_section_at_its_end() -> None:
    assert replace_section("# Performance\n", ["new"]) == f"# Performance\n\n{BEGIN}\nnew\n{END}\n"


@pytest.mark.parametrize(("is_met", "word"), [(True, "| met |"), (False, "| **not met** |"), (None, "|  |")])
def test_each_line_says_whether_its_goal_is_met(is_met: bool | None, word: str) -> None:
    told = "\n".join(section_lines(section(line("one solve", is_met=is_met))))

    assert f"| one solve | <= 2 ms | 1 ms {word}" in told


def test_a_note_stands_below_the_table_and_a_quick_run_says_so() -> None:
    told = list(section_lines(section(line("one solve", is_met=True, note="20 accounts."), is_quick=True)))

    assert told[-1].strip() == "* one solve: 20 accounts."
    assert "A quick run" in told[1]


def test_the_lines_that_miss_their_goal_are_named() -> None:
    assert missed([line("a", is_met=True), line("b", is_met=False), line("c", is_met=None)]) == ["b"]


def test_the_machine_is_named_with_every_version_and_what_is_missing() -> None:
    assert version_of("no-such-solver") == "not installed"
    assert "numpy " in describe_machine()
    assert "cores" in describe_machine()
