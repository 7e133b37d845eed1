"""What the embedded servers say when they cannot run."""


class EmbeddedError(Exception):
    """A sentence that says what is wrong and what to do about it."""
