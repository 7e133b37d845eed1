"""The right answers of a case: `expected`, and whatever `accepted` lists beside it."""

from experiments.scorers.base import Case

NONE_GIVEN = "the case has no expected answer"


def has_answers(case: Case) -> bool:
    return bool(answers(case))


def answers(case: Case) -> list[str]:
    """Each once, in the order given; what is no text or empty is left out."""
    accepted = case.checks.get("accepted")
    if not accepted:
        return [case.expected] if case.expected else []
    listed = accepted if isinstance(accepted, list | tuple) else [accepted]
    texts = [case.expected, *(str(item) if isinstance(item, int | float) else item for item in listed)]
    return list(dict.fromkeys(text for text in texts if isinstance(text, str) and text))
