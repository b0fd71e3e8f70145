"""Ids and words: a column of numbers equals its text."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.features.cross import Cross
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.sparse import Sparse

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20)


@pytest.mark.parametrize(
    "feature",
    [
        Sparse(kind="sparse", min_count=2),
        Hashed(kind="hashed", num_buckets=11),
        Cross(kind="cross", columns=["x", "y"]),
        Cross(kind="cross", columns=["x", "y"], num_buckets=7),
    ],
    ids=str,
)
@given(
    st.lists(st.tuples(st.none() | WHOLE, st.none() | st.booleans()), min_size=1),
)
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
