"""Rules of CONVENTIONS.md that hold for every page."""

import re
from pathlib import Path

import pytest

from tests.conventions.sources import place, templates

# Sheets of paper carry their own look: they fetch nothing and run nothing, and their headings name their tables.
PAPER = re.compile(r"^(?:sheet_|client_report|.*pdf)")
SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=[\"']application/json)", re.IGNORECASE)
STYLE = re.compile(r"<style\b|\sstyle=[\"']", re.IGNORECASE)
HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+=[\"']", re.IGNORECASE)
ELSEWHERE = re.compile(r"(?:src|href)=[\"'](?:https?:)?//[^\"']+\.(?:js|css|woff2?)", re.IGNORECASE)
COMMENT = re.compile(r"{%\s*comment.*?endcomment\s*%}|<!--.*?-->|{#.*?#}", re.DOTALL)
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
HEAD = re.compile(r"<th(?=[\s>])(?![^>]*\bscope=)")
PAGES = [path for path in templates() if not PAPER.match(path.name)]


def _text(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


def test_there_are_pages_to_look_at() -> None:
    assert len(PAGES) > 10


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_a_page_has_no_inline_script_style_or_handler(path: Path) -> None:
    text = _text(path)

    assert not SCRIPT.search(text)
    assert not STYLE.search(text)
    assert not HANDLER.search(text)


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_a_page_loads_nothing_from_elsewhere(path: Path) -> None:
    assert not ELSEWHERE.search(_text(path))


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_a_table_has_a_caption_and_its_heads_a_scope(path: Path) -> None:
    tables = TABLE.findall(_text(path))

    assert [table[:60] for table in tables if "<caption" not in table] == []
    assert [head for table in tables for head in HEAD.findall(table)] == []


@pytest.mark.parametrize("path", PAGES, ids=place)
def test_a_form_that_changes_something_carries_its_token(path: Path) -> None:
    forms = re.findall(r"<form\b[^>]*method=[\"']post[\"'].*?</form>", _text(path), re.DOTALL | re.IGNORECASE)

    assert [form[:80] for form in forms if "csrf_token" not in form and "account/fields.html" not in form] == []
