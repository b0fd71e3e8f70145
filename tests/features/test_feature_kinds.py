"""Hashes, crosses, sequences, shared and pretrained tables, missing values."""

import json

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import (
    config,
    declared,
    fitted_features,
    loaded,
    parquet,
    run_in,
    values,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.base import Pretrained
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.cross import Cross
from mtl_cli.features.dense import Dense
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.piecewise_linear import PiecewiseLinear
from mtl_cli.features.sequence import Sequence
from mtl_cli.features.sparse import Sparse
from mtl_cli.layers.lookup import look_up, pooled, table_groups
from mtl_cli.network import pretrained
from mtl_cli.network.build import build, inputs_of
from mtl_cli.runs import saved_model
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

HUGE = 2**53 + 1  # more than a double holds
PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
FLOAT32 = 1e-6  # rounding of a few float32 operations


def fitted(features, **columns):
    """An feature_set, and what it makes of the rows that it learnt from."""
    table = pa.table(columns)
    feature_set = fitted_features(features, table)
    return feature_set, feature_set.encode(table)


def ids(feature, values, **columns):
    """The ids of one feature `x`."""
    return fitted({"x": feature}, x=values, **columns)[1]["ids"][:, 0].tolist()


# Hashed

PINNED = {
    "a": 505,
    "b": 976,
    "7": 353,
    "-3": 281,
    "9007199254740993": 781,
    "ä": 999,
    "": 775,
}


def test_hashed_values_have_these_buckets_on_every_machine():
    feature = Hashed(kind="hashed", num_buckets=1000)
    assert ids(feature, list(PINNED)) == list(PINNED.values())
    large = Hashed(kind="hashed", num_buckets=2**31 - 1)
    assert ids(large, ["a", "b"]) == [1133179998, 385561809]


def test_hashed_bucket_of_a_number_is_that_of_its_text():
    feature = Hashed(kind="hashed", num_buckets=1000)
    whole = {text: n for text, n in PINNED.items() if text.strip("-").isdigit()}
    assert ids(feature, [int(text) for text in whole]) == list(whole.values())
    assert int("9007199254740993") == HUGE


def test_missing_hashed_value_has_index_0_and_no_other_has():
    feature = Hashed(kind="hashed", num_buckets=16)
    words = [f"w{i}" for i in range(2000)]
    feature_set, found = fitted({"x": feature}, x=[*words, None])
    buckets = found["ids"][:, 0]
    assert buckets[-1] == 0
    assert set(buckets[:-1]) == set(range(1, 17))
    # A fair hash: each bucket's share is within 5 standard deviations.
    counts = np.bincount(buckets[:-1])[1:]
    assert abs(counts - 125).max() < 5 * np.sqrt(2000 / 16)
    assert feature_set.layout.tables["x"] == EmbeddingTable(17)
    assert feature_set.learnt == {"x": {}}


def test_hashed_bucket_does_not_depend_on_the_training_rows():
    feature = Hashed(kind="hashed", num_buckets=1000)
    feature_set, _ = fitted({"x": feature}, x=["other", None])
    table = pa.table({"x": list(PINNED)})
    assert feature_set.encode(table)["ids"][:, 0].tolist() == list(PINNED.values())


# Cross

WORDS = st.one_of(st.none(), st.text("ab1é", max_size=2))
NUMBERS = st.one_of(st.none(), st.integers(-3, 3), st.just(HUGE), st.just(HUGE - 1))


def joined(*columns):
    """A column that holds the values of several, with a mark between them."""
    return [
        None if None in row else "\x1f".join(map(str, row))
        for row in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("num_buckets", [None, 5])
@pytest.mark.parametrize("min_count", [1, 2])
@given(st.lists(st.tuples(WORDS, NUMBERS, WORDS), min_size=1))
@PROPERTY
def test_cross_equals_the_feature_of_the_joined_text(min_count, num_buckets, rows):
    a, b, c = ([row[i] for row in rows] for i in range(3))
    columns = {"a": pa.array(a, pa.string()), "b": pa.array(b, pa.int64())}
    columns["c"] = pa.array(c, pa.string())
    columns["joined"] = pa.array(joined(a, b, c), pa.string())
    cross = {"kind": "cross", "columns": ["a", "b", "c"], "min_count": min_count}
    alone = Sparse(kind="sparse", min_count=min_count)
    if num_buckets is not None:
        alone = Hashed(kind="hashed", num_buckets=num_buckets)
    features = {"x": Cross(**cross, num_buckets=num_buckets), "joined": alone}
    feature_set, found = fitted(features, **columns)
    np.testing.assert_array_equal(*found["ids"].T)
    assert feature_set.learnt["x"] == feature_set.learnt["joined"]
    tables = feature_set.layout.tables
    assert tables["x"].size == tables["joined"].size
    empty = [None in row for row in rows]
    assert not found["ids"][empty].any()


def test_cross_of_known_values_that_never_met_is_unseen():
    cross = Cross(kind="cross", columns=["a", "b"])
    feature_set, found = fitted({"x": cross}, a=["u", "v"], b=[1, 2])
    assert found["ids"][:, 0].tolist() == [1, 2]
    other = pa.table({"a": ["u", "v", "u", None], "b": [2, 2, 1, 1]})
    assert feature_set.encode(other)["ids"][:, 0].tolist() == [0, 2, 1, 0]


def test_cross_reads_columns_that_are_no_features(tmp_path):
    columns = {"u": ["a", "b", "a", "b"], "v": [1, 1, 2, 2], "buy": [0, 1, 1, 0]}
    features = {"taste": {"kind": "cross", "columns": ["u", "v"]}}
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    data = loaded(parquet(tmp_path, columns), features, tasks)
    assert data.splits["train"].features["ids"][:, 0].tolist() == [1, 3, 2, 4]


# Sequences


def expected(rows, weights, feature, vocabulary):
    """Ids and counts of sequences, a loop."""
    shape = (len(rows), feature.max_length)
    found, counts = np.zeros(shape, "int32"), np.zeros(shape, "float32")
    place = {value: i + 1 for i, value in enumerate(vocabulary)}
    for i, row in enumerate(rows):
        row = [] if row is None else row
        how_often = [1.0] * len(row) if weights is None else weights[i]
        kept = [(v, w) for v, w in zip(row, how_often, strict=True) if v is not None]
        for j, (value, weight) in enumerate(kept[-feature.max_length :]):
            found[i, j] = place.get(str(value), 0)
            counts[i, j] = weight
        if feature.pooling == "mean" and counts[i].sum() > 0:
            counts[i] /= counts[i].sum()
    return found, counts


def last_values(rows, feature):
    """All values that are kept of some rows."""
    lists = [[v for v in row or [] if v is not None] for row in rows]
    return [str(v) for values in lists for v in values[-feature.max_length :]]


def delimited(rows):
    """Lists as text: what is missing is empty."""
    return [
        None if row is None else "|".join("" if v is None else str(v) for v in row)
        for row in rows
    ]


LISTS = st.lists(
    st.one_of(st.none(), st.lists(NUMBERS, max_size=5)), min_size=1, max_size=8
)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
@given(LISTS, st.integers(1, 4), st.integers(1, 2))
@PROPERTY
def test_sequence_is_its_last_values_whether_listed_or_delimited(
    pooling, rows, max_length, min_count
):
    keys = {"max_length": max_length, "min_count": min_count, "pooling": pooling}
    feature = Sequence(kind="sequence", **keys)
    text = Sequence(kind="sequence", separator="|", **keys)
    feature_set, found = fitted({"x": feature}, x=pa.array(rows, pa.list_(pa.int64())))
    other, of_text = fitted({"x": text}, x=pa.array(delimited(rows), pa.string()))
    kept = last_values(rows, feature)
    frequent = {v for v in kept if kept.count(v) >= min_count}
    assert feature_set.learnt["x"]["vocabulary"] == sorted(frequent, key=int)
    assert other.learnt == feature_set.learnt
    wanted = expected(rows, None, feature, feature_set.learnt["x"]["vocabulary"])
    for arrays in (found, of_text):
        pair = arrays["sequences"], arrays["sequence_weights"]
        for mine, its in zip(pair, wanted, strict=True):
            np.testing.assert_array_equal(mine, its, strict=True)


def test_sequence_keeps_its_last_values_in_order():
    feature = Sequence(kind="sequence", max_length=3)
    rows = [[1, 2, 3, 4, 5], [5, None, 1], [], None, [None], [9]]
    _, found = fitted({"x": feature}, x=rows)
    # Known: 1, 3, 4, 5, 9; the first two values of the first row are cut off.
    sequences = [[2, 3, 4], [4, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [5, 0, 0]]
    assert found["sequences"].tolist() == sequences
    third, half = np.float32(1) / np.float32(3), 0.5
    weights = [[third] * 3, [half, half, 0], [0] * 3, [0] * 3, [0] * 3, [1, 0, 0]]
    assert found["sequence_weights"].tolist() == weights


def test_unseen_value_of_a_sequence_counts_with_index_0():
    feature = Sequence(kind="sequence", max_length=2)
    feature_set, _ = fitted({"x": feature}, x=[["a"]])
    found = feature_set.encode(pa.table({"x": [["b", "a"], ["b"]]}))
    assert found["sequences"].tolist() == [[0, 1], [0, 0]]
    assert found["sequence_weights"].tolist() == [[0.5, 0.5], [1, 0]]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int64()),
        pa.large_list(pa.int64()),
        pa.list_(pa.string()),
        pa.list_(pa.uint64()),
    ],
    ids=str,
)
def test_ids_of_sequences_are_exact_whatever_holds_them(kind):
    wide = [[HUGE, HUGE - 1], [HUGE + 1], [2**63 - 1]]
    held = pa.array(wide) if pa.types.is_integer(kind.value_type) else None
    if held is None:
        held = pa.array([[str(v) for v in row] for row in wide])
    feature = Sequence(kind="sequence", max_length=2)
    feature_set, found = fitted({"x": feature}, x=held.cast(kind))
    assert found["sequences"].tolist() == [[2, 1], [3, 0], [4, 0]]
    assert feature_set.learnt["x"]["vocabulary"][-1] == str(2**63 - 1)


