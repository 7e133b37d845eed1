"""An uploaded file. It lives in PostgreSQL so that any worker can read it."""

import uuid

from django.conf import settings
from django.db import models


class Upload(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.filename


class UploadChunk(models.Model):
    BYTES = 1024 * 1024

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    seq = models.PositiveIntegerField()
    data = models.BinaryField(max_length=BYTES)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "seq"], name="chunks_in_order")]

    def __str__(self) -> str:
        return f"chunk {self.seq}"
