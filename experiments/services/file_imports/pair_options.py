"""What is chosen for a file of pairs: columns, names, the experiment; and why a choice may be refused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from experiments.importers.mapping import Mapping, sides_to_ask_about, suggest
from experiments.models import Experiment, FileImport, SuiteRole
from experiments.services.file_imports.shapes import Columns, ImportRefused


@dataclass(frozen=True)
class PairOptions:
    mapping: dict[str, str] = field(default_factory=dict)
    baseline_name: str = ""
    candidate_name: str = ""
    experiment: str = ""
    role: str = SuiteRole.TARGET.value
    add_to_existing: bool = False


def columns(names: Sequence[str], options: PairOptions) -> Columns:
    found = suggest(names, chosen=options.mapping)
    return Columns(asdict(found), found.missing(), {"sides": sides_to_ask_about(names)})


def mapping_of(file_import: FileImport) -> Mapping:
    """As the dry run used it."""
    return typed((file_import.findings or {}).get("mapping", {}))


def typed(stored: dict[str, object]) -> Mapping:
    return Mapping(**{**stored, "metadata": tuple(stored.get("metadata", ()))})  # type: ignore[arg-type]


def with_names_from_file(file_import: FileImport, options: PairOptions) -> PairOptions:
    """Names not given are taken from the file, where it names exactly one model per arm."""
    seen = (file_import.findings or {}).get("checked", {}).get("names", [{}, {}])
    told = [next(iter(names)) if len(names) == 1 else "" for names in seen]
    return replace(
        options,
        baseline_name=options.baseline_name or told[0],
        candidate_name=options.candidate_name or told[1],
    )


def refuse(file_import: FileImport, options: PairOptions) -> None:
    if not (options.baseline_name and options.candidate_name and options.experiment):
        raise ImportRefused("Name both models and the experiment.")
    if options.baseline_name == options.candidate_name:
        raise ImportRefused("The two models need different names: results are told by them.")
    refuse_taken_name(options)


def refuse_taken_name(options: PairOptions) -> None:
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


def identity(file_import: FileImport, options: PairOptions) -> object:
    return {name: value for name, value in asdict(options).items() if name not in ("mapping", "add_to_existing")}
