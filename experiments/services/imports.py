"""An import of paired outputs from step to step: begun, checked, chosen, committed or discarded."""

import hashlib
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson
from django.db import transaction
from django.db.models import Q

from evalsite.platform import audit, jobs
from evalsite.platform.models import Job, User
from experiments.importers.mapping import Mapping, suggest
from experiments.models import Experiment, PairImport, SuiteRole, Upload, UploadChunk

CHECK, COMMIT = "experiments.check_import", "experiments.commit_import"
Status = PairImport.Status


KEPT_FOR = timedelta(days=14)


class ImportRefused(Exception):
    """This step cannot be taken now, for a reason a user can read."""


@dataclass(frozen=True)
class Options:
    """What the user chose. `mapping` holds only the columns chosen by hand; the rest is suggested by their names."""

    mapping: dict[str, str] = field(default_factory=dict)
    baseline_name: str = ""
    candidate_name: str = ""
    experiment: str = ""
    role: str = SuiteRole.TARGET.value
    add_to_existing: bool = False

    @classmethod
    def of(cls, pair_import: PairImport) -> "Options":
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in pair_import.options.items() if name in known})


def mapping_of(pair_import: PairImport) -> Mapping:
    """As the dry run used it."""
    stored = dict((pair_import.findings or {}).get("mapping", {}))
    return Mapping(**{**stored, "metadata": tuple(stored.get("metadata", ()))})


def with_names_from_file(pair_import: PairImport, options: Options) -> Options:
    """Names not given are taken from the file, where it names exactly one model per arm."""
    seen = (pair_import.findings or {}).get("checked", {}).get("names", [{}, {}])
    told = [next(iter(names)) if len(names) == 1 else "" for names in seen]
    return replace(
        options,
        baseline_name=options.baseline_name or told[0],
        candidate_name=options.candidate_name or told[1],
    )


def locked(pair_import: PairImport) -> PairImport:
    return (
        PairImport.objects.select_for_update(of=("self",))
        .select_related("upload", "second_upload", "job")
        .get(pk=pair_import.pk)
    )


@transaction.atomic
def begin(
    *,
    upload: Upload,
    second_upload: Upload | None,
    options: Options,
    created_by: User | None,
    now: datetime,
    import_id: UUID | None = None,
) -> PairImport:
    """Make the import and start its dry run."""
    drop_old_bytes(now=now)
    pair_import = PairImport.objects.create(
        id=import_id or uuid4(),
        upload=upload,
        second_upload=second_upload,
        options=asdict(options),
        created_by=created_by,
        created_at=now,
    )
    return start_check(pair_import=pair_import, options=options, actor=created_by, now=now)


@transaction.atomic
def start_check(*, pair_import: PairImport, options: Options, actor: User | None, now: datetime) -> PairImport:
    """Read the file anew under these options. Raises ImportRefused."""
    found = locked(pair_import)
    refuse_if_busy_or_over(found)
    found.options = asdict(options)
    found.status, found.error = Status.CHECKING, ""
    found.job = enqueue(CHECK, found, actor, now)
    found.save()
    return found


def refuse_if_busy_or_over(found: PairImport) -> None:
    if found.status in (Status.DONE, Status.DISCARDED):
        raise ImportRefused(f"This import is {found.get_status_display()} already.")
    if found.status in (Status.CHECKING, Status.COMMITTING) and found.job and found.job.is_live:
        raise ImportRefused(f"This import is {found.get_status_display()} right now: wait until that has ended.")


def enqueue(kind: str, found: PairImport, actor: User | None, now: datetime) -> Job:
    """Without a key: the last job may still be writing down its end, and must not be taken for the new one."""
    return jobs.enqueue(kind=kind, args={"import_id": str(found.pk)}, created_by=actor, now=now)


