"""What our page sends is read the quick way, and as the form reads it."""

from typing import Any
from uuid import uuid4

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from annotations.forms import JudgmentForm, Said, said_as_usual
from annotations.models import Judgment

IDS = st.uuids().map(str)
FIELDS = st.fixed_dictionaries(
    {
        "pair": IDS | st.text(max_size=3),
        "judgment": IDS,
        "choice": st.sampled_from([*Judgment.Choice.values, "", "c"]),
    },
    optional={
        "supersedes": IDS | st.just("") | st.text(max_size=3),
        "comment": st.text(max_size=5) | st.sampled_from(["x" * 4000, "x" * 4001, "a\r\nb", " kept "]),
        "active_ms": st.integers(-5, 10**10).map(str) | st.text("0123456789 ٣+-.e", max_size=4),
        "guidelines": st.integers(-5, 10**10).map(str) | st.just(""),
        "criterion-safety": st.sampled_from(["a", "tie", ""]),
    },
)


def data_of(fields: dict[str, Any]) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(fields)
    return data


def by_form(data: QueryDict) -> Said | None:
    form = JudgmentForm(data)
    return form.said() if form.is_valid() else None


@given(FIELDS)
def test_what_is_read_quickly_the_form_reads_the_same(fields: dict[str, Any]) -> None:
    data = data_of(fields)
    quick = said_as_usual(data)
    assert quick is None or quick == by_form(data)


@pytest.mark.parametrize("comment", ["", "Clearer.\nAnd shorter."])
@pytest.mark.parametrize("supersedes", ["", "6e4a52be-29e4-4fbc-b69e-08f65a550e0c"])
def test_what_our_page_sends_is_read_quickly(comment: str, supersedes: str) -> None:
    data = data_of({
        "pair": str(uuid4()), "judgment": str(uuid4()), "supersedes": supersedes, "choice": "a", "comment": comment,
        "active_ms": "20000", "guidelines": "1", "criterion-correctness": "tie", "criterion-safety": "",
    })  # fmt: skip
    quick = said_as_usual(data)
    assert quick is not None
    assert quick == by_form(data)
    assert quick.verdict.criteria == {"correctness": "tie"}
