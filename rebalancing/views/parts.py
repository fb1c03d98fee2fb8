"""Small values that several pages show: figures at the head, steps of the way."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the figures at the head of a page."""

    label: str
    value: str
    detail: str = ""
    before: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""
