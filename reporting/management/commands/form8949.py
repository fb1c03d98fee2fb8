"""Print a year's dispositions of an account as Form 8949 and Schedule D lines, or write them as CSV or PDF."""

import csv
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from advisors.errors import DomainError
from reporting.measures.tax_form_rows import csv_rows, text_lines
from reporting.pdf import make_form_pdf
from reporting.selectors.form_8949 import TaxForm, account_named, tax_form

REFUSED = 2


class Command(BaseCommand):
    """`form8949 ACCOUNT YEAR [--csv FILE] [--pdf FILE]`."""

    help = (
        "Print the year's dispositions of an account as lines of Form 8949 and Schedule D, and how the custodian's "
        "1099-B differs where it was imported; write them as CSV or PDF too. Exit code 2: no such taxable account."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the account, the year, and the files."""
        parser.add_argument("account", help="the account's reference, or its id")
        parser.add_argument("year", type=int)
        parser.add_argument("--firm", default="", help="short name of the firm, where several have such an account")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the lines as CSV")
        parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the form as PDF")

    def handle(self, *, account: str, year: int, firm: str, csv: Path | None, pdf: Path | None, **_: object) -> None:
        """Print, and write what is asked for."""
        try:
            found = tax_form(account_named(firm, account), year=year)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from refusal
        self.stdout.write(f"Form 8949, {year}: {found.account} ··{found.number_last4}, {found.household}")
        for line in text_lines(found.form):
            self.stdout.write(line)
        if csv is not None:
            _write_csv(found, csv)
            self.stdout.write(f"{csv}: {len(found.form.lines)} lines")
        if pdf is not None:
            made = make_form_pdf(found)
            pdf.write_bytes(made.content)
            self.stdout.write(f"{pdf}: {made.page_count} pages")


def _write_csv(found: TaxForm, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(csv_rows(found.form))
