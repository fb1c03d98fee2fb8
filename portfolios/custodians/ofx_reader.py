"""
OFX and QFX, version 1 (SGML) and 2 (XML), as elements in order: one strict pass, nothing unfolded, nothing fetched.

The libraries that read OFX are out: ofxtools is GPL and refuses a file for one bad value, ofxparse is left alone since
2021 and repairs what it does not understand. Here what cannot be read is named with its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from portfolios.custodians.base import Fault
from portfolios.custodians.decoding import MAX_CELL_CHARS, Unreadable, decode_text

_ROOT = re.compile(r"<OFX(?:\s[^<>]*)?>", re.IGNORECASE)
_PLAIN_ELEMENT = re.compile(r"<(/?)([A-Z][A-Z0-9._]{0,63})>([^<]*)")
_ELEMENT = re.compile(r"<(?P<tag>[^<>]{1,300})>(?P<text>[^<]*)")
_CDATA = re.compile(r"<!\[CDATA\[(?P<text>.*?)\]\]>", re.DOTALL)
_PLAIN = re.compile(r"[^<]*")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NAME = re.compile(r"[A-Z][A-Z0-9._]{0,63}")
_ENTITY = re.compile(r"&(?:#(?P<code>\d{1,6})|(?P<name>amp|lt|gt|quot|apos|nbsp));?")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_HEADER = re.compile(rb"OFXHEADER|<OFX[\s>]", re.IGNORECASE)
_DECLARES_1252 = re.compile(
    r"(?:CHARSET\s*[:=]\s*\"?1252|ENCODING\s*[:=]\s*\"?(?:USASCII|WINDOWS-1252))", re.IGNORECASE
)


class Token(NamedTuple):
    """An element that begins (`is_end` False) or ends; `value` is the text of one that has a text."""

    name: str
    line: int
    is_end: bool
    value: str


def is_ofx(content: bytes) -> bool:
    """Tell whether a file claims to be OFX, by its first bytes."""
    return _HEADER.search(content[:4096].replace(b"\x00", b"")) is not None


def decode_ofx(content: bytes) -> tuple[str, tuple[Fault, ...]]:
    """
    Decode the text; letters of Windows-1252 need no note where the header declares them.

    :raises Unreadable: binary content
    """
    text, faults = decode_text(content)
    root = _ROOT.search(text)
    header = text[: root.start()] if root else text[:2000]
    return text, () if _DECLARES_1252.search(header) and "�" not in text else faults


def tokens_of(text: str) -> Iterator[Token]:
    """
    Give the elements of the body, which begins at `<OFX>` and ends with `</OFX>`.

    Elements with a text need no end; `aggregates` (without text) do, and the caller pairs them.

    :raises Unreadable: no OFX, cut off, a document type or entities, or text where none may stand
    """
    root = _ROOT.search(text)
    if root is None:
        raise Unreadable("The file holds no <OFX> element: it is no OFX or QFX file, or is cut off.")
    _refuse_declarations(text[: root.start()])
    body = _Body(text=text, at=root.start(), line=text.count("\n", 0, root.start()) + 1)
    is_closed = False
    while (token := body.next()) is not None:
        if is_closed:
            raise Unreadable("Something follows after </OFX>; a file holds one OFX response.", row=token.line)
        is_closed = token.is_end and token.name == "OFX"
        yield token
    if not is_closed:
        raise Unreadable("The file ends before </OFX>: it is cut off.", row=body.line)


def _refuse_declarations(header: str) -> None:
    if re.search(r"<!(?:DOCTYPE|ENTITY)", header, re.IGNORECASE):
        raise Unreadable("The file declares a document type or entities, which no OFX file does; refused.", row=1)


@dataclass(slots=True)
class _Body:
    """The text while it is read: where, and on which line."""

    text: str
    at: int
    line: int

    def next(self) -> Token | None:
        """Give the next element, None at the end; the plain ones, which are nearly all, go the short way."""
        while self.at < len(self.text):
            match = _PLAIN_ELEMENT.match(self.text, self.at)
            if match is not None and not self.text.startswith("<!", match.end()):
                token = _token(match[2], match[3], line=self.line, is_end=bool(match[1]))
                self._pass(match.end())
                return token
            comment = _COMMENT.match(self.text, self.at)
            if comment is not None:
                self._pass(comment.end())
            elif (found := self._element()) is not None:
                return found
        return None

    def _element(self) -> Token | None:
        match = _ELEMENT.match(self.text, self.at)
        line = self.line
        if match is None:
            self._refuse_stray()
        assert match is not None  # _refuse_stray raises
        self._pass(match.end())
        said = match["tag"].upper().split()
        name = said[0].strip("/") if said else ""
        is_end, is_empty = match["tag"].startswith("/"), match["tag"].endswith("/")
        if not _NAME.fullmatch(name):
            raise Unreadable(f"“<{match['tag'][:40]}>” is not an element of OFX.", row=line)
        token = _token(name, self._with_cdata(match["text"]), line=line, is_end=is_end or is_empty)
        return None if is_empty else token

    def _with_cdata(self, text: str) -> str:
        while (cdata := _CDATA.match(self.text, self.at)) is not None:
            text += cdata["text"].replace("&", "&amp;")  # nothing in CDATA is an entity
            self._pass(cdata.end())
            rest = _PLAIN.match(self.text, self.at)
            assert rest is not None  # it matches nothing as well
            self._pass(rest.end())
            text += rest[0]
        return text

    def _pass(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def _refuse_stray(self) -> None:
        rest = self.text[self.at : self.at + 20]
        if rest.upper().startswith(("<!DOCTYPE", "<!ENTITY")):
            _refuse_declarations(rest)
        told = " ".join(rest.split())
        raise Unreadable(f"From here on the file is not readable (“{told}”); it may be cut off.", row=self.line)


def _token(name: str, text: str, *, line: int, is_end: bool) -> Token:
    value = text.strip()
    if value:
        value = " ".join((_ENTITY.sub(_letter, value) if "&" in value else value).split())
    if is_end and value:
        raise Unreadable(f"The text “{value[:40]}” stands outside of any element.", row=line)
    if len(value) > MAX_CELL_CHARS:
        raise Unreadable(f"The value of {name} has more than {MAX_CELL_CHARS:,} characters.", row=line)
    return Token(name, line, is_end, value)


def _letter(match: re.Match[str]) -> str:
    """Return what an entity stands for; one pass, so that nothing unfolds."""
    if match["name"]:
        return _ENTITIES[match["name"]]
    code = int(match["code"])
    return chr(code) if 32 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else " "
