"""Every kind of file that can be imported."""

from typing import Any

from experiments.models import FileImport
from experiments.services.file_imports import eval_sets, judgments, outputs, pairs
from experiments.services.file_imports.shapes import Shape

SHAPES: dict[str, Shape[Any]] = {
    shape.kind: shape for shape in (pairs.SHAPE, eval_sets.SHAPE, outputs.SHAPE, judgments.SHAPE)
}


def shape_of(file_import: FileImport) -> Shape[Any]:
    return SHAPES[file_import.kind]