def test_lists_of_one_length_with_a_missing_row_are_sequences():
    held = pa.array([[1, 2], None, [3, 1]], pa.list_(pa.int64(), 2))
    _, found = fitted({"x": Sequence(kind="sequence", max_length=2)}, x=held)
    assert found["sequences"].tolist() == [[1, 2], [0, 0], [3, 1]]


WEIGHTED = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 64)), max_size=4),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@given(WEIGHTED, st.integers(1, 4))
@PROPERTY
def test_weights_of_a_sequence_are_those_of_the_values_kept(pooling, rows, max_length):
    keys = {"max_length": max_length, "pooling": pooling, "weights": "w"}
    feature = Sequence(kind="sequence", **keys)
    text = Sequence(kind="sequence", separator="|", **keys)
    listed = [[value for value, _ in row] for row in rows]
    weights = [[weight / 8 for _, weight in row] for row in rows]
    feature_set, found = fitted(
        {"x": feature},
        x=pa.array(listed, pa.list_(pa.int64())),
        w=pa.array(weights, pa.list_(pa.float64())),
    )
    _, of_text = fitted(
        {"x": text},
        x=pa.array(delimited(listed), pa.string()),
        w=pa.array(delimited(weights), pa.string()),
    )
    wanted = expected(listed, weights, feature, feature_set.learnt["x"]["vocabulary"])
    np.testing.assert_array_equal(found["sequences"], wanted[0])
    np.testing.assert_allclose(found["sequence_weights"], wanted[1], rtol=FLOAT32)
    for name, x in of_text.items():
        np.testing.assert_array_equal(x, found[name], strict=True)


