"""Uploads into a temporary file that end where they get too large: before the first byte, or at the byte too many."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

# Form fields and the borders between parts, and a form takes two files at most.
FIELDS_BYTES = 1024 * 1024
MOST_FILES = 2


class CappedUploadHandler(TemporaryFileUploadHandler):
    """What is wrong waits in `request.upload_refusal`: the fields before the file are read, the file is not there."""

    announced = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        self.announced = content_length

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if self.announced > MOST_FILES * settings.UPLOAD_MAX_BYTES + FIELDS_BYTES:
            self.refuse()
        super().new_file(*args, **kwargs)
        self.arrived = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.arrived += len(raw_data)
        if self.arrived > settings.UPLOAD_MAX_BYTES:
            self.file.close()
            self.refuse()
        super().receive_data_chunk(raw_data, start)

    def refuse(self) -> None:
        """Nothing more is read: the connection is closed after the answer."""
        if isinstance(self.request, HttpRequest):
            self.request.upload_refusal = refusal()  # type: ignore[attr-defined]
        raise StopUpload(connection_reset=True)


def refusal() -> str:
    return (
        f"The file is larger than {settings.UPLOAD_MAX_BYTES // 2**20:,} MB, the most this site takes. Split it, send "
        "it as Parquet, or import it on the server with a command; whoever runs the site can raise UPLOAD_MAX_MB."
    )
