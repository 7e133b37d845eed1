"""One import of a file on its way from bytes to rows, and what is wrong with the file."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from evalsite.platform.models import Job
from experiments.models.eval_set import EvalSet
from experiments.models.experiment import Experiment
from experiments.models.model_version import ModelVersion
from experiments.models.upload import Upload


class FileImportQuerySet(models.QuerySet["FileImport"]):
    def listed(self) -> "FileImportQuerySet":
        """What the list of imports shows, newest first."""
        return self.with_what_it_made().select_related("second_upload", "created_by", "job").order_by("-created_at")

    def at_work(self) -> "FileImportQuerySet":
        """Read or written right now, or soon."""
        return self.filter(status__in=FileImport.AT_WORK, job__in=Job.objects.live())

    def stopped(self) -> "FileImportQuerySet":
        """Their job ended before they did: it was cancelled, parked, or failed by an error of ours."""
        return self.filter(status__in=FileImport.AT_WORK).exclude(job__in=Job.objects.live())

    def with_what_it_made(self) -> "FileImportQuerySet":
        return self.select_related("upload", "experiment", "eval_set", "model_version")

    def done_with_same_bytes(self, other: "FileImport") -> "FileImportQuerySet":
        second = other.second_upload.sha256 if other.second_upload else None
        return self.filter(
            kind=other.kind,
            status=FileImport.Status.DONE,
            upload__sha256=other.upload.sha256,
            second_upload__sha256=second,
        )


class FileImport(models.Model):
    class Kind(models.TextChoices):
        PAIRS = "pairs", "pairs"
        EVAL_SET = "eval_set", "eval set"
        OUTPUTS = "outputs", "outputs"
        JUDGMENTS = "judgments", "judgments"

    class Status(models.TextChoices):
        DRAFT = "draft", "uploaded"
        CHECKING = "checking", "being checked"
        CHECKED = "checked", "checked"
        COMMITTING = "committing", "being imported"
        DONE = "done", "imported"
        FAILED = "failed", "failed"
        DISCARDED = "discarded", "discarded"

    OPEN = (Status.DRAFT, Status.CHECKING, Status.CHECKED, Status.COMMITTING, Status.FAILED)

    AT_WORK = (Status.CHECKING, Status.COMMITTING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PAIRS, help_text="what the file holds")
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="+")
    second_upload = models.ForeignKey(Upload, null=True, on_delete=models.PROTECT, related_name="+")
    options = models.JSONField(default=dict, help_text="column mapping, names and what else the kind asks: as chosen")
    at_once = models.BooleanField(
        default=False, help_text="import when the dry run finds no error, as a program asks that does not look first"
    )
    fingerprint = models.CharField(max_length=64, blank=True, help_text="hash of the bytes and the options")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    findings = models.JSONField(null=True, help_text="what the dry run found: columns, counts, first rows, hashes")
    n_rows = models.PositiveIntegerField(default=0)
    n_errors = models.PositiveIntegerField(default=0)
    n_warnings = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    experiment = models.ForeignKey(Experiment, null=True, on_delete=models.PROTECT, related_name="imports")
    eval_set = models.ForeignKey(EvalSet, null=True, on_delete=models.PROTECT, related_name="imports")
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="imports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    committed_at = models.DateTimeField(null=True)

    objects = FileImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fingerprint"], condition=Q(status="done"), name="one_import_per_content"),
            models.CheckConstraint(
                condition=~Q(status="done")
                | Q(committed_at__isnull=False)
                & (Q(experiment__isnull=False) | Q(eval_set__isnull=False) | Q(model_version__isnull=False)),
                name="a_done_import_has_made_something",
            ),
        ]
        indexes = [models.Index(fields=["-created_at"], name="imports_newest_first")]

    def __str__(self) -> str:
        return f"import {self.id}"

    @property
    def is_at_work(self) -> bool:
        """Its job has more to do than to write down its own end."""
        goes_on = self.status in self.AT_WORK or (self.at_once and self.status == self.Status.CHECKED)
        return goes_on and bool(self.job and self.job.is_live)

    @property
    def has_stopped(self) -> bool:
        """Its job ended before it did. Ask for both in one query: what is read later may have gone on."""
        return self.status in self.AT_WORK and not (self.job and self.job.is_live)


class ImportProblem(models.Model):
    class Severity(models.TextChoices):
        ERROR = "error", "error"
        WARNING = "warning", "warning"

    file_import = models.ForeignKey(FileImport, on_delete=models.CASCADE, related_name="problems", db_index=False)
    severity = models.CharField(max_length=7, choices=Severity)
    file = models.PositiveSmallIntegerField(help_text="1, or 2 where two files are joined")
    row = models.PositiveIntegerField(null=True, help_text="as the file counts; none for the file as a whole")
    column = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)

    class Meta:
        indexes = [models.Index(fields=["file_import", "severity", "id"], name="problems_of_an_import")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"
