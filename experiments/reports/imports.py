"""The list of imports, narrowed to what they hold and where they stand."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.models import FileImport
from experiments.models.file_import import FileImportQuerySet

Kind, Status = FileImport.Kind, FileImport.Status
ERRORS, STOPPED = "errors", "stopped"
STATES = {
    Status.CHECKING.value: "being checked",
    Status.CHECKED.value: "checked",
    ERRORS: "has errors",
    Status.COMMITTING.value: "being imported",
    STOPPED: "stopped",
    Status.DONE.value: "imported",
    Status.FAILED.value: "failed",
    Status.DISCARDED.value: "discarded",
}


@dataclass(frozen=True)
class ImportFilter:
    """Discarded ones are shown only when they are asked for."""

    kind: str = ""
    status: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ImportFilter":
        kind, status = query.get("kind", ""), query.get("status", "")
        return cls(kind=kind if kind in Kind.values else "", status=status if status in STATES else "")

    @property
    def narrows(self) -> bool:
        return bool(self.kind or self.status)

    def apply(self, imports: FileImportQuerySet) -> FileImportQuerySet:
        imports = imports.filter(kind=self.kind) if self.kind else imports
        if not self.status:
            return imports.exclude(status=Status.DISCARDED)
        if self.status == STOPPED:
            return imports.stopped()
        if self.status == ERRORS:
            return imports.filter(status=Status.CHECKED, n_errors__gt=0)
        if self.status == Status.CHECKED:
            return imports.filter(status=Status.CHECKED, n_errors=0)
        found = imports.filter(status=self.status)
        return found.at_work() if self.status in FileImport.AT_WORK else found
