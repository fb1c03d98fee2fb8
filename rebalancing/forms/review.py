"""Forms of proposals, review and orders: each turns what was asked into one typed value and saves nothing."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from rebalancing.models.proposals import ProposalStatus
from rebalancing.rules import MIN_REASON_LENGTH
from rebalancing.selectors.queue import FLAGS, MOST_AT_ONCE, SORTS, WAITING, QueueFilter
from rebalancing.selectors.review import Totals

MAX_FILE_BYTES = 20_000_000
_SORT_CHOICES = [(f"{sign}{name}", f"{sign}{name}") for name in SORTS for sign in ("", "-")]


class QueueForm(forms.Form):
    """What a list of proposals shows. What is not understood is left out."""

    field_classes = {"q": "wide-field"}

    q = forms.CharField(
        label="Household or account",
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "data-find": ""}),
    )
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[
            ("", "All"),
            *WAITING.items(),
            *[choice for choice in ProposalStatus.choices if choice[0] not in WAITING and choice[0] != "superseded"],
        ],
    )
    flag = forms.ChoiceField(label="Flag", required=False, choices=[("", "Any"), *FLAGS.items()])
    sort = forms.ChoiceField(required=False, choices=_SORT_CHOICES, widget=forms.HiddenInput)

    def value(self) -> QueueFilter:
        """Return the filter."""
        self.is_valid()
        said = self.cleaned_data
        return QueueFilter(
            status=said.get("status") or "",
            words=said.get("q") or "",
            flag=said.get("flag") or "",
            sort=said.get("sort") or "-opportunity",
        )


class WaitingForm(QueueForm):
    """The same for a reviewer's queue: one place where proposals wait, `place` unless another is chosen."""

    status = forms.ChoiceField(label="Waiting", required=False, choices=list(WAITING.items()))

    def __init__(self, data: QueryDict, *, place: str) -> None:
        asked = data.copy()
        if asked.get("status") not in WAITING:
            asked["status"] = place
        super().__init__(asked)


class ReasonForm(forms.Form):
    """Why somebody decides as they do; the record keeps it."""

    reason = forms.CharField(
        label="Reason",
        min_length=MIN_REASON_LENGTH,
        max_length=400,
        help_text="Kept with the decision, readable by everybody who may see the proposal.",
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        error_messages={"required": "Please give a reason: the record keeps it."},
    )

    def value(self) -> str:
        """Return the reason."""
        return str(self.cleaned_data["reason"]).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The proposals somebody chose, and the figures that the button promised; None where it promised nothing."""

    proposal_ids: tuple[int, ...]
    promised: Totals | None


class ChosenForm(forms.Form):
    """A confirmed decision on several proposals: their ids in one field, beside what the button said."""

    proposals = forms.CharField(max_length=MOST_AT_ONCE * 12)
    proposal_count = forms.IntegerField(min_value=1)
    order_count = forms.IntegerField(min_value=0)
    traded_usd = forms.CharField(max_length=24)

    def clean_proposals(self) -> tuple[int, ...]:
        """Read the ids."""
        return ids_in(str(self.cleaned_data["proposals"]).split(","))

    def clean_traded_usd(self) -> Decimal:
        """Read the dollars as the page wrote them."""
        try:
            return Decimal(str(self.cleaned_data["traded_usd"]))
        except InvalidOperation as error:
            raise forms.ValidationError("This is not an amount.") from error

    def value(self) -> Chosen:
        """Return what was confirmed."""
        said = self.cleaned_data
        promised = Totals(
            proposal_count=said["proposal_count"], order_count=said["order_count"], traded_usd=said["traded_usd"]
        )
        return Chosen(proposal_ids=said["proposals"], promised=promised)


def ids_in(texts: list[str]) -> tuple[int, ...]:
    """Return the whole numbers among some texts, each once, in their order."""
    return tuple(dict.fromkeys(int(text) for text in texts if text.isdecimal() and len(text) < 16))[:MOST_AT_ONCE]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFills:
    """A file of fills as uploaded."""

    name: str
    content: bytes


class FillsForm(forms.Form):
    """A file of fills to be booked."""

    file = forms.FileField(
        label="File of fills",
        help_text="CSV or XLSX with the columns client_order_id, execution_id, date, units, price, fee. "
        "An order may be named by its id, or a whole block by its reference.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
        error_messages={"required": "Choose a file first.", "empty": "The file is empty."},
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        """Refuse what is too large before it is read."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_FILE_BYTES:
            megabytes = (file.size or 0) / 1_000_000
            raise forms.ValidationError(f"The file has {megabytes:,.0f} MB; the limit is 20 MB.")
        return file

    def value(self) -> UploadedFills:
        """Return name and content."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        return UploadedFills(name=file.name or "fills", content=file.read())
