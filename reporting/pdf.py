"""
From the facts of a report to a tagged PDF (PDF/UA-1) that is the same whenever it is made.

WeasyPrint and vl-convert are imported here when a report is made, so that no web process carries them. Nothing is
fetched from the network: styles and font are files of ours, the picture stands in the page.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from django.conf import settings
from django.template.loader import render_to_string

from rebalancing.charts import Chart
from reporting.charts import allocation_picture
from reporting.measures.facts import ReportFacts
from reporting.selectors.form_8949 import TaxForm
from reporting.selectors.policy_statement import PolicyStatement

if TYPE_CHECKING:
    from weasyprint import Document

STATIC: Final = Path(settings.BASE_DIR) / "static"
ALLOWED: Final = frozenset({"file", "data"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How many requests and paragraphs stand on the first page; the rest follows on the second."""

    requests: str
    paragraphs: str

    @classmethod
    def of(cls, requests: int, paragraphs: int) -> "Front":
        """Return both as the template's filter `slice` takes them."""
        return cls(requests=f":{requests}", paragraphs=f":{paragraphs}")

    @property
    def more_requests(self) -> str:
        """Return what is left of the requests."""
        return f"{self.requests[1:]}:"

    @property
    def more_paragraphs(self) -> str:
        """Return what is left of the paragraphs."""
        return f"{self.paragraphs[1:]}:"


# from the fullest to the emptiest: none holds more of anything than the one before it
_COUNTS: Final = (
    *((9, paragraphs) for paragraphs in (12, 9, 8, 7, 6, 5)),
    *((requests, 5) for requests in (8, 7, 6)),
    *((5, 4), (4, 4), (4, 3), (3, 3)),
)
FRONTS: Final = tuple(Front.of(*counts) for counts in _COUNTS)


class FetchRefused(RuntimeError):
    """A report asked for something that is not a file of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadePdf:
    content: bytes
    page_count: int

    @property
    def sha256(self) -> str:
        """Return the hash by which a copy can be recognised."""
        return sha256(self.content).hexdigest()


def make_pdf(facts: ReportFacts, *, facts_hash: str, mark: str = "") -> MadePdf:
    """Draw a report. `mark` is the firm's mark as SVG; equal facts and mark give equal bytes."""
    picture = allocation_picture(facts) if facts.allocation else None
    context = {
        "facts": facts,
        "picture": picture,
        "picture_uri": data_uri(svg_of(picture)) if picture else "",
        "mark_uri": data_uri(mark) if mark.strip().startswith("<svg") else "",
    }
    with _fixed_day(facts.heading.period_ends_on):
        front = _front_that_fits(context)
        return _write(_layout({**context, "front": front}), identifier=facts_hash)


def make_form_pdf(found: TaxForm) -> MadePdf:
    """Draw Form 8949 of an account and year; equal facts give equal bytes."""
    identifier = sha256(msgspec.json.encode(found, order="deterministic")).hexdigest()
    with _fixed_day(date(found.form.year, 12, 31)):
        document = _layout(
            {"tax": found}, template="reporting/form_8949_pdf.html", styles=("report.css", "form_8949.css")
        )
        return _write(document, identifier=identifier)


def make_policy_pdf(policy: PolicyStatement, *, facts_hash: str) -> MadePdf:
    """Draw the policy statement of an account; equal statements give equal bytes."""
    with _fixed_day(policy.on):
        document = _layout({"policy": policy}, template="reporting/policy_pdf.html")
        return _write(document, identifier=facts_hash)


def _front_that_fits(context: Mapping[str, object]) -> Front:
    """Return the fullest first page that is one page, by halving; the emptiest where none is."""
    if _is_one_page(context, FRONTS[0]):
        return FRONTS[0]
    first, last = 1, len(FRONTS) - 1
    while first < last:
        middle = (first + last) // 2
        if _is_one_page(context, FRONTS[middle]):
            last = middle
        else:
            first = middle + 1
    return FRONTS[first]


def _is_one_page(context: Mapping[str, object], front: Front) -> bool:
    """Lay out the first page alone: what does not fit there moves to the second."""
    return len(_layout({**context, "front": front, "is_front_only": True}).pages) == 1


def svg_of(picture: Chart) -> str:
    """Draw a Vega-Lite specification in the light look of the pages."""
    import vl_convert

    looks = json.loads((STATIC / "vega-config.json").read_text())
    svg: str = vl_convert.vegalite_to_svg(dict(picture.spec), config=looks["light"], allowed_base_urls=[])
    return svg


def data_uri(svg: str) -> str:
    """Put a picture into the address itself, so that nothing has to be fetched."""
    return "data:image/svg+xml," + quote(svg)


def _layout(
    context: Mapping[str, object],
    *,
    template: str = "reporting/client_report.html",
    styles: Sequence[str] = ("report.css",),
) -> "Document":
    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError

    fonts, fetcher = FontConfiguration(), own_fetcher()
    html = render_to_string(template, dict(context))
    sheets = [weasyprint.CSS(filename=str(STATIC / name), font_config=fonts, url_fetcher=fetcher) for name in styles]
    page = weasyprint.HTML(string=html, base_url=STATIC.as_uri() + "/", url_fetcher=fetcher)
    try:
        document: Document = page.render(stylesheets=sheets, font_config=fonts)
    except FatalURLFetchingError as refused:  # no Exception, so that WeasyPrint lets it pass
        raise FetchRefused(str(refused)) from refused
    return document


def _write(document: "Document", *, identifier: str) -> MadePdf:
    content: bytes = document.write_pdf(pdf_variant="pdf/ua-1", pdf_tags=True, pdf_identifier=identifier.encode())
    return MadePdf(content=content, page_count=len(document.pages))


def own_fetcher() -> object:
    """Return a fetcher that opens files of `static/` and data in the address itself, and refuses all else."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class OwnFetcher(URLFetcher):
        """Opens nothing but what lies beside the stylesheet."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> object:
            """Open a file of ours; anything else stops the report."""
            scheme = url.partition(":")[0].lower()
            if scheme not in ALLOWED or (scheme == "file" and not url.startswith(STATIC.as_uri() + "/")):
                raise FatalURLFetchingError(f"a report fetches nothing from {scheme}: {url[:80]}")
            return super().fetch(url, headers)

    return OwnFetcher(allowed_protocols=sorted(ALLOWED), allow_redirects=False)


@contextmanager
def _fixed_day(ends_on: date) -> Iterator[None]:
    """Give font subsets the date of the report, not of the clock, so that equal facts give equal bytes."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str((ends_on.toordinal() - 719163) * 86400)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
