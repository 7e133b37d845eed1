"""The forms of each kind of import, in the order in which the upload page offers the kinds."""

from dataclasses import dataclass

from experiments.forms.eval_set_imports import EvalSetOptionsForm, NewEvalSetForm
from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.forms.judgment_imports import JudgmentOptionsForm, NewJudgmentsForm
from experiments.forms.output_imports import NewOutputsForm, OutputOptionsForm
from experiments.forms.pair_imports import NewPairsForm, PairOptionsForm
from experiments.models import FileImport


@dataclass(frozen=True)
class KindForms:
    title: str
    start_form: type[NewImportForm]
    options_form: type[ImportOptionsForm]


FORMS: dict[str, KindForms] = {
    FileImport.Kind.PAIRS: KindForms(
        "Pairs: what two models answered to the same prompts", NewPairsForm, PairOptionsForm
    ),
    FileImport.Kind.EVAL_SET: KindForms(
        "An eval set: prompts with what is expected of an answer", NewEvalSetForm, EvalSetOptionsForm
    ),
    FileImport.Kind.OUTPUTS: KindForms(
        "Outputs: what one model answered to an eval set that is here", NewOutputsForm, OutputOptionsForm
    ),
    FileImport.Kind.JUDGMENTS: KindForms(
        "Judgments: what reviewers said elsewhere about the pairs of an experiment",
        NewJudgmentsForm,
        JudgmentOptionsForm,
    ),
}
