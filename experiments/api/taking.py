"""Files that a program sends: as multipart, or as the bare body of the request; streamed either way."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from experiments.api import shaping
from experiments.api.problems import ApiProblem
from experiments.api.repeating import once
from experiments.api.security import token_of
from experiments.models import Upload
from experiments.services import imports, uploads
from experiments.services.file_imports.registry import SHAPES

ENDINGS = {
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
}
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    }
}


def begin(request: HttpRequest, *, key: UUID, kind: str, options: dict[str, Any], filename: str) -> HttpResponse:
    """Keep the file and start its import, which goes on by itself where no error is found."""
    shape = SHAPES[kind]
    known = {field.name for field in fields(shape.options)}
    chosen = shape.options(**{name: value for name, value in options.items() if name in known})
    person = token_of(request).created_by
    kept: list[Upload] = []

    def effect() -> tuple[int, dict[str, Any]]:
        begun = imports.begin(
            upload=kept[0],
            second_upload=None,
            options=chosen,
            created_by=person,
            now=timezone.now(),
            import_id=key,
            kind=kind,
            at_once=True,
        )
        return 202, shaping.file_import(begun, request)

    kept.append(store(request, filename=filename))
    try:
        answer = once(request, key=key, effect=effect, body=kept[0].sha256.encode())
    except Exception:
        forget(kept[0])
        raise
    if answer.headers.get("Idempotent-Replayed"):
        forget(kept[0])
    return answer


def store(request: HttpRequest, *, filename: str) -> Upload:
    """Raises ApiProblem for a body that is missing or arrived in part."""
    person = token_of(request).created_by
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if file is None:
            raise ApiProblem(422, "no_file", "The form has no part named “file”.")
        return uploads.store(file=file, filename=filename or file.name or "", created_by=person, now=timezone.now())
    ending = ENDINGS.get(request.content_type or "")
    if ending is None:
        known = ", ".join(["multipart/form-data", *ENDINGS])
        raise ApiProblem(415, "unsupported_type", f"Send the file as one of {known}.")
    upload = uploads.store(file=request, filename=filename or f"body.{ending}", created_by=person, now=timezone.now())
    if str(upload.size) != request.headers.get("Content-Length", str(upload.size)):
        forget(upload)
        raise ApiProblem(400, "incomplete", "The body did not arrive whole: send it again.")
    return upload


def forget(upload: Upload) -> None:
    """Unless an import holds it after all, which only the way back to the sender has lost."""
    uploads.drop_unused(Upload.objects.filter(pk=upload.pk))
