"""Columns come back as arrays, whatever their width, and a NULL is an error rather than a lost row."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from experiments.reports.binary_copy import NullFound, fetch

pytestmark = pytest.mark.django_db


def test_every_width_and_sign_comes_back() -> None:
    columns = {"small": "small::smallint", "middle": "middle::integer", "big": "big::bigint"}
    source = "FROM (VALUES (-1, 2147483647, -9223372036854775808), (32767, %(zero)s, 7)) AS given (small, middle, big)"
    arrays = fetch(columns, source, {"zero": 0})
    rows = sorted(zip(arrays["small"].tolist(), arrays["middle"].tolist(), arrays["big"].tolist(), strict=True))
    assert rows == [(-1, 2**31 - 1, -(2**63)), (32767, 0, 7)]


def test_no_rows_are_empty_arrays() -> None:
    arrays = fetch({"one": "n::bigint"}, "FROM generate_series(1, %(last)s) AS n WHERE n < 0", {"last": 5})
    assert arrays["one"].size == 0


def test_a_null_is_an_error() -> None:
    with pytest.raises(NullFound, match="1 of 3 rows"):
        fetch({"one": "nullif(n, 2)::bigint"}, "FROM generate_series(1, %(last)s) AS n", {"last": 3})


def test_parameters_are_bound_under_debug_too() -> None:
    with CaptureQueriesContext(connection):
        found = fetch({"n": "n::integer"}, "FROM unnest(%(numbers)s::integer[]) AS n", {"numbers": [3, 1, 4]})
    assert sorted(found["n"].tolist()) == [1, 3, 4]
