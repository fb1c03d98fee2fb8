"""The page on harvest or wait says what the engine computes."""

from pathlib import Path

from rebalancing.management.commands.draw_waiting import PAGE, table

ROOT = Path(__file__).resolve().parents[3]


def test_table_of_the_page_is_what_the_lattice_gives() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")

    rows = list(table())

    assert len(rows) == 16
    assert page.endswith("\n".join(rows) + "\n")
