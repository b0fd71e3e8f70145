"""Ids and words: a column of numbers equals its text."""

import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.columns.arrow_types import with_plain_types
from mtl_cli.columns.lists import read_tokens
from mtl_cli.columns.vocabulary import as_categorical
from mtl_cli.core.errors import DataError
from mtl_cli.features.cross import Cross
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.sparse import Sparse

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20)


@pytest.mark.parametrize(
    "feature",
    [
        Sparse(kind="sparse", min_count=2),
        pytest.param(Hashed(kind="hashed", num_buckets=11), marks=pytest.mark.slow),
        pytest.param(Cross(kind="cross", columns=["x", "y"]), marks=pytest.mark.slow),
        Cross(kind="cross", columns=["x", "y"], num_buckets=7),
    ],
    ids=str,
)
@given(st.lists(st.tuples(st.none() | WHOLE, st.none() | st.booleans()), min_size=1))
@PROPERTY
def test_column_of_numbers_equals_its_text(feature, rows):
    x, y = ([row[i] for row in rows] for i in (0, 1))
    words = {"x": [None if v is None else str(v) for v in x]}
    words["y"] = [None if v is None else str(v).lower() for v in y]
    typed, found = fit_and_encode({"x": feature}, x=pa.array(x, pa.int64()), y=y)
    text, same = fit_and_encode(
        {"x": feature}, **{n: pa.array(c, pa.string()) for n, c in words.items()}
    )
    assert typed.learnt == text.learnt
    np.testing.assert_array_equal(found["ids"], same["ids"], strict=True)
    swapped = typed.encode(pa.table({n: pa.array(c) for n, c in words.items()}))
    np.testing.assert_array_equal(found["ids"], swapped["ids"], strict=True)


def test_floats_that_are_whole_are_the_ids_that_they_stand_for():
    kinds = [pa.float64(), pa.float32(), pa.float16()]
    floats = [pa.array(np.array([4, np.nan, -0.0, 7]), kind) for kind in kinds[:2]]
    floats.append(pa.array(np.array([4, np.nan, -0.0, 7], "float16")))
    for column in floats:
        ids = as_categorical("x", pa.chunked_array([column]))
        assert ids.categories.to_pylist() == ["4", "0", "7"]
        assert ids.codes.tolist()[:1] + ids.codes.tolist()[2:] == [0, 1, 2]
        assert ids.codes[1] == -1


@pytest.mark.parametrize(
    "dtype", [pa.decimal32(9, 0), pa.decimal128(20, 0), pa.decimal256(40, 0)], ids=str
)
def test_decimals_without_fraction_are_the_ids_that_they_stand_for(
    dtype: pa.DataType,
) -> None:
    large = 10**dtype.precision - 1  # float64 would round the ids of two types
    cells = [Decimal(large), None, Decimal(-7), Decimal(large - 1)]
    single, lists = pa.array(cells, dtype), pa.array([cells], pa.list_(dtype))
    (column,) = with_plain_types(pa.table({"x": single})).columns
    texts = [str(large), "-7", str(large - 1)]
    assert as_categorical("x", column).categories.to_pylist() == texts
    table = with_plain_types(pa.table({"x": lists}))
    tokens = read_tokens("x", table, max_length=9, separator=None, weight_column=None)
    assert tokens.categorical.categories.to_pylist() == texts


@pytest.mark.parametrize(
    ("x", "kind", "problem"),
    [
        ([4.5, 1], "float64", "double such as 4.5; convert ids"),
        ([100000.5, 1], "float64", "double such as 100000.5; convert"),
        ([np.inf, 1], "float64", "double such as inf; convert ids"),
        ([2.0**53, 1], "float64", "double, which rounds whole numbers above 2^53"),
        ([2.0**24, 1], "float32", "float, which rounds whole numbers above 2^24"),
    ],
)
def test_floats_that_are_no_ids_are_refused(x, kind, problem):
    with pytest.raises(DataError, match=re.escape(problem)):
        as_categorical("x", pa.chunked_array([pa.array(np.array(x, kind))]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_empty_text_is_an_empty_cell_as_in_text_files(kind):
    texts = ["", "b", None, "", "a", "b"]
    values = as_categorical("x", pa.chunked_array([pa.array(texts, kind)]))
    assert values.categories.to_pylist() == ["b", "a"]
    assert values.codes.tolist() == [-1, 0, -1, -1, 1, 0]
    only_empty = as_categorical("x", pa.chunked_array([["", ""]]))
    assert (len(only_empty.categories), only_empty.codes.tolist()) == (0, [-1, -1])


def test_text_stays_text():
    ids = as_categorical("x", pa.chunked_array([["4.0", "4", "04"]]))
    assert ids.categories.to_pylist() == ["4.0", "4", "04"]