@transaction.atomic
def start_commit(*, pair_import: PairImport, options: Options, actor: User | None, now: datetime) -> PairImport:
    """Start writing what the dry run found to be whole. Raises ImportRefused.

    Where the same bytes were imported under the same options, that import is returned and nothing is started.
    """
    found = locked(pair_import)
    refuse_if_busy_or_over(found)
    refuse_unless_ready(found, options)
    found.options = asdict(options)
    found.fingerprint = fingerprint(found, options)
    if earlier := done_before(found):
        return earlier
    refuse_taken_name(options)
    found.status, found.error = Status.COMMITTING, ""
    found.job = enqueue(COMMIT, found, actor, now)
    found.save()
    return found


def done_before(found: PairImport) -> PairImport | None:
    same = PairImport.objects.filter(fingerprint=found.fingerprint, status=Status.DONE).exclude(pk=found.pk)
    return same.select_related("experiment").first()


def refuse_unless_ready(found: PairImport, options: Options) -> None:
    if found.n_errors:
        raise ImportRefused(f"Nothing is imported while an error remains; there are {found.n_errors:,}.")
    if not is_ready(found):
        raise ImportRefused("The dry run has not read the pairs yet.")
    if columns_changed(found, options):
        raise ImportRefused("The columns were changed: check the file again first.")
    if not (options.baseline_name and options.candidate_name and options.experiment):
        raise ImportRefused("Name both models and the experiment.")
    if options.baseline_name == options.candidate_name:
        raise ImportRefused("The two models need different names: results are told by them.")


def is_ready(found: PairImport) -> bool:
    """The dry run is over and nothing stands in the way."""
    over = found.status in (Status.CHECKED, Status.FAILED, Status.COMMITTING)
    return over and found.findings is not None and found.n_pairs > 0 and found.n_errors == 0


def columns_changed(found: PairImport, options: Options) -> bool:
    columns = (found.findings or {}).get("columns", [])
    return suggest(columns, chosen=options.mapping) != mapping_of(found)


def refuse_taken_name(options: Options) -> None:
    existing = Experiment.objects.filter(name=options.experiment).select_related("baseline", "candidate").first()
    if existing is None:
        return
    if not options.add_to_existing:
        raise ImportRefused(
            f"There is an experiment named {options.experiment!r} already. Choose another name, or say that this set "
            "is to be added to it."
        )
    names = (existing.baseline.name, existing.candidate.name)
    if names != (options.baseline_name, options.candidate_name):
        raise ImportRefused(f"{options.experiment!r} compares {names[0]!r} with {names[1]!r}; use these names.")


def fingerprint(found: PairImport, options: Options) -> str:
    """Same bytes and same options give the same value."""
    second = found.second_upload.sha256 if found.second_upload else ""
    chosen = {name: value for name, value in asdict(options).items() if name not in ("mapping", "add_to_existing")}
    content = [found.upload.sha256, second, asdict(mapping_of(found)), chosen]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


@transaction.atomic
def discard(*, pair_import: PairImport, actor: User | None, now: datetime) -> None:
    """Give the import up and drop its file. One that runs is asked to stop. Raises ImportRefused when it is done."""
    # The job first, as its own last transaction does, or the two could wait for each other.
    if pair_import.job_id:
        Job.objects.select_for_update().filter(pk=pair_import.job_id).first()
    found = locked(pair_import)
    if found.status == Status.DONE:
        raise ImportRefused("This import is done; its experiment stays.")
    if found.job:
        jobs.cancel(job=found.job, now=now)
    PairImport.objects.filter(pk=found.pk).update(status=Status.DISCARDED)
    found.problems.all().delete()
    for upload in (found.upload, found.second_upload):
        if upload:
            upload.chunks.all().delete()
    audit.record(actor=actor, action="import.discarded", subject=str(found), details={}, now=now)


def drop_old_bytes(*, now: datetime) -> None:
    """Files of imports that nobody finished, and of those whose worker died just after the end."""
    old = PairImport.objects.filter(Q(status__in=[Status.DONE, Status.DISCARDED]) | Q(created_at__lt=now - KEPT_FOR))
    idle = old.exclude(status__in=[Status.CHECKING, Status.COMMITTING])
    for name in ("upload", "second_upload"):
        UploadChunk.objects.filter(upload__in=idle.values(name)).delete()
