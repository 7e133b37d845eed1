"""Uploaded files: into PostgreSQL as they arrive, and back out to a temporary file for the worker that reads them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import IO, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from psycopg import Cursor

from evalsite.platform.models import User
from experiments.models import FileImport, Upload, UploadChunk

COPY_CHUNKS = "COPY experiments_uploadchunk (upload_id, seq, data) FROM STDIN (FORMAT BINARY)"
COPY_HEAD, COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
READ_CHUNK = "SELECT data FROM experiments_uploadchunk WHERE upload_id = %s AND seq = %s"
# Number of fields, then length and value of each: uuid, int4, bytea.
CHUNK_ROW = Struct("!hi16siii").pack


class UploadRefused(Exception):
    """The file cannot be taken, for a reason its sender can read."""


class UploadGone(Exception):
    """The file's bytes were removed after its import had ended."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@transaction.atomic
def store(*, file: Readable, filename: str, created_by: User | None, now: datetime) -> Upload:
    """Keep the file in chunks, one in memory at a time."""
    upload = Upload(id=uuid4(), filename=stored_name(filename), size=0, created_by=created_by, created_at=now)
    upload.save(force_insert=True)
    digest = sha256()
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY_CHUNKS) as copy:
        copy.write(COPY_HEAD)
        seq = 0
        while data := file.read(UploadChunk.BYTES):
            digest.update(data)
            upload.size += len(data)
            if upload.size > settings.UPLOAD_MAX_BYTES:
                raise UploadRefused(f"{filename} is larger than {settings.UPLOAD_MAX_BYTES // 2**20:,} MB")
            copy.write(CHUNK_ROW(3, 16, upload.id.bytes, 4, seq, len(data)) + data)
            seq += 1
        copy.write(COPY_TAIL)
    upload.sha256 = digest.hexdigest()
    upload.save(update_fields=["size", "sha256"])
    return upload


def stored_name(filename: str) -> str:
    """The last part of the path, without what a database or a header could not carry."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1].encode(errors="replace").decode()
    kept = "".join(letter for letter in name if letter.isprintable()).strip()
    return kept[-255:] or "upload"


def chunks(upload_id: UUID) -> Iterator[bytes]:
    """One at a time, and not as hexadecimal text, which would double them on the wire."""
    connection.ensure_connection()
    with Cursor(connection.connection) as cursor:
        for seq in count():
            with connection.wrap_database_errors:
                cursor.execute(READ_CHUNK, [upload_id, seq], binary=True)
            row = cursor.fetchone()
            if row is None:
                return
            yield row[0]


@contextmanager
def on_disk(upload: Upload) -> Iterator[Path]:
    """The file, byte for byte, for as long as the block runs. Raises UploadGone."""
    with NamedTemporaryFile(prefix="evalsite-import-") as file:
        if fill(file, upload) != upload.sha256:
            raise UploadGone
        file.flush()
        yield Path(file.name)


def fill(file: IO[bytes], upload: Upload) -> str:
    """Written and hashed by a thread, while the database sends the next chunk."""
    digest = sha256()

    def keep(data: bytes) -> None:
        file.write(data)
        digest.update(data)

    with ThreadPoolExecutor(1) as pool:
        kept: Future[None] | None = None
        for data in chunks(upload.pk):
            if kept:
                kept.result()
            kept = pool.submit(keep, data)
        if kept:
            kept.result()
    return digest.hexdigest()


def drop_unused(some: QuerySet[Upload]) -> None:
    """Those that belong to no import, bytes and all."""
    holders = FileImport.objects.filter(Q(upload=OuterRef("pk")) | Q(second_upload=OuterRef("pk")))
    some.filter(~Exists(holders)).delete()