def test_weight_of_a_missing_value_may_be_missing():
    feature = Sequence(kind="sequence", max_length=3, pooling="sum", weights="w")
    text = feature.model_copy(update={"separator": "|"})
    _, found = fitted({"x": feature}, x=[["a", None, "b"], None], w=[[2, None, 3], []])
    _, of_text = fitted({"x": text}, x=["a||b", ""], w=["2||3", None])
    for arrays in (found, of_text):
        assert arrays["sequences"].tolist() == [[1, 2, 0], [0, 0, 0]]
        assert arrays["sequence_weights"].tolist() == [[2, 3, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "weights", "wrong"),
    [
        ([["a"], ["a", "b"]], [[1.0], [1.0]], "row 2 has 2 values, 1 weights"),
        ([["a"], ["b", "c"]], [[1.0], [1.0, -2.0]], "row 2 holds -2, not a number"),
        ([["a"], ["b"]], [[None], [1.0]], "row 1 holds nan, not a number"),
        (["a", "b|c"], ["1", "1|"], "row 2 holds nan, not a number"),
        (["a", "b|c"], ["1", "1|x"], "row 2 holds 'x', not a number"),
    ],
    ids=["short", "negative", "missing", "empty", "word"],
)
def test_wrong_weights_of_a_sequence_are_refused(values, weights, wrong):
    separator = "|" if isinstance(values[0], str) else None
    keys = {"max_length": 3, "weights": "w", "separator": separator}
    with pytest.raises(DataError) as caught:
        fitted({"x": Sequence(kind="sequence", **keys)}, x=values, w=weights)
    assert str(caught.value).startswith("feature x: weights 'w': ")
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "values", "wrong"),
    [
        ({}, ["a|b"], "kind sequence needs lists, the column holds string; give the"),
        ({"separator": "|"}, [["a"]], "is for text, the column holds list<"),
        ({"separator": "|"}, [1], "is for text, the column holds int64; make it kind"),
        ({}, [[1.5]], "needs lists of whole numbers or text"),
    ],
)
def test_column_that_is_no_sequence_is_refused_with_what_to_do(keys, values, wrong):
    feature = Sequence(kind="sequence", max_length=2, **keys)
    with pytest.raises(DataError, match="feature x: ") as caught:
        fitted({"x": feature}, x=values)
    assert wrong in str(caught.value)


