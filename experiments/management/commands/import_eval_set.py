"""Import an eval set, prompts with what is expected, as the upload page does."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from experiments.importers.eval_sets.mapping import ALIASES
from experiments.importers.mapping import SECOND
from experiments.management import import_steps as steps
from experiments.models import EvalSet, FileImport
from experiments.services import imports
from experiments.services.file_imports import eval_sets, set_scorers
from experiments.services.file_imports.eval_sets import EvalSetOptions

FIELDS = (*ALIASES, "training")


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV, JSONL, JSON array or Parquet; fine-tuning JSONL too")
        parser.add_argument("--name", default="", help="name of the set; else that of the file")
        parser.add_argument("--description", default="")
        parser.add_argument(
            "--scorers",
            default="",
            metavar="JSON|FILE",
            help='[{"scorer": "exact_match", "params": {…}, "primary": true}], here or in a file; else what suits',
        )
        parser.add_argument(
            "--training-file", type=Path, metavar="FILE", help="what a model was trained on: overlaps are told"
        )
        parser.add_argument(
            "--map", metavar="FIELD=COLUMN", action="append", default=[], help=f"FIELD is one of {', '.join(FIELDS)}"
        )
        parser.add_argument("--dry-run", action="store_true", help="check only; import nothing")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="of what is said at the end")

    def handle(self, *, file: Path, training_file: Path | None, dry_run: bool, **given: Any) -> None:
        options = options_from(given)
        with transaction.atomic():
            file_import = imports.begin(
                upload=steps.store(file),
                second_upload=steps.store(training_file) if training_file else None,
                options=options,
                created_by=None,
                now=timezone.now(),
                kind=FileImport.Kind.EVAL_SET,
            )
        steps.follow(self, file_import)
        self.refuse_errors(file_import)
        if dry_run:
            self.tell(told(file_import, None, is_new=False), given["format"])
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            return
        self.commit(file_import, eval_sets.prefill(file_import, options), given["format"])

    def refuse_errors(self, file_import: FileImport) -> None:
        steps.tell_problems(self, file_import)
        steps.refuse_unready(file_import)

    def commit(self, file_import: FileImport, options: EvalSetOptions, ending: str) -> None:
        try:
            started = imports.start_commit(file_import=file_import, options=options, actor=None, now=timezone.now())
        except imports.ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if started.pk != file_import.pk:
            imports.discard(file_import=file_import, actor=None, now=timezone.now())
            self.tell(told(started, started.eval_set, is_new=False), ending)
            return
        if earlier := steps.follow_commit(self, started):
            self.tell(told(earlier, earlier.eval_set, is_new=False), ending)
            return
        done = FileImport.objects.with_what_it_made().get(pk=started.pk)
        made = done.eval_set
        self.tell(told(done, made, is_new=made is not None and made.created_at == done.committed_at), ending)

    def tell(self, report: dict[str, Any], ending: str) -> None:
        if ending == "json":
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        counts = f"{report['cases']:,} cases, {report['n_warnings']:,} warnings"
        if report["eval_set"] is None:
            self.stdout.write(f"Dry run: {counts}. Nothing was imported.")
        elif report["is_new"]:
            self.stdout.write(self.style.SUCCESS(f"Imported {counts}: eval set {report['eval_set']['title']}."))
        else:
            known = report["eval_set"]["title"]
            self.stdout.write(f"The same content is there already: {known}. Nothing new was made.")
        scorers = ", ".join(each["key"] + (" (primary)" if each["primary"] else "") for each in report["scorers"])
        self.stdout.write(f"Scored by: {scorers or 'nothing yet; choose scorers for a run'}")
        if report["in_training_file"]:
            kept = "; the page of the set tells which" if report["eval_set"] else ""
            self.stdout.write(f"{report['in_training_file']:,} cases stand in the training file too{kept}.")


def told(file_import: FileImport, eval_set: EvalSet | None, *, is_new: bool) -> dict[str, Any]:
    findings = file_import.findings or {}
    checked = findings.get("checked", {})
    about_set = eval_set and {
        "id": eval_set.pk,
        "name": eval_set.name,
        "version": eval_set.version,
        "title": str(eval_set),
        "content_hash": eval_set.content_hash,
    }
    return {
        "eval_set": about_set,
        "is_new": is_new,
        "cases": file_import.n_rows,
        "columns": {name: column for name, column in findings.get("mapping", {}).items() if column},
        "categories": dict(checked.get("categories", [])),
        "n_warnings": file_import.n_warnings,
        "warnings": findings.get("kinds", {}).get("warning", {}),
        "in_training_file": checked.get("n_overlaps", 0),
        "scorers": eval_set.scorers if eval_set else set_scorers.suggested(checked),
    }


def options_from(given: dict[str, Any]) -> EvalSetOptions:
    chosen = dict(pair.partition("=")[::2] for pair in given["map"])
    if wrong := [name for name, column in chosen.items() if name not in FIELDS or not column]:
        raise CommandError(f"--map {wrong[0]}: FIELD=COLUMN with FIELD one of {', '.join(FIELDS)}")
    if "training" in chosen and not chosen["training"].startswith(SECOND):
        chosen["training"] = SECOND + chosen["training"]
    return EvalSetOptions(
        mapping=chosen,
        name=given["name"].strip(),
        description=given["description"],
        scorers=scorers_from(given["scorers"]) if given["scorers"] else None,
    )


def scorers_from(said: str) -> list[dict[str, Any]]:
    try:
        text = said if said.lstrip().startswith("[") else Path(said).read_text()
        found = json.loads(text)
        if not isinstance(found, list):
            raise CommandError("--scorers is a list.")
        return set_scorers.settled(found)
    except OSError as error:
        raise CommandError(f"{said} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise CommandError(f"--scorers is not JSON: {error}") from None
    except imports.ImportRefused as refusal:
        raise CommandError(str(refusal)) from None
