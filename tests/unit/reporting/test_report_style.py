"""The sheet of a report is one family with the pages: the same tokens, nothing from elsewhere."""

import re
from pathlib import Path

STATIC = Path(__file__).parents[3] / "static"
_TOKEN = re.compile(r"(--[\w-]+):\s*(#[0-9a-f]{6})\b")


def test_the_tokens_of_the_report_are_those_of_the_pages() -> None:
    light = (STATIC / "trimtab.css").read_text().split("@media (prefers-color-scheme: dark)")[0]
    pages = dict(_TOKEN.findall(light))
    report = dict(_TOKEN.findall((STATIC / "report.css").read_text()))

    assert len(report) >= 9
    assert {name: value for name, value in report.items() if pages.get(name) != value} == {}


def test_the_style_of_the_report_loads_only_its_font_and_drawings_of_its_own() -> None:
    addresses = re.findall(r'url\("([^"]{0,24})', (STATIC / "report.css").read_text())

    assert [one for one in addresses if not one.startswith(("vendor/inter.woff2", "data:image/svg+xml,"))] == []
