"""Renew all evidence of an experiment and decide: run both models over its suites, score, compare, gather."""

import sys
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID, uuid4

import orjson
from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Job, Sweep
from experiments.management.experiment_named import experiment_named
from experiments.management.generation_steps import model_version_named
from experiments.models import PipelineRun
from experiments.reports import pipelines
from experiments.services.pipelines import advancing, starting
from experiments.services.pipelines.following import CannotFollow, start_with

LOOK_EVERY = 0.5


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("experiment", metavar="EXPERIMENT", help="its name or its number")
        parser.add_argument(
            "--candidate",
            metavar="MODEL_VERSION",
            help="NAME, NAME:VERSION, or a number: in an experiment of its own, with the same suites and policy",
        )
        parser.add_argument("--token", type=UUID, help="a UUID of your own: the same again starts nothing new")
        parser.add_argument("--no-wait", action="store_true", help="leave it to the workers and end at once")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *, experiment: str, **given: Any) -> None:
        try:
            pipeline, is_new = self.start(experiment, given["candidate"], token=given["token"] or uuid4())
        except (starting.PipelineRefused, CannotFollow) as refusal:
            raise CommandError(str(refusal)) from None
        if not is_new and pipeline.status == PipelineRun.Status.RUNNING:
            self.stderr.write("A pipeline of this experiment is on its way: following that one.")
        if not given["no_wait"]:
            pipeline = self.follow(pipeline)
        self.tell(pipeline, given["format"])
        if pipeline.status in (PipelineRun.Status.FAILED, PipelineRun.Status.CANCELLED):
            raise CommandError(pipeline.status_reason or "It was stopped.")

    def start(self, name: str, candidate: str | None, *, token: UUID) -> tuple[PipelineRun, bool]:
        experiment, now = experiment_named(name), timezone.now()
        if not candidate:
            return starting.start(experiment=experiment, token=token, started_by=None, now=now)
        version = model_version_named(candidate)
        pipeline, is_new = start_with(experiment=experiment, candidate=version, token=token, started_by=None, now=now)
        self.stderr.write(f"experiment {pipeline.experiment_id}: {pipeline.experiment}")
        return pipeline, is_new

    def follow(self, pipeline: PipelineRun) -> PipelineRun:
        """Until its end. Without a worker the jobs it needs are done here."""
        told = ""
        while pipeline.status == PipelineRun.Status.RUNNING:
            pipeline = advancing.advance(pipeline.pk, now=timezone.now())
            shown = pipelines.shown(pipeline)
            if shown.stuck:
                raise CommandError(f"{shown.stuck[0].title}: {shown.stuck[0].note}")
            if told != (told := shown.summary):
                self.stderr.write(told)
            if pipeline.status == PipelineRun.Status.RUNNING and not self.work():
                time.sleep(LOOK_EVERY)
        return pipeline

    def work(self) -> bool:
        """One due job, where nobody else does them."""
        now = timezone.now()
        if Sweep.objects.workers_alive(now=now):
            return False
        due = Job.objects.due(now=now).order_by("created_at").first()
        if due is None:
            return False
        current_app.loader.import_default_modules()  # where the handlers register themselves
        jobs.run(due.pk)
        return True

    def tell(self, pipeline: PipelineRun, form: str) -> None:
        shown = pipelines.shown(pipeline)
        if form == "json":
            self.stdout.write(orjson.dumps(shown.to_dict(), option=orjson.OPT_INDENT_2, default=str).decode())
            return
        for part in shown.parts:
            self.stdout.write(f"{part.state:8} {part.title}{f': {part.note}' if part.note else ''}")
        if pipeline.verdict:
            self.stdout.write(f"verdict  {pipeline.verdict}")
        elif sys.stdout.isatty():
            self.stdout.write(f"pipeline {pipeline.pk} is {pipeline.get_status_display()}")
