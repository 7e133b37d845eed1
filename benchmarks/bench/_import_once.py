"""One import in a process of its own, as a worker does it: `python -m benchmarks.bench._import_once FILE NUMBER`.

Prints seconds of upload, dry run, commit and removal of the file, and the peak of resident memory in megabytes.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

from benchmarks.stack import high_water_kb
from evalsite.platform.embedded.processes import command_of


class Children(threading.Thread):
    """Looks again and again how much memory a child takes, in kilobytes. What the kernel sums up of children that are
    gone counts our own memory too, in which they were for a moment before they began."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        while True:
            for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                if "packing_child" in command_of(int(pid)):
                    self.peak = max(self.peak, high_water_kb(int(pid)))
            time.sleep(0.05)


def main(path: Path, number: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")
    import django

    django.setup()
    from celery import current_app
    from django.utils import timezone

    from evalsite.platform import jobs
    from experiments.models import FileImport
    from experiments.services import imports, upload_dropping, uploads
    from experiments.services.file_imports.pair_options import PairOptions

    current_app.loader.import_default_modules()
    options = PairOptions(baseline_name="b", candidate_name="c", experiment=f"import {number}")
    seconds = []

    def timed(begun: float) -> None:
        seconds.append(time.perf_counter() - begun)

    children = Children()
    children.start()
    at_first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    with path.open("rb") as file:
        upload = uploads.store(file=file, filename=path.name, created_by=None, now=timezone.now())
    timed(begun)
    found = imports.begin(upload=upload, second_upload=None, options=options, created_by=None, now=timezone.now())
    begun = time.perf_counter()
    jobs.run(UUID(str(found.job_id)))
    timed(begun)
    found.refresh_from_db()
    found = imports.start_commit(file_import=found, options=options, actor=None, now=timezone.now())
    begun = time.perf_counter()
    jobs.run(UUID(str(found.job_id)))
    timed(begun)
    if FileImport.objects.get(pk=found.pk).status != FileImport.Status.DONE:
        sys.exit(f"the import ended as {FileImport.objects.get(pk=found.pk).status}")
    begun = time.perf_counter()
    while upload_dropping.drop_some(now=timezone.now()):
        pass
    timed(begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + children.peak / 1024
    print(*seconds, at_first, peak)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
