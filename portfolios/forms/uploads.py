"""Refuse an upload by its declared size, so that nothing of it is kept in memory or on disk."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

_FORM_BYTES = 100_000  # what a form has beside its files


def is_too_large(content_length: int) -> bool:
    """Tell whether a request declares more than may be uploaded at once."""
    return content_length > settings.MAX_UPLOAD_BYTES + _FORM_BYTES


class LimitedUploadHandler(FileUploadHandler):
    """Stands before Django's handlers and lets no file of a request that is too large reach them."""

    def handle_raw_input(
        self,
        input_data: object,
        META: dict[str, str],  # noqa: N803  the name that Django calls it by
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Remember how much the request declares."""
        self.content_length = content_length

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Throw the files away when they are too large together."""
        if is_too_large(self.content_length or 0):
            raise StopUpload(connection_reset=False)
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the content on to the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
