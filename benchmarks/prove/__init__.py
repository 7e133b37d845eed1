"""Promises: each module has run(full), which tries to break one and says what it saw."""
