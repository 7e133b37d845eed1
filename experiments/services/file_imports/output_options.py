"""What is chosen for a file of outputs: columns, the set they answer, the model's name; and why it may be refused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from experiments.importers import outputs
from experiments.models import EvalSet, FileImport, ModelVersion, Output
from experiments.services.file_imports.shapes import Columns, ImportRefused


@dataclass(frozen=True)
class OutputOptions:
    """`version` empty: the newest one that has no outputs for this set yet, else a new one."""

    mapping: dict[str, str] = field(default_factory=dict)
    eval_set: int | None = None
    model: str = ""
    version: str = ""
    score: bool = True


def columns(names: Sequence[str], options: OutputOptions) -> Columns:
    found = outputs.suggest(names, chosen=options.mapping)
    return Columns(asdict(found), [*found.missing(), *([] if options.eval_set else ["eval_set"])])


def columns_of(file_import: FileImport) -> outputs.Columns:
    """As the dry run used them."""
    return outputs.Columns(**(file_import.findings or {}).get("mapping", {}))


def chosen_set(options: OutputOptions) -> EvalSet:
    found = EvalSet.objects.filter(pk=options.eval_set).first() if options.eval_set else None
    if found is None:
        raise ImportRefused("Choose the eval set that these outputs answer.")
    return found


def refuse(file_import: FileImport, options: OutputOptions) -> None:
    eval_set = chosen_set(options)
    if not options.model:
        raise ImportRefused("Name the model that wrote these outputs.")
    named = (
        ModelVersion.objects.filter(name=options.model, version=options.version).first() if options.version else None
    )
    if named is None:
        return
    if named.source != ModelVersion.Source.IMPORTED:
        raise ImportRefused(f"{named} is called over HTTP; imported outputs need a name or version of their own.")
    if has_outputs(named, eval_set):
        raise ImportRefused(f"{named} has outputs for {eval_set} already. Leave the version empty to make a new one.")


def has_outputs(model_version: ModelVersion, eval_set: EvalSet) -> bool:
    return Output.objects.filter(model_version=model_version, case__eval_set=eval_set).exists()


def identity(file_import: FileImport, options: OutputOptions) -> object:
    return {"eval_set": options.eval_set, "model": options.model, "version": options.version}