# Shared tables

ITEM = Sparse(kind="sparse", min_count=2)
HISTORY = Sequence(kind="sequence", max_length=3, table="item")
LAST = Sparse(kind="sparse", table="item")
ROWS = {
    "item": [10, 11, 12, 12],
    "history": [[10, 13], [13, 11], [], [14]],
    "last": [15, None, 14, 16],
}


@pytest.mark.parametrize("order", [["item", "history", "last"], ["last", "item"]])
def test_vocabulary_of_a_shared_table_counts_all_its_features(order):
    features = {"item": ITEM, "history": HISTORY, "last": LAST}
    feature_set, found = fitted({name: features[name] for name in order}, **ROWS)
    counts = {}
    for name in order:
        for value in ROWS[name]:
            for v in value if isinstance(value, list) else [value]:
                counts[v] = counts.get(v, 0) + 1
    counts.pop(None)
    known = [str(v) for v in sorted(counts) if counts[v] >= 2]
    assert feature_set.learnt["item"] == {"vocabulary": known}
    assert feature_set.layout.tables == {"item": EmbeddingTable(len(known) + 1)}
    place = {int(v): i + 1 for i, v in enumerate(known)}
    for column, name in enumerate(n for n in order if n != "history"):
        wanted = [place.get(v, 0) for v in ROWS[name]]
        assert found["ids"][:, column].tolist() == wanted


def test_features_of_a_shared_table_read_the_same_vector():
    features = {"item": ITEM, "history": HISTORY, "last": LAST, "own": ITEM}
    columns = {"item": [10, 11, 12], "history": [[10], [11], [12]]}
    columns |= {"last": [10, 11, 12], "own": [10, 11, 12]}
    feature_set, found = fitted(features, **columns)
    assert list(feature_set.layout.tables) == ["item", "own"]
    (group,) = table_groups(feature_set.layout, 4)
    vectors = look_up(found, feature_set.layout, group)[0].numpy()  # (B, F, dim)
    assert vectors.shape == (3, 4, 4)
    item, last, own, history = vectors.transpose(1, 0, 2)
    np.testing.assert_array_equal(item, last)
    np.testing.assert_array_equal(item, history)
    assert len(np.unique(item, axis=0)) == 3
    assert (own != item).any()


def test_network_has_one_table_for_features_that_share_one(tmp_path):
    features = {
        "item": {"kind": "sparse"},
        "history": {"kind": "sequence", "max_length": 3, "table": "item"},
    }
    columns = {"item": [1, 2, 3, 1], "history": [[1], [4, 2], [], None]}
    columns["buy"] = [0, 1, 0, 1]
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    chosen = config(values(parquet(tmp_path, columns), features, tasks))
    feature_set = loaded(tmp_path / "train.parquet", features, tasks).features
    network = build(chosen, feature_set.layout)
    tables = [w for w in network.logits.weights if w.name == "table"]
    assert [tuple(table.shape) for table in tables] == [(1 + 4, 4)]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"table": "itme"}, "table: 'itme' is not a feature with an embedding table"),
        ({"table": "price"}, "table: 'price' is not a feature with an embedding"),
        ({"table": "kin"}, "table: 'kin' is not a feature with an embedding table of"),
        ({"table": "bucket"}, "cannot share the table of a hashed one"),
        ({"table": "item", "min_count": 3}, "min_count: the table is item's"),
    ],
)
def test_table_that_cannot_be_shared_is_refused(more, wrong):
    features = {
        "item": {"kind": "sparse"},
        "kin": {"kind": "sparse", "table": "item"},
        "bucket": {"kind": "hashed", "num_buckets": 9},
        "price": {"kind": "dense", "transform": "none"},
        "x": {"kind": "sparse", **more},
    }
    with pytest.raises(ValidationError, match=r"features\.x\.") as caught:
        declared("rows.csv", features, {"buy": {"label": "buy", "kind": "binary"}})
    assert wrong in str(caught.value)


# Numeric columns


def test_value_on_an_edge_lies_above_it_and_a_missing_one_has_index_0():
    feature = Bucketized(kind="bucketized", edges=[0.0, 10.0], missing="bucket")
    values = [-1.0, 0.0, 9.99, 10.0, None, float("nan"), -0.0, 1e300]
    feature_set, found = fitted({"x": feature}, x=pa.array(values))
    assert found["ids"][:, 0].tolist() == [1, 2, 2, 3, 0, 0, 2, 3]
    assert feature_set.layout.tables["x"].size == 4


