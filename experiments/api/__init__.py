"""The HTTP API for programs, at /api/v1/: bearer tokens with scopes, JSON in and out, writes that may be repeated."""
