"""A request of a program that must have its effect once, with the answer it was given."""

import uuid

from django.db import models

from evalsite.platform.models.api_token import ApiToken


class ApiCall(models.Model):
    """Asked again under the same key: the same body gets this answer, another body is refused."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False, help_text="made by the client")
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    body_hash = models.CharField(max_length=64, help_text="of method, path and body")
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"call {self.id}"
