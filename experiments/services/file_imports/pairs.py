"""Pairs: the outputs of two models to the same prompts, in one file or in two. They become an experiment."""

from dataclasses import asdict

from django.db.models import Model

from experiments.importers import check
from experiments.models import FileImport
from experiments.services.file_imports import pair_options, pair_writing
from experiments.services.file_imports.pair_options import PairOptions
from experiments.services.file_imports.shapes import Found, Reading, Shape, Writing


def dry_run(reading: Reading[PairOptions]) -> Found:
    names = tuple(filter(None, (reading.options.baseline_name, reading.options.candidate_name)))
    checked = check.check(
        reading.sources,
        columns=reading.columns,
        mapping=pair_options.typed(reading.mapping),
        names=names,
        report=reading.report,
        tell=reading.tell,
    )
    return Found(checked.n_pairs, asdict(checked))


def commit(writing: Writing[PairOptions]) -> dict[str, Model]:
    target = pair_writing.Target(writing.file_import, writing.options, writing.now)
    return {"experiment": pair_writing.write_pairs(writing, pair_options.mapping_of(writing.file_import), target)}


SHAPE = Shape(
    kind=FileImport.Kind.PAIRS,
    noun="pair",
    options=PairOptions,
    suggest=pair_options.columns,
    check=dry_run,
    refuse=pair_options.refuse,
    identity=pair_options.identity,
    commit=commit,
    prefill=pair_options.with_names_from_file,
    packs_from=3_000,
)