def test_missing_values_have_no_say_in_where_buckets_are_cut():
    feature = Bucketized(kind="bucketized", num_buckets=2, missing="bucket")
    known = [1.0, 2.0, 3.0, 4.0]
    feature_set, found = fitted({"x": feature}, x=[*known, *[None] * 50])
    alone, _ = fitted({"x": feature}, x=known)
    assert feature_set.learnt == alone.learnt == {"x": {"cuts": [3.0]}}
    assert found["ids"][:5, 0].tolist() == [1, 1, 2, 2, 0]


@pytest.mark.parametrize(
    ("missing", "transform", "filled"),
    [
        ("mean", "none", 4.0),
        ("median", "none", 2.0),
        (7.0, "none", 7.0),
        (-1, "none", -1.0),
        # Of 1, 2 and 9: mean 4, standard deviation the root of 38 / 3.
        ("mean", "standard", 0.0),
        ("median", "standard", -2 / np.sqrt(38 / 3)),
        (9.0, "minmax", 1.0),
        ("median", "minmax", 1 / 8),
        (17.0, "minmax", 2.0),
        ("median", "quantile", 0.5),
    ],
)
def test_missing_number_counts_as_is_said(missing, transform, filled):
    feature = Dense(kind="dense", transform=transform, missing=missing)
    column = [1.0, None, 2.0, 9.0, float("nan")]
    feature_set, found = fitted({"x": feature}, x=pa.array(column))
    complete = Dense(kind="dense", transform=transform)
    _, known = fitted({"x": complete}, x=[1.0, 2.0, 9.0])
    np.testing.assert_array_equal(found["dense"][[0, 2, 3]], known["dense"])
    np.testing.assert_allclose(found["dense"][[1, 4], 0], filled, rtol=FLOAT32)
    later = feature_set.encode(pa.table({"x": pa.array([None], pa.float64())}))
    np.testing.assert_allclose(later["dense"], filled, rtol=FLOAT32)


def test_missing_piecewise_linear_number_counts_as_is_said():
    keys = {"kind": "piecewise_linear", "num_buckets": 2}
    _, found = fitted(
        {"x": PiecewiseLinear(**keys, missing="median")}, x=[0.0, 1.0, 4.0, None]
    )
    _, known = fitted({"x": PiecewiseLinear(**keys)}, x=[0.0, 1.0, 4.0])
    np.testing.assert_array_equal(found["dense"][:3], known["dense"])
    np.testing.assert_array_equal(found["dense"][3], known["dense"][1])


def test_column_may_be_a_number_to_one_feature_and_a_word_to_another(tmp_path):
    # A text file's column has one type, but hour is a bucket and half of a cross.
    rows = "user,hour,buy\nu,1,0\nv,2,1\nu,3,1\nv,4,0\n"
    (tmp_path / "train.csv").write_text(rows)
    features = {
        "hour": {"kind": "bucketized", "num_buckets": 2},
        "when": {"kind": "cross", "columns": ["user", "hour"]},
    }
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    for order in (list(features), list(features)[::-1]):
        chosen = {name: features[name] for name in order}
        found = loaded(tmp_path / "train.csv", chosen, tasks).splits["train"].features
        columns = dict(zip(order, found["ids"].T.tolist(), strict=True))
        assert columns == {"hour": [1, 1, 2, 2], "when": [1, 3, 2, 4]}


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (["1", "two"], "row 2 holds 'two', not a number"),
        ([[1], [2]], "needs numbers, the column holds list<item: int64>"),
    ],
)
def test_column_that_is_no_number_is_refused_with_what_to_do(column, wrong):
    with pytest.raises(DataError, match=f"feature x: {wrong}"):
        fitted({"x": Dense(kind="dense", transform="none")}, x=column)


# Numbers as text

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
    typed, found = fitted({"x": feature}, x=pa.array(x, pa.int64()), y=y)
    text, same = fitted(
        {"x": feature}, **{n: pa.array(c, pa.string()) for n, c in words.items()}
    )
    assert typed.learnt == text.learnt
    np.testing.assert_array_equal(found["ids"], same["ids"], strict=True)
    swapped = typed.encode(pa.table({n: pa.array(c) for n, c in words.items()}))
    np.testing.assert_array_equal(found["ids"], swapped["ids"], strict=True)


# The network

LAYOUT = Layout(
    {
        "a": EmbeddingTable(16),
        "b": EmbeddingTable(9, dim=3),
        "c": EmbeddingTable(81, dim="auto"),
        "d": EmbeddingTable(5, dim=3, frozen=True),
    },
    {name: Block("ids", table=name) for name in "abd"}
    | {
        "c_list": Block("sequences", 2, "c", "mean"),
        "a_list": Block("sequences", 3, "a", "sum"),
    },
)


