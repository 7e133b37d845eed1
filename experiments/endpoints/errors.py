"""Why a call has no usable answer, as a value: the class that is counted, and a sentence for a reader."""

from experiments.endpoints.exchange import ChatAnswer

# The values of `experiments.models.ErrorClass` that a call can end in; a test holds the two together.
TIMEOUT = "timeout"
REFUSED = "refused"
DNS = "dns"
BLOCKED = "blocked_address"
RATE_LIMITED = "rate_limited"
HTTP_4XX = "http_4xx"
HTTP_5XX = "http_5xx"
MALFORMED = "malformed"
TOO_LARGE = "too_large"
EMPTY = "empty"
FILTERED = "filtered"
TRUNCATED = "truncated"

ALL = frozenset(
    {TIMEOUT, REFUSED, DNS, BLOCKED, RATE_LIMITED, HTTP_4XX, HTTP_5XX, MALFORMED, TOO_LARGE, EMPTY, FILTERED, TRUNCATED}
)
# What may pass by itself when the same call is made again. A malformed answer deserves one more try, not all of them.
RETRYABLE = frozenset({TIMEOUT, REFUSED, DNS, HTTP_5XX, RATE_LIMITED, MALFORMED})
# Errors of the answer, not of the call: they come with the answer that shows them.
WITH_ANSWER = frozenset({EMPTY, FILTERED, TRUNCATED})


LONGEST_DETAIL = 500


class CallError(Exception):
    """A call that failed. `detail` can be shown and stored: it is short, with no key, header or whole body in it."""

    def __init__(
        self,
        error_class: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        answer: ChatAnswer | None = None,
    ) -> None:
        super().__init__(error_class, detail)
        self.error_class = error_class
        self.detail = detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 1]}…"
        self.status = status
        self.retry_after = retry_after
        self.answer = answer

    def __str__(self) -> str:
        return self.detail

    @property
    def is_retryable(self) -> bool:
        return self.error_class in RETRYABLE
