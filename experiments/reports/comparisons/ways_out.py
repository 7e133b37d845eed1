"""What can be done about cases without a usable output: only what would change anything."""

from collections.abc import Iterable

from experiments.models import ErrorClass

NOT_RUN = "not_run"
RETRY = (
    "Try the errors of that run again on its page, once their cause is mended; the comparison is then computed again."
)
IMPORT = (
    "These outputs were imported: import a file that answers every case, which makes a further version of the model, "
    "and compare its run."
)
# Their answers are kept, so that trying again changes nothing.
WAYS = {
    ErrorClass.TRUNCATED: (
        "Answers that were cut off stay so: add a version of the model that may write longer ones, and run that."
    ),
    ErrorClass.EMPTY: (
        "Empty answers stay so: add a version of the model with another prompt or parameters, and run that."
    ),
    ErrorClass.FILTERED: (
        "Answers that were held back stay so: lift the filter at the endpoint and run a new version of the model, or "
        "leave such cases out of the next version of the set."
    ),
    ErrorClass.BUDGET: "Start a run of that model again, with a larger budget: it takes over the answers that stand.",
    ErrorClass.MISSING: IMPORT,
    NOT_RUN: "Start a run of that model again: it takes over the answers that stand.",
}


def ways_out(classes: Iterable[str], *, is_imported: bool) -> str:
    """classes: of the errors, the commonest first. Each way once."""
    if is_imported:
        return IMPORT
    return " ".join(dict.fromkeys(WAYS.get(one, RETRY) for one in classes))