@pytest.mark.parametrize(("default", "of_a"), [(8, 8), ("auto", 12)])
def test_length_of_a_vector_is_the_features_or_6_times_the_fourth_root(default, of_a):
    # 6 * 16 ** 0.25 = 12, 6 * 81 ** 0.25 = 18
    groups = table_groups(LAYOUT, default)
    found = {name: (g.dim, g.frozen) for g in groups for name in g.sizes}
    assert found == {"a": (of_a, False), "b": (3, False), "c": (18, False)} | {
        "d": (3, True)
    }
    assert [g.layer for g in groups] == [
        f"embedding_{of_a}",
        "embedding_3",
        "embedding_18",
        "embedding_3_frozen",
    ]


def inputs(rows=6, seed=0):
    """Random rows of LAYOUT; the second row has no value, the third one."""
    random = np.random.default_rng(seed)
    weights = random.exponential(size=(rows, 5)).astype("float32")
    weights[1] = 0
    weights[2, 1:2] = weights[2, 3:] = 0
    return {
        "ids": random.integers(0, [16, 9, 5], (rows, 3)).astype("int32"),
        "sequences": random.integers(0, 16, (rows, 5)).astype("int32"),
        "sequence_weights": weights,
    }


def test_look_up_gives_each_feature_the_vectors_of_its_table():
    x = inputs()
    for group in table_groups(LAYOUT, 8):
        import keras

        symbols = inputs_of(LAYOUT)
        model = keras.Model(symbols, look_up(symbols, LAYOUT, group, num_sets=2))
        (layer,) = (la for la in model.layers if hasattr(la, "table"))
        assert layer.trainable is not group.frozen
        sizes = group.sizes.values()
        whole = layer.table.numpy().reshape(sum(sizes), 2, group.dim)
        starts = dict(zip(group.sizes, np.cumsum([0, *sizes]), strict=False))
        wanted = [
            whole[starts[table] + x["ids"][:, i]]
            for i, table in enumerate("abd")
            if table in starts
        ]
        for table, span in {"c": slice(0, 2), "a": slice(2, 5)}.items():
            if table in starts:
                vectors = whole[starts[table] + x["sequences"][:, span]]
                weights = x["sequence_weights"][:, span, None, None]
                wanted.append((vectors * weights).sum(axis=1))
        expected = np.stack(wanted).transpose(2, 1, 0, 3)  # (sets, B, F, dim)
        np.testing.assert_allclose(model(x), expected, rtol=FLOAT32, atol=1e-7)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_pooling_equals_numpys_and_is_zero_without_a_value(pooling):
    random = np.random.default_rng(1)
    vectors = random.normal(size=(2, 5, 4, 3)).astype("float32") - 5  # below zero
    lengths = [4, 0, 1, 2, 3]
    present = np.arange(4) < np.array(lengths)[:, None]
    counts = present * random.integers(1, 5, (5, 4)).astype("float32")
    weights = counts if pooling == "sum" else present.astype("float32")
    if pooling == "mean":
        weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    found = pooled(vectors, weights, pooling).numpy()
    assert found.shape == (2, 5, 1, 3)
    for row, length in enumerate(lengths):
        for mine, held in zip(found[:, row, 0], vectors[:, row], strict=True):
            if not length:
                assert (mine == 0).all()
            elif pooling == "max":
                np.testing.assert_array_equal(mine, held[:length].max(axis=0))
            else:
                w = counts[row, :length]
                total = (w[:, None] * held[:length]).sum(axis=0)
                total = total / w.sum() if pooling == "mean" else total
                np.testing.assert_allclose(mine, total, rtol=FLOAT32 * 5)


ALL_KINDS = {
    "s": Sparse(kind="sparse", min_count=2),
    "h": Hashed(kind="hashed", num_buckets=5),
    "c": Cross(kind="cross", columns=["s", "h"]),
    "ch": Cross(kind="cross", columns=["s", "h"], num_buckets=4),
    "q": Sequence(kind="sequence", max_length=2),
    "t": Sequence(kind="sequence", max_length=3, table="s", separator=" ", weights="w"),
    "b": Bucketized(kind="bucketized", num_buckets=3, missing="bucket"),
    "e": Bucketized(kind="bucketized", edges=[0.1, 0.7]),
    "d": Dense(kind="dense", transform="log1p", missing="mean"),
    "p": PiecewiseLinear(kind="piecewise_linear", num_buckets=3, missing=0.5),
}


