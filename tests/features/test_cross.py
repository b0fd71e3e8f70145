"""Crosses: several columns as one id."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import HUGE, fit_and_encode
from helpers.planted_data import loaded, parquet
from helpers.slow import slow_except
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.features.cross import Cross
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.sparse import Sparse

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)

WORDS = st.one_of(st.none(), st.text("ab1é", max_size=2))

NUMBERS = st.one_of(st.none(), st.integers(-3, 3), st.just(HUGE), st.just(HUGE - 1))


def joined_text(*columns):
    """The values of each row as one text; None where a cell is empty."""
    return [
        None if {None, ""} & {*row} else "\x1f".join(map(str, row))
        for row in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("num_buckets", [None, 5])
@pytest.mark.parametrize("min_count", slow_except([2], [1, 2]))
@given(st.lists(st.tuples(WORDS, NUMBERS, WORDS), min_size=1))
@PROPERTY
def test_cross_equals_the_feature_of_the_joined_text(min_count, num_buckets, rows):
    a, b, c = ([row[i] for row in rows] for i in range(3))
    columns = {"a": pa.array(a, pa.string()), "b": pa.array(b, pa.int64())}
    columns["c"] = pa.array(c, pa.string())
    columns["joined"] = pa.array(joined_text(a, b, c), pa.string())
    cross = {"kind": "cross", "columns": ["a", "b", "c"], "min_count": min_count}
    alone = Sparse(kind="sparse", min_count=min_count, id_dropout=5)
    if num_buckets is not None:
        alone = Hashed(kind="hashed", num_buckets=num_buckets)
    features = {"x": Cross(**cross, num_buckets=num_buckets), "joined": alone}
    feature_set, found = fit_and_encode(features, **columns)
    np.testing.assert_array_equal(*found["ids"].T)
    assert feature_set.learnt["x"] == feature_set.learnt["joined"]
    tables = feature_set.layout.tables
    assert tables["x"].size == tables["joined"].size
    empty = [bool({None, ""} & {*row}) for row in rows]
    assert not found["ids"][empty].any()


def test_cross_of_known_values_that_never_met_is_unseen():
    cross = Cross(kind="cross", columns=["a", "b"])
    feature_set, found = fit_and_encode({"x": cross}, a=["u", "v"], b=[1, 2])
    assert found["ids"][:, 0].tolist() == [1, 2]
    other = pa.table({"a": ["u", "v", "u", None], "b": [2, 2, 1, 1]})
    assert feature_set.encode(other)["ids"][:, 0].tolist() == [0, 2, 1, 0]


def test_hashed_combinations_have_no_counts_to_drop_ids_by():
    keys = {"kind": "cross", "columns": ["a", "b"], "id_dropout": 5}
    assert Cross(**keys).id_dropout == 5
    with pytest.raises(ValueError, match="id_dropout: needs the count of each"):
        Cross(**keys, num_buckets=9)


def test_cross_reads_columns_that_are_no_features(tmp_path):
    columns = {"u": ["a", "b", "a", "b"], "v": [1, 1, 2, 2], "buy": [0, 1, 1, 0]}
    features = {"taste": {"kind": "cross", "columns": ["u", "v"]}}
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    data = loaded(parquet(tmp_path, columns), features, tasks)
    assert data.splits["train"].features["ids"][:, 0].tolist() == [1, 3, 2, 4]
