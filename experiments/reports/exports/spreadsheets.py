"""Cells that a spreadsheet would run as a formula. See owasp.org/www-community/attacks/CSV_Injection."""

STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutralised(value: object) -> object:
    """Text that starts like a formula gets an apostrophe before it; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(STARTERS):
        return f"'{value}"
    return value
