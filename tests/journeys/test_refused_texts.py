"""What PostgreSQL cannot keep as it is, is refused at the import, by row."""

from io import BytesIO

import pytest
from django.utils import timezone

from experiments.models import EvalCase, FileImport, Output
from experiments.services import imports, uploads
from experiments.services.file_imports.pair_options import PairOptions
from tests.factories.platform_ import make_user
from tests.journeys.blinded_world import finish

pytestmark = pytest.mark.django_db

GOOD = b'{"id": 1, "prompt": "Why?", "baseline": "So.", "candidate": "Thus."}\n'


def checked(content: bytes) -> FileImport:
    lead, now = make_user(roles=["lead"]), timezone.now()
    upload = uploads.store(file=BytesIO(content), filename="pairs.jsonl", created_by=lead, now=now)
    options = PairOptions(baseline_name="one", candidate_name="two", experiment="Refused")
    found = imports.begin(upload=upload, second_upload=None, options=options, created_by=lead, now=now)
    finish(found.job)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize("field", ["prompt", "baseline", "candidate"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [(b"a\\u0000b", "NUL"), (b"\\ud800", "surrogate"), (b"\\udfff and on", "surrogate"), (b"\xff", "UTF-8")],
)
def test_texts_that_cannot_be_kept_are_refused_with_their_row(field: str, bad: bytes, reason: str) -> None:
    texts = {"prompt": b"Why?", "baseline": b"So.", "candidate": b"Thus.", field: bad}
    row = b'{"id": 2, %s}\n' % b", ".join(b'"%s": "%s"' % (name.encode(), text) for name, text in texts.items())

    found = checked(GOOD + row)

    problem = found.problems.get(severity="error")
    assert problem.row == 2
    assert reason.lower() in problem.reason.lower()
    with pytest.raises(imports.ImportRefused):
        imports.start_commit(file_import=found, options=PairOptions(**found.options), actor=None, now=timezone.now())
    assert not EvalCase.objects.exists()
    assert not Output.objects.exists()