def all_columns():
    """Columns of ALL_KINDS; the last rows hold what the first ones do not."""
    random = np.random.default_rng(2)
    x = random.normal(size=40) + np.arange(40)
    gaps = [None if i % 5 == 0 else float(v) for i, v in enumerate(x)]
    return {
        "s": [f"w{i % 7 + i // 30}" if i % 6 else None for i in range(40)],
        "h": [i % 9 for i in range(40)],
        "q": [[HUGE + j + i // 10 for j in range(i % 4)] for i in range(40)],
        "t": [f"w1 v{i // 10}" if i % 2 else None for i in range(40)],
        "w": ["1 0.5" if i % 2 else None for i in range(40)],
        "b": gaps,
        "e": x,
        "d": gaps,
        "p": gaps,
    }


def test_all_kinds_learn_from_training_rows_alone(tmp_path):
    columns = all_columns() | {"buy": [i % 2 for i in range(40)]}
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    features = {name: f.model_dump() for name, f in ALL_KINDS.items()}
    options = {"valid_fraction": 0.25, "split_by": "order"}
    found = loaded(parquet(tmp_path, columns), features, tasks, **options)
    table = pa.table(columns)
    alone = fitted_features(ALL_KINDS, table.slice(0, 30))
    everything = fitted_features(ALL_KINDS, table)
    for name, statistics in found.features.learnt.items():
        assert statistics == alone.learnt[name], name
        if name not in ("h", "t", "ch", "e"):  # which have none of their own
            assert statistics != everything.learnt[name], name


def test_statistics_of_all_kinds_survive_json():
    columns = all_columns()
    feature_set, found = fitted(ALL_KINDS, **columns)
    assert list(found) == ["ids", "dense", "sequences", "sequence_weights"]
    text = json.dumps(feature_set.learnt, allow_nan=False)
    again = FeatureSet(ALL_KINDS, json.loads(text))
    assert again.layout == feature_set.layout
    for name, same in again.encode(pa.table(columns)).items():
        np.testing.assert_array_equal(found[name], same, strict=True)


# Pretrained

VECTORS = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")
KNOWN_IDS = ["12", "nobody", "10", "15", "11"]
TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "like": {"label": "like", "kind": "binary"},
}


def catalogue(folder, frozen=False, **more):
    """A data set whose items 10 to 19 have vectors, but for 13, 14 and 16 to 19."""
    random = np.random.default_rng(4)
    item = np.concatenate([np.arange(10, 20), random.integers(10, 20, 190)])
    columns = {"user": random.integers(0, 5, 200), "item": item}
    columns["history"] = [[int(i)] for i in random.integers(10, 20, 200)]
    columns |= {name: random.integers(0, 2, 200) for name in TASKS}
    np.save(folder / "vectors.npy", VECTORS)
    (folder / "ids.txt").write_text("\n".join(KNOWN_IDS) + "\n")
    paths = {"vectors": str(folder / "vectors.npy"), "ids": str(folder / "ids.txt")}
    features = {
        "user": {"kind": "sparse"},
        "item": {"kind": "sparse", "pretrained": paths | {"frozen": frozen}, **more},
        "history": {"kind": "sequence", "max_length": 1, "table": "item"},
    }
    return values(parquet(folder, columns), features, TASKS, valid_fraction=0.2)


def filled(chosen):
    """A network that starts from the vectors, one that does not, and the features."""
    data = loaded(**chosen.dataset.model_dump())
    networks = []
    for starts in (pretrained.read(chosen, data.features), {}):
        tensorflow_runtime.start(chosen.seed, deterministic=True)
        network = build(chosen, data.features.layout)
        pretrained.fill(network, chosen, data.features, starts)
        networks.append(network)
    return *networks, data


def item_vectors(network, data, layer, num_sets=1):
    """The vectors of items 10 to 19, (sets, 10, dim), as the layer gives them."""
    rows = data.features.encode(
        pa.table({"user": [0] * 10, "item": np.arange(10, 20), "history": [[10]] * 10})
    )
    table = network.logits.get_layer(layer).table.numpy()
    sizes = {name: t.size for name, t in data.features.layout.tables.items()}
    first = sizes["user"] if layer == "embedding" else 0
    found = table[first + rows["ids"][:, 1]]
    return found.reshape(10, num_sets, -1).transpose(1, 0, 2)


@pytest.mark.parametrize("model", ["shared_bottom", "single_task"])
@pytest.mark.parametrize("frozen", [False, True])
def test_vectors_are_the_rows_of_their_values_and_others_start_at_random(
    tmp_path, model, frozen
):
    chosen = config(catalogue(tmp_path, frozen), f"model={model}")
    network, plain, data = filled(chosen)
    num_sets = 2 if model == "single_task" else 1
    layer = "embedding_4_frozen" if frozen else "embedding"
    found, start = (item_vectors(n, data, layer, num_sets) for n in (network, plain))
    given = {int(i): v for i, v in zip(KNOWN_IDS, VECTORS, strict=True) if i.isdigit()}
    for vectors, others in zip(found, start, strict=True):
        for item in range(10, 20):
            wanted = given.get(item, others[item - 10])
            np.testing.assert_array_equal(vectors[item - 10], wanted)
    differing = sum(
        (a.numpy() != b.numpy()).sum()
        for a, b in zip(network.logits.weights, plain.logits.weights, strict=True)
    )
    assert differing == num_sets * len(given) * 4


@pytest.mark.parametrize("model", ["shared_bottom", "single_task"])
def test_vectors_reach_the_network_of_every_task(tmp_path, model):
    chosen = config(catalogue(tmp_path, frozen=True), f"model={model}")
    network, _, data = filled(chosen)
    layer = network.logits.get_layer("embedding_4_frozen")
    place = data.features.learnt["item"]["vocabulary"].index("12") + 1
    found = layer(np.full((1, 2), place)).numpy()  # (sets, 1, item and history, 4)
    np.testing.assert_array_equal(found, np.broadcast_to(VECTORS[0], found.shape))
    assert len(found) == (2 if model == "single_task" else 1)


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_table_does_not_move_in_training_and_others_do(tmp_path, frozen):
    options = ["model=single_task", "encoder.l2_embedding=0.01"]
    chosen = config(catalogue(tmp_path, frozen, embedding_dim=4), *options)
    start, _, data = filled(chosen)
    if frozen:  # as `mtl-train` does it, and from what it saves
        run_in(tmp_path / "run", chosen)
        network, _, _ = saved_model.load(tmp_path / "run")
    else:
        network, _, _ = filled(chosen)
        train(chosen, network, data.splits["train"], None, Progress())
    layer = "embedding_4_frozen" if frozen else "embedding"
    before, after = (item_vectors(n, data, layer, 2) for n in (start, network))
    if frozen:
        np.testing.assert_array_equal(before, after)
    else:
        assert (before != after).any(axis=2).all()
    users = "embedding_4" if frozen else "embedding"
    moved = [n.logits.get_layer(users).table.numpy()[1:6] for n in (start, network)]
    assert (moved[0] != moved[1]).any(axis=1).all()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ids_of_vectors_are_lines_whatever_wrote_them(tmp_path, mark, end):
    names = ["12", "two\u2028lines", "10", "15", "11"]
    chosen = config(catalogue(tmp_path))
    content = mark + end.join(names) + (end if mark else "")
    (tmp_path / "ids.txt").write_bytes(content.encode())
    data = loaded(**chosen.dataset.model_dump())
    start = pretrained.read(chosen, data.features)["item"]
    known = data.features.learnt["item"]["vocabulary"]
    assert [known[row - 1] for row in start.ids] == ["12", "10", "15", "11"]
    np.testing.assert_array_equal(start.vectors, VECTORS[[0, 2, 3, 4]])


def test_vectors_start_a_sequences_own_table():
    feature = Sequence(
        kind="sequence",
        max_length=2,
        pretrained=Pretrained(vectors="v.npy", ids="i.txt", frozen=True),
    )
    feature_set, _ = fitted({"x": feature}, x=[["a"], ["b"]])
    assert feature_set.layout.tables == {"x": EmbeddingTable(3, None, frozen=True)}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("ids", "has 4 lines"),
        ("length", "has vectors of length 3, the table 4"),
        ("strangers", "none of the 5 ids, such as 'x0', is a value of the feature"),
        ("nan", "row 2 of"),
        ("whole", "not an array (N, dim) of floats"),
        ("gone", "cannot read"),
    ],
)
def test_wrong_vectors_are_refused_before_training(tmp_path, change, wrong):
    chosen = config(catalogue(tmp_path))
    vectors, ids_file = tmp_path / "vectors.npy", tmp_path / "ids.txt"
    if change == "ids":
        ids_file.write_text("\n".join(KNOWN_IDS[:4]))
    elif change == "strangers":
        ids_file.write_text("x0\nx1\nx2\nx3\nx4\n")
    elif change == "gone":
        vectors.unlink()
    else:
        broken = {"length": VECTORS[:, :3], "nan": VECTORS.copy(), "whole": [[1, 2]]}
        broken["nan"][1, 2] = np.nan
        np.save(vectors, broken[change])
    with pytest.raises(DataError) as caught:
        run_in(tmp_path / "run", chosen)
    assert wrong in str(caught.value)
    assert not (tmp_path / "run" / "model").exists()
