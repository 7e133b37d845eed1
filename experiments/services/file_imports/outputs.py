"""Outputs of one model for an eval set that is here already. They become, or join, an imported ModelVersion."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg.types.json import Jsonb

from evalsite.platform.jobs import JobFailed
from experiments.importers import outputs
from experiments.importers.problems import Kind, Problem, Report, Unreadable
from experiments.models import EvalCase, EvalSet, FileImport, ModelVersion
from experiments.services.file_imports import output_matching, output_options
from experiments.services.file_imports.output_matching import Matched, Matching
from experiments.services.file_imports.output_options import OutputOptions
from experiments.services.file_imports.pair_writing import free_version
from experiments.services.file_imports.shapes import Found, Reading, Shape, Writing, refuse_problem
from experiments.services.runs import starting
from experiments.services.scoring.choosing import ScorersRefused

BATCH = 2000
PREVIEWED, PREVIEW_LETTERS = 10, 600
ALL = 2**256
COPY_OUTPUTS = (
    "COPY experiments_output (model_version_id, case_id, text, tool_calls, latency_ms, input_tokens, output_tokens, "
    "finish_reason, error, logprobs_sum, logprobs_n) FROM STDIN"
)


def dry_run(reading: Reading[OutputOptions]) -> Found:
    columns = outputs.Columns(**reading.mapping)
    absent = list(outputs.absent_columns(columns, reading.columns))
    for problem in absent:
        reading.report(problem)
    if absent:
        return Found()
    look = Look(output_options.chosen_set(reading.options), reading.report)
    matching = Matching(look.eval_set, columns.id, look.report)
    try:
        for one in matching.match(output_matching.read(reading.sources[0], columns, look.report, reading.tell)):
            look.at(one)
    except Unreadable as problem:
        look.report(problem.problem())
    if not look.n and not look.n_problems:
        reading.report(Problem(0, "", Kind.EMPTY_FILE, "the file holds no output for a case of this set"))
    return Found(look.n, look.told(n_missing=matching.report_missing())) if look.n else Found()


class Look:
    """What the dry run tells about the outputs it saw."""

    def __init__(self, eval_set: EvalSet, report: Report) -> None:
        self.eval_set, self.report_on = eval_set, report
        self.n = self.n_problems = self.characters = self.with_calls = self.sum = 0
        self.errors: Counter[str] = Counter()
        self.first: list[Matched] = []

    def report(self, problem: Problem) -> None:
        self.n_problems += 1
        self.report_on(problem)

    def at(self, one: Matched) -> None:
        self.n += 1
        self.characters += len(one.row.text)
        self.with_calls += one.row.tool_calls is not None
        self.errors[one.row.error] += bool(one.row.error)
        self.sum = (self.sum + one.row.digest()) % ALL
        if len(self.first) < PREVIEWED:
            self.first.append(one)

    def told(self, *, n_missing: int) -> dict[str, Any]:
        content = hashlib.sha256(f"{self.eval_set.content_hash} {self.sum:x}".encode()).hexdigest()
        return {
            "eval_set": str(self.eval_set),
            "n_cases": self.eval_set.n_cases,
            "n_missing": n_missing,
            "n_with_calls": self.with_calls,
            "mean_characters": self.characters / self.n,
            "errors": {name: n for name, n in self.errors.most_common() if n},
            "outputs_hash": content,
            "preview": self.preview(),
        }

    def preview(self) -> list[dict[str, Any]]:
        prompts = dict(EvalCase.objects.filter(pk__in=[one.case_id for one in self.first]).values_list("pk", "prompt"))
        return [
            {
                "row": one.row.row,
                "id": one.row.id,
                "prompt": prompts[one.case_id][:PREVIEW_LETTERS],
                "prompt_length": len(prompts[one.case_id]),
                "text": one.row.text[:PREVIEW_LETTERS],
                "text_length": len(one.row.text),
                "n_calls": None if one.row.tool_calls is None else len(one.row.tool_calls),
                "error": one.row.error,
            }
            for one in self.first
        ]


def commit(writing: Writing[OutputOptions]) -> dict[str, Model]:
    eval_set = output_options.chosen_set(writing.options)
    model_version = target(writing, eval_set)
    write(writing, eval_set, model_version)
    if writing.options.score:
        start_run(writing, eval_set, model_version)
    return {"eval_set": eval_set, "model_version": model_version}


def target(writing: Writing[OutputOptions], eval_set: EvalSet) -> ModelVersion:
    """The version named; else the newest imported one without outputs for this set; else a new one."""
    options = writing.options
    of_name = ModelVersion.objects.filter(name=options.model)
    newest = of_name.filter(source=ModelVersion.Source.IMPORTED).order_by("-pk").first()
    if options.version:
        newest = of_name.filter(version=options.version).first()
    if newest and not output_options.has_outputs(newest, eval_set):
        return newest
    content_hash = (writing.file_import.findings or {})["checked"]["outputs_hash"]
    if same := of_name.filter(content_hash=content_hash).first():
        raise JobFailed(f"{same} has exactly these outputs for {eval_set} already.")
    version = options.version or free_version(options.model)
    return ModelVersion.objects.create(
        name=options.model, version=version, content_hash=content_hash, created_at=writing.now
    )


def write(writing: Writing[OutputOptions], eval_set: EvalSet, model_version: ModelVersion) -> None:
    """Raises JobFailed when the file now reads differently from its dry run."""
    columns = output_options.columns_of(writing.file_import)
    matching = Matching(eval_set, columns.id, refuse_problem)
    done, wanted = 0, writing.file_import.n_rows
    matched = matching.match(output_matching.read(writing.sources[0], columns, refuse_problem))
    try:
        while batch := list(islice(matched, BATCH)):
            copy(model_version.pk, batch)
            done += len(batch)
            writing.run.progress(done, wanted, "writing outputs")
    except Unreadable as problem:
        refuse_problem(problem.problem())
    if done != wanted:
        raise JobFailed(f"The dry run found {wanted:,} outputs, now there are {done:,}: check the file again.")


def copy(model_version_id: int, batch: Iterable[Matched]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY_OUTPUTS) as writer:
        for row, case_id, _ in batch:
            writer.write_row(values(model_version_id, case_id, row))


def values(model_version_id: int, case_id: int, row: outputs.OutputRow) -> Sequence[Any]:
    calls = None if row.tool_calls is None else Jsonb(row.tool_calls)
    return (
        model_version_id, case_id, row.text, calls, row.latency_ms, row.input_tokens, row.output_tokens,
        row.finish_reason, row.error, row.logprobs_sum, row.logprobs_n,
    )  # fmt: skip


def start_run(writing: Writing[OutputOptions], eval_set: EvalSet, model_version: ModelVersion) -> None:
    """Under the import's own id, so that a link to it can be made at once. A set that names no scorer gets no run."""
    try:
        starting.start(
            run_id=writing.file_import.pk,
            model_version=model_version,
            eval_set=eval_set,
            created_by=writing.file_import.created_by,
            now=writing.now,
        )
    except ScorersRefused:
        return


SHAPE = Shape(
    kind=FileImport.Kind.OUTPUTS,
    noun="output",
    options=OutputOptions,
    suggest=output_options.columns,
    check=dry_run,
    refuse=output_options.refuse,
    identity=output_options.identity,
    commit=commit,
    again=("eval_set",),
)
